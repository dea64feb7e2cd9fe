//! The default model in this process: the README's main job.
//!
//! These fetch the model's base weights once into the user's cache, as the
//! first `glm run` does.

use crate::{
    glm::{Glm, of_type},
    research,
};

#[test]
fn arithmetic_is_computed_in_the_sandbox() {
    let glm = Glm::new();
    let events = glm.events(&["run", "What is 37 * 41? Use python.", "--json"]);
    let calls = of_type(&events, "tool_call_requested");
    let results = of_type(&events, "tool_result");
    assert_eq!(calls[0]["name"], "python", "{events:#?}");
    assert_eq!(results[0]["text"], "1517", "{events:#?}");
    let end = events.last().unwrap();
    assert!(end["answer"].as_str().unwrap().contains("1517"), "{end:#?}");
}

#[test]
fn a_question_that_needs_no_tool_is_answered_without_one() {
    let glm = Glm::new();
    let events = glm.events(&["run", "Hello!", "--json"]);
    assert_eq!(
        of_type(&events, "tool_call_requested").len(),
        0,
        "{events:#?}"
    );
    assert_eq!(of_type(&events, "run_ended")[0]["reason"], "answered");
}

#[test]
fn the_user_decides_whether_a_tool_is_called() {
    let glm = Glm::new();
    let first = |choice: &str, task: &str| {
        let events = glm.events(&["run", task, "--json", "--tool-choice", choice]);
        let calls = of_type(&events, "tool_call_requested");
        calls
            .first()
            .map(|call| call["name"].as_str().unwrap().to_owned())
    };
    assert_eq!(first("none", "What is 37 * 41? Use python."), None);
    assert_eq!(first("python", "Hello!").as_deref(), Some("python"));
    assert!(first("required", "Hello!").is_some());
}

#[test]
fn a_tool_that_is_not_on_offer_cannot_be_asked_for() {
    let glm = Glm::new();
    let engine = glm.script(&["\nHi."]);
    let run = |tools: &str, choice: &str| {
        let task = [
            "run",
            "Hi",
            "--engine",
            &engine,
            "--tools",
            tools,
            "--tool-choice",
            choice,
        ];
        let output = glm.run(&task);
        assert_eq!(output.code, Some(2));
        output.stderr
    };
    insta::assert_snapshot!([run("python", "pyhton"), run("none", "required")].concat());
}

#[test]
fn a_page_on_loopback_is_fetched_when_allowed() {
    let glm = Glm::new();
    let server = crate::web::serve(|_| crate::web::html("<p>The museum opens at 9:45.</p>"));
    let url = format!("http://{server}/hours");
    let task = format!("Fetch {url} and tell me when the museum opens.");
    let events = glm.events(&["run", &task, "--json", "--allow-host", &server.to_string()]);
    let call = of_type(&events, "tool_call_requested")[0];
    assert_eq!(call["name"], "web_fetch", "{events:#?}");
    assert_eq!(call["arguments"]["url"], url, "{events:#?}");
    let end = events.last().unwrap();
    assert!(end["answer"].as_str().unwrap().contains("9:45"), "{end:#?}");
}

#[test]
fn an_unknown_model_is_refused_by_name() {
    let output = Glm::new().run(&["run", "Hi", "--model", "glm-99"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(output.stderr);
}

/// What the default model does when it is asked to search, to open two pages and to
/// answer from them.
fn three_steps(glm: &Glm, search: &str, more: &[&str]) {
    let task = "Search for the lighthouse of Ardmoor, open the first two results and tell me how \
                tall it is and when it was built.";
    let args = [
        "run", task, "--json", "--tools", "browser", "--search", search,
    ];
    let events = glm.events(&[&args[..], more].concat());
    let calls = of_type(&events, "tool_call_requested");
    let names = calls.iter().map(|call| call["name"].as_str().unwrap());
    let names: Vec<&str> = names.collect();
    assert_eq!(names, ["web_search", "web_open", "web_open"], "{events:#?}");
    let end = events.last().unwrap();
    let answer = end["answer"].as_str().unwrap();
    for part in ["41", "1902", "【0†source】", "【1†source】"] {
        assert!(answer.contains(part), "{answer}");
    }
    assert_eq!(end["sources"].as_array().unwrap().len(), 2, "{end:#?}");
}

#[test]
fn documents_are_searched_opened_and_cited() {
    let (glm, search) = research::with_documents();
    three_steps(&glm, &search, &[]);
}

#[test]
fn a_site_is_searched_opened_and_cited() {
    let (glm, site) = (Glm::new(), research::site());
    let search = format!("searxng:http://{site}");
    three_steps(&glm, &search, &["--allow-host", &site]);
}
