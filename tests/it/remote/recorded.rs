//! What servers say that no test can start, from `tests/data/servers`.

use std::path::Path;

use glm_agent::engine::{self, RemoteOptions, Template};
use serde_json::Value;

use super::{Answer, Calls, Part, Server, agent, options};

/// A run with a server that says what is in the file, the way its prompts are made, and
/// how the first request was put without its prompt.
async fn exchange(file: &str) -> (String, Vec<(String, String)>, Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/servers");
    let data = std::fs::read_to_string(folder.join(file)).unwrap();
    let data: Value = serde_json::from_str(&data).unwrap();
    let models = Some(&data["models"]).filter(|models| !models.is_null());
    let known = data["known"].as_object().unwrap().iter();
    let known = known.map(|(path, said)| (path.as_str(), said.clone()));
    let known = models
        .map(|models| ("/v1/models", models.clone()))
        .into_iter()
        .chain(known);
    let replies = data["replies"].as_array().unwrap().iter().map(|events| {
        let events = events.as_array().unwrap().iter().cloned().map(Part::Event);
        Answer::Stream(events.chain([Part::Raw("data: [DONE]\n\n")]).collect())
    });
    let server = Server::new(known, replies);
    let options = RemoteOptions {
        model: data["model"].as_str().map(str::to_owned),
        // Nothing in an address on loopback tells whose API it is.
        template: match data["model"].is_null() {
            true => Template::Auto,
            false => Template::Server,
        },
        ..options(&[&server])
    };
    let description = engine::remote(options.clone()).await.unwrap().description();
    let description = description.into_iter().map(|(what, said)| {
        let hide = |text: String| text.replace(&server.url, "http://server");
        (hide(what), hide(said))
    });
    let description = description.collect();
    let calls = Calls::default();
    let run = agent(options, &calls)
        .await
        .unwrap()
        .run("How warm is Kiel?")
        .await;
    assert_eq!(calls.count(), 1);
    let mut asked = server.asked().remove(0).body;
    for key in ["prompt", "messages", "tools"] {
        asked.as_object_mut().unwrap().shift_remove(key);
    }
    (run.unwrap().answer, description, asked)
}

#[tokio::test]
async fn each_server_is_known_and_read() {
    for file in ["vllm.json", "sglang.json", "llama_cpp.json", "zhipu.json"] {
        let (answer, description, asked) = exchange(file).await;
        assert_eq!(answer, "It is 21 degrees in Kiel.", "{file}");
        insta::assert_json_snapshot!(file.trim_end_matches(".json"), (description, asked));
    }
}
