//! JSON Schemas from Rust types, short enough for a prompt.

use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Value, json};

use super::readable;

/// The parameters of a tool whose arguments have type `A`, as [`readable`] writes
/// them.
///
/// Fields' doc comments are kept; that of the type itself is not, since the tool has
/// a description of its own.
pub fn parameters_of<A: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(RecursiveTransform(forget_sign));
    let mut schema = settings.into_generator().into_root_schema_for::<A>();
    schema.remove("description");
    if schema.get("type") == Some(&json!("object")) && schema.get("properties").is_none() {
        schema.insert("properties".to_owned(), json!({}));
    }
    readable(&schema.into())
}

/// Removes the least value of unsigned integers, which goes without saying.
fn forget_sign(schema: &mut Schema) {
    let format = schema.get("format").and_then(Value::as_str);
    if format.is_some_and(|format| format.starts_with("uint"))
        && schema.get("minimum") == Some(&json!(0))
    {
        schema.remove("minimum");
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// What the type says of itself.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only the schema is of interest")]
    struct Search {
        /// What to look for
        query: String,
        /// How many results
        limit: Option<u32>,
        /// Which results first
        order: Option<Order>,
        #[serde(default)]
        exact: bool,
        ranges: Vec<Range>,
        level: u8,
        score: f64,
    }

    /// An order.
    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Order {
        Newest,
        Best,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only the schema is of interest")]
    struct Range {
        title: String,
        from: i64,
        to: Option<i64>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only the schema is of interest")]
    struct Node {
        name: String,
        children: Vec<Node>,
    }

    #[derive(Deserialize, JsonSchema)]
    struct Nothing {}

    #[test]
    fn says_what_the_model_needs_and_no_more() {
        assert_eq!(
            parameters_of::<Search>(),
            json!({
                "type": "object",
                "properties": {
                    "query": {"type": "string", "description": "What to look for"},
                    "limit": {"type": "integer", "description": "How many results"},
                    "order": {
                        "type": "string",
                        "enum": ["newest", "best"],
                        "description": "Which results first",
                    },
                    "exact": {"type": "boolean", "default": false},
                    "ranges": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "title": {"type": "string"},
                                "from": {"type": "integer"},
                                "to": {"type": "integer"},
                            },
                            "required": ["title", "from"],
                        },
                    },
                    "level": {"type": "integer", "maximum": 255},
                    "score": {"type": "number"},
                },
                "required": ["query", "ranges", "level", "score"],
            })
        );
    }

    #[test]
    fn recursive_types_keep_their_definitions() {
        let node = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#"}},
            },
            "required": ["name", "children"],
        });
        assert_eq!(parameters_of::<Node>(), node);
    }

    #[test]
    fn no_arguments_are_an_empty_object() {
        assert_eq!(
            parameters_of::<Nothing>(),
            json!({"type": "object", "properties": {}})
        );
    }
}
