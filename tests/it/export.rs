//! `glm session export`, and exported pages in a real browser.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};

use crate::{
    glm::{Glm, Output, parse},
    web::serve,
};

/// A drawing of one point.
const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0,
    1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T',
    0x78, 0x9c, 0x63, 0, 1, 0, 0, 5, 0, 1, 0x0d, 0x0a, 0x2d, 0xb4, 0, 0, 0, 0, b'I', b'E', b'N',
    b'D', 0xae, 0x42, 0x60, 0x82,
];

/// Puts a log where a session's is.
fn keep(glm: &Glm, id: &str, kinds: Vec<Value>) {
    let folder = glm.folder().join("data/sessions").join(id);
    fs::create_dir_all(folder.join("files")).unwrap();
    let mut log = String::new();
    for (seq, mut kind) in kinds.into_iter().enumerate() {
        kind["seq"] = seq.into();
        kind["time"] = format!("2024-06-05T10:00:{seq:02}Z").into();
        log += &format!("{kind}\n");
    }
    fs::write(folder.join("events.jsonl"), log).unwrap();
}

fn started(session: &str) -> Value {
    json!({
        "type": "session_started", "schema": 2, "session": session, "model": "scripted",
        "profile": "glm4", "tools": [{"type": "simple_browser"}, {"type": "python"}],
    })
}

fn user(content: &str) -> Value {
    json!({"type": "user_message", "content": content})
}

fn turn(segments: Value) -> Value {
    json!({
        "type": "model_turn", "segments": segments, "raw": "", "finish": "stop",
        "usage": {"prompt_tokens": 1200, "cached_tokens": 1000, "completion_tokens": 30},
    })
}

fn requested(id: &str, name: &str, arguments: Value) -> Value {
    json!({"type": "tool_call_requested", "id": id, "name": name, "arguments": arguments})
}

fn answered(answer: &str) -> Value {
    json!({
        "type": "run_ended", "answer": answer, "reason": "answered", "steps": 2, "session": "s",
        "usage": {"prompt_tokens": 2400, "cached_tokens": 2000, "completion_tokens": 60},
    })
}

/// A session in which pages were searched and cited.
fn cited(glm: &Glm) {
    let answer =
        "It is sunny【7†source】, and rivers are low 【0†Rivers†r.test】. See 【42†source】.";
    let call = "search('weather')\nmclick([0])";
    let result = json!({
        "type": "tool_result", "id": "call_1", "name": "simple_browser", "status": "ok",
        "outside": true, "text": " # 【0†Rivers†r.test】\nLow.", "metadata": "browser_result",
        "more": [{"metadata": "quote_result [7†source]", "text": "Sunny."}],
        "citations": [
            {"mark": "0", "title": "Rivers", "url": "https://r.test/"},
            {"mark": "7", "title": "Weather", "url": "https://w.test/?a=1&b=2"},
        ],
    });
    keep(
        glm,
        "s",
        vec![
            started("s"),
            user("How is the weather?"),
            turn(json!([{"type": "call", "name": "simple_browser", "arguments": call}])),
            requested("call_1", "simple_browser", json!(call)),
            result,
            turn(json!([{"type": "text", "text": answer}])),
            answered(answer),
        ],
    );
}

#[test]
fn a_session_is_exported_as_markdown() {
    let glm = Glm::new();
    cited(&glm);
    let output = glm.run(&["session", "export", "s"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    insta::assert_snapshot!(output.stdout);
    let explicit = glm.run(&["session", "export", "s", "--md", "-o", "s.html"]);
    assert_eq!((explicit.stdout.as_str(), explicit.code), ("", Some(0)));
    let written = fs::read_to_string(glm.folder().join("s.html")).unwrap();
    assert_eq!(written, output.stdout);
}

#[test]
fn what_was_compacted_sent_back_and_gone_on_with_is_told() {
    let glm = Glm::new();
    let schema = json!({"type": "object", "required": ["sum"]});
    let mut bad = turn(json!([{"type": "text", "text": "five"}]));
    bad["cost"] = json!(0.25);
    keep(
        &glm,
        "s",
        vec![
            started("s"),
            json!({"type": "user_message", "content": "2 + 3?", "answer_schema": schema}),
            bad,
            json!({"type": "answer_rejected", "reason": "error: it is no JSON"}),
            json!({
                "type": "compacted", "from": 1, "brief": "```\n</details><b>Task</b>: add",
                "result_chars": 100, "cause": "window", "summary_by": "rule",
                "tokens_before": 900, "tokens_after": 300, "cost": 0.0005,
                "usage": {"prompt_tokens": 600, "cached_tokens": 0, "completion_tokens": 40},
            }),
            json!({"type": "resumed"}),
            turn(json!([{"type": "text", "text": "{\"sum\": 5}"}])),
            json!({
                "type": "run_ended", "answer": "{\"sum\":5}", "reason": "cost_limit", "steps": 2,
                "session": "s", "cost": 0.2505,
                "usage": {"prompt_tokens": 3000, "cached_tokens": 2000, "completion_tokens": 100},
            }),
        ],
    );
    let told = "The conversation outgrew the model's window: the model now reads a short list in \
                the place of earlier turns: 300 tokens, not 900";
    let markdown = glm.run(&["session", "export", "s"]).stdout;
    for part in [
        "- Tokens: 3000 read (2000 of them cached), 100 written in 2 replies\n- Cost: 0.2505\n\
         - Outcome: limit of cost reached\n",
        "<summary>The form of the answer</summary>\n\n```text\n{\n  \"type\": \"object\",",
        "**Answer sent back**\n\n```text\nerror: it is no JSON\n```",
        &format!("<summary>{told}</summary>\n\n````text\n```\n</details><b>Task</b>: add\n````"),
        "\n\nThe run was cut off here, and gone on with.\n\n",
    ] {
        assert!(markdown.contains(part), "{part} is not in {markdown}");
    }
    let page = glm.run(&["session", "export", "s", "--html"]).stdout;
    for part in [
        "<dt>Cost</dt><dd>0.2505</dd>",
        "<summary>The form of the answer</summary>",
        "The answer was sent back</strong><pre class=\"prose\">error: it is no JSON</pre>",
        &format!("<summary>{told}</summary>"),
        "&lt;/details&gt;&lt;b&gt;Task&lt;/b&gt;: add",
        "The run was cut off here, and gone on with.",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let shown = glm.run(&["session", "show", "s"]).stdout;
    for part in [
        "  ✗ error: it is no JSON\n",
        "· the model now reads a short list in the place of earlier turns: 300 tokens, not 900\n",
        "· gone on with\n",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let list = glm.run(&["session", "list"]).stdout;
    assert!(list.contains("  limit  "), "{list}");
}

#[test]
fn json_is_what_show_prints() {
    let glm = Glm::new();
    cited(&glm);
    let shown = glm.run(&["session", "show", "s", "--json"]);
    let exported = glm.run(&["session", "export", "s", "--json"]);
    assert_eq!(exported, shown);
    assert_eq!(parse(&exported.stdout)[0]["schema"], 2);
    glm.run(&["session", "export", "s", "-o", "s.jsonl"]);
    let written = fs::read_to_string(glm.folder().join("s.jsonl")).unwrap();
    assert_eq!(written, shown.stdout);
}

#[test]
fn what_cannot_be_exported_is_said() {
    let glm = Glm::new();
    cited(&glm);
    let output = glm.run(&["session", "export", "nobody", "--html"]);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            Some(2),
            "error: there is no session `nobody`\nhint: `glm session list` shows them\n"
        )
    );
    let output = glm.run(&["session", "export", "s", "-o", "no/such/folder.md"]);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            Some(1),
            "error: cannot write the session to `no/such/folder.md`: No such file or directory (os error 2)\n"
        )
    );
    assert_eq!(
        glm.run(&["session", "export", "s", "--md", "--html"]).code,
        Some(2)
    );
}

#[test]
fn show_numbers_marks_and_lists_what_they_lead_to() {
    let glm = Glm::new();
    cited(&glm);
    let output = glm.run(&["session", "show", "s"]);
    let answer = output.stdout.split_once("It is").unwrap().1;
    assert_eq!(
        answer,
        " sunny[1], and rivers are low [2]. See [?].\n  \
         [1] Weather <https://w.test/?a=1&b=2>\n  \
         [2] Rivers <https://r.test/>\n  \
         [?] cites what no result showed: 【42†source】\n"
    );
}

#[test]
fn an_answer_cites_what_the_session_showed() {
    let glm = Glm::new();
    let engine = glm.script(&["unused", "unused", "\nStill sunny【7†source】【9】."]);
    let run = |more: &[&str]| {
        cited(&glm);
        let mut args = vec!["run", "And now?", "--session", "s", "--engine", &engine];
        args.extend(["--tools", "none"]);
        args.extend(more);
        glm.run(&args)
    };
    assert_eq!(
        run(&["-o", "answer.md"]),
        Output {
            stdout: "Still sunny[1][?].\n\n- [1] Weather <https://w.test/?a=1&b=2>\n".into(),
            stderr: "note: [?] cites what no result showed: 【9】\n".into(),
            code: Some(0),
        }
    );
    assert_eq!(
        fs::read_to_string(glm.folder().join("answer.md")).unwrap(),
        "Still sunny[\\[1\\]](<https://w.test/?a=1&b=2>)\\[?\\].\n\n\
         1. [Weather](<https://w.test/?a=1&b=2>)\n"
    );
    let events = parse(&run(&["--json"]).stdout);
    let end = events.last().unwrap();
    assert_eq!(end["answer"], "Still sunny【7†source】【9】.");
    assert_eq!(
        end["sources"],
        json!([{"number": 1, "mark": "7", "title": "Weather", "url": "https://w.test/?a=1&b=2"}])
    );
    assert_eq!(end["unknown_marks"], json!(["【9】"]));
}

/// What a browser makes of a page.
struct Seen {
    dom: String,
    /// What it says, the page's console included.
    log: String,
}

fn browse(page: &Path) -> Seen {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-logging=stderr",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("chromium is needed to read exported pages");
    let output = Output::of(output);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    Seen {
        dom: output.stdout,
        log: output.stderr,
    }
}

/// Console messages, of which a page without faults has none.
fn console(seen: &Seen) -> Vec<&str> {
    seen.log
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect()
}

#[test]
fn a_page_is_whole_in_a_browser_and_nothing_hostile_runs_or_loads() {
    let glm = Glm::new();
    let hits = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&hits);
    let server = serve(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
    });
    let hostile = format!(
        "</pre></script><script>document.title='taken'</script>\
         <img src=http://{server}/a onerror=\"document.title='taken'\"> <|user|> \u{202e}txt.exe \
         [x](javascript:document.title='taken') ![p](http://{server}/b) \
         <style>@import 'http://{server}/c';</style><link rel=stylesheet href=http://{server}/d> \
         <meta http-equiv=refresh content='0;url=http://{server}/e'> \" ' <svg onload=x()>"
    );
    let drawing = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>\
         <script>document.title='taken'</script><image href='http://{server}/f'/></svg>"
    );
    let artifact = |name: &str, media_type: &str, size: usize| json!({"name": name, "media_type": media_type, "size": size});
    let result = json!({
        "type": "tool_result", "id": "call_1", "name": "python", "status": "failed",
        "outside": true, "text": hostile,
        "artifacts": [
            artifact("figure.png", "image/png", PNG.len()),
            artifact("drawing.svg", "image/svg+xml", drawing.len()),
            artifact(&format!("{hostile}.png").replace('/', "_"), "image/png", 1),
        ],
        "citations": [
            {"mark": "7", "title": hostile, "url": "javascript:document.title='taken'"},
            {"mark": "8", "title": hostile, "url": format!("http://{server}/\"><script>")},
        ],
    });
    let words = format!("{hostile} 【7†source】【8†source】");
    keep(
        &glm,
        "s",
        vec![
            started("s"),
            user(&format!("The question {hostile}")),
            turn(json!([
                {"type": "reasoning", "text": hostile},
                {"type": "text", "text": hostile},
                {"type": "call", "name": hostile, "arguments": {"x": hostile}},
            ])),
            json!({"type": "approval_requested", "id": "call_1", "reason": hostile}),
            json!({"type": "approved", "id": "call_1", "arguments": {"y": hostile}}),
            requested("call_1", &hostile, json!({"y": hostile})),
            result,
            turn(json!([{"type": "text", "text": words}])),
            json!({
                "type": "run_ended", "answer": words, "reason": "failed", "error": hostile,
                "usage": {"prompt_tokens": 1, "cached_tokens": 0, "completion_tokens": 1},
                "steps": 2, "session": "s",
            }),
        ],
    );
    let files = glm.folder().join("data/sessions/s/files");
    fs::write(files.join("figure.png"), PNG).unwrap();
    fs::write(files.join("drawing.svg"), &drawing).unwrap();
    let page = glm.folder().join("page.html");
    let output = glm.run(&["session", "export", "s", "-o", "page.html"]);
    assert_eq!(output.code, Some(0), "{output:?}");

    let seen = browse(&page);
    assert_eq!(console(&seen), [""; 0], "{}", seen.log);
    assert_eq!(hits.load(Ordering::SeqCst), 0);
    let count = |what: &str| seen.dom.matches(what).count();
    assert!(
        seen.dom.contains("<title>The question &lt;/pre&gt;"),
        "{}",
        seen.dom
    );
    for (element, number) in [
        ("<script", 0),
        ("<link", 0),
        ("<style", 1),
        ("http-equiv", 1 + hostile_copies(&seen.dom)),
        ("<img ", 2),
        ("href=\"javascript:", 0),
        ("<|user|>", 0),
        ("\u{202e}", 0),
    ] {
        assert_eq!(count(element), number, "{element}: {}", seen.dom);
    }
    assert!(count("&lt;|user|&gt;") > 8, "{}", seen.dom);

    // The same browser does run and load what it is told to.
    let control = glm.file(
        "control.html",
        &format!("<img src='http://{server}/control' onerror=\"console.log('ran')\">"),
    );
    let seen = browse(&control);
    assert_eq!(console(&seen).len(), 1, "{}", seen.log);
    assert_eq!(hits.load(Ordering::SeqCst), 1);
}

/// How often the hostile text says `http-equiv` as text.
fn hostile_copies(dom: &str) -> usize {
    dom.matches("&lt;meta http-equiv").count() + dom.matches("=\"</pre>").count()
}

#[test]
fn the_page_tells_what_happened() {
    let glm = Glm::new();
    cited(&glm);
    let page = glm.folder().join("s.html");
    glm.run(&["session", "export", "s", "--html", "-o", "s.html"]);
    let seen = browse(&page);
    assert_eq!(console(&seen), [""; 0]);
    for part in [
        "<h1 dir=\"auto\">How is the weather?</h1>",
        "<span class=\"badge ok\">answered</span>",
        "<dd>2\u{202f}400 read <small>(2\u{202f}000 cached)</small>, 60 written</dd>",
        "<dd>2 replies, 1 call</dd>",
        "<dd>6.0 s</dd>",
        "<pre>search('weather')\nmclick([0])</pre>",
        "<span class=\"tag\" title=\"Nobody vouches for this text\">from outside</span>",
        "It is sunny<a class=\"mark\" href=\"https://w.test/?a=1&amp;b=2\" title=\"Weather\" \
         rel=\"noopener noreferrer nofollow\">[1]</a>",
        "See <span class=\"mark bad\" title=\"No result showed this\">[?]</span>",
        "<a href=\"#call_1\">simple_browser</a>",
    ] {
        assert!(seen.dom.contains(part), "{part} is not in {}", seen.dom);
    }
}
