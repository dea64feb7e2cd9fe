//! `glm serve --mcp`, used by the protocol's own Python SDK.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::{cache, glm::Glm, venv};

/// A manifest with a tool that adds, and one that the user's rules deny.
const TOOLS: &str = r#"
[[tools]]
name = "add"
description = "Add two numbers"
command = ["python3", "-c", "import json, sys; a = json.load(sys.stdin); print(a['a'] + a['b'])"]
[tools.parameters]
type = "object"
required = ["a", "b"]
[tools.parameters.properties]
a = { type = "integer" }
b = { type = "integer" }

[[tools]]
name = "erase"
description = "Erase everything"
command = ["false"]
[tools.parameters]
type = "object"
properties = {}
"#;

const RULES: &str = "[policy]\nrules = [{ tool = 'erase', action = 'deny' }]\n";

/// An image of one pixel.
const IMAGE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA\
                     AABJRU5ErkJggg==";

fn user() -> Glm {
    let glm = Glm::new();
    glm.file("tools.toml", TOOLS);
    std::fs::create_dir_all(glm.folder().join("config")).unwrap();
    glm.file("config/glm.toml", RULES);
    glm
}

/// What the steps of a plan lead to.
fn drive(plan: &Value) -> Vec<Value> {
    let mut client = Command::new(venv::python())
        .arg(cache::source("data/mcp_client.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(plan.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = client.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The steps by a client that starts the server itself.
fn by_stdio(glm: &Glm, steps: &Value) -> Vec<Value> {
    let tools = ["--tools", "tools.toml", "--tools", "python"];
    by_stdio_with(glm, &tools, steps)
}

/// The same of a server with these flags.
fn by_stdio_with(glm: &Glm, flags: &[&str], steps: &Value) -> Vec<Value> {
    let command = glm.command(&[["serve", "--mcp"].as_slice(), flags].concat());
    let folder = glm.folder().display();
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_str().unwrap())
        .collect();
    // The server's folder is the client's otherwise.
    let script = format!("cd '{folder}' && exec \"$0\" \"$@\"");
    let words = [["sh", "-c", &script].as_slice(), &words].concat();
    let environment: serde_json::Map<String, Value> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), json!(value?.to_str()?))))
        .chain([("HOME".to_owned(), json!(std::env::var("HOME").unwrap()))])
        .collect();
    drive(&json!({"server": {"command": words, "env": environment}, "steps": steps}))
}

/// A server by HTTP, until it is dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(glm: &Glm, more: &[&str]) -> Self {
        let args = [
            "serve",
            "--mcp",
            "--port",
            "0",
            "--tools",
            "tools.toml",
            "--tools",
            "python",
        ];
        let mut child = glm
            .command(&[args.as_slice(), more].concat())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        errors.read_line(&mut line).unwrap();
        let url = line
            .trim()
            .strip_prefix("serving at ")
            .unwrap_or_else(|| panic!("{line}"));
        // Whatever else it says must not stop it.
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        Self {
            child,
            url: url.to_owned(),
        }
    }

    /// The answer to a request with these headers, and a body that begins a connection.
    fn raw(&self, headers: &str) -> String {
        let address = self.url.strip_prefix("http://").unwrap();
        let (address, path) = address.split_once('/').unwrap();
        let body = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            },
        })
        .to_string();
        let host = if headers.to_lowercase().contains("host:") {
            String::new()
        } else {
            format!("host: {address}\r\n")
        };
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "POST /{path} HTTP/1.1\r\n{host}content-type: application/json\r\n\
             accept: application/json, text/event-stream\r\nconnection: close\r\n\
             content-length: {}\r\n{headers}\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn call(name: &str, arguments: Value) -> Value {
    json!({"do": "call", "name": name, "arguments": arguments})
}

fn python(code: &str) -> Value {
    call("python", json!({ "code": code }))
}

fn text(answer: &Value) -> &str {
    answer["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn tools_are_listed_and_called() {
    let glm = user();
    let answers = by_stdio(
        &glm,
        &json!([
            {"do": "info"},
            {"do": "list"},
            call("add", json!({"a": 2, "b": 40})),
            call("add", json!({"a": "2", "b": 40.0})),
            call("add", json!({"a": "two"})),
            call("ad", json!({})),
            call("erase", json!({})),
        ]),
    );
    let [info, list, sum, slips, wrong, unknown, denied] = answers.as_slice() else {
        panic!("{answers:#?}");
    };
    assert_eq!(info["serverInfo"]["name"], "glm-agent");
    let tools = list["tools"].as_array().unwrap();
    let names: Vec<_> = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["add", "erase", "python"]);
    assert_eq!(tools[0]["description"], "Add two numbers");
    assert_eq!(
        tools[0]["inputSchema"]["properties"],
        json!({"a": {"type": "integer"}, "b": {"type": "integer"}})
    );
    assert_eq!(tools[2]["inputSchema"]["required"], json!(["code"]));
    assert_eq!((text(sum), &sum["isError"]), ("42", &json!(false)));
    assert_eq!(text(slips), "42");
    assert_eq!(wrong["isError"], true);
    assert_eq!(
        text(wrong),
        "wrong arguments for `add`\n- `b`: expected an integer, got nothing\n\
         - `a`: expected an integer, got \"two\""
    );
    let unknown = unknown["error"].as_str().unwrap();
    assert!(
        unknown.starts_with("there is no tool `ad`; there are: `add`"),
        "{unknown}"
    );
    assert_eq!(denied["isError"], true);
    assert!(text(denied).contains("deni"), "{denied}");
}

#[test]
fn the_browser_is_offered_and_shows_all_that_one_call_opens() {
    let glm = user();
    std::fs::create_dir(glm.folder().join("docs")).unwrap();
    glm.file("docs/one.md", "# One\n\nA heron stands in the pond.");
    glm.file("docs/two.md", "# Two\n\nThe heron flew away.");
    let steps = json!([
        {"do": "list"},
        call("web_search", json!({"query": "heron pond"})),
        call("web_open", json!({"page": "0"})),
        call("web_find", json!({"text": "stands"})),
    ]);
    let answers = by_stdio_with(&glm, &["--search", "local:docs"], &steps);
    let [list, found, opened, words] = answers.as_slice() else {
        panic!("{answers:#?}");
    };
    let tools = list["tools"].as_array().unwrap().iter();
    let names: Vec<_> = tools.map(|tool| tool["name"].as_str().unwrap()).collect();
    let offer = ["python", "web_fetch", "web_search", "web_open", "web_find"];
    assert_eq!(names, offer);
    assert!(text(found).starts_with(" # 【0†One†docs】\n"), "{found}");
    assert!(
        text(opened).contains("A heron stands in the pond."),
        "{opened}"
    );
    assert_eq!(text(words), "- A heron stands in the pond.");

    let steps = json!([call(
        "simple_browser",
        json!({"call": "search('heron')\nmclick([0, 1])"})
    ),]);
    let flags = ["--tools", "simple_browser", "--search", "local:docs"];
    let answers = by_stdio_with(&glm, &flags, &steps);
    let content = answers[0]["content"].as_array().unwrap();
    let pages: Vec<_> = content.iter().skip(1).map(|page| &page["text"]).collect();
    assert_eq!(pages.len(), 2);
    let has = |words: &str| {
        pages
            .iter()
            .any(|page| page.as_str().unwrap().contains(words))
    };
    assert!(has("stands in the pond") && has("flew away"), "{pages:?}");
}

#[test]
fn python_keeps_variables_and_files_for_a_client() {
    let image = format!("import base64; open('dot.png', 'wb').write(base64.b64decode('{IMAGE}'))");
    let answers = by_stdio(
        &user(),
        &json!([
            python("x = 6"),
            python("import time\nfor n in range(3):\n    print(n, flush=True)\n    time.sleep(0.2)\nx * 7"),
            python("1 / 0"),
            python(&image),
            python("open('note.txt', 'w').write('kept')"),
            {"do": "resources"},
            {"do": "read_first"},
            {"do": "read", "uri": "file:///etc/passwd"},
            python("open('note.txt').read()"),
        ]),
    );
    let [_, said, failed, image, _, resources, read, other, kept] = answers.as_slice() else {
        panic!("{answers:#?}");
    };
    assert_eq!(text(said), "0\n1\n2\n42");
    let progress = said["progress"]
        .as_array()
        .unwrap_or_else(|| panic!("{said}"));
    let progress: String = progress
        .iter()
        .map(|piece| piece.as_str().unwrap())
        .collect();
    assert!(progress.starts_with("0\n1\n"), "{progress}");
    assert!(text(failed).contains("ZeroDivisionError"), "{failed}");
    let content = image["content"].as_array().unwrap();
    let image = content.iter().find(|block| block["type"] == "image");
    let image = image.unwrap_or_else(|| panic!("{content:?}"));
    assert_eq!(
        (&image["mimeType"], &image["data"]),
        (&json!("image/png"), &json!(IMAGE))
    );
    let resources = resources["resources"].as_array().unwrap();
    let named = |name: &str| {
        resources
            .iter()
            .any(|r| r["name"].as_str().unwrap().ends_with(name))
    };
    assert!(named("dot.png") && named("note.txt"), "{resources:?}");
    assert_eq!(read["contents"][0]["blob"], IMAGE);
    let other = other["error"].as_str().unwrap();
    assert!(other.contains("there is no resource"), "{other}");
    assert_eq!(text(kept), "'kept'");
}

#[test]
fn a_call_that_its_client_gives_up_is_ended() {
    let endless = json!({"code": "y = 1\nwhile True: pass"});
    let answers = by_stdio(
        &user(),
        &json!([
            {"do": "cancel", "name": "python", "arguments": endless, "after": 2},
            call("add", json!({"a": 1, "b": 1})),
            python("6 * 7"),
        ]),
    );
    assert_eq!(answers[0], json!({"cancelled": true}));
    assert_eq!(text(&answers[1]), "2");
    assert_eq!(
        text(&answers[2]),
        "42\nnote: the previous cell was cancelled, and variables are as they were before it"
    );
}

#[test]
fn clients_by_http_have_variables_of_their_own() {
    let glm = user();
    let server = Server::start(&glm, &[]);
    let step = |client: usize, code: &str| {
        let mut step = python(code);
        step["client"] = json!(client);
        step
    };
    let answers = drive(&json!({
        "server": {"url": server.url},
        "clients": 2,
        "steps": [
            step(0, "x = 'first'; open('a.txt', 'w').write(x)"),
            step(1, "x"),
            step(1, "x = 'second'; import os; os.listdir()"),
            step(0, "x"),
            {"client": 0, "do": "resources"},
            {"client": 1, "do": "resources"},
        ],
    }));
    assert!(text(&answers[1]).contains("NameError"), "{answers:?}");
    assert_eq!(text(&answers[2]), "[]");
    assert_eq!(text(&answers[3]), "'first'");
    assert_eq!(answers[4]["resources"].as_array().unwrap().len(), 1);
    assert_eq!(answers[5]["resources"], json!([]));
}

#[test]
fn pages_in_browsers_are_refused() {
    let glm = user();
    let server = Server::start(&glm, &[]);
    assert_eq!(server.raw(""), "HTTP/1.1 200 OK");
    assert_eq!(
        server.raw("origin: http://evil.example\r\n"),
        "HTTP/1.1 403 Forbidden"
    );
    // A name that was made to lead here.
    assert_eq!(
        server.raw("host: evil.example\r\n"),
        "HTTP/1.1 403 Forbidden"
    );
}

#[test]
fn only_who_has_the_key_is_served() {
    let glm = user();
    glm.file("key", "very-secret\n");
    let server = Server::start(&glm, &["--api-key-file", "key"]);
    assert_eq!(server.raw(""), "HTTP/1.1 401 Unauthorized");
    assert_eq!(
        server.raw("authorization: Bearer wrong\r\n"),
        "HTTP/1.1 401 Unauthorized"
    );
    assert_eq!(
        server.raw("authorization: Bearer very-secret\r\n"),
        "HTTP/1.1 200 OK"
    );
    let answers = drive(&json!({
        "server": {"url": server.url, "key": "very-secret"},
        "steps": [call("add", json!({"a": 20, "b": 22}))],
    }));
    assert_eq!(text(&answers[0]), "42");
    drop(server);
    for (args, said) in [
        (
            ["--port", "0", "--host", "0.0.0.0"].as_slice(),
            "other machines reach 0.0.0.0",
        ),
        (
            &["--port", "0", "--api-key-file", "missing"],
            "cannot read the keys in `missing`",
        ),
        (
            &["--port", "0", "--host", "256.1.1.1"],
            "cannot listen at 256.1.1.1:0",
        ),
        (&["--host", "127.0.0.1"], "--port"),
    ] {
        let output = glm.run(&[["serve", "--mcp"].as_slice(), args].concat());
        assert_ne!(output.code, Some(0), "{args:?}");
        assert!(output.stderr.contains(said), "{args:?}: {}", output.stderr);
    }
}
