use super::*;
use proptest::prelude::*;
use serde_json::json;

use crate::{ToolSpec, profile::Reasoning, properties, transcript};

/// Every conversation of a file of renderings, in both variants.
fn matches(file: &str, profile: &str, variant: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/glm4/");
    let text = std::fs::read_to_string(format!("{path}{file}")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(!cases.is_empty());
    let mut profile = Profile::by_name(profile).unwrap().clone();
    if variant == "prompt_transformers"
        && let Syntax::Lines(syntax) = &mut profile.syntax
    {
        syntax.tools.before_name = "\n## ";
    }
    for case in cases {
        let mut conversation = transcript::read(&case).unwrap();
        conversation.skip_thoughts = case["enable_thinking"] == false;
        let pieces = if case["add_generation_prompt"] == true {
            render(&profile, &conversation)
        } else {
            render_past(&profile, &conversation)
        };
        assert_eq!(
            to_text(&pieces),
            case[variant].as_str().unwrap(),
            "{}",
            case["name"]
        );
    }
}

#[test]
fn glm4_renders_as_its_template_does() {
    matches("renderings.json", "glm4", "prompt");
    matches("renderings.json", "glm4-hf", "prompt_transformers");
    matches("renderings_tools_in_place.json", "glm4", "prompt");
    let variant = "prompt_transformers";
    matches("renderings_tools_in_place.json", "glm4-hf", variant);
}

#[test]
fn where_all_tools_stand_first_those_of_later_messages_do_too() {
    let later = json!([
        {"role": "user", "content": "Hi", "tools": [{"type": "python"}]},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "?", "tools": [{"name": "f"}]},
    ]);
    let first = json!({
        "tools": [{"type": "python"}, {"type": "function", "function": {"name": "f"}}],
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "?"},
        ],
    });
    for profile in ["glm4-0414", "glm-z1", "glm4.5", "glm4.7"] {
        let profile = Profile::by_name(profile).unwrap();
        let pieces = |value| render(profile, &transcript::read(value).unwrap());
        assert_eq!(pieces(&later), pieces(&first), "{}", profile.name());
    }
}

#[test]
fn the_demo_says_who_it_is_and_which_day_it_is() {
    let user = Message::User {
        content: "Hi".into(),
    };
    let mut conversation = Conversation {
        messages: vec![user],
        date: Some("2024-06-05".into()),
        ..Conversation::default()
    };
    let text = |conversation: &Conversation| {
        to_text(&render(
            Profile::by_name("glm4-demo").unwrap(),
            conversation,
        ))
    };
    let introduction = "[gMASK]<sop><|system|>\n你是一个名为 GLM-4 的人工智能助手。你是基于智谱AI训练的语言模型 GLM-4 模型开发的，你的任务是针对用户的问题和要求提供适当的答复和支持。\n\n当前日期: 2024-06-05";
    let end = "<|user|>\nHi<|assistant|>";
    assert_eq!(text(&conversation), format!("{introduction}{end}"));
    conversation
        .tools
        .push(ToolSpec::function("f", "Does f", json!({})));
    assert_eq!(
        text(&conversation),
        format!(
            "{introduction}\n\n# 可用工具\n\n## f\n\n{{\n    \"name\": \"f\",\n    \"description\": \"Does f\",\n    \"parameters\": {{}}\n}}\n在调用上述函数时，请使用 Json 格式表示调用的参数。{end}"
        )
    );
    // The others do not tell the date.
    let pieces = |c| render(Profile::by_name("glm4").unwrap(), c);
    let undated = Conversation {
        date: None,
        ..conversation.clone()
    };
    assert_eq!(pieces(&conversation), pieces(&undated));
}

#[test]
fn thoughts_are_switched_off_where_there_is_a_switch() {
    let switched: Vec<&str> = Profile::names()
        .filter(|name| Profile::by_name(name).unwrap().without_thoughts().is_ok())
        .collect();
    assert_eq!(switched, ["glm4.5", "glm4.7"]);
    let error = Profile::by_name("glm-z1").unwrap().without_thoughts();
    assert_eq!(
        error.unwrap_err().to_string(),
        "the profile `glm-z1` has no switch for thoughts\nhint: glm4.5, glm4.7 have one"
    );
}

#[test]
fn glm4_0414_renders_as_its_template_does() {
    matches("renderings_0414.json", "glm4-0414", "prompt");
    matches("renderings_0414.json", "glm4-0414", "prompt_transformers");
}

#[test]
fn glm45_and_glm47_render_as_their_templates_do() {
    matches("renderings_glm4.5.json", "glm4.5", "prompt");
    matches("renderings_glm4.7.json", "glm4.7", "prompt");
}

#[test]
fn z1_thinks_first_and_forgets_its_thoughts() {
    let thoughts = Segment::Reasoning {
        text: "Easy.".into(),
    };
    let conversation = Conversation {
        messages: vec![
            Message::User {
                content: "2 + 2?".into(),
            },
            Message::Assistant {
                segments: vec![thoughts, Segment::text("4")],
            },
            Message::User {
                content: "Sure?".into(),
            },
            Message::System {
                content: "Be brief.".into(),
            },
        ],
        ..Conversation::default()
    };
    let pieces = render(Profile::by_name("glm-z1").unwrap(), &conversation);
    assert_eq!(
        to_text(&pieces),
        "[gMASK]<sop><|system|>\nBe brief.<|user|>\n2 + 2?<|assistant|>\n4<|user|>\nSure?\
         <|assistant|>\n<think>"
    );
}

#[test]
fn edge_has_no_prefix_and_base_no_turns() {
    let conversation = Conversation {
        messages: vec![Message::User {
            content: "Once upon".into(),
        }],
        ..Conversation::default()
    };
    let text = |name| to_text(&render(Profile::by_name(name).unwrap(), &conversation));
    assert_eq!(text("glm-edge"), "<|user|>\nOnce upon<|assistant|>");
    assert_eq!(text("base"), "[gMASK]<sop>Once upon");
}

proptest! {
    #[test]
    fn a_text_cannot_open_a_turn(
        parts in prop::collection::vec((any::<u8>(), text(), text()), 0..6),
        profile in prop::sample::select(Profile::names().collect::<Vec<_>>()),
    ) {
        let profile = Profile::by_name(profile).unwrap();
        properties::texts_make_no_special_token(profile, &parts);
    }
}

/// What a model writes: words, and calls in the syntax of its profile.
fn reply(syntax: &Syntax, words: Option<String>, cities: &[String]) -> String {
    let mut parts = Vec::new();
    match syntax {
        Syntax::Tagged(tagged) => {
            let newline = tagged.newline;
            let words = words.map(|words| format!("{newline}{words}"));
            parts.push(words.unwrap_or_default());
            parts.extend(cities.iter().map(|city| {
                format!(
                    "{newline}<tool_call>get_weather{newline}<arg_key>city</arg_key>{newline}\
                     <arg_value>{city}</arg_value>{newline}</tool_call>"
                )
            }));
            parts.concat()
        }
        Syntax::Lines(lines) => {
            // Some templates write a space that models leave out.
            let after = lines.after_call_name;
            parts.extend(words.map(|words| format!("\n{words}")));
            parts.extend(cities.iter().map(|city| {
                let city = Value::from(city.as_str());
                format!("get_weather{after}\n{{\"city\": {city}}}")
            }));
            parts.join("<|assistant|>")
        }
        Syntax::Completion | Syntax::Messages => String::new(),
    }
}

proptest! {
    #[test]
    fn a_session_only_grows(
        words in prop::option::of("[A-Z][a-zü{ \n\"]{0,20}[a-z.]"),
        // What no tag ends, nor a word of JSON.
        cities in prop::collection::vec("[A-Z][a-zü\"\\\\ ]{0,9}[a-z]", 0..3),
        task in text(),
        profile in prop::sample::select(Profile::names().collect::<Vec<_>>()),
    ) {
        let profile = Profile::by_name(profile).unwrap();
        let end = if cities.is_empty() { "<|user|>" } else { "<|observation|>" };
        let words = match words {
            None if cities.is_empty() => Some("Hello".to_owned()),
            words => words,
        };
        let raw = reply(&profile.syntax, words, &cities);
        let thoughts = match profile.reasoning {
            None => String::new(),
            // A new question makes these profiles forget the thoughts.
            Some(Reasoning { kept, .. }) if !kept || cities.is_empty() => return Ok(()),
            Some(Reasoning { begun, .. }) if begun.ends_with(Reasoning::OPEN) => "So.</think>".to_owned(),
            Some(_) => "\n<think>So.</think>".to_owned(),
        };
        if profile.takes_tools() {
            let conversation = Conversation {
                tools: properties::tools(),
                messages: vec![Message::User { content: task }],
                ..Conversation::default()
            };
            properties::a_prompt_goes_on_where_the_reply_ended(
                profile,
                conversation,
                &(thoughts + &raw),
                end,
            );
        }
    }
}

/// Texts that look like turns, among them empty ones.
fn text() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "<|observation|>\n",
        "<|assistant|>",
        "<|user|>",
        "[gMASK]",
        "<|endoftext|>",
        "</tool_response><tool_call>",
        "</think>",
        "/nothink",
        "plain",
        "\n",
    ]);
    prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
}

#[test]
fn smol_glm_is_told_of_tools_in_english() {
    let conversation = Conversation {
        tools: vec![
            ToolSpec::Python,
            ToolSpec::function("f", "Does f", json!({"type": "object"})),
        ],
        messages: vec![Message::User {
            content: "Hi".into(),
        }],
        ..Conversation::default()
    };
    let pieces = render(Profile::by_name("smol-glm").unwrap(), &conversation);
    insta::assert_snapshot!(to_text(&pieces));
}

#[test]
fn a_text_with_special_tokens_is_read_back() {
    let profile = Profile::by_name("glm4.5").unwrap();
    let text = "[gMASK]<sop><|user|>\né <|us<think>x</think><tool_call>f";
    let pieces = from_text(profile, text);
    let text_of = |text: &str| Piece::Text(text.to_owned());
    let expected = [
        Piece::Special("[gMASK]"),
        Piece::Special("<sop>"),
        Piece::Special("<|user|>"),
        text_of("\né <|us"),
        Piece::Tag("<think>"),
        text_of("x"),
        Piece::Tag("</think>"),
        Piece::Tag("<tool_call>"),
        text_of("f"),
    ];
    assert_eq!(pieces, expected);
    assert_eq!(to_text(&pieces), text);
    assert_eq!(from_text(profile, ""), []);
}
