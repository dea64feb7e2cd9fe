//! Whatever the README and the examples do with the default model can be replayed.
//!
//! What the model says is not looked at here, only that it is said again.

use std::{fs, process::Command};

use glm_agent::{Agent, Session, engine, replay::replay};

use crate::{
    custom_tool::example as custom_tool,
    examples::example,
    glm::{Glm, Output},
    npm, web,
};

const README: &str = include_str!("../../README.md");

/// What the README says, as it stands there.
fn in_readme(text: &str) -> &str {
    assert!(README.contains(text), "the README has no `{text}`");
    text
}

/// The arguments of a command line of the README. Quoted words are one argument.
fn line(text: &str) -> Vec<String> {
    let mut args = Vec::new();
    for (number, part) in in_readme(text).split('"').enumerate() {
        if number % 2 == 1 {
            args.push(part.to_owned());
        } else {
            args.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    assert_eq!(args.remove(0), "glm");
    args
}

fn run(glm: &Glm, args: &[String]) -> Output {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = glm.run(&args);
    // A small model may come to a limit.
    assert!(matches!(output.code, Some(0 | 3)), "{args:?}: {output:?}");
    output
}

fn sessions(glm: &Glm) -> Vec<String> {
    Session::list(&glm.folder().join("data/sessions")).unwrap()
}

/// Replays every session, and checks that there are as many as there should be.
fn check(glm: &Glm, count: usize) {
    let sessions = sessions(glm);
    assert_eq!(sessions.len(), count, "{sessions:?}");
    for id in sessions {
        let output = glm.run(&["replay", &id]);
        let shown = || glm.run(&["session", "show", &id, "--json"]).stdout;
        assert_eq!(output.code, Some(0), "{id}: {output:?}\n{}", shown());
    }
}

/// Talks to a program that reads lines.
fn talk(command: &mut Command, lines: &str) {
    let output = Output::of_reader(command, lines);
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn what_the_readme_runs_at_the_terminal() {
    let glm = Glm::new();
    glm.file("sales.csv", "month,total\nMay,120\nJune,80\n");
    let page = web::serve(|_| web::html("<p>This page is for examples in documents.</p>"));
    let arithmetic = in_readme("What is 37 * 41? Use python.");
    run(&glm, &["run", arithmetic].map(str::to_owned));
    in_readme("glm run \"Read https://example.com and say what it is for.\"");
    let read = format!("Read http://{page}/ and say what it is for.");
    let page = page.to_string();
    run(
        &glm,
        &["run", &read, "--allow-host", &page].map(str::to_owned),
    );
    run(
        &glm,
        &line("glm run --json \"What is 2 ** 64? Use python.\""),
    );
    run(
        &glm,
        &line("glm run --file sales.csv \"What is the total?\""),
    );
    in_readme("glm run - < task.txt");
    let task = glm.file("task.txt", "Hello!");
    let output = glm
        .command(&["run", "-"])
        .stdin(fs::File::open(task).unwrap())
        .output();
    assert_eq!(Output::of(output.unwrap()).code, Some(0));
    talk(
        &mut glm.command(&[]),
        "Hello!\nWhat is 6 * 7? Use python.\n/exit\n",
    );
    // A look into a conversation's variables is part of its log.
    let with_variables = &sessions(&glm)[0];
    in_readme("glm tools call python 'df.head()' --session ID");
    let look = [
        "tools",
        "call",
        "python",
        "print(1)",
        "--session",
        with_variables,
    ];
    run(&glm, &look.map(str::to_owned));
    check(&glm, 6);
}

#[test]
fn what_the_readme_runs_with_tools_of_its_own() {
    let glm = Glm::new();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tools.toml");
    fs::copy(example, glm.folder().join("tools.toml")).unwrap();
    fs::create_dir(glm.folder().join("docs")).unwrap();
    glm.file(
        "docs/ferry.md",
        "# The ferry\nThe ferry sails at 8:15 and at 17:40.\n",
    );
    run(
        &glm,
        &line("glm run --tools ./tools.toml \"How many words are in 'to be or not to be'?\""),
    );
    run(
        &glm,
        &line(
            "glm run --search local:docs --tools browser \"Look up the ferry and say when it sails.\"",
        ),
    );
    in_readme("glm --mcp 'npx -y @modelcontextprotocol/server-filesystem .'");
    let server = format!("node {} .", npm::server("server-filesystem"));
    talk(
        &mut glm.command(&["--mcp", &server, "--tools", "none"]),
        "Hello!\n/exit\n",
    );
    check(&glm, 3);
}

#[test]
fn what_the_readme_runs_unattended() {
    let glm = Glm::new();
    let task =
        in_readme(r#"{"id": "a", "task": "Summarise {{title}}", "variables": {"title": "..."}}"#);
    let sum = r#"{"id": "b", "task": "What is 1250 + 875? Use python."}"#;
    glm.file("tasks.jsonl", &format!("{task}\n{sum}\n"));
    run(
        &glm,
        &line("glm batch tasks.jsonl --out results.jsonl -j 4"),
    );
    // A run of which only the beginning is left goes on.
    let id = sessions(&glm).pop().unwrap();
    let log = glm
        .folder()
        .join("data/sessions")
        .join(&id)
        .join("events.jsonl");
    let whole = fs::read_to_string(&log).unwrap();
    let begun = whole.split_inclusive('\n').take(2).collect::<String>();
    fs::write(&log, begun).unwrap();
    in_readme("glm session resume ID");
    run(&glm, &["session", "resume", &id].map(str::to_owned));
    check(&glm, 2);
}

#[test]
fn what_the_examples_run() {
    let glm = Glm::new();
    let automate = example(&glm, "automate").output();
    assert_eq!(Output::of(automate.unwrap()).code, Some(0));
    talk(
        &mut example(&glm, "repl"),
        "What is 6 * 7? Use python.\nHello!\n",
    );
    check(&glm, 4);
}

/// The README's program in Rust keeps no session on disk.
#[tokio::test]
async fn what_the_readme_has_in_rust() {
    let engine = engine::load("smol-glm").await.unwrap();
    let agent = Agent::builder()
        .engine(engine)
        .tool(custom_tool::tool())
        .build()
        .unwrap();
    let mut session = agent.session(None).unwrap();
    let question = in_readme("What is the code of Dana's locker?");
    agent.say(&mut session, question).await.unwrap();
    assert_eq!(replay(session.events()).await.unwrap(), None);
}
