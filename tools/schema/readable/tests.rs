#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use serde_json::json;

use super::*;

#[test]
fn what_other_programs_write_is_what_a_model_needs() {
    // As pydantic writes it.
    let given = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bookArguments",
        "type": "object",
        "$defs": {
            "Class": {"title": "Class", "description": "A class", "type": "string", "enum": ["economy", "business"]},
            "Place": {
                "title": "Place",
                "type": "object",
                "properties": {
                    "title": {"title": "Title", "type": "string"},
                    "code": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}], "default": null, "title": "Code"},
                },
                "required": ["title"],
            },
        },
        "properties": {
            "from": {"$ref": "#/$defs/Place", "description": "Where it starts"},
            "to": {"$ref": "#/$defs/Place"},
            "class": {"anyOf": [{"$ref": "#/$defs/Class"}, {"type": "null"}], "default": null, "description": "How well"},
            "seat": {"anyOf": [{"type": "integer", "format": "int32"}, {"type": "string"}, {"type": "null"}]},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Note"},
            "kind": {"oneOf": [{"type": "null"}, {"type": "string", "enum": ["a"]}]},
        },
        "required": ["from", "to", "note", "kind"],
        "additionalProperties": false,
    });
    let place = json!({
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "code": {"type": "string", "maxLength": 3},
        },
        "required": ["title"],
    });
    let mut from = place.clone();
    from["description"] = json!("Where it starts");
    assert_eq!(
        readable(&given),
        json!({
            "type": "object",
            "properties": {
                "from": from,
                "to": place,
                "class": {"type": "string", "enum": ["economy", "business"], "description": "How well"},
                "seat": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
                "note": {"type": ["string", "null"]},
                "kind": {"type": ["string", "null"], "enum": ["a", null]},
            },
            "required": ["from", "to", "note", "kind"],
            "additionalProperties": false,
        })
    );
}

#[test]
fn a_path_within_the_schema_is_followed() {
    // As zod writes a type that is used twice.
    let given = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "a": {"type": "object", "properties": {"x/y": {"type": "number"}}},
            "b": {"$ref": "#/properties/a"},
            "c": {"type": "array", "items": {"$ref": "#/properties/a/properties/x~1y"}},
        },
    });
    let a = json!({"type": "object", "properties": {"x/y": {"type": "number"}}});
    assert_eq!(
        readable(&given),
        json!({
            "type": "object",
            "properties": {"a": a, "b": a, "c": {"type": "array", "items": {"type": "number"}}},
        })
    );
}

#[test]
fn recursive_definitions_stay() {
    let given = json!({
        "type": "object",
        "properties": {
            "tree": {"$ref": "#/$defs/tree"},
            "once": {"$ref": "#/$defs/once"},
        },
        "$defs": {
            "tree": {
                "title": "Tree",
                "type": "object",
                "properties": {
                    "left": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]},
                    "leaf": {"$ref": "#/$defs/once"},
                },
            },
            "once": {"type": "string"},
        },
    });
    let readable = readable(&given);
    assert_eq!(
        readable["properties"]["tree"],
        json!({"$ref": "#/$defs/tree"})
    );
    assert_eq!(readable["properties"]["once"], json!({"type": "string"}));
    assert_eq!(
        readable["$defs"]["tree"]["properties"],
        json!({"left": {"$ref": "#/$defs/tree"}, "leaf": {"type": "string"}})
    );
    for given in [
        json!({"type": "object", "properties": {"next": {"$ref": "#"}}}),
        json!({"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
    ] {
        assert_eq!(super::readable(&given), given);
    }
}

#[test]
fn what_would_change_its_meaning_is_left() {
    for given in [
        // Two demands at once.
        json!({"properties": {"a": {"$ref": "#/$defs/a", "minimum": 1}}, "$defs": {"a": {"type": "integer"}}}),
        // A list of item schemas is a tuple in this draft only.
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"items": [{"type": "integer"}]}}}),
        json!({"$schema": "http://json-schema.org/draft-04/schema#", "properties": {"a": {"exclusiveMinimum": true, "minimum": 1}}}),
        json!({"$id": "https://example.org/a", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "integer"}}}),
        json!({"properties": {"a": {"anyOf": [{"type": "null"}]}}}),
        json!({"properties": {"a": {"minimum": 1, "anyOf": [{"type": "integer", "minimum": 5}, {"type": "null"}]}}, "required": ["a"]}),
        json!({"properties": {"a": {"anyOf": [{"const": 1, "type": "integer"}, {"type": "null"}]}}, "required": ["a"]}),
        json!({"properties": {"title": {"type": "string"}, "$ref": {"type": "string"}}}),
        json!({"properties": {"a": {"default": {"title": "x", "$ref": "#/nowhere"}}}}),
        json!({"properties": {"a": {"$ref": "#/nowhere"}}}),
        json!(true),
        json!([]),
    ] {
        assert_eq!(readable(&given), given);
    }
}

#[test]
fn definitions_that_multiply_stay() {
    let double = |n: usize| {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        json!({"type": "object", "properties": {"a": next, "b": next}})
    };
    let mut definitions: Map<String, Value> =
        (0..40).map(|n| (format!("d{n}"), double(n))).collect();
    definitions.insert("d40".to_owned(), json!({"type": "string"}));
    let given = json!({"$ref": "#/$defs/d0", "$defs": definitions});
    assert_eq!(readable(&given), given);
    let deep = (0..60).fold(
        json!({"type": "string"}),
        |inner, _| json!({"items": inner}),
    );
    assert_eq!(readable(&deep), deep);
}
