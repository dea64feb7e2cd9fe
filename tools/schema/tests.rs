#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use serde_json::json;

use super::*;

/// One property of every kind.
fn schema() -> Schema {
    Schema::compile(&json!({
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 0},
            "x": {"type": "number"},
            "on": {"type": "boolean"},
            "s": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "level": {"enum": [1, 2]},
            "kind": {"const": "Exact"},
            "ids": {"type": "array", "items": {"type": "integer"}},
            "names": {"type": "array", "items": {"type": "string"}},
            "any": {"type": "array"},
            "place": {"$ref": "#/$defs/place"},
            "places": {"type": "array", "items": {"$ref": "#/$defs/place"}},
            "when": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
            "either": {"type": ["integer", "string"]},
            "maybe": {"type": ["integer", "null"]},
            "all": {"allOf": [{"type": "integer"}, {"maximum": 9}]},
        },
        "additionalProperties": {"type": "integer"},
        "$defs": {
            "place": {
                "type": "object",
                "properties": {"lat": {"type": "number"}, "name": {"type": "string"}},
                "required": ["lat"],
            },
        },
    }))
    .unwrap()
}

#[test]
fn slips_are_put_right() {
    let schema = schema();
    for (given, meant) in [
        (json!({"n": "3"}), json!({"n": 3})),
        (json!({"n": " 3 "}), json!({"n": 3})),
        (json!({"n": 3.0}), json!({"n": 3})),
        (json!({"n": "3.0"}), json!({"n": 3})),
        (json!({"x": "-1.5e3"}), json!({"x": -1500.0})),
        (json!({"on": "true"}), json!({"on": true})),
        (json!({"on": "False"}), json!({"on": false})),
        (json!({"s": 3}), json!({"s": "3"})),
        (json!({"s": 2.5}), json!({"s": "2.5"})),
        (json!({"s": "3"}), json!({"s": "3"})),
        (json!({"s": null}), json!({})),
        (json!({"unit": "Celsius"}), json!({"unit": "celsius"})),
        (
            json!({"unit": " FAHRENHEIT"}),
            json!({"unit": "fahrenheit"}),
        ),
        (json!({"unit": null}), json!({})),
        (json!({"level": "2"}), json!({"level": 2})),
        (json!({"kind": "exact"}), json!({"kind": "Exact"})),
        (json!({"ids": "[1, 2]"}), json!({"ids": [1, 2]})),
        (json!({"ids": ["1", 2.0]}), json!({"ids": [1, 2]})),
        (json!({"ids": 7}), json!({"ids": [7]})),
        (json!({"ids": "7"}), json!({"ids": [7]})),
        (
            json!({"names": "Rome, Paris"}),
            json!({"names": ["Rome, Paris"]}),
        ),
        (json!({"names": [1]}), json!({"names": ["1"]})),
        (json!({"any": {"a": 1}}), json!({"any": [{"a": 1}]})),
        (
            json!({"place": "{\"lat\": \"1\"}"}),
            json!({"place": {"lat": 1}}),
        ),
        (
            json!({"place": {"lat": 1, "name": null}}),
            json!({"place": {"lat": 1}}),
        ),
        (
            json!({"places": {"lat": "2"}}),
            json!({"places": [{"lat": 2}]}),
        ),
        (json!({"when": "5"}), json!({"when": 5})),
        (json!({"when": ["5"]}), json!({"when": [5]})),
        (json!({"either": "5"}), json!({"either": "5"})),
        (json!({"maybe": null}), json!({"maybe": null})),
        (json!({"maybe": "5"}), json!({"maybe": 5})),
        (json!({"all": "5"}), json!({"all": 5})),
        (json!({"else": "5"}), json!({"else": 5})),
        (json!("{\"n\": 3}"), json!({"n": 3})),
    ] {
        assert_eq!(schema.check(given.clone()), Ok(meant), "{given}");
    }
}

#[test]
fn the_rest_is_explained() {
    let schema = schema();
    for (given, explained) in [
        (
            json!({"n": "three"}),
            "`n`: expected an integer, got \"three\"",
        ),
        (json!({"n": 3.5}), "`n`: expected an integer, got 3.5"),
        (json!({"n": "-1"}), "`n`: expected at least 0, got -1"),
        (json!({"n": ""}), "`n`: expected an integer, got \"\""),
        (json!({"n": [3]}), "`n`: expected an integer, got [3]"),
        (
            json!({"x": "1e400"}),
            "`x`: expected a number, got \"1e400\"",
        ),
        (json!({"x": "NaN"}), "`x`: expected a number, got \"NaN\""),
        (json!({"on": 1}), "`on`: expected a boolean, got 1"),
        (json!({"s": ["a"]}), "`s`: expected a string, got [\"a\"]"),
        (
            json!({"unit": "kelvin"}),
            "`unit`: expected \"celsius\" or \"fahrenheit\", got \"kelvin\"",
        ),
        (
            json!({"ids": [1, "b"]}),
            "`ids[1]`: expected an integer, got \"b\"",
        ),
        (
            json!({"place": {}}),
            "`place.lat`: expected a number, got nothing",
        ),
        (
            json!({"places": [{"lat": 1}, {"lat": "a"}]}),
            "`places[1].lat`: expected a number, got \"a\"",
        ),
        (
            json!({"place": null, "s": {}}),
            "`s`: expected a string, got {}",
        ),
        (
            json!({"when": "soon"}),
            "`when`: expected an integer or an array, got \"soon\"",
        ),
        (
            json!({"either": {}}),
            "`either`: expected an integer or a string, got {}",
        ),
        (json!({"all": "10"}), "`all`: expected at most 9, got 10"),
        (json!([1]), "expected an object, got [1]"),
        (
            json!({"n": "x".repeat(100)}),
            &format!("`n`: expected an integer, got \"{}...", "x".repeat(59)),
        ),
    ] {
        let problems = schema.check(given.clone()).unwrap_err();
        let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
        assert_eq!(lines, [explained], "{given}");
    }
}

#[test]
fn unknown_and_missing_arguments_are_named_together() {
    let schema = Schema::compile(&json!({
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}},
        "required": ["city", "unit"],
        "additionalProperties": false,
    }))
    .unwrap();
    let problem = |path: &str, expected: &str, got: &str| Problem {
        path: path.into(),
        expected: expected.into(),
        got: got.into(),
    };
    let mut problems = schema.check(json!({"town": "Rome"})).unwrap_err();
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(
        problems,
        [
            problem("city", "a string", "nothing"),
            problem("town", "only city, unit", "\"Rome\""),
            problem("unit", "\"c\" or \"f\"", "nothing"),
        ]
    );
}

#[test]
fn extremes_end_in_an_answer() {
    let recursive = Schema::compile(&json!({
        "anyOf": [
            {"type": "integer"},
            {"type": "array", "items": {"$ref": "#"}},
            {"type": "object", "additionalProperties": {"$ref": "#"}},
        ],
    }))
    .unwrap();
    let nested = |depth: usize| (0..depth).fold(json!("a"), |inner, _| json!([inner]));
    for depth in [1, 20, 95] {
        assert_eq!(recursive.check(nested(depth)).unwrap_err().len(), 1);
    }
    assert_eq!(
        recursive.check(nested(1000)).unwrap_err()[0].expected,
        "arguments nested at most 100 deep"
    );
    assert_eq!(
        recursive.check(json!([["1"], {"a": "2"}])),
        Ok(json!([[1], {"a": 2}]))
    );
}

#[test]
fn what_is_no_schema_is_refused_with_its_place() {
    for (source, reason) in [
        (json!({"type": "text"}), "/type"),
        (
            json!({"properties": {"a": {"minimum": "0"}}}),
            "/properties/a/minimum",
        ),
        (json!({"$ref": "other.json"}), "other.json"),
        (json!({"pattern": "("}), "pattern"),
        (json!([]), "[]"),
        (
            (0..1000).fold(json!({}), |inner, _| json!({"items": inner})),
            "100",
        ),
    ] {
        let error = Schema::compile(&source).unwrap_err();
        assert!(error.contains(reason), "{source}: {error}");
    }
}
