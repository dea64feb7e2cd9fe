//! Who is served.

use serde_json::json;

use super::server::{Answer, Server, node, python};
use crate::glm::Glm;

const REPLY: &str = "\nHi.<|user|>";

fn chat() -> serde_json::Value {
    json!({"model": "scripted", "messages": [{"role": "user", "content": "Hi"}]})
}

#[test]
fn only_who_has_a_key_is_served() {
    let glm = Glm::new();
    glm.file("keys", "first-key\nsecond-key\n");
    let server = Server::start(&glm, &[REPLY], &["--api-key-file", "keys"]);
    let steps = json!([{"do": "chat", "request": chat()}]);
    for key in ["first-key", "second-key"] {
        assert_eq!(
            python(&server.url(), Some(key), &steps)[0]["content"],
            "Hi."
        );
        assert_eq!(node(&server.url(), Some(key), &steps)[0]["content"], "Hi.");
    }
    for refused in [
        python(&server.url(), Some("third-key"), &steps),
        node(&server.url(), Some("third-key"), &steps),
    ] {
        assert_eq!(refused[0]["error"], "AuthenticationError");
        assert_eq!(
            (&refused[0]["status"], &refused[0]["code"]),
            (&json!(401), &json!("invalid_api_key"))
        );
    }
    assert_eq!(server.get("/metrics").status, 401);
    assert_eq!(server.get("/v1/models").status, 401);
    // Whether it is up, and the page that asks for the key, are there for everybody.
    assert_eq!(server.get("/health").json(), json!({"status": "ok"}));
    assert_eq!(server.get("/").status, 200);
    // A name of its own is not needed with a key: a proxy may have another.
    let headers = [
        ("host", "glm.example.com"),
        ("authorization", "Bearer first-key"),
    ];
    assert_eq!(server.ask("GET", "/v1/models", &headers, "").status, 200);
}

#[test]
fn other_machines_need_a_key() {
    let glm = Glm::new();
    glm.file("keys", "\n");
    let engine = glm.script(&[REPLY]);
    let run = |more: &[&str]| {
        let args = ["serve", "--port", "0", "--engine", &engine];
        glm.run(&[args.as_slice(), more].concat())
    };
    let output = run(&["--host", "0.0.0.0"]);
    assert_eq!(output.code, Some(2));
    assert_eq!(
        output.stderr,
        "error: other machines reach 0.0.0.0, and could use this model\n\
         hint: pass --api-key-file, or leave --host out\n"
    );
    let output = run(&["--api-key-file", "keys"]);
    assert_eq!(output.code, Some(2));
    assert_eq!(
        output.stderr,
        "error: `keys` holds no key\nhint: write one a line\n"
    );
    let output = run(&["--tools", "python"]);
    assert_eq!(output.code, Some(2));
    assert!(
        output
            .stderr
            .contains("'--tools' cannot be used with 'no --agent'"),
        "{output:?}"
    );
}

#[test]
fn pages_of_others_are_refused() {
    let glm = Glm::new();
    let server = Server::start(&glm, &[REPLY], &["--cors", "https://chat.example.com"]);
    let own = format!("http://{}", server.address());
    let post = |headers: &[(&str, &str)]| {
        let headers = [headers, &[("content-type", "application/json")]].concat();
        server.ask(
            "POST",
            "/v1/chat/completions",
            &headers,
            &chat().to_string(),
        )
    };
    let allowed = |answer: &Answer| {
        answer
            .header("access-control-allow-origin")
            .map(str::to_owned)
    };
    let answer = post(&[("origin", &own)]);
    assert_eq!((answer.status, allowed(&answer)), (200, None));
    for headers in [
        [("origin", "https://evil.example.com")],
        [("origin", "null")],
        // A name that was made to lead here.
        [("host", "evil.example.com")],
    ] {
        let answer = post(&headers);
        assert_eq!(
            (answer.status, allowed(&answer)),
            (403, None),
            "{headers:?}"
        );
    }
    let let_in = [("origin", "https://chat.example.com")];
    let answer = post(&let_in);
    let origin = Some("https://chat.example.com".to_owned());
    assert_eq!((answer.status, allowed(&answer)), (200, origin.clone()));
    // OpenAI's client for pages tells of itself in headers of its own.
    let names = "authorization,content-type,x-stainless-lang";
    let headers = [let_in[0], ("access-control-request-headers", names)];
    let asked = server.ask("OPTIONS", "/v1/chat/completions", &headers, "");
    assert_eq!((asked.status, allowed(&asked)), (204, origin));
    assert_eq!(asked.header("access-control-allow-headers"), Some(names));
    let evil = [("origin", "https://evil.example.com")];
    assert_eq!(
        server
            .ask("OPTIONS", "/v1/chat/completions", &evil, "")
            .status,
        403
    );
}
