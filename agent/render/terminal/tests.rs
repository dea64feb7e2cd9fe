use glm_agent_tools::ToolOutput;
use serde_json::json;

use super::*;

const COLORS: Style = Style {
    color: true,
    links: false,
};

#[test]
fn calls_and_results_are_shown_and_escapes_are_not_obeyed() {
    let mut out = Vec::new();
    let mut terminal = Terminal::conversation(&mut out, Style::default());
    for kind in [
        EventKind::ToolCallRequested {
            id: "call_1".into(),
            name: "python".into(),
            arguments: json!("x = 1\nprint(x)"),
            allowed_by: None,
        },
        EventKind::ToolResult {
            id: "call_1".into(),
            name: "python".into(),
            status: Status::Ok,
            outside: false,
            output: ToolOutput::from("1\x1b[2J"),
        },
        EventKind::Denied {
            id: "call_2".into(),
            reason: "no".into(),
        },
    ] {
        terminal.event(&Event {
            seq: 0,
            time: jiff::Timestamp::UNIX_EPOCH,
            kind,
        });
    }
    terminal.delta(&Delta::Text("\nOne.".into()));
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "● python\n  │ x = 1\n  │ print(x)\n  ✓ 1[2J\n  ✗ no\nOne."
    );
}

fn result(artifacts: Vec<Artifact>) -> Event {
    Event {
        seq: 0,
        time: jiff::Timestamp::UNIX_EPOCH,
        kind: EventKind::ToolResult {
            id: "call_1".into(),
            name: "python".into(),
            status: Status::Ok,
            outside: false,
            output: ToolOutput {
                text: "done\nfiles: figure-1.png (28000 bytes)".into(),
                artifacts,
                ..ToolOutput::default()
            },
        },
    }
}

fn artifact(name: &str, size: u64) -> Artifact {
    Artifact {
        name: name.into(),
        media_type: "image/png".into(),
        size,
    }
}

#[test]
fn files_are_listed_and_lead_to_the_folder() {
    let files = vec![artifact("figure-1.png", 28_000), artifact("a\x1b[2J b", 3)];
    let mut out = Vec::new();
    let mut terminal = Terminal::progress(&mut out, Style::default());
    terminal.event(&result(files.clone()));
    let mut terminal = terminal.with_links("/s/files".into());
    terminal.event(&result(files));
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "  ✓ done\n    \
         figure-1.png  image/png  28 KB\n    \
         a[2J b  image/png  3 B\n  \
         ✓ done\n    \
         \x1b]8;;file:///s/files/figure-1.png\x1b\\figure-1.png\x1b]8;;\x1b\\  image/png  28 KB\n    \
         \x1b]8;;file:///s/files/a%1B[2J%20b\x1b\\a[2J b\x1b]8;;\x1b\\  image/png  3 B\n"
    );
}

#[test]
fn of_many_files_the_first_are_listed() {
    let mut out = Vec::new();
    let mut terminal = Terminal::progress(&mut out, Style::default());
    terminal.event(&result(
        (0..14).map(|n| artifact(&n.to_string(), 1)).collect(),
    ));
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.ends_with("    11  image/png  1 B\n    … 2 more files\n"),
        "{out}"
    );
}

fn call(id: &str) -> EventKind {
    EventKind::ToolCallRequested {
        id: id.into(),
        name: "python".into(),
        arguments: json!("work()"),
        allowed_by: None,
    }
}

fn ended(id: &str, status: Status, text: &str) -> EventKind {
    EventKind::ToolResult {
        id: id.into(),
        name: "python".into(),
        status,
        outside: false,
        output: ToolOutput::from(text),
    }
}

/// What comes out when events and what calls print are shown in this order.
fn shown(style: Style, happens: Vec<Result<EventKind, (&str, &str)>>) -> String {
    let mut out = Vec::new();
    let mut terminal = Terminal::progress(&mut out, style);
    for what in happens {
        match what {
            Ok(kind) => terminal.event(&Event {
                seq: 0,
                time: jiff::Timestamp::UNIX_EPOCH,
                kind,
            }),
            Err((id, text)) => terminal.progress(&id.into(), text),
        }
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn what_a_call_prints_is_shown_at_once_and_not_again() {
    for (printed, status, result, expected) in [
        (
            vec!["1\n", "2", "\n"],
            Status::Ok,
            "1\n2",
            "    1\n    2\n  ✓\n",
        ),
        (vec!["1"], Status::Ok, "1\n42", "    1\n  ✓ 42\n"),
        (vec!["1\n"], Status::Failed, "1\nOops", "    1\n  ✗ Oops\n"),
        (
            vec!["1\n"],
            Status::Error,
            "error: late",
            "    1\n  ✗ error: late\n",
        ),
        (vec![], Status::Ok, "", "  ✓ (no output)\n"),
    ] {
        let mut happens = vec![Ok(call("call_1"))];
        happens.extend(printed.into_iter().map(|text| Err(("call_1", text))));
        happens.push(Ok(ended("call_1", status, result)));
        let expected = format!("● python\n  │ work()\n{expected}");
        assert_eq!(shown(Style::default(), happens), expected);
    }
    let happens = vec![
        Ok(call("call_1")),
        Err(("call_1", "1\n")),
        Ok(ended("call_1", Status::Ok, "1")),
    ];
    assert_eq!(
        shown(COLORS, happens),
        "● \x1b[1mpython\x1b[0m\n  │ work()\n\x1b[2m    1\x1b[0m\n\x1b[2m  ✓\x1b[0m\n"
    );
}

#[test]
fn what_several_calls_print_is_told_apart() {
    let happens = vec![
        Ok(call("call_1")),
        Ok(call("call_2")),
        Err(("call_2", "a")),
        Err(("call_2", "b")),
        Err(("call_1", "one\ntwo")),
        Err(("call_2", "c\n")),
        Ok(ended("call_2", Status::Ok, "abc")),
        Ok(ended("call_1", Status::Ok, "one\ntwo")),
        Ok(call("call_3")),
        Ok(ended("call_3", Status::Ok, "3")),
    ];
    insta::assert_snapshot!(shown(Style::default(), happens));
}

#[test]
fn thoughts_are_set_apart() {
    let mut out = Vec::new();
    let mut terminal = Terminal::conversation(&mut out, COLORS);
    terminal.delta(&Delta::Reasoning("Two".into()));
    terminal.delta(&Delta::Reasoning(" it is.".into()));
    terminal.delta(&Delta::Text("\nTwo.".into()));
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "\x1b[2mTwo\x1b[0m\x1b[2m it is.\x1b[0m\n\nTwo."
    );
}

#[test]
fn marks_become_numbers_as_the_words_come_and_what_they_cite_is_listed() {
    let page = glm_agent_tools::Citation {
        mark: "7".into(),
        title: "Weather\u{1b}[2J".into(),
        url: "https://w.test/".into(),
    };
    let mut earlier = result(vec![]);
    if let EventKind::ToolResult { output, .. } = &mut earlier.kind {
        output.citations.push(page);
    }
    let mut out = Vec::new();
    let style = Style {
        links: true,
        ..Style::default()
    };
    let mut terminal = Terminal::conversation(&mut out, style).after(&[earlier]);
    for piece in ["\nSunny", "【7", "†sou", "rce】【", "9】 and `【7】`", "."] {
        terminal.delta(&Delta::Text(piece.into()));
    }
    terminal.event(&Event {
        seq: 0,
        time: jiff::Timestamp::UNIX_EPOCH,
        kind: EventKind::ModelTurn {
            segments: vec![],
            errors: vec![],
            raw: String::new(),
            finish: glm_agent_model::Finish::Stop,
            usage: glm_agent_model::Usage::default(),
            cost: None,
            limit: None,
            result_chars: None,
        },
    });
    let link = |text| format!("\x1b]8;;https://w.test/\x1b\\{text}\x1b]8;;\x1b\\");
    assert_eq!(
        String::from_utf8(out).unwrap(),
        format!(
            "Sunny{}[?] and `【7】`.\n  [1] {} <https://w.test/>\n  \
             [?] cites what no result showed: 【9】\n",
            link("[1]"),
            link("Weather [2J"),
        )
    );
}
