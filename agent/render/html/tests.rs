use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;

fn events(kinds: Vec<Value>) -> Vec<Event> {
    let event = |(seq, mut kind): (usize, Value)| {
        kind["seq"] = seq.into();
        kind["time"] = format!("2024-06-05T10:00:{seq:02}Z").into();
        serde_json::from_value(kind).unwrap()
    };
    kinds.into_iter().enumerate().map(event).collect()
}

fn reply(text: &str) -> Value {
    json!({
        "type": "model_turn",
        "segments": [{"type": "text", "text": text}],
        "raw": text,
        "finish": "stop",
        "usage": {"prompt_tokens": 12345, "cached_tokens": 678, "completion_tokens": 9},
    })
}

fn shown(text: &str) -> String {
    let user = json!({"type": "user_message", "content": "?"});
    page(&events(vec![user, reply(text)]), None)
}

#[test]
fn markdown_is_read_and_html_in_it_is_text() {
    let page = shown(
        "# Big\n\n**bold** `a<b`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<b>x</b><script>y</script>",
    );
    for part in [
        "<h1>Big</h1>",
        "<strong>bold</strong> <code>a&lt;b</code>",
        "<td>1</td>",
        "&lt;b&gt;x&lt;/b&gt;&lt;script&gt;y&lt;/script&gt;",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn links_lead_to_pages_and_images_are_links() {
    let page = shown(
        "[page](https://a.test/?q=\"<x>) [code](javascript:alert(1)) [data](data:text/html,x) \
         ![pixel](https://track.test/p.png) <https://b.test/>",
    );
    let rel = "rel=\"noopener noreferrer nofollow\"";
    for part in [
        "<a href=\"https://a.test/?q=&quot;&lt;x&gt;\" rel=",
        &format!("image: <a href=\"https://track.test/p.png\" {rel}>pixel</a>"),
        &format!("<a href=\"https://b.test/\" {rel}>https://b.test/</a>"),
        " code data ",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    for part in ["<img", "javascript:", "data:text"] {
        assert!(!page.contains(part), "{part} is in {page}");
    }
}

#[test]
fn marks_are_links_but_in_code_and_cannot_be_forged() {
    let result = json!({
        "type": "tool_result", "id": "call_1", "name": "simple_browser", "status": "ok",
        "text": "It is sunny.",
        "citations": [{"mark": "7", "title": "<i>W</i>", "url": "https://w.test/?a&b"}],
    });
    let text = "A【7†source】 b【8】 \u{e000}0\u{e001}\n\n    indented 【7†source】\n\n[x 【7】](https://y.test/)";
    let page = page(&events(vec![result, reply(text)]), None);
    for part in [
        "A<a class=\"mark\" href=\"https://w.test/?a&amp;b\" title=\"&lt;i&gt;W&lt;/i&gt;\" rel=\"noopener noreferrer nofollow\">[1]</a>",
        "b<span class=\"mark bad\" title=\"No result showed this\">[?]</span> \u{fffd}0\u{fffd}",
        "<code>indented 【7†source】",
        "nofollow\">x 【7】</a>",
        "<li id=\"source-1-1\"><a href=\"https://w.test/?a&amp;b\" rel=\"noopener noreferrer nofollow\">&lt;i&gt;W&lt;/i&gt;</a>",
        "[?] cites what no result showed: 【8】",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
}

#[test]
fn the_policy_allows_the_style_of_the_page_and_no_other() {
    let page = shown("x");
    let style = page.split_once("<style>").unwrap().1;
    let style = style.split_once("</style>").unwrap().0;
    let hash = BASE64_STANDARD.encode(Sha256::digest(style));
    assert!(
        page.contains(&format!("style-src 'sha256-{hash}'").replace('\'', "&#39;"))
            || page.contains(&format!("style-src 'sha256-{hash}'")),
        "{page}"
    );
    assert!(page.contains("default-src 'none'"), "{page}");
    assert!(!page.contains("style="), "{page}");
}

#[test]
fn characters_that_turn_text_round_are_named() {
    let page = shown("a\u{202e}b\u{1b}[2J");
    assert!(page.contains("a⟨U+202E⟩b⟨U+001B⟩[2J"), "{page}");
}

#[test]
fn images_are_in_the_page_if_they_are_what_the_call_made() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.png"), b"png!").unwrap();
    std::fs::write(folder.path().join("b.svg"), b"<svg onload=x/>").unwrap();
    std::fs::write(folder.path().join("later.png"), b"other").unwrap();
    std::fs::write(folder.path().join("page.html"), b"html").unwrap();
    let artifact = |name: &str, media_type: &str, size: u64| json!({"name": name, "media_type": media_type, "size": size});
    let mut call = reply("");
    call["segments"] = json!([{"type": "call", "name": "python", "arguments": "draw()"}]);
    let result = json!({
        "type": "tool_result", "id": "call_1", "name": "python", "status": "ok", "text": "",
        "artifacts": [
            artifact("a.png", "image/png", 4),
            artifact("b.svg", "image/svg+xml", 15),
            artifact("later.png", "image/png", 4),
            artifact("gone.png", "image/png", 4),
            artifact("../a.png", "image/png", 4),
            artifact("large.png", "image/png", 1 << 40),
            artifact("page.html", "text/html", 4),
        ],
    });
    let requested = json!({
        "type": "tool_call_requested", "id": "call_1", "name": "python", "arguments": "draw()",
    });
    let page = page(&events(vec![call, requested, result]), Some(folder.path()));
    let images: Vec<&str> = page
        .split("<img src=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(
        images,
        [
            "data:image/png;base64,cG5nIQ==",
            "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9eC8+",
        ]
    );
    let left_out: Vec<&str> = page
        .split("</code> is not shown: ")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap())
        .collect();
    assert_eq!(
        left_out,
        [
            "it was changed later",
            "it is not there any more",
            "it is not there any more",
            "it is too large",
        ]
    );
}

#[test]
fn numbers_are_grouped() {
    assert_eq!(
        [0, 999, 1_000, 12_345_678].map(number),
        ["0", "999", "1\u{202f}000", "12\u{202f}345\u{202f}678"]
    );
}
