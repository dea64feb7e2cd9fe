//! What runs may spend: each limit ends in a last word, exit code 3 and a hint.

use std::sync::Arc;

use glm_agent::{Account, Agent, Budget, StopReason, Tool, ToolContext, engine::Scripted};
use serde_json::{Value, json};

use crate::{
    glm::{Glm, Output, of_type, parse},
    run::ADDER,
};

fn call(n: u32) -> String {
    format!("add\n{{\"a\": {n}, \"b\": 1}}")
}

/// Runs two calls and an answer with more flags.
fn limited(glm: &Glm, flags: &[&str]) -> Output {
    glm.file("tools.json", ADDER);
    let engine = glm.script(&[&call(1), "\nSo far 2.", "\nAnd on."]);
    let args = [
        "run",
        "Add",
        "--engine",
        &engine,
        "--tools",
        "./tools.json",
        "--quiet",
    ];
    glm.run(&[&args[..], flags].concat())
}

#[test]
fn each_limit_has_its_flag_and_its_reason() {
    let prices = "[prices.scripted]\nprompt = 2\ncompletion = 10\n";
    for (flags, what, hint) in [
        (
            ["--max-total-tokens", "1"],
            "limit of all tokens",
            "--max-total-tokens N",
        ),
        (
            ["--max-prompt-tokens", "1"],
            "limit of tokens read",
            "--max-prompt-tokens N",
        ),
        (
            ["--max-completion-tokens", "1"],
            "limit of tokens written",
            "--max-completion-tokens N",
        ),
        (
            ["--max-cost", "0.000001"],
            "limit of cost",
            "--max-cost AMOUNT",
        ),
    ] {
        let glm = Glm::new();
        glm.file("glm.toml", prices);
        let output = limited(&glm, &flags);
        assert_eq!(
            output,
            Output {
                stdout: "So far 2.\n".into(),
                stderr: format!(
                    "note: stopped at the {what}; this is the best answer so far\nhint: {hint}\n"
                ),
                code: Some(3),
            }
        );
    }
}

#[test]
fn calls_have_a_limit_that_an_answer_does_not_reach() {
    let glm = Glm::new();
    let output = limited(&glm, &["--max-tool-calls", "1"]);
    assert_eq!(
        (output.stdout.as_str(), output.code),
        ("So far 2.\n", Some(0))
    );
    let output = limited(&glm, &["--max-tool-calls", "0", "--json"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    let events = parse(&output.stdout);
    assert_eq!(of_type(&events, "tool_call_requested").len(), 0);
    let turns = of_type(&events, "model_turn");
    let limits: Vec<_> = turns.iter().map(|turn| turn["limit"].clone()).collect();
    assert_eq!(limits, [Value::Null, json!("tool_call_limit")]);
    assert_eq!(events.last().unwrap()["reason"], "tool_call_limit");
}

#[test]
fn what_a_model_costs_is_in_the_events_and_a_free_one_costs_nothing() {
    let glm = Glm::new();
    glm.file(
        "glm.toml",
        "[prices.scripted]\nprompt = 1000000\ncompletion = 0\n",
    );
    let events = parse(&limited(&glm, &["--json"]).stdout);
    let end = events.last().unwrap();
    assert_eq!(end["cost"].as_f64(), end["usage"]["prompt_tokens"].as_f64());
    let turn = of_type(&events, "model_turn")[0];
    assert_eq!(
        turn["cost"].as_f64(),
        turn["usage"]["prompt_tokens"].as_f64()
    );

    let glm = Glm::new();
    let events = parse(&limited(&glm, &["--json", "--max-cost", "0.1"]).stdout);
    let end = events.last().unwrap();
    assert_eq!(
        (end.get("cost"), &end["reason"]),
        (None, &json!("answered"))
    );
}

#[test]
fn prices_that_are_none_are_refused() {
    let glm = Glm::new();
    glm.file("glm.toml", "[prices.scripted]\nprompt = 2\n");
    let output = limited(&glm, &[]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(
        output.stderr.contains("missing field `completion`"),
        "{output:?}"
    );
}

#[tokio::test]
async fn runs_share_an_account() {
    let account = Arc::new(Account::new(Budget {
        tool_calls: Some(2),
        ..Budget::UNLIMITED
    }));
    let tool = Tool::new("look", "Looks", |_: Value, _: ToolContext| async {
        Ok("seen")
    });
    let agent = Agent::builder()
        .engine(Scripted::new(["look\n{}", "\nSeen."]).unwrap())
        .tool(tool)
        .account(Arc::clone(&account))
        .build()
        .unwrap();
    let mut reasons = Vec::new();
    for _ in 0..3 {
        reasons.push(agent.run("Look").await.unwrap().reason);
    }
    assert_eq!(
        reasons,
        [
            StopReason::Answered,
            StopReason::ToolCallLimit,
            StopReason::ToolCallLimit
        ]
    );
    let spent = account.spent();
    assert_eq!((spent.tool_calls, spent.steps), (2, 5));
}
