//! Tool schemas turned into a decoding constraint: a reply is a valid call of
//! a tool on offer, or text that is none; never a malformed call.
//!
//! The grammar is in llguidance's dialect of Lark. It names the special tokens
//! that end a reply, because under a constraint the engine allows no others.
//! GLM-4 begins words with a newline, so that the first token decides between
//! words and a call.
//!
//! # Which keywords of JSON Schema are enforced
//!
//! While the model writes: `type`, `const`, `enum`, `anyOf`, `oneOf` (as if it
//! were `anyOf`), `allOf`, `$ref` within the schema, `properties`, `required`,
//! `additionalProperties`, `patternProperties`, `minProperties`,
//! `maxProperties`, `items`, `prefixItems`, `minItems`, `maxItems`,
//! `minLength`, `maxLength`, `pattern` (without look-around), `format` (dates,
//! times, durations, addresses, UUIDs, URIs), `minimum`, `maximum`,
//! `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`. Properties come in the
//! schema's order, and those that it does not name are left out unless it has
//! `additionalProperties`.
//!
//! All others are checked when the call is complete, before the tool runs:
//! `not`, `if`, `uniqueItems`, `contains`, `propertyNames`, `dependentRequired`
//! and the like. So are texts in GLM-4.5's syntax, which writes them without
//! quotes, and a whole schema that cannot be turned into a grammar.

#[cfg(feature = "local")]
pub(crate) mod compile;
mod tagged;

use serde_json::{Map, Value, json};

use crate::{
    Error, Profile, ToolChoice, ToolSpec,
    profile::{ASSISTANT, OBSERVATION, Reasoning, Syntax, USER},
};

/// The most calls in one reply.
const MOST_CALLS: usize = 8;
/// Subschemas nested deeper than this are taken as they are.
const MAX_DEPTH: usize = 32;

/// The constraint on a reply, or `None` where there is nothing to constrain. With
/// the schema of an `answer`, words are JSON that fits it, and nothing stands before
/// a call.
///
/// # Errors
/// When the choice names a tool that is not on offer, or asks for a call and
/// none is.
pub fn lark(
    profile: &Profile,
    tools: &[ToolSpec],
    choice: &ToolChoice,
    answer: Option<&Value>,
) -> Result<Option<String>, Error> {
    let offered: Vec<&ToolSpec> = match choice {
        ToolChoice::None => Vec::new(),
        ToolChoice::Tool(name) => tools.iter().filter(|tool| tool.name() == name).collect(),
        ToolChoice::Auto | ToolChoice::Required => tools.iter().collect(),
    };
    let start = match choice {
        ToolChoice::Auto if offered.is_empty() && answer.is_none() => return Ok(None),
        ToolChoice::Auto if offered.is_empty() => "words",
        ToolChoice::Auto if answer.is_some() => "words | calls",
        ToolChoice::Auto => "words | calls | thought calls",
        ToolChoice::None => "words",
        ToolChoice::Required | ToolChoice::Tool(_) if offered.is_empty() => {
            return Err(Error::NoSuchTool {
                name: match choice {
                    ToolChoice::Tool(name) => name.clone(),
                    _ => "any".to_owned(),
                },
            });
        }
        ToolChoice::Required if answer.is_some() => "calls",
        ToolChoice::Required => "calls | thought calls",
        ToolChoice::Tool(_) => "calls",
    };
    match &profile.syntax {
        Syntax::Tagged(syntax) => {
            let reasoning = profile.reasoning.as_ref();
            let grammar = tagged::lark(syntax, reasoning, &offered, choice, answer);
            return Ok(Some(grammar));
        }
        // A server's affair.
        Syntax::Messages => return Ok(None),
        // It has no turns that a grammar could tell apart.
        Syntax::Completion if answer.is_some() => return Ok(None),
        Syntax::Completion | Syntax::Lines(_) => {}
    }
    let mut grammar = match profile.reasoning {
        None => format!("start: {start}\n"),
        // The prompt has begun the thoughts.
        Some(_) => format!(
            "start: thoughts ({start})\nthoughts[lazy]: /(?s:.*)/ \"{}\"\n",
            Reasoning::CLOSE
        ),
    };
    grammar += &match answer {
        None => format!("words: TEXT {USER}\n"),
        Some(schema) => format!("words: \"\\n\" %json {} {USER}\n", plain(schema)),
    };
    if !offered.is_empty() {
        let names: Vec<String> = (0..offered.len()).map(|n| format!("call_{n}")).collect();
        grammar += &format!(
            "{}calls: call ({ASSISTANT} call){{0,{}}} {OBSERVATION}\n\
             call: {}\n",
            match answer {
                None => format!("thought: TEXT {ASSISTANT}\n"),
                Some(_) => String::new(),
            },
            MOST_CALLS - 1,
            names.join(" | ")
        );
    }
    for (index, tool) in offered.iter().enumerate() {
        // Lazy: where a name could also begin words, it begins a call.
        let name = regex::escape(tool.name()).replace('/', "\\/");
        let body = match tool {
            ToolSpec::Function { function } => {
                format!("%json {}", constrained(function.parameters()))
            }
            ToolSpec::Python | ToolSpec::SimpleBrowser | ToolSpec::Cogview => "RAW".to_owned(),
        };
        grammar +=
            &format!("call_{index}: name_{index} {body}\nname_{index}[lazy]: /\\n?{name}\\n/\n");
    }
    if answer.is_none() {
        grammar += "TEXT: /\\n(?s:.*)/\n";
    }
    if offered.iter().any(|tool| tool.takes_text()) {
        grammar += "RAW: /(?s:.+)/\n";
    }
    Ok(Some(grammar))
}

/// A schema as the grammar wants it: written as GLM-4 writes JSON, without
/// properties that the schema does not name.
fn constrained(parameters: Option<&Value>) -> Value {
    let mut schema = match parameters {
        Some(Value::Object(schema)) => schema.clone(),
        _ => Map::new(),
    };
    schema.entry("type").or_insert_with(|| "object".into());
    close(&mut schema, 0);
    written_plainly(schema)
}

/// The schema of an answer as the grammar wants it.
fn plain(schema: &Value) -> Value {
    match schema {
        Value::Object(schema) => {
            let mut schema = schema.clone();
            close(&mut schema, 0);
            written_plainly(schema)
        }
        // `true`: any JSON.
        _ => written_plainly(Map::new()),
    }
}

/// Has JSON written as GLM-4 writes it.
fn written_plainly(mut schema: Map<String, Value>) -> Value {
    schema.insert(
        "x-guidance".into(),
        json!({
            "whitespace_flexible": false,
            "item_separator": ", ",
            "key_separator": ": ",
            "coerce_one_of": true,
            "lenient": true,
        }),
    );
    Value::Object(schema)
}

/// Forbids properties that an object schema does not name, all the way down.
fn close(schema: &mut Map<String, Value>, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    let is_object = schema.get("type").is_some_and(|kind| kind == "object");
    let open = [
        "additionalProperties",
        "patternProperties",
        "unevaluatedProperties",
    ];
    let combined = ["allOf", "anyOf", "oneOf", "$ref"];
    if is_object
        && !open.iter().any(|key| schema.contains_key(*key))
        && !combined.iter().any(|key| schema.contains_key(*key))
        && (schema.contains_key("properties") || depth == 0)
    {
        schema.insert("additionalProperties".into(), false.into());
    }
    for (key, value) in schema.iter_mut() {
        match (key.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(schemas)) => {
                close_all(schemas.values_mut(), depth);
            }
            ("items" | "additionalProperties", Value::Object(inner)) => close(inner, depth + 1),
            ("anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => {
                close_all(schemas.iter_mut(), depth);
            }
            _ => {}
        }
    }
}

fn close_all<'a>(schemas: impl Iterator<Item = &'a mut Value>, depth: usize) {
    for schema in schemas {
        if let Value::Object(schema) = schema {
            close(schema, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools() -> Vec<ToolSpec> {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "object", "properties": {"n": {"type": "integer"}}},
            },
            "required": ["city"],
        });
        vec![
            ToolSpec::function("get_weather", "Weather", schema),
            ToolSpec::Python,
        ]
    }

    fn grammar(choice: ToolChoice) -> Option<String> {
        let profile = Profile::by_name("glm4").unwrap();
        lark(profile, &tools(), &choice, None).unwrap()
    }

    #[test]
    fn each_choice_has_its_grammar() {
        insta::assert_snapshot!("auto", grammar(ToolChoice::Auto).unwrap());
        insta::assert_snapshot!("none", grammar(ToolChoice::None).unwrap());
        insta::assert_snapshot!("required", grammar(ToolChoice::Required).unwrap());
        insta::assert_snapshot!("tool", grammar(ToolChoice::Tool("python".into())).unwrap());
    }

    #[test]
    fn tags_and_thoughts_have_theirs() {
        let grammar = |name, choice| {
            let profile = Profile::by_name(name).unwrap();
            lark(profile, &tools(), &choice, None).unwrap().unwrap()
        };
        insta::assert_snapshot!("glm4.5", grammar("glm4.5", ToolChoice::Auto));
        insta::assert_snapshot!("glm4.7", grammar("glm4.7", ToolChoice::Required));
        insta::assert_snapshot!("glm-z1", grammar("glm-z1", ToolChoice::Auto));
    }

    #[test]
    fn an_answer_is_json_of_its_schema_or_a_call() {
        let schema = json!({
            "type": "object",
            "properties": {"temp": {"type": "number"}},
            "required": ["temp"],
        });
        let grammar = |name, tools: &[ToolSpec]| {
            let profile = Profile::by_name(name).unwrap();
            lark(profile, tools, &ToolChoice::Auto, Some(&schema)).unwrap()
        };
        insta::assert_snapshot!("answer", grammar("glm4", &tools()).unwrap());
        insta::assert_snapshot!("answer-glm4.5", grammar("glm4.5", &tools()).unwrap());
        insta::assert_snapshot!("answer-no-tools", grammar("glm4", &[]).unwrap());
        assert_eq!(grammar("base", &[]), None);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let profile = Profile::by_name("glm4").unwrap();
        assert_eq!(lark(profile, &[], &ToolChoice::Auto, None).unwrap(), None);
        assert!(lark(profile, &[], &ToolChoice::Required, None).is_err());
        assert!(lark(profile, &tools(), &ToolChoice::Tool("nope".into()), None).is_err());
    }
}
