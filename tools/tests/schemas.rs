//! Wrong arguments for schemas of every kind that servers and manifests have: put
//! right or explained in a few words, and never passed on as they are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use glm_agent_model::ToolSpec;
use glm_agent_tools::{Invoke, Registry, Tool, ToolContext, ToolError, ToolOutput, schema};
use serde_json::{Value, json};

/// A tool that says what it was given.
struct Echo;

#[async_trait::async_trait]
impl Invoke for Echo {
    async fn invoke(&self, given: Value, _: ToolContext) -> Result<ToolOutput, ToolError> {
        Ok(given.to_string().into())
    }
}

/// What reaches a tool with such a property `x`, or what the model is told.
async fn given(x: Value, arguments: Value) -> Result<Value, String> {
    let schema = json!({"type": "object", "properties": {"x": x}, "required": ["x"]});
    call(schema, arguments).await
}

async fn call(schema: Value, arguments: Value) -> Result<Value, String> {
    let judge = jsonschema::options().should_validate_formats(true);
    let judge = judge.build(&schema).unwrap();
    let spec = ToolSpec::function("t", "d", schema::readable(&schema));
    let registry = Registry::new(vec![Tool::with_state(spec, Echo)]).unwrap();
    match registry.call("t", arguments, ToolContext::default()).await {
        Ok(output) => {
            let given: Value = serde_json::from_str(&output.text).unwrap();
            assert!(judge.is_valid(&given), "{given}");
            Ok(given)
        }
        Err(ToolError::Model(told)) => {
            assert!(told.len() < 1_500, "{} bytes: {told}", told.len());
            Err(told)
        }
        Err(other) => panic!("{other}"),
    }
}

fn shapes() -> Value {
    json!({"oneOf": [
        {
            "type": "object",
            "properties": {"kind": {"const": "circle"}, "radius": {"type": "number"}},
            "required": ["kind", "radius"],
        },
        {
            "type": "object",
            "properties": {
                "kind": {"const": "box"},
                "sides": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["kind", "sides"],
        },
    ]})
}

#[tokio::test]
async fn what_is_meant_is_put_right() {
    let tuple = json!({
        "type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}],
        "items": {"type": "boolean"}, "minItems": 2,
    });
    let names = json!({
        "type": "object", "patternProperties": {"^n_": {"type": "integer"}},
        "additionalProperties": {"type": "string"},
    });
    let either =
        json!({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]});
    for (schema, x, meant) in [
        // Tuples.
        (&tuple, json!([7, "3"]), json!(["7", 3])),
        (
            &tuple,
            json!(["a", 3.0, "true", "False"]),
            json!(["a", 3, true, false]),
        ),
        (&tuple, json!("[\"a\", \"3\"]"), json!(["a", 3])),
        // Names by patterns.
        (
            &names,
            json!({"n_1": "5", "m": 3}),
            json!({"n_1": 5, "m": "3"}),
        ),
        (&names, json!({"n_1": 5.0}), json!({"n_1": 5})),
        // Unions.
        (&either, json!("4"), json!(4)),
        (&either, json!(["4", 5.0]), json!([4, 5])),
        (
            &shapes(),
            json!({"kind": "circle", "radius": "2.5"}),
            json!({"kind": "circle", "radius": 2.5}),
        ),
        (
            &shapes(),
            json!({"kind": "box", "sides": ["1", 2.0]}),
            json!({"kind": "box", "sides": [1, 2]}),
        ),
        (
            &shapes(),
            json!({"kind": "BOX", "sides": [1]}),
            json!({"kind": "box", "sides": [1]}),
        ),
        (
            &shapes(),
            json!("{\"kind\": \"box\", \"sides\": \"[1]\"}"),
            json!({"kind": "box", "sides": [1]}),
        ),
        // Whole floats and numbers in text.
        (&json!({"type": "integer"}), json!(3.0), json!(3)),
        (&json!({"type": "integer"}), json!("-0"), json!(0)),
        (
            &json!({"type": "integer"}),
            json!("9007199254740993"),
            json!(9_007_199_254_740_993_i64),
        ),
        (&json!({"const": 5}), json!("5"), json!(5)),
        (
            &json!({"enum": ["Red", "GREEN", 3, null]}),
            json!("green"),
            json!("GREEN"),
        ),
        (
            &json!({"enum": ["Red", "GREEN", 3, null]}),
            json!("3"),
            json!(3),
        ),
    ] {
        let expected = Ok(json!({ "x": meant }));
        assert_eq!(
            given(schema.clone(), json!({"x": x})).await,
            expected,
            "{x}"
        );
    }
}

#[tokio::test]
async fn the_rest_is_explained() {
    let twice = json!(json!("[1]").to_string());
    let list = json!({"type": "array", "items": {"type": "integer"}});
    let closed = json!({
        "type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": false,
    });
    let string = |more: Value| {
        let mut schema = json!({"type": "string"});
        schema
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        schema
    };
    for (schema, x, told) in [
        (list.clone(), twice, "`x`: expected an array, got "),
        (
            list.clone(),
            json!("[1, NaN]"),
            "`x`: expected an array, got \"[1, NaN]\"",
        ),
        (
            list.clone(),
            json!("[1e999]"),
            "`x`: expected an array, got \"[1e999]\"",
        ),
        (
            list.clone(),
            json!([1, [2]]),
            "`x[1]`: expected an integer, got [2]",
        ),
        (list, json!([1.5]), "`x[0]`: expected an integer, got 1.5"),
        (
            closed.clone(),
            json!({"citty": "Rome"}),
            "`x.citty`: expected only city, got \"Rome\"",
        ),
        (
            closed,
            json!({"city": "Rome", "City": "Oslo"}),
            "`x.City`: expected only city",
        ),
        // The branch that was meant is the one that is explained.
        (
            shapes(),
            json!({"kind": "circle", "radius": "wide"}),
            "\n- `x.radius`: expected a number, got \"wide\"",
        ),
        (
            shapes(),
            json!({"kind": "circle"}),
            "\n- `x.radius`: expected a number, got nothing",
        ),
        (
            shapes(),
            json!({"kind": "box", "sides": [1, "b"]}),
            "\n- `x.sides[1]`: expected an integer, got \"b\"",
        ),
        (
            shapes(),
            json!({"kind": "box", "sides": [1], "r": 1}),
            "\n- `x.r`: expected only kind, sides, got 1",
        ),
        (
            shapes(),
            json!({"kind": "star"}),
            "`x`: expected an object with kind, radius or an object with kind, sides",
        ),
        (
            shapes(),
            json!(4),
            "`x`: expected an object with kind, radius or an object with kind, sides, got 4",
        ),
        (
            json!({"type": "array", "prefixItems": [{"type": "integer"}], "items": false}),
            json!([1, 2]),
            "`x[1]`: expected nothing, got 2",
        ),
        (
            json!({"type": "array", "contains": {"const": 1}}),
            json!([2]),
            "`x`: expected something else",
        ),
        (
            json!({"not": {"type": "string"}}),
            json!("a"),
            "`x`: expected something else",
        ),
        (
            json!({"if": {"type": "string"}, "then": {"minLength": 3}}),
            json!("a"),
            "`x`: expected at least 3 characters",
        ),
        (
            json!({"type": "object", "propertyNames": {"pattern": "^a"}}),
            json!({"b": 1}),
            "`x`",
        ),
        (
            json!({"type": "object", "minProperties": 2}),
            json!({"b": 1}),
            "`x`",
        ),
        (
            json!({"type": "object", "dependentRequired": {"a": ["b"]}}),
            json!({"a": 1}),
            "b",
        ),
        (
            json!({"type": "number", "multipleOf": 0.25}),
            json!(0.3),
            "`x`",
        ),
        (
            json!({"type": "number", "exclusiveMaximum": 1}),
            json!("1"),
            "`x`: expected less than 1, got 1",
        ),
        (
            json!({"type": "boolean"}),
            json!("yes"),
            "`x`: expected a boolean, got \"yes\"",
        ),
        (
            json!({"type": "boolean"}),
            json!(0),
            "`x`: expected a boolean, got 0",
        ),
        (
            json!({"type": "integer"}),
            json!("1e999"),
            "`x`: expected an integer, got \"1e999\"",
        ),
        (
            json!({"type": "integer"}),
            json!("٣"),
            "`x`: expected an integer, got \"٣\"",
        ),
        (
            json!({"type": "null"}),
            json!("nil"),
            "`x`: expected null, got \"nil\"",
        ),
        (json!(false), json!(1), "`x`: expected nothing, got 1"),
        (
            string(json!({"format": "date-time"})),
            json!("2026-01-31"),
            "expected a date-time such as 2026-01-31T09:30:00Z",
        ),
        (
            string(json!({"format": "date"})),
            json!("2026-1-5"),
            "expected a date such as 2026-01-31",
        ),
        (
            string(json!({"format": "uri"})),
            json!("example.org page"),
            "expected a uri such as",
        ),
        (
            string(json!({"format": "uuid"})),
            json!("123"),
            "expected a uuid such as",
        ),
        (
            string(json!({"format": "ipv4"})),
            json!("999.1.1.1"),
            "expected an ipv4 such as",
        ),
        (
            string(json!({"pattern": "^[A-Z]{3}$"})),
            json!("eur"),
            "expected text that matches `^[A-Z]{3}$`",
        ),
        (
            string(json!({"maxLength": 3})),
            json!("\u{1F600}\u{1F600}\u{1F600}\u{1F600}"),
            "expected at most 3 characters",
        ),
        (
            string(json!({"enum": ["a", "A"]})),
            json!("á"),
            "expected \"a\" or \"A\"",
        ),
    ] {
        let said = given(schema.clone(), json!({ "x": x })).await.unwrap_err();
        assert!(said.contains(told), "{schema} {x}: {said}");
    }
}

#[tokio::test]
async fn a_message_is_short_however_long_the_schema_and_the_names_are() {
    let options: Vec<String> = (0..500).map(|n| format!("option {n}")).collect();
    let said = given(json!({ "enum": options }), json!({"x": "none"})).await;
    let said = said.unwrap_err();
    assert!(
        said.contains("\"option 19\" or 480 more, got \"none\""),
        "{said}"
    );
    let properties: serde_json::Map<String, Value> = (0..500)
        .map(|n| (format!("field_{n}"), json!({})))
        .collect();
    let wide = json!({"type": "object", "properties": properties, "additionalProperties": false});
    let said = call(wide.clone(), json!({"fild_321": 1}))
        .await
        .unwrap_err();
    assert!(said.contains("expected only field_321, "), "{said}");
    assert!(said.contains(" and 480 more, got 1"), "{said}");
    let long = "n".repeat(100_000);
    call(wide.clone(), json!({ long: 1 })).await.unwrap_err();
    let said = call(wide, json!({"a\n- `b": 1})).await.unwrap_err();
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[tokio::test]
async fn what_is_nested_too_deeply_is_refused_even_within_a_string() {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    let deep = |depth: usize| given(json!({"type": "array"}), json!({"x": nested(depth)}));
    assert!(deep(90).await.is_ok());
    assert!(deep(110).await.is_err());
    let levels = (0..60).fold(
        json!({"type": "array"}),
        |inner, _| json!({"type": "array", "items": inner}),
    );
    let text = (0..50).fold(json!(nested(100).to_string()), |inner, _| json!([inner]));
    let said = given(levels, json!({ "x": text })).await;
    assert!(said.is_err(), "{said:?}");
}

#[tokio::test]
async fn schemas_that_refer_to_themselves_end() {
    let tree = json!({
        "type": "object",
        "properties": {"root": {"$ref": "#/$defs/node"}},
        "$defs": {"node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name"],
        }},
    });
    let put_right = call(
        tree.clone(),
        json!({"root": {"name": 1, "children": [{"name": "b", "children": "[{\"name\": \"c\"}]"}]}}),
    );
    assert_eq!(
        put_right.await,
        Ok(
            json!({"root": {"name": "1", "children": [{"name": "b", "children": [{"name": "c"}]}]}})
        )
    );
    let said = call(
        tree,
        json!({"root": {"name": "a", "children": [{"nam": "b"}]}}),
    )
    .await;
    let said = said.unwrap_err();
    assert!(
        said.contains("`root.children[0].name`: expected a string, got nothing"),
        "{said}"
    );
    assert!(
        said.contains("`root.children[0].nam`: expected only name, children"),
        "{said}"
    );
}
