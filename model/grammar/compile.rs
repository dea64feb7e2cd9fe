//! Whether the engine can follow a grammar, found out before it is asked to.
//!
//! A schema may hold what llguidance cannot express: a reference to nowhere, a
//! pattern with look-around, a type that nothing satisfies. Such a tool still
//! works: its arguments are constrained to an object, and validated afterwards.

use std::sync::{Arc, OnceLock};

use llguidance::{
    Matcher, ParserFactory,
    api::TopLevelGrammar,
    toktrie::{ApproximateTokEnv, TokRxInfo, TokTrie},
};
use serde_json::{Map, Value};

use super::lark;
use crate::{
    Profile, ToolChoice, ToolSpec,
    profile::{ASSISTANT, END_OF_TEXT, OBSERVATION, SYSTEM, USER},
};

/// The special tokens that a grammar may name.
const SPECIAL: [&str; 5] = [END_OF_TEXT, SYSTEM, USER, ASSISTANT, OBSERVATION];

/// The tools, with the schema of each that no grammar can express replaced by
/// that of any object.
pub fn expressible(profile: &Profile, tools: &[ToolSpec]) -> Vec<ToolSpec> {
    tools
        .iter()
        .map(|tool| {
            let ToolSpec::Function { function } = tool else {
                return tool.clone();
            };
            match compiles(profile, tool) {
                Ok(()) => tool.clone(),
                Err(reason) => {
                    tracing::warn!(
                        "the schema of `{}` cannot be enforced while the model writes: {reason}; \
                         its arguments are checked afterwards",
                        function.name()
                    );
                    let any = Value::Object(Map::from_iter([(
                        "additionalProperties".to_owned(),
                        Value::Bool(true),
                    )]));
                    ToolSpec::function(function.name(), "", any)
                }
            }
        })
        .collect()
}

/// The schema of an answer, if a grammar can express it.
pub fn expressible_answer<'a>(profile: &Profile, schema: Option<&'a Value>) -> Option<&'a Value> {
    let schema = schema?;
    let grammar = lark(profile, &[], &ToolChoice::None, Some(schema)).ok()??;
    match matcher(&grammar) {
        Ok(_) => Some(schema),
        Err(reason) => {
            tracing::warn!(
                "the answer's schema cannot be enforced while the model writes: {reason}; it is \
                 checked afterwards"
            );
            None
        }
    }
}

/// Whether calls of this tool can be constrained, and why not.
fn compiles(profile: &Profile, tool: &ToolSpec) -> Result<(), String> {
    let tools = std::slice::from_ref(tool);
    let grammar = lark(profile, tools, &ToolChoice::Required, None).map_err(|e| e.to_string())?;
    matcher(&grammar.unwrap_or_default()).map(drop)
}

/// A grammar ready to judge tokens: bytes, and then [`SPECIAL`].
fn matcher(grammar: &str) -> Result<Matcher, String> {
    let factory = factory().map_err(|error| (*error).to_owned())?;
    let grammar = TopLevelGrammar::from_lark(grammar.to_owned());
    let parser = factory.create_parser(grammar).map_err(first_line)?;
    let mut matcher = Matcher::new(Ok(parser));
    // What nothing satisfies shows when the first token is asked for.
    matcher.compute_mask().map_err(first_line)?;
    Ok(matcher)
}

fn first_line(error: impl ToString) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

fn factory() -> Result<&'static ParserFactory, &'static String> {
    static FACTORY: OnceLock<Result<ParserFactory, String>> = OnceLock::new();
    FACTORY
        .get_or_init(|| {
            let bytes = (0..=255).map(|byte| vec![byte]);
            let special = SPECIAL.iter().map(|name| {
                let mut word = vec![TokTrie::SPECIAL_TOKEN_MARKER];
                word.extend_from_slice(name.as_bytes());
                word
            });
            let words: Vec<Vec<u8>> = bytes.chain(special).collect();
            let info = TokRxInfo::new(words.len() as u32, 256);
            let tokens = ApproximateTokEnv::new(TokTrie::from(&info, &words));
            let mut factory =
                ParserFactory::new_simple(&(Arc::new(tokens) as _)).map_err(first_line)?;
            factory.quiet();
            Ok(factory)
        })
        .as_ref()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tools() -> Vec<ToolSpec> {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"enum": ["C", "F"]},
                "days": {"type": "integer", "minimum": 1},
                "at": {"$ref": "#/$defs/place"},
            },
            "required": ["city"],
            "$defs": {"place": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
        });
        let none = json!({"type": "object", "properties": {}});
        vec![
            ToolSpec::function("get_weather", "Weather", schema),
            ToolSpec::function("clock", "Time", none),
            ToolSpec::Python,
        ]
    }

    /// Whether the grammar takes a whole reply, special tokens included.
    fn takes(profile: &str, choice: &ToolChoice, reply: &str) -> bool {
        let profile = Profile::by_name(profile).unwrap();
        let grammar = lark(profile, &tools(), choice, None).unwrap().unwrap();
        follows(&grammar, reply)
    }

    fn follows(grammar: &str, reply: &str) -> bool {
        let mut matcher = matcher(grammar).unwrap();
        let mut rest = reply;
        while !rest.is_empty() {
            let special = SPECIAL.iter().position(|name| rest.starts_with(name));
            let (token, length) = match special {
                Some(index) => (256 + index as u32, SPECIAL[index].len()),
                None => (u32::from(rest.as_bytes()[0]), 1),
            };
            if !matches!(matcher.try_consume_tokens(&[token]), Ok(1)) {
                return false;
            }
            // Within a character of several bytes there is no text to look at.
            if special.is_none() && !rest.is_char_boundary(length) {
                let character = rest.chars().next().unwrap().len_utf8();
                let more: Vec<u32> = rest.as_bytes()[1..character]
                    .iter()
                    .map(|b| u32::from(*b))
                    .collect();
                if !matches!(matcher.try_consume_tokens(&more), Ok(n) if n == more.len()) {
                    return false;
                }
                rest = &rest[character..];
            } else {
                rest = &rest[length..];
            }
        }
        matcher.is_accepting().unwrap()
    }

    fn judges(profile: &str, choice: &ToolChoice, taken: &[&str], refused: &[&str]) {
        for reply in taken {
            assert!(
                takes(profile, choice, reply),
                "{profile} {choice:?}: {reply:?}"
            );
        }
        for reply in refused {
            assert!(
                !takes(profile, choice, reply),
                "{profile} {choice:?}: {reply:?}"
            );
        }
    }

    #[test]
    fn an_answer_fits_its_schema_or_is_not_written() {
        let schema = json!({
            "type": "object",
            "properties": {"temp": {"type": "number"}, "sky": {"enum": ["clear", "grey"]}},
            "required": ["temp"],
        });
        for (profile, call) in [
            ("glm4", "clock\n{}<|observation|>"),
            (
                "glm4.5",
                "\n<think>Now.</think>\n<tool_call>clock\n</tool_call><|observation|>",
            ),
        ] {
            let profile = Profile::by_name(profile).unwrap();
            let grammar = lark(profile, &tools(), &ToolChoice::Auto, Some(&schema));
            let grammar = grammar.unwrap().unwrap();
            for (reply, is_taken) in [
                ("\n{\"temp\": 21.5, \"sky\": \"grey\"}<|user|>", true),
                ("\n{\"temp\": 1}<|user|>", true),
                (call, true),
                ("\n{\"sky\": \"grey\"}<|user|>", false),
                ("\n{\"temp\": \"warm\"}<|user|>", false),
                ("\n{\"temp\": 1} or so<|user|>", false),
                ("\nIt is 21 degrees.<|user|>", false),
            ] {
                assert_eq!(follows(&grammar, reply), is_taken, "{reply:?}");
            }
        }
        let odd = json!({"$ref": "#/nowhere"});
        let profile = Profile::by_name("glm4").unwrap();
        assert_eq!(expressible_answer(profile, Some(&odd)), None);
        assert_eq!(expressible_answer(profile, Some(&schema)), Some(&schema));
    }

    #[test]
    fn glm4_calls_are_valid_or_not_written() {
        let call = "get_weather\n{\"city\": \"Pär<|is\", \"unit\": \"C\", \"days\": 2, \"at\": {\"x\": 1.5}}";
        judges(
            "glm4",
            &ToolChoice::Auto,
            &[
                "\nHello <b>.<|user|>",
                &format!("{call}<|observation|>"),
                &format!("\nI look.<|assistant|>{call}<|assistant|>clock\n{{}}<|observation|>"),
                "python\nif a < b:\n    print(1)<|observation|>",
            ],
            &[
                "get_weather\n{}<|observation|>",
                "get_weather\n{\"city\": 1}<|observation|>",
                "get_weather\n{\"city\": \"P\", \"unit\": \"K\"}<|observation|>",
                "get_weather\n{\"city\": \"P\", \"more\": 1}<|observation|>",
                "get_weather\n{\"city\": \"P\"}<|user|>",
                "get_weather\n{\"city\":\n\"P\"}<|observation|>",
                "get_wether\n{\"city\": \"P\"}<|observation|>",
                "Hello",
            ],
        );
        judges(
            "glm4",
            &ToolChoice::None,
            &["\nHello<|user|>"],
            &["clock\n{}<|observation|>"],
        );
        let python = ToolChoice::Tool("python".into());
        judges(
            "glm4",
            &python,
            &["python\n1<|observation|>"],
            &["\nHello<|user|>", "clock\n{}<|observation|>"],
        );
    }

    #[test]
    fn tagged_calls_are_valid_or_not_written() {
        let call = "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>P \"ä\"</arg_value>\n<arg_key>unit</arg_key>\n<arg_value>C</arg_value>\n<arg_key>at</arg_key>\n<arg_value>{\"x\": 1}</arg_value>\n</tool_call>";
        let clock = "<tool_call>clock\n</tool_call>";
        judges(
            "glm4.5",
            &ToolChoice::Auto,
            &[
                "\n<think>Easy</think>\nHello.<|user|>",
                "\nHello.<|user|>",
                &format!(
                    "\n<think>Or <tool_call>?</think>\nI look.\n{call}\n{clock}<|observation|>"
                ),
            ],
            &[
                "<tool_call>nope\n</tool_call><|observation|>",
                "<tool_call>get_weather\n</tool_call><|observation|>",
                &format!("{clock}<|user|>"),
                "\nHello <tool_call><|user|>",
                "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>P</arg_value>\n<arg_key>days</arg_key>\n<arg_value>x</arg_value>\n</tool_call><|observation|>",
            ],
        );
        judges(
            "glm4.7",
            &ToolChoice::Required,
            &[
                "Two.</think><tool_call>clock</tool_call><tool_call>python<arg_key>code</arg_key><arg_value>1</arg_value></tool_call><|observation|>",
            ],
            &[
                "Two.</think>Hello<|user|>",
                "<tool_call>clock</tool_call><|observation|>",
            ],
        );
    }

    #[test]
    fn a_chosen_tool_is_called_at_once() {
        let clock = ToolChoice::Tool("clock".into());
        judges(
            "glm4.5",
            &clock,
            &[
                "\n<think>Now.</think>\n<tool_call>clock\n</tool_call><|observation|>",
                "<tool_call>clock\n</tool_call>\n<tool_call>clock\n</tool_call><|observation|>",
            ],
            &[
                "\nHello.\n<tool_call>clock\n</tool_call><|observation|>",
                "\nHello.<|user|>",
                "<tool_call>python\n<arg_key>code</arg_key>\n<arg_value>1</arg_value>\n</tool_call><|observation|>",
            ],
        );
    }

    #[test]
    fn z1_thinks_and_then_calls() {
        judges(
            "glm-z1",
            &ToolChoice::Auto,
            &[
                "\nHm.\n</think>\nHello.<|user|>",
                "\nHm.</think>clock\n{}<|observation|>",
                "</think>\nclock\n{}<|observation|>",
            ],
            &[
                "\nHello.<|user|>",
                "</think>clock\n{\"a\": 1}<|observation|>",
            ],
        );
    }

    /// A value that the keyword allows, and one that it does not.
    fn enforces(keyword: Value, good: &str, bad: &str) -> (bool, bool) {
        let mut schema = json!({"type": "object", "properties": {"a": keyword}, "required": ["a"]});
        if let Some(more) = schema["properties"]["a"]
            .as_object_mut()
            .unwrap()
            .remove("above")
        {
            schema
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
        }
        let tool = ToolSpec::function("t", "T", schema);
        let profile = Profile::by_name("glm4").unwrap();
        let tools = expressible(profile, &[tool]);
        let grammar = lark(profile, &tools, &ToolChoice::Required, None)
            .unwrap()
            .unwrap();
        let takes = |value: &str| {
            let mut matcher = matcher(&grammar).unwrap();
            let call = format!("t\n{{\"a\": {value}}}");
            let tokens: Vec<u32> = call.bytes().map(u32::from).collect();
            matches!(matcher.try_consume_tokens(&tokens), Ok(n) if n == tokens.len())
        };
        (takes(good), !takes(bad))
    }

    #[test]
    fn keywords_are_enforced_while_the_model_writes() {
        for (keyword, good, bad) in [
            (json!({"type": "boolean"}), "true", "1"),
            (json!({"type": ["integer", "null"]}), "null", "\"a\""),
            (json!({"const": 3}), "3", "4"),
            (json!({"enum": ["a", 1]}), "1", "2"),
            (
                json!({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}),
                "1",
                "\"a\"",
            ),
            (
                json!({"oneOf": [{"type": "integer"}, {"type": "boolean"}]}),
                "1",
                "\"a\"",
            ),
            (
                json!({"allOf": [{"type": "integer"}, {"minimum": 3}]}),
                "3",
                "2",
            ),
            (
                json!({"$ref": "#/$defs/n", "above": {"$defs": {"n": {"type": "integer"}}}}),
                "1",
                "\"a\"",
            ),
            (json!({"type": "string", "minLength": 2}), "\"ab\"", "\"a\""),
            (
                json!({"type": "string", "maxLength": 2}),
                "\"ab\"",
                "\"abc\"",
            ),
            (
                json!({"type": "string", "pattern": "^[ab]+$"}),
                "\"ab\"",
                "\"c\"",
            ),
            (
                json!({"type": "string", "format": "date"}),
                "\"2024-02-29\"",
                "\"2024-02-30\"",
            ),
            (json!({"type": "integer", "minimum": 3}), "3", "2"),
            (json!({"type": "integer", "maximum": 3}), "3", "4"),
            (json!({"type": "number", "exclusiveMinimum": 3}), "3.5", "3"),
            (json!({"type": "number", "exclusiveMaximum": 3}), "2.5", "3"),
            (json!({"type": "integer", "multipleOf": 5}), "15", "16"),
            (
                json!({"type": "array", "items": {"type": "integer"}}),
                "[1]",
                "[true]",
            ),
            (
                json!({"type": "array", "prefixItems": [{"type": "integer"}]}),
                "[1]",
                "[true]",
            ),
            (json!({"type": "array", "minItems": 1}), "[1]", "[]"),
            (json!({"type": "array", "maxItems": 1}), "[1]", "[1, 2]"),
            (
                json!({"type": "object", "properties": {"b": {}}, "required": ["b"]}),
                "{\"b\": 1}",
                "{}",
            ),
            (
                json!({"type": "object", "additionalProperties": {"type": "integer"}}),
                "{\"b\": 1}",
                "{\"b\": true}",
            ),
            (
                json!({"type": "object", "patternProperties": {"^b": {"type": "integer"}}, "additionalProperties": false}),
                "{\"b\": 1}",
                "{\"c\": 1}",
            ),
            (
                json!({"type": "object", "minProperties": 1}),
                "{\"b\": 1}",
                "{}",
            ),
            (
                json!({"type": "object", "maxProperties": 1}),
                "{\"b\": 1}",
                "{\"b\": 1, \"c\": 1}",
            ),
        ] {
            assert_eq!(
                enforces(keyword.clone(), good, bad),
                (true, true),
                "{keyword}"
            );
        }
    }

    #[test]
    fn other_keywords_are_left_for_the_check_afterwards() {
        for (keyword, good, bad) in [
            (json!({"type": "integer", "not": {"const": 3}}), "4", "3"),
            (
                json!({"type": "integer", "if": {"minimum": 3}, "then": {"maximum": 4}}),
                "4",
                "5",
            ),
            (
                json!({"oneOf": [{"type": "integer"}, {"type": "number"}]}),
                "1.5",
                "1",
            ),
            (
                json!({"type": "string", "format": "regex"}),
                "\"a\"",
                "\"(\"",
            ),
            (
                json!({"type": "array", "uniqueItems": true}),
                "[1, 2]",
                "[1, 1]",
            ),
            (
                json!({"type": "array", "contains": {"const": 1}}),
                "[1]",
                "[2]",
            ),
            (
                json!({"type": "object", "propertyNames": {"pattern": "^b"}}),
                "{\"b\": 1}",
                "{\"c\": 1}",
            ),
            (
                json!({"type": "object", "dependentRequired": {"b": ["c"]}}),
                "{\"b\": 1, \"c\": 1}",
                "{\"b\": 1}",
            ),
        ] {
            assert_eq!(
                enforces(keyword.clone(), good, bad),
                (true, false),
                "{keyword}"
            );
        }
    }

    #[test]
    fn a_schema_beyond_reach_is_loosened_and_no_other() {
        for schema in [
            json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/nowhere"}}}),
            json!({"type": "object", "properties": {"a": {"$ref": "https://example.com/schema"}}}),
            json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)y"}}}),
            json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 2, "maximum": 1}}, "required": ["a"]}),
        ] {
            let hard = ToolSpec::function("hard", "Hard", schema.clone());
            for name in ["glm4", "glm4.5"] {
                let profile = Profile::by_name(name).unwrap();
                let mut tools = tools();
                tools.push(hard.clone());
                let loosened = expressible(profile, &tools);
                assert_eq!(loosened[..3], tools[..3]);
                let grammar = lark(profile, &loosened, &ToolChoice::Auto, None).unwrap();
                assert!(matcher(&grammar.unwrap()).is_ok(), "{name}: {schema}");
            }
            let profile = Profile::by_name("glm4").unwrap();
            let loosened = expressible(profile, &[hard]);
            let any = json!({"additionalProperties": true});
            assert_eq!(loosened, [ToolSpec::function("hard", "", any)], "{schema}");
        }
    }
}
