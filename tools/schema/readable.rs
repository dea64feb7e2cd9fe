//! A JSON Schema in the form that models read best.

use schemars::{
    Schema,
    transform::{RecursiveTransform, Transform, transform_subschemas},
};
use serde_json::{Map, Value, json};

/// Schemas that a readable one consists of at most: definitions that use each other
/// can multiply without end.
const SCHEMAS: usize = 2_000;
/// Levels that it is nested at most.
const DEPTH: usize = 48;

/// Keywords that only describe, and so may stand beside a reference that is replaced
/// by its target.
const ANNOTATIONS: [&str; 7] = [
    "$ref",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
];

/// Keywords for values of several kinds.
const UNIONS: [&str; 2] = ["anyOf", "oneOf"];

/// Keywords by which schemas are found otherwise than by a path from the root.
const NAMED: [&str; 6] = [
    "$id",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "$recursiveRef",
    "$recursiveAnchor",
];

/// The schema with what a model needs and no more: definitions inlined unless they
/// are recursive, no titles, no widths of numbers, no `null` for what may be left
/// out, and one type for each value where several ways of writing say the same.
/// Descriptions are kept.
///
/// It allows what the given one does, except for that `null`. One that cannot be
/// written so, because it would grow beyond measure, is left as it is.
pub fn readable(schema: &Value) -> Value {
    let Ok(mut readable) = Schema::try_from(schema.clone()) else {
        return schema.clone();
    };
    let mut inline = Inline {
        root: schema,
        schemas: SCHEMAS,
        depth: DEPTH,
        named: false,
    };
    inline.transform(&mut readable);
    if inline.schemas == 0 || inline.depth == 0 || inline.named {
        return schema.clone();
    }
    RecursiveTransform(simplify).transform(&mut readable);
    if is_plain(&readable) {
        readable.remove("$schema");
    }
    let references = references(&readable.clone().into());
    for definitions in ["$defs", "definitions"] {
        let used = |r: &String| r.starts_with(&format!("#/{definitions}/"));
        if !references.iter().any(used) {
            readable.remove(definitions);
        }
    }
    let readable = Value::from(readable);
    let found = |r: &String| super::coerce::target(&readable, r).is_some();
    if references.iter().all(found) {
        readable
    } else {
        schema.clone()
    }
}

/// Puts definitions where they are referred to.
struct Inline<'s> {
    root: &'s Value,
    /// How many schemas are left to visit, 0 if there were too many.
    schemas: usize,
    /// How many levels are left below this one, 0 if there were too many.
    depth: usize,
    /// Whether a keyword was met that makes paths say less than all.
    named: bool,
}

impl Transform for Inline<'_> {
    fn transform(&mut self, schema: &mut Schema) {
        if self.schemas == 0 || self.depth == 0 {
            return;
        }
        self.schemas -= 1;
        self.depth -= 1;
        self.named |= NAMED.iter().any(|key| schema.get(*key).is_some());
        // Definitions can stand for one another; in a circle they are recursive.
        while let Some(target) = self.target(schema) {
            let mut merged = target;
            if let Some(object) = schema.as_object_mut() {
                object.shift_remove("$ref");
                // Words at the place of use are nearer than those of the definition.
                merged.append(object);
                *object = merged;
            }
        }
        transform_subschemas(self, schema);
        if self.depth > 0 {
            self.depth += 1;
        }
    }
}

impl Inline<'_> {
    fn target(&self, schema: &Schema) -> Option<Map<String, Value>> {
        let schema = schema.as_object()?;
        let reference = schema.get("$ref")?.as_str()?;
        let plain = schema.keys().all(|key| ANNOTATIONS.contains(&key.as_str()));
        if !plain || self.is_recursive(reference) {
            return None;
        }
        super::coerce::target(self.root, reference)?
            .as_object()
            .cloned()
    }

    /// Whether a reference leads back to itself.
    fn is_recursive(&self, reference: &str) -> bool {
        let mut seen: Vec<String> = Vec::new();
        let mut next = vec![reference.to_owned()];
        while let Some(one) = next.pop() {
            let Some(target) = super::coerce::target(self.root, &one) else {
                continue;
            };
            for found in references(target) {
                if leads_to(&found, reference) {
                    return true;
                }
                if !seen.contains(&found) {
                    seen.push(found.clone());
                    next.push(found);
                }
            }
        }
        false
    }
}

/// Whether what `reference` names contains what `inner` names.
fn leads_to(reference: &str, inner: &str) -> bool {
    inner
        .strip_prefix(reference)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// All references in a schema, each once.
fn references(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = vec![schema];
    while let Some(value) = next.pop() {
        match value {
            Value::Array(items) => next.extend(items),
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref")
                    && !found.contains(reference)
                {
                    found.push(reference.clone());
                }
                next.extend(members.values());
            }
            _ => {}
        }
    }
    found
}

/// Whether the schema means the same in every draft since 2019, so that its name
/// says nothing.
fn is_plain(schema: &Schema) -> bool {
    struct Plain(bool);
    impl Transform for Plain {
        fn transform(&mut self, schema: &mut Schema) {
            let older = ["additionalItems", "dependencies"];
            self.0 &= !older.iter().any(|key| schema.get(*key).is_some());
            self.0 &= !schema.get("items").is_some_and(Value::is_array);
            transform_subschemas(self, schema);
        }
    }
    let named = schema.get("$schema").and_then(Value::as_str);
    let since_6 = ["2020-12", "2019-09", "draft-07", "draft-06"];
    let mut plain =
        Plain(named.is_none_or(|name| since_6.iter().any(|draft| name.contains(draft))));
    plain.transform(&mut schema.clone());
    plain.0
}

fn simplify(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    object.shift_remove("title");
    unite_null(object);
    if is_number(object.get("type")) {
        object.shift_remove("format");
    }
    let required = object.get("required").cloned().unwrap_or_default();
    let optional = |name: &str| {
        !required
            .as_array()
            .is_some_and(|names| names.iter().any(|n| n == name))
    };
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for (name, property) in properties {
            if let Value::Object(property) = property
                && optional(name)
            {
                drop_null(property);
            }
        }
    }
}

/// Whether a `type` is numeric, perhaps with null.
fn is_number(kind: Option<&Value>) -> bool {
    let numeric = |kind: &Value| kind == "integer" || kind == "number";
    match kind {
        Some(Value::Array(kinds)) => kinds.iter().any(numeric),
        Some(kind) => numeric(kind),
        None => false,
    }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "null")
}

/// Writes "this type, or null" as one schema with two types.
fn unite_null(object: &mut Map<String, Value>) {
    for union in UNIONS {
        let branches = object.get(union).and_then(Value::as_array);
        let Some([one, other]) = branches.map(Vec::as_slice) else {
            continue;
        };
        let only = match (is_null(one), is_null(other)) {
            (true, false) => other,
            (false, true) => one,
            _ => continue,
        };
        let (Value::Object(only), Some(Value::String(kind))) = (only, only.get("type")) else {
            continue;
        };
        if only.contains_key("const") {
            continue;
        }
        let mut nullable = only.clone();
        nullable.insert("type".to_owned(), json!([kind, "null"]));
        if let Some(Value::Array(options)) = nullable.get_mut("enum") {
            options.push(Value::Null);
        }
        replace_union(object, union, nullable);
    }
}

/// Removes `null` from what an optional property may be: the property can be
/// left out instead.
fn drop_null(property: &mut Map<String, Value>) {
    if property.get("default") == Some(&Value::Null) {
        property.shift_remove("default");
    }
    if let Some(Value::Array(kinds)) = property.get_mut("type")
        && kinds.len() > 1
    {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            property.insert("type".to_owned(), only);
        }
        if let Some(Value::Array(options)) = property.get_mut("enum") {
            options.retain(|option| !option.is_null());
        }
    }
    for union in UNIONS {
        let Some(Value::Array(branches)) = property.get_mut(union) else {
            continue;
        };
        if branches.iter().all(is_null) {
            continue;
        }
        branches.retain(|branch| !is_null(branch));
        if let [Value::Object(only)] = branches.as_slice() {
            let only = only.clone();
            replace_union(property, union, only);
        }
    }
}

/// Puts the only branch of a union in its place, unless both speak of the same.
fn replace_union(object: &mut Map<String, Value>, union: &str, mut only: Map<String, Value>) {
    let clash = |key: &String| only.contains_key(key) && !ANNOTATIONS.contains(&key.as_str());
    if object.keys().any(clash) {
        return;
    }
    object.shift_remove(union);
    // Words at the place of use are nearer than those of the type.
    only.append(object);
    *object = only;
}

#[cfg(test)]
mod tests;
