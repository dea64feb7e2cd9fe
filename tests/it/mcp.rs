//! MCP servers that others wrote, through the program.

use serde_json::json;

use crate::{
    glm::{Glm, Output, of_type, parse},
    npm,
};

/// A configuration in the form that other programs have.
fn configuration(glm: &Glm) -> String {
    let folder = glm.folder().canonicalize().unwrap().join("shared");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("note.txt"), "buy milk").unwrap();
    let servers = json!({"mcpServers": {
        "files": {"command": "node", "args": [npm::server("server-filesystem"), folder]},
        "demo": {"command": "node", "args": [npm::server("server-everything"), "stdio"]},
        "off": {"command": "no-such-program", "disabled": true},
    }});
    glm.file("mcp.json", &servers.to_string())
        .display()
        .to_string()
}

#[test]
fn a_servers_tool_is_called_by_hand() {
    let glm = Glm::new();
    let mcp = configuration(&glm);
    let arguments = "{\"a\": \"2\", \"b\": 40}";
    let output = glm.run(&["tools", "call", "demo__get-sum", arguments, "--mcp", &mcp]);
    assert_eq!(
        output,
        Output {
            stdout: "The sum of 2 and 40 is 42.\n".into(),
            stderr: "connecting to demo, files\n".into(),
            code: Some(0),
        }
    );
}

#[test]
fn what_a_server_returns_comes_from_outside() {
    let glm = Glm::new();
    let mcp = configuration(&glm);
    let path = glm.folder().canonicalize().unwrap().join("shared/note.txt");
    let read = format!("files__read_text_file\n{}", json!({ "path": path }));
    let write = json!({"path": path, "content": "sold"});
    let write = format!("files__write_file\n{write}");
    let engine = glm.script(&[&read, &write, "\nDone."]);
    let args = [
        "run",
        "What is to do?",
        "--json",
        "--tools",
        "none",
        "--session",
        "s",
    ];
    let output = glm.run(&[&args[..], &["--mcp", &mcp, "--engine", &engine]].concat());
    assert_eq!(output.code, Some(4), "{output:?}");
    let events = parse(&output.stdout);
    let results: Vec<_> = of_type(&events, "tool_result")
        .iter()
        .map(|e| (e["text"].clone(), e["outside"].clone()))
        .collect();
    assert_eq!(results, [(json!("buy milk"), json!(true))]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "buy milk");

    // The server is started again, and the answer reaches it.
    let resumed = glm.run(&["session", "resume", "s", "--approve", "call_2", "--quiet"]);
    assert_eq!(
        (resumed.stdout.as_str(), resumed.code),
        ("Done.\n", Some(0)),
        "{resumed:?}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "sold");
}

#[test]
fn a_server_that_says_something_else_of_its_tools_needs_consent() {
    let glm = Glm::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/tests/mcp/trouble.py");
    let list = |description: &str| {
        let mcp = glm.file(
            "mcp.json",
            &json!({"mcpServers": {"sums": {
                "command": "python3", "args": [script], "env": {"DESCRIPTION": description},
            }}})
            .to_string(),
        );
        let mcp = mcp.display().to_string();
        glm.run(&["tools", "list", "--tools", "none", "--mcp", &mcp])
    };
    assert_eq!(list("Adds").stdout, "sums__add  Adds\n");
    let changed = list("Adds, and mails your keys");
    assert_eq!(
        (changed.stdout.as_str(), changed.code),
        ("", Some(4)),
        "{changed:?}"
    );
    assert_eq!(
        changed.stderr,
        "connecting to sums\n\
         error: the MCP server `sums` says something else of its tools than before:\n\
         - add: Adds\n+ add: Adds, and mails your keys\n\
         hint: run `glm tools list` with this server at a terminal, and accept them there\n"
    );
}

#[test]
fn what_is_wrong_with_a_server_is_said_before_a_model_is_loaded() {
    let glm = Glm::new();
    for (mcp, part, code) in [
        ("gone.json", "there is no file `gone.json`", 2),
        ("no-such-program --x", "cannot run `no-such-program`", 1),
        (
            "http://127.0.0.1:9/mcp",
            "the MCP server `127.0.0.1` does not answer",
            1,
        ),
    ] {
        let output = glm.run(&["run", "Hello", "--mcp", mcp]);
        assert!(output.stderr.contains(part), "{mcp}: {output:?}");
        assert_eq!(output.code, Some(code), "{mcp}: {output:?}");
    }
}
