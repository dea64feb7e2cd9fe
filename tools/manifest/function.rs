//! What a manifest says of a function: in OpenAI's form, in the flat one, and with
//! other languages' names of types.

use glm_agent_model::{FunctionSpec, ToolSpec};
use serde_json::{Value, json};

use super::{Fields, Wrong};
use crate::{
    schema::Schema,
    tool::{NAME_RULE, is_name},
};

/// What other formats call `parameters`.
const PARAMETERS: [&str; 3] = ["parameters", "input_schema", "inputSchema"];

/// Keywords of which at least one stands in any schema of arguments.
const KEYWORDS: [&str; 12] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "description",
    "allOf",
    "anyOf",
    "oneOf",
    "$ref",
    "$schema",
    "title",
];

/// Brings an entry into one form: the function itself, and apart from it what is
/// said of how it runs.
pub(super) fn parted(entry: Value) -> Result<(Fields, Fields), Wrong> {
    let Value::Object(mut entry) = entry else {
        return Err(Wrong::new(
            "name",
            format!("expected an object, got {entry}"),
        ));
    };
    match entry.shift_remove("type") {
        None => {}
        Some(Value::String(kind)) if kind == "function" => {}
        Some(Value::String(kind)) if kind == "python" => {
            let reason = "`python` is built in\nhint: leave it out here, and pass --tools python";
            return Err(Wrong::new("type", reason));
        }
        Some(other) => {
            return Err(Wrong::new(
                "type",
                format!("expected `function`, got {other}"),
            ));
        }
    }
    let mut function = match entry.shift_remove("function") {
        None => Fields::new(),
        Some(Value::Object(function)) => function,
        Some(other) => {
            return Err(Wrong::new(
                "function",
                format!("expected an object, got {other}"),
            ));
        }
    };
    if function.is_empty() {
        for field in ["name", "description"].into_iter().chain(PARAMETERS) {
            if let Some(value) = entry.shift_remove(field) {
                function.insert(field.to_owned(), value);
            }
        }
        // Asks servers for what is done here in any case.
        entry.shift_remove("strict");
    } else {
        for field in super::entry::fields() {
            if let Some(value) = function.shift_remove(field) {
                entry.insert(field.to_owned(), value);
            }
        }
    }
    Ok((function, entry))
}

/// The function as the model is told of it: what is not wrong stays as it is.
pub(super) fn spec(mut function: Fields) -> Result<ToolSpec, Wrong> {
    let name = function.get("name").and_then(Value::as_str);
    let name = name.ok_or_else(|| Wrong::new("name", "is missing, or no text"))?;
    if !is_name(name) {
        return Err(Wrong::new("name", NAME_RULE));
    }
    match function.get("description") {
        Some(Value::String(_)) => {}
        None | Some(Value::Null) => {
            function.insert("description".to_owned(), "".into());
        }
        Some(other) => {
            return Err(Wrong::new(
                "description",
                format!("expected a string, got {other}"),
            ));
        }
    }
    let given = PARAMETERS
        .into_iter()
        .filter_map(|field| function.shift_remove(field))
        .find(|given| !given.is_null());
    let mut parameters = given.unwrap_or_else(|| json!({}));
    name_types(&mut parameters);
    let Value::Object(object) = &mut parameters else {
        return Err(Wrong::new(
            "parameters",
            format!("expected an object, got {parameters}"),
        ));
    };
    let is_schema = object.is_empty() || KEYWORDS.iter().any(|word| object.contains_key(*word));
    if !is_schema {
        let reason = "they are no JSON Schema\nhint: put the arguments below `properties`";
        return Err(Wrong::new("parameters", reason));
    }
    match object.get("type") {
        Some(kind) if kind != "object" => {
            return Err(Wrong::new("parameters", "their type must be `object`"));
        }
        Some(_) => {}
        None => {
            object.shift_insert(0, "type".to_owned(), "object".into());
        }
    }
    if object.len() == 1 {
        object.insert("properties".to_owned(), json!({}));
    }
    Schema::compile(&parameters).map_err(|reason| Wrong::new("parameters", reason))?;
    function.insert("parameters".to_owned(), parameters);
    FunctionSpec::try_from(function)
        .map(|function| ToolSpec::Function { function })
        .map_err(|reason| Wrong::new("name", reason))
}

/// Names types as JSON Schema does where other languages' names stand.
fn name_types(schema: &mut Value) {
    let Value::Object(object) = schema else {
        if let Value::Array(schemas) = schema {
            schemas.iter_mut().for_each(name_types);
        }
        return;
    };
    if let Some(Value::String(kind)) = object.get_mut("type") {
        match kind.as_str() {
            "any" | "Any" => {
                object.shift_remove("type");
            }
            other => {
                if let Some(known) = json_type(other) {
                    *kind = known.to_owned();
                }
            }
        }
    }
    for (keyword, part) in object {
        // The others hold values.
        match keyword.as_str() {
            "properties" | "patternProperties" | "$defs" | "definitions" => {
                if let Value::Object(schemas) = part {
                    schemas.values_mut().for_each(name_types);
                }
            }
            "items"
            | "prefixItems"
            | "additionalProperties"
            | "allOf"
            | "anyOf"
            | "oneOf"
            | "not" => name_types(part),
            _ => {}
        }
    }
}

/// The JSON Schema name of a type of Python, Java or JavaScript.
fn json_type(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "dict" | "Dict" | "HashMap" | "Hashtable" | "map" => "object",
        "list" | "List" | "tuple" | "Tuple" | "set" | "Array" | "ArrayList" => "array",
        "float" | "double" | "Double" | "Float" => "number",
        "int" | "Integer" | "long" | "Long" | "short" | "byte" | "bigint" | "Bigint" => "integer",
        "str" | "String" | "char" => "string",
        "bool" | "Boolean" => "boolean",
        "None" | "none" => "null",
        _ => return None,
    })
}
