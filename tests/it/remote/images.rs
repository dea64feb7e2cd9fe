//! Pictures that are shown to models.

use glm_agent::model::image::Picture;
use serde_json::json;

use super::{Answer, Server, delta, ended};
use crate::glm::{Glm, of_type, parse};

/// A red picture of two by two pixels.
const RED: &[u8] = include_bytes!("../../data/red.png");

fn seen() -> Answer {
    Answer::Stream(vec![delta(json!({"content": "It is red."})), ended("stop")])
}

#[test]
fn a_model_that_sees_is_shown_them_and_the_log_holds_their_names() {
    let glm = Glm::new();
    std::fs::write(glm.folder().join("red.png"), RED).unwrap();
    let server = Server::vllm("zai-org/GLM-4.1V-9B-Thinking", [seen(), seen()]);
    let flags = ["--engine", &server.url, "--tools", "none", "--session", "s"];
    let first = [
        &["run", "What is it?", "--image", "red.png", "--json"],
        &flags[..],
    ]
    .concat();
    let output = glm.run(&first);
    assert_eq!(output.code, Some(0), "{output:?}");
    let sent = Picture::read(&glm.folder().join("red.png")).unwrap();
    let name = {
        let events = parse(&output.stdout);
        let message = of_type(&events, "user_message")[0].clone();
        let images = message["images"].as_array().unwrap().clone();
        assert_eq!(images[0]["media_type"], "image/png");
        assert_eq!(images[0]["size"], sent.bytes.len());
        images[0]["name"].as_str().unwrap().to_owned()
    };
    let kept = glm.folder().join("data/sessions/s/files").join(&name);
    assert_eq!(std::fs::read(&kept).unwrap(), sent.bytes);
    // The next message goes on from there.
    let then = [&["run", "Are you sure?", "--quiet"], &flags[..]].concat();
    assert_eq!(glm.run(&then).stdout, "It is red.\n");
    let asked = server.asked();
    let shown = &asked[1].body["messages"][0]["content"];
    assert_eq!(shown, &asked[0].body["messages"][0]["content"]);
    let url = shown[0]["image_url"]["url"].as_str().unwrap();
    assert!(url.starts_with("data:image/png;base64,iVBOR"), "{url}");
    assert_eq!(shown[1], json!({"type": "text", "text": "What is it?"}));
    // Replay needs no picture, and the page shows it.
    assert_eq!(glm.run(&["replay", "s", "--quiet"]).code, Some(0));
    let page = glm.run(&["session", "export", "s", "--html"]).stdout;
    assert!(page.contains("src=\"data:image/png;base64,iVBOR"));
    // What was changed is not shown to the model.
    std::fs::write(&kept, "another").unwrap();
    insta::assert_snapshot!(glm.run(&then).stderr.replace(&name, "images/NAME"));
}

#[test]
fn a_model_without_eyes_says_so() {
    let glm = Glm::new();
    std::fs::write(glm.folder().join("red.png"), RED).unwrap();
    let server = Server::vllm("THUDM/glm-4-9b-chat", []);
    let scripted = glm.script(&["\nHi"]);
    for engine in [&server.url, &scripted] {
        let output = glm.run(&[
            "run",
            "What is it?",
            "--image",
            "red.png",
            "--engine",
            engine,
            "--tools",
            "none",
        ]);
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(
            output.stderr.contains("cannot see images\nhint: "),
            "{output:?}"
        );
    }
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn what_is_no_picture_is_refused_before_anything_else() {
    let glm = Glm::new();
    glm.file("notes.png", "no picture");
    let output = glm.run(&[
        "run",
        "What is it?",
        "--image",
        "notes.png",
        "--engine",
        "http://127.0.0.1:9",
    ]);
    assert_eq!(
        (output.stderr.as_str(), output.code),
        (
            "error: cannot show the image `notes.png`: it is none of PNG, JPEG, GIF and WebP\n",
            Some(2)
        )
    );
}
