//! The page, in a real browser.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::server::{Server, drive};
use crate::{cache, glm::Glm};

/// What the steps lead to, on a screen of this kind.
fn browse(screen: &Screen, steps: &Value) -> Vec<Value> {
    let mut command = Command::new("python3");
    command.arg(cache::source("data/browser.py"));
    let plan = json!({
        "chromium": "chromium",
        "size": screen.size,
        "mobile": screen.mobile,
        "dark": screen.dark,
        "steps": steps,
    });
    drive(&mut command, &plan)
}

#[derive(Clone, Copy)]
struct Screen {
    size: (u32, u32),
    mobile: bool,
    dark: bool,
}

const DESK: Screen = Screen {
    size: (1000, 900),
    mobile: false,
    dark: false,
};

const PHONE: Screen = Screen {
    size: (390, 760),
    mobile: true,
    dark: true,
};

/// Where pictures go that people look at: where this variable says, or nowhere that
/// lasts.
fn picture(glm: &Glm, name: &str) -> PathBuf {
    match std::env::var_os("GLM_TEST_PICTURES") {
        Some(folder) => Path::new(&folder).join(name),
        None => glm.folder().join(name),
    }
}

fn open(server: &Server) -> Value {
    json!({"do": "open", "url": format!("http://{}/", server.address())})
}

/// The steps of saying something, up to the end of the answer.
fn say(words: &str) -> Vec<Value> {
    vec![
        json!({"do": "eval", "js": "document.getElementById('words').focus()"}),
        json!({"do": "type", "text": words}),
        json!({"do": "press", "key": "Enter"}),
        json!({"do": "wait", "js": "!document.getElementById('send').hidden && document.querySelector('.turn.assistant')"}),
    ]
}

fn steps(parts: Vec<Vec<Value>>) -> Value {
    parts.concat().into()
}

fn eval(js: &str) -> Vec<Value> {
    vec![json!({"do": "eval", "js": js})]
}

const MARKDOWN: &str = "\n# Weather\n\nIt is **sunny** and *warm*, `21` degrees:\n\n- Oslo\n- Roma\n  1. north\n  2. south\n\n| city | temp |\n|---|---|\n| Oslo | -3 |\n\n```python\nprint(\"<b>\")\n```\n\n> quoted\n\nSee [the map](https://example.com/map) or https://example.com/x.<|user|>";

#[test]
fn an_answer_is_written_and_shown() {
    let glm = Glm::new();
    let server = Server::start(&glm, &[MARKDOWN, "\nAgain.<|user|>"], &[]);
    let html = "document.querySelector('.turn.assistant .words').innerHTML";
    let seen = browse(
        &DESK,
        &steps(vec![
            vec![open(&server)],
            vec![
                json!({"do": "wait", "js": "document.getElementById('model').textContent === 'scripted'"}),
            ],
            say("How is the weather?"),
            eval(html),
            vec![json!({"do": "picture", "to": picture(&glm, "answer.png")})],
            say("And now?"),
            eval("[...document.querySelectorAll('.turn')].map(turn => turn.innerText)"),
            vec![json!({"do": "click", "on": "#new"})],
            eval("[document.getElementById('log').childElementCount, document.activeElement.id]"),
            vec![json!({"do": "console"})],
        ]),
    );
    let [.., html, _, _, _, _, _, turns, _, begun, console] = seen.as_slice() else {
        panic!("{seen:#?}");
    };
    insta::assert_snapshot!(html.as_str().unwrap().replace("><", ">\n<"));
    assert_eq!(turns[0], "How is the weather?");
    assert_eq!(turns[3], "Again.");
    assert_eq!(*begun, json!([0, "words"]));
    assert_eq!(*console, json!([]));
}

#[test]
fn nothing_that_a_model_writes_runs_or_loads() {
    let glm = Glm::new();
    let hostile = "\n<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">\n\n\
                   [x](javascript:document.title='taken') ![p](http://127.0.0.1:9/p.png) \
                   [y](data:text/html,x) <svg onload=x()>\n\n```\n</code></pre><b>bold</b>\n```\n<|user|>";
    let server = Server::start(&glm, &[hostile], &[]);
    let seen = browse(
        &DESK,
        &steps(vec![
            vec![open(&server)],
            say("<img src=x onerror=\"document.title='taken'\">"),
            eval(
                "[document.title, document.querySelectorAll('#log img, #log script, #log svg, #log b').length, \
                  [...document.querySelectorAll('#log a')].map(a => a.href)]",
            ),
            vec![json!({"do": "console"})],
        ]),
    );
    let [.., found, console] = seen.as_slice() else {
        panic!("{seen:#?}");
    };
    assert_eq!(
        *found,
        json!(["scripted – glm", 0, ["http://127.0.0.1:9/p.png"]])
    );
    assert_eq!(*console, json!([]));
    // The policy is what stands behind it.
    let page = server.get("/");
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
}

#[test]
fn an_agents_calls_images_and_sources_are_shown() {
    let glm = Glm::new();
    std::fs::create_dir(glm.folder().join("docs")).unwrap();
    glm.file("docs/one.md", "# One\n\nA heron stands in the pond.");
    let drawing = "\nLet me draw.<|assistant|>python\nimport matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('Herons')\nplt.savefig('herons.png')\nprint('drawn')<|observation|>";
    let replies = [
        drawing,
        "web_search\n{\"query\": \"heron pond\"}<|observation|>",
        "\nHerons stand in the pond【0†One†docs】.<|user|>",
        "\nYou are welcome.<|user|>",
    ];
    let more = [
        "--agent",
        "--tools",
        "python,web_search",
        "--search",
        "local:docs",
    ];
    let server = Server::start(&glm, &replies, &more);
    let drawn = "document.querySelector('figure img')?.naturalWidth > 0";
    let seen = browse(
        &DESK,
        &steps(vec![
            vec![open(&server)],
            vec![
                json!({"do": "wait", "js": "document.getElementById('model').textContent !== 'connecting…'"}),
            ],
            say("Draw herons."),
            vec![json!({"do": "wait", "js": drawn})],
            eval("document.querySelector('details.call').open = true"),
            eval(
                "[...document.querySelectorAll('.call')].map(call => [call.querySelector('code').textContent, \
                  call.querySelector('.standing').textContent, [...call.querySelectorAll('pre')].map(pre => pre.textContent)])",
            ),
            eval("[...document.querySelectorAll('.words')].map(words => words.innerText)"),
            eval("[...document.querySelectorAll('.sources li')].map(li => li.textContent)"),
            vec![json!({"do": "picture", "to": picture(&glm, "agent.png")})],
            say("Thanks."),
            eval("[...document.querySelectorAll('.words')].at(-1).innerText"),
            vec![json!({"do": "console"})],
        ]),
    );
    let [.., calls, words, sources, _, _, _, _, _, thanks, console] = seen.as_slice() else {
        panic!("{seen:#?}");
    };
    assert_eq!(calls[0][0], "python");
    assert_eq!(calls[0][1], "done");
    assert!(
        calls[0][2][0]
            .as_str()
            .unwrap()
            .starts_with("import matplotlib"),
        "{calls}"
    );
    assert!(
        calls[0][2][1].as_str().unwrap().contains("drawn"),
        "{calls}"
    );
    assert_eq!(
        (&calls[1][0], &calls[1][1]),
        (&json!("web_search"), &json!("done"))
    );
    assert_eq!(
        *words,
        json!(["Let me draw.", "Herons stand in the pond[1]."])
    );
    assert_eq!(*sources, json!(["One"]));
    // It is the same session: the script goes on.
    assert_eq!(*thanks, "You are welcome.");
    assert_eq!(*console, json!([]));
}

#[test]
fn an_agent_that_keeps_no_sessions_is_told_the_whole_conversation() {
    let glm = Glm::new();
    let replies = ["\nHello.<|user|>", "\nGood, thanks.<|user|>"];
    let more = ["--agent", "--tools", "none", "--ephemeral"];
    let server = Server::start(&glm, &replies, &more);
    let seen = browse(
        &DESK,
        &steps(vec![
            vec![open(&server)],
            say("Hi."),
            say("How are you?"),
            eval("[...document.querySelectorAll('.words')].map(words => words.innerText)"),
        ]),
    );
    assert_eq!(
        *seen.last().unwrap(),
        json!(["Hello.", "Good, thanks."]),
        "{seen:#?}"
    );
}

#[test]
fn an_answer_is_stopped() {
    let glm = Glm::new();
    glm.file(
        "tools.json",
        &json!({"tools": [{"name": "wait", "description": "Wait", "command": ["sleep", "600"], "parameters": {"type": "object", "properties": {}}}]}).to_string(),
    );
    let more = ["--agent", "--tools", "tools.json"];
    let server = Server::start(&glm, &["wait\n{}<|observation|>"], &more);
    let begin = |words: &str| {
        let mut begin = say(words);
        begin.truncate(3);
        begin.push(json!({"do": "wait", "js": "document.querySelector('.call') && !document.getElementById('stop').hidden"}));
        begin
    };
    let stopped = json!({"do": "wait", "js": "document.querySelector('.turn.assistant .note')?.textContent === 'Stopped.'"});
    let seen = browse(
        &DESK,
        &steps(vec![
            vec![open(&server)],
            begin("Wait."),
            vec![json!({"do": "press", "key": "Escape"}), stopped.clone()],
            vec![json!({"do": "click", "on": "#new"})],
            begin("Wait."),
            vec![json!({"do": "click", "on": "#stop"}), stopped],
            eval("document.getElementById('send').hidden"),
        ]),
    );
    assert_eq!(*seen.last().unwrap(), json!(false));
    super::limits::until("nothing goes on", || {
        server
            .get("/metrics")
            .body
            .contains("\nglm_requests_in_flight 0\n")
    });
}

#[test]
fn the_key_is_asked_for() {
    let glm = Glm::new();
    glm.file("keys", "secret-key\n");
    let server = Server::start(&glm, &["\nHi.<|user|>"], &["--api-key-file", "keys"]);
    let asks = json!({"do": "wait", "js": "document.getElementById('keys').open"});
    let wrong = json!({"do": "wait", "js": "!document.getElementById('keys-wrong').hidden"});
    let connected =
        json!({"do": "wait", "js": "document.getElementById('model').textContent === 'scripted'"});
    let seen = browse(
        &PHONE,
        &steps(vec![
            vec![open(&server), asks.clone()],
            vec![json!({"do": "picture", "to": picture(&glm, "key.png")})],
            vec![
                json!({"do": "type", "text": "wrong-key"}),
                json!({"do": "press", "key": "Enter"}),
                wrong,
            ],
            eval("document.getElementById('key').select()"),
            vec![
                json!({"do": "type", "text": "secret-key"}),
                json!({"do": "press", "key": "Enter"}),
                connected,
            ],
            say("Hi"),
            eval("document.querySelector('.words').innerText"),
            vec![json!({"do": "picture", "to": picture(&glm, "phone.png")})],
            eval("document.documentElement.scrollWidth <= innerWidth"),
        ]),
    );
    let [.., words, _, fits] = seen.as_slice() else {
        panic!("{seen:#?}");
    };
    assert_eq!(*words, "Hi.");
    assert_eq!(*fits, json!(true));
}
