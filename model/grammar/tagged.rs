//! The constraint on replies in GLM-4.5's syntax: words without a
//! `<tool_call>`, and calls whose keys and values are those of the schema, in
//! its order. Where words are asked for in a form, they are JSON, and nothing stands
//! before a call.
//!
//! The tags are ordinary text to the grammar: GLM-4.5's tokenizer has a token
//! for each, but none of them is special.

use serde_json::{Map, Value};

use super::{MOST_CALLS, constrained, plain};
use crate::{
    ToolChoice, ToolSpec,
    profile::{OBSERVATION, Reasoning, Tagged, USER},
    prompt::{raw_argument, tag},
};

/// The grammar of a reply that may call the `offered` tools.
pub fn lark(
    syntax: &Tagged,
    reasoning: Option<&Reasoning>,
    offered: &[&ToolSpec],
    choice: &ToolChoice,
    answer: Option<&Value>,
) -> String {
    let body = match choice {
        ToolChoice::None => "words",
        ToolChoice::Auto if offered.is_empty() => "words",
        ToolChoice::Auto if answer.is_some() => "words | chosen",
        ToolChoice::Auto => "words | called",
        ToolChoice::Required if answer.is_some() => "chosen",
        ToolChoice::Required => "called",
        ToolChoice::Tool(_) => "chosen",
    };
    let mut grammar = match reasoning {
        None => format!("start: {body}\n"),
        // Begun by the prompt, the thoughts must be closed.
        Some(reasoning) if reasoning.begun.ends_with(Reasoning::OPEN) => format!(
            "start: thoughts ({body})\nthoughts[lazy]: /(?s:.*)/ {}\n",
            quoted(Reasoning::CLOSE)
        ),
        Some(_) => format!(
            "start: thoughts? ({body})\nthoughts[lazy]: /\\n?/ {} /(?s:.*)/ {}\n",
            quoted(Reasoning::OPEN),
            quoted(Reasoning::CLOSE)
        ),
    };
    // What begins as thoughts is none of the words.
    let open = Reasoning::OPEN;
    grammar += &match answer {
        None => format!(
            "words: WORDS {USER}\nWORDS: /(?s:.*)/ & ~/(?s:.*{call}.*)/ & ~/\\n?{open}(?s:.*)/\n",
            call = tag::CALL
        ),
        Some(schema) => format!("words: /\\n?/ %json {} {USER}\n", plain(schema)),
    };
    if offered.is_empty() {
        return grammar;
    }
    let names: Vec<String> = (0..offered.len()).map(|n| format!("call_{n}")).collect();
    let (called, until) = match answer {
        None => (
            "called: until_call calls\n",
            format!(
                "until_call[lazy]: UNTIL\nUNTIL: /(?s:.*){}/ & ~/\\n?{open}(?s:.*)/\n",
                tag::CALL
            ),
        ),
        // Nothing stands before a call.
        Some(_) => ("", String::new()),
    };
    grammar += &format!(
        "{called}\
         chosen: /\\n?/ {first} calls\n\
         calls: call ({next} call){{0,{more}}} {OBSERVATION}\n\
         {until}\
         call: {names}\n\
         text[lazy]: /(?s:.*)/ {end}\n",
        first = quoted(tag::CALL),
        next = quoted(&format!("{}{}", syntax.newline, tag::CALL)),
        more = MOST_CALLS - 1,
        names = names.join(" | "),
        end = quoted(tag::VALUE_END),
    );
    for (index, tool) in offered.iter().enumerate() {
        grammar += &call(syntax, index, tool);
    }
    grammar
}

fn call(syntax: &Tagged, index: usize, tool: &ToolSpec) -> String {
    let newline = syntax.newline;
    let mut body = String::new();
    let mut rules = String::new();
    for (number, (key, schema, required)) in arguments(tool).into_iter().enumerate() {
        let rule = format!("argument_{index}_{number}");
        body += &format!(" {rule}{}", if required { "" } else { "?" });
        let before = format!("{}{key}{}{newline}{}", tag::KEY, tag::KEY_END, tag::VALUE);
        rules += &format!("{rule}: {} ({})", quoted(&before), value(&schema));
        if !newline.is_empty() {
            rules += &format!(" {}", quoted(newline));
        }
        rules.push('\n');
    }
    format!(
        "call_{index}: {}{body} {}\n{rules}",
        quoted(&format!("{}{newline}", tool.name())),
        quoted(tag::CALL_END)
    )
}

/// A tool's arguments: name, schema, and whether each is required.
fn arguments(tool: &ToolSpec) -> Vec<(String, Value, bool)> {
    let ToolSpec::Function { function } = tool else {
        let text = serde_json::json!({"type": "string"});
        return vec![(raw_argument(tool.name()).to_owned(), text, true)];
    };
    let Value::Object(schema) = constrained(function.parameters()) else {
        return Vec::new();
    };
    let required = |key: &str| {
        schema
            .get("required")
            .and_then(Value::as_array)
            .is_some_and(|keys| keys.iter().any(|name| name == key))
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(key, property)| {
            let property = with_context(property, &schema);
            (key.clone(), property, required(key))
        })
        .collect()
}

/// A property's schema with the definitions that it may refer to.
fn with_context(property: &Value, schema: &Map<String, Value>) -> Value {
    let Value::Object(property) = property else {
        return property.clone();
    };
    let mut property = property.clone();
    for key in ["$defs", "definitions", "x-guidance"] {
        if let Some(value) = schema.get(key) {
            property.entry(key).or_insert_with(|| value.clone());
        }
    }
    Value::Object(property)
}

/// A value and the tag that closes it: texts raw, all else as JSON.
fn value(schema: &Value) -> String {
    let end = quoted(tag::VALUE_END);
    let texts = |values: &Vec<Value>| {
        let text = |value: &Value| Some(quoted(&format!("{}{}", value.as_str()?, tag::VALUE_END)));
        let texts: Option<Vec<String>> = values.iter().map(text).collect();
        texts.filter(|texts| !texts.is_empty())
    };
    let among = schema.get("enum").and_then(Value::as_array).and_then(texts);
    if let Some(texts) = among {
        return texts.join(" | ");
    }
    match schema.get("type") {
        Some(Value::String(kind)) if kind != "string" => format!("%json {schema} {end}"),
        // A definition elsewhere is rarely that of a text.
        None if schema.get("$ref").is_some() => format!("%json {schema} {end}"),
        // Text, or text among what it may be, or nothing is known.
        _ => "text".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
