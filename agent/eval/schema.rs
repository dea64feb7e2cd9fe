//! The leaderboard's functions as models are told of them.
//!
//! The data describes types in words of its own (`dict`, `float`, `tuple`, and Java's and
//! JavaScript's). The official code first writes a hint about the language into the
//! descriptions, which for Java and JavaScript makes a text of every argument
//! (`bfcl_eval.utils`), and then names the types as JSON Schema does
//! (`bfcl_eval.model_handler.utils.convert_to_tool`, for OpenAI's form). Both are done
//! here to the letter, the order of keys included; tests compare all entries.

use serde_json::{Map, Value};

use super::category::Language;
use crate::model::{ToolSpec, json as wire};

/// Says what keeps functions from being offered.
pub(super) fn check(functions: &[Value]) -> Result<(), String> {
    for function in functions {
        let name = function["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            return Err("a function has no name".to_owned());
        }
        let properties = function.pointer("/parameters/properties");
        if !properties.is_some_and(Value::is_object) {
            return Err(format!("the function `{name}` has no properties"));
        }
    }
    Ok(())
}

/// The functions in OpenAI's form. Names with dots get underscores.
pub fn tools(functions: &[Value], language: Language) -> Vec<ToolSpec> {
    let converted = functions.iter().filter_map(|function| {
        let mut function = function.as_object()?.clone();
        hint(&mut function, language);
        convert(&mut function);
        let function = function.try_into().ok()?;
        Some(ToolSpec::Function { function })
    });
    converted.collect()
}

/// The name by which a function is called.
pub(super) fn called(name: &str) -> String {
    name.replace('.', "_")
}

fn hint(function: &mut Map<String, Value>, language: Language) {
    let (syntax, kind) = match language {
        Language::Python => ("Python 3", None),
        Language::Java => ("Java 8 SDK", Some("Java")),
        Language::JavaScript => ("JavaScript", Some("JavaScript")),
    };
    let note = format!(" Note that the provided function is in {syntax} syntax.");
    append(function, &note);
    if let Some(kind) = kind {
        for property in properties(function) {
            as_text(property, kind);
        }
    }
}

/// Describes an argument of another language, which is written as a text.
fn as_text(property: &mut Map<String, Value>, language: &str) {
    let kind = text(property, "type");
    if kind == "any" {
        append(
            property,
            &format!(
                " This parameter can be of any type of {language} object in string \
                 representation."
            ),
        );
    } else {
        append(
            property,
            &format!(" This is {language} {kind} type parameter in string representation."),
        );
    }
    if matches!(kind.as_str(), "ArrayList" | "Array" | "array") {
        let items = property.shift_remove("items").unwrap_or_default();
        let items = items
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        append(
            property,
            &format!(
                " The list elements are of type {items}; they are not in string representation."
            ),
        );
    }
    if kind == "dict"
        && let Some(schema) = property.shift_remove("properties")
    {
        let schema = wire::dumps(&schema);
        append(
            property,
            &format!(
                " The dictionary entries have the following schema; they are not in string \
                 representation. {schema}"
            ),
        );
    }
    property.insert("type".to_owned(), "string".into());
}

fn convert(function: &mut Map<String, Value>) {
    let name = called(&text(function, "name"));
    function.insert("name".to_owned(), name.into());
    if let Some(parameters) = function
        .get_mut("parameters")
        .and_then(Value::as_object_mut)
    {
        parameters.insert("type".to_owned(), "object".into());
        cast(parameters);
    }
}

/// Names the types of an object's properties as JSON Schema does.
fn cast(object: &mut Map<String, Value>) {
    for property in inner(object) {
        if text(property, "type") == "float" {
            property.insert("format".to_owned(), "float".into());
            append(property, " This is a float type value.");
        }
        let kind = json_type(property.get("type")).unwrap_or("string");
        property.insert("type".to_owned(), kind.into());
        if kind != "array" && kind != "object" {
            continue;
        }
        if property.contains_key("properties") {
            cast(property);
        } else if let Some(items) = property.get_mut("items").and_then(Value::as_object_mut) {
            cast_items(items);
        }
    }
}

/// The official code goes so deep and no deeper.
fn cast_items(items: &mut Map<String, Value>) {
    let Some(kind) = json_type(items.get("type")) else {
        return;
    };
    items.insert("type".to_owned(), kind.into());
    if kind == "array" {
        if let Some(deeper) = items.get_mut("items").and_then(Value::as_object_mut)
            && let Some(kind) = json_type(deeper.get("type"))
        {
            deeper.insert("type".to_owned(), kind.into());
        }
    } else if kind == "object" && items.contains_key("properties") {
        cast(items);
    }
}

/// JSON Schema's name for a type of the data.
fn json_type(kind: Option<&Value>) -> Option<&'static str> {
    Some(match kind?.as_str()? {
        "integer" | "byte" | "short" | "long" | "Bigint" => "integer",
        "number" | "float" | "double" => "number",
        "string" | "any" | "char" | "Any" | "String" => "string",
        "boolean" | "bool" => "boolean",
        "array" | "list" | "tuple" | "ArrayList" | "Array" | "Queue" | "Stack" => "array",
        "dict" | "object" | "HashMap" | "Hashtable" => "object",
        _ => return None,
    })
}

/// The properties of a function's parameters.
fn properties(function: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let parameters = function
        .get_mut("parameters")
        .and_then(Value::as_object_mut);
    parameters.into_iter().flat_map(inner)
}

fn inner(object: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let properties = object.get_mut("properties").and_then(Value::as_object_mut);
    let values = properties.into_iter().flat_map(Map::values_mut);
    values.filter_map(Value::as_object_mut)
}

fn append(object: &mut Map<String, Value>, more: &str) {
    let description = text(object, "description") + more;
    object.insert("description".to_owned(), description.into());
}

fn text(object: &Map<String, Value>, key: &str) -> String {
    let text = object.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn converted(properties: Value, language: Language) -> Value {
        let function = json!({
            "name": "shop.find",
            "description": "Finds.",
            "parameters": {"type": "dict", "properties": properties, "required": []},
        });
        json!(tools(&[function], language))
    }

    #[test]
    fn types_are_named_as_json_schema_does() {
        let properties = json!({
            "price": {"type": "float", "description": "Most."},
            "where": {"type": "dict", "description": "Where.", "properties": {
                "at": {"type": "tuple", "description": "At.", "items": {"type": "float"}},
            }},
            "tags": {"type": "array", "items": {"type": "dict", "properties": {
                "tag": {"type": "any", "description": "Tag."},
            }}},
        });
        insta::assert_json_snapshot!(converted(properties, Language::Python));
    }

    #[test]
    fn values_of_other_languages_are_texts() {
        let java = json!({
            "names": {"type": "ArrayList", "description": "Names.", "items": {"type": "String"}},
            "object": {"type": "any", "description": "Object."},
        });
        insta::assert_json_snapshot!(converted(java, Language::Java));
        let javascript = json!({
            "options": {"type": "dict", "description": "Options.", "properties": {
                "on": {"type": "Boolean"},
            }},
        });
        insta::assert_json_snapshot!(converted(javascript, Language::JavaScript));
    }

    #[test]
    fn functions_that_cannot_be_offered_are_told() {
        assert!(check(&[json!({"name": "f", "parameters": {"properties": {}}})]).is_ok());
        assert!(check(&[json!({"parameters": {"properties": {}}})]).is_err());
        assert!(check(&[json!({"name": "f"})]).is_err());
    }
}
