//! Harmless slips of a model put right: the value is clear, only its form is
//! not the one that the schema asks for.

use std::{cell::Cell, collections::HashMap};

use regex::Regex;
use serde_json::{Map, Number, Value};

/// Steps after which no more is coerced: schemas that refer to themselves in
/// several branches have exponentially many ways to be applied.
const STEPS: usize = 20_000;

/// Schemas within schemas that are applied to one value and its parts. Further
/// down nothing is coerced, which bounds what the stack must hold.
const DEPTH: usize = 160;

/// Largest whole number that a float holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The schema's types, most specific first: the order in which they are tried.
const TYPES: [&str; 7] = [
    "null", "boolean", "integer", "number", "array", "object", "string",
];

/// Puts `value` into the form that `root` asks for, as far as that is clear.
pub(super) fn coerce(root: &Value, value: Value) -> Value {
    let coercion = Coercion {
        root,
        steps: Cell::new(STEPS),
        depth: Cell::new(DEPTH),
    };
    coercion.apply(root, value)
}

/// The target of a `$ref` within `root`.
pub(super) fn target<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    root.pointer(&percent_decoded(reference.strip_prefix('#')?))
}

fn percent_decoded(fragment: &str) -> String {
    // A form's decoder takes `+` for a space, which a pointer does not.
    let pair = format!("p={}", fragment.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes())
        .map(|(_, pointer)| pointer.into_owned())
        .next()
        .unwrap_or_default()
}

struct Coercion<'s> {
    root: &'s Value,
    /// Steps that are left.
    steps: Cell<usize>,
    /// Levels that are left below this one.
    depth: Cell<usize>,
}

impl<'s> Coercion<'s> {
    fn apply(&self, schema: &'s Value, value: Value) -> Value {
        let (steps, depth) = (self.steps.get(), self.depth.get());
        let Some(schema) = self.resolved(schema) else {
            return value;
        };
        if steps == 0 || depth == 0 {
            return value;
        }
        self.steps.set(steps - 1);
        self.depth.set(depth - 1);
        let value = self.applied(schema, value);
        self.depth.set(depth);
        value
    }

    fn applied(&self, schema: &'s Map<String, Value>, value: Value) -> Value {
        let mut value = option(schema, value);
        if let Some(kind) = self.wanted(schema, &value) {
            value = self.convert(kind, schema, value);
        }
        value = match value {
            Value::Object(object) => Value::Object(self.members(schema, object)),
            Value::Array(items) => Value::Array(self.items(schema, items)),
            // A whole number may be written 3.0; integers in Rust may not.
            Value::Number(n) if types(schema).any(|kind| kind == "integer") => {
                Value::Number(whole(&n).unwrap_or(n))
            }
            other => other,
        };
        for part in list(schema, "allOf") {
            value = self.apply(part, value);
        }
        for branches in ["anyOf", "oneOf"] {
            // Branches are told apart by type, options, tags and the names of members;
            // a value that none of them takes as it is goes to the first that can make
            // use of it.
            let branches = || list(schema, branches);
            let fitting = branches()
                .find(|branch| self.fits(branch, &value) && self.has_tags(branch, &value));
            value = match fitting {
                Some(branch) => self.apply(branch, value),
                None => branches()
                    .map(|branch| (branch, self.apply(branch, value.clone())))
                    .find(|(branch, changed)| {
                        self.fits(branch, changed) && self.has_tags(branch, changed)
                    })
                    .or_else(|| {
                        let branch = branches().find(|branch| self.fits(branch, &value))?;
                        Some((branch, self.apply(branch, value.clone())))
                    })
                    .map_or(value, |(_, changed)| changed),
            };
        }
        value
    }

    /// Follows `$ref`s; `None` where they lead nowhere.
    fn resolved(&self, mut schema: &'s Value) -> Option<&'s Map<String, Value>> {
        for _ in 0..16 {
            match schema.get("$ref").and_then(Value::as_str) {
                Some(reference) => schema = target(self.root, reference)?,
                None => return schema.as_object(),
            }
        }
        None
    }

    /// The type to convert to, if the value has none of those that are asked for.
    fn wanted(&self, schema: &'s Map<String, Value>, value: &Value) -> Option<&'static str> {
        if types(schema).any(|kind| is(kind, value)) {
            return None;
        }
        let wanted: Vec<_> = types(schema).collect();
        TYPES
            .into_iter()
            .filter(|kind| wanted.contains(kind))
            .find(|kind| self.converted(kind, schema, value).is_some())
    }

    fn convert(&self, kind: &str, schema: &'s Map<String, Value>, value: Value) -> Value {
        self.converted(kind, schema, &value).unwrap_or(value)
    }

    fn converted(
        &self,
        kind: &str,
        schema: &'s Map<String, Value>,
        value: &Value,
    ) -> Option<Value> {
        match (kind, value) {
            ("integer" | "number" | "boolean", Value::String(text)) => {
                let parsed = scalar(text.trim())?;
                let parsed = match (kind, parsed) {
                    ("integer", Value::Number(n)) => Value::Number(whole(&n)?),
                    (_, other) => other,
                };
                is(kind, &parsed).then_some(parsed)
            }
            ("string", Value::Number(n)) => Some(n.to_string().into()),
            ("object" | "array", Value::String(text))
                if serde_json::from_str::<Value>(text).is_ok_and(|v| is(kind, &v)) =>
            {
                serde_json::from_str(text).ok()
            }
            // One where several may be given.
            ("array", single) if !single.is_null() => {
                let Some(items) = schema.get("items") else {
                    return Some(Value::Array(vec![single.clone()]));
                };
                let item = self.apply(items, single.clone());
                self.fits(items, &item).then(|| Value::Array(vec![item]))
            }
            _ => None,
        }
    }

    fn members(
        &self,
        schema: &'s Map<String, Value>,
        object: Map<String, Value>,
    ) -> Map<String, Value> {
        let required = |name: &str| list(schema, "required").any(|n| n == name);
        let object = renamed(schema, object);
        let mut members = Map::with_capacity(object.len());
        for (name, value) in object {
            let property = schema.get("properties").and_then(|p| p.get(&name));
            let property = property.or_else(|| by_pattern(schema, &name));
            let Some(property) = property.or_else(|| schema.get("additionalProperties")) else {
                members.insert(name, value);
                continue;
            };
            if value.is_null() && !required(&name) && !self.fits(property, &value) {
                continue;
            }
            members.insert(name, self.apply(property, value));
        }
        members
    }

    fn items(&self, schema: &'s Map<String, Value>, items: Vec<Value>) -> Vec<Value> {
        // The places of a tuple, which `items` was for in older drafts.
        let of_place = list(schema, "prefixItems").chain(list(schema, "items"));
        let of_rest = schema.get("items").filter(|items| !items.is_array());
        let schemas = of_place.map(Some).chain(std::iter::repeat(of_rest));
        let items = items.into_iter().zip(schemas);
        items
            .map(|(item, schema)| match schema {
                Some(schema) => self.apply(schema, item),
                None => item,
            })
            .collect()
    }

    /// Whether an object has the members that tell a branch of a union from others:
    /// those that are required, and those that can have one value only.
    fn has_tags(&self, schema: &'s Value, value: &Value) -> bool {
        let (Some(schema), Value::Object(object)) = (self.resolved(schema), value) else {
            return true;
        };
        let mut required = list(schema, "required").filter_map(Value::as_str);
        let properties = schema.get("properties").and_then(Value::as_object);
        required.all(|name| object.contains_key(name))
            && properties.into_iter().flatten().all(|(name, property)| {
                match (
                    property.get("const"),
                    property.get("enum"),
                    object.get(name),
                ) {
                    (Some(only), _, Some(given)) => given == only,
                    (_, Some(Value::Array(options)), Some(given)) if options.len() == 1 => {
                        options.contains(given)
                    }
                    _ => true,
                }
            })
    }

    /// Whether type and options allow the value; what they say of its parts is
    /// not looked at.
    fn fits(&self, schema: &'s Value, value: &Value) -> bool {
        let Some(steps) = self.steps.get().checked_sub(1) else {
            return true;
        };
        self.steps.set(steps);
        if let Value::Bool(any) = schema {
            return *any;
        }
        let Some(schema) = self.resolved(schema) else {
            return true;
        };
        let fits_type = types(schema).next().is_none() || types(schema).any(|kind| is(kind, value));
        let fits_option = match schema.get("enum").and_then(Value::as_array) {
            Some(options) => options.contains(value),
            None => schema.get("const").is_none_or(|only| only == value),
        };
        let fits_branch = ["anyOf", "oneOf"].into_iter().all(|branches| {
            list(schema, branches).next().is_none()
                || list(schema, branches).any(|branch| self.fits(branch, value))
        });
        fits_type && fits_option && fits_branch
    }
}

/// The members under the names that a closed schema has for them, where one differs
/// from what was written only in case and in the marks between words.
fn renamed(schema: &Map<String, Value>, object: Map<String, Value>) -> Map<String, Value> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return object;
    };
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    if !closed || schema.contains_key("patternProperties") {
        return object;
    }
    if object.keys().all(|name| properties.contains_key(name)) {
        return object;
    }
    let written = by_folded(object.keys());
    let known = by_folded(properties.keys());
    let meant = |name: &str| match (known.get(&folded(name)), written.get(&folded(name))) {
        (Some(Some(one)), Some(Some(_))) if !properties.contains_key(name) => Some((*one).clone()),
        _ => None,
    };
    let names: Vec<_> = object.keys().map(|name| meant(name)).collect();
    let members = object.into_iter().zip(names);
    members
        .map(|((name, value), meant)| (meant.unwrap_or(name), value))
        .collect()
}

/// The schema of members whose names match a pattern, for a name that does.
fn by_pattern<'s>(schema: &'s Map<String, Value>, name: &str) -> Option<&'s Value> {
    let patterns = schema.get("patternProperties").and_then(Value::as_object);
    let mut patterns = patterns.into_iter().flatten();
    patterns.find_map(|(pattern, schema)| {
        // What this engine does not read is left to the validator.
        let matches = Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(name));
        matches.then_some(schema)
    })
}

/// Names by their folded form; `None` where several have the same.
fn by_folded<'n>(names: impl Iterator<Item = &'n String>) -> HashMap<String, Option<&'n String>> {
    let mut folds = HashMap::new();
    for name in names {
        folds
            .entry(folded(name))
            .and_modify(|one| *one = None)
            .or_insert(Some(name));
    }
    folds
}

/// A name without what programs' habits of writing differ in.
pub(crate) fn folded(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.'));
    letters.flat_map(char::to_lowercase).collect()
}

/// Entries of a list in the schema, none if there is no such list.
fn list<'s>(
    schema: &'s Map<String, Value>,
    key: &str,
) -> impl Iterator<Item = &'s Value> + use<'s> {
    schema
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The types that a schema asks for, said or implied; none if any will do.
fn types(schema: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let said = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(kind)) => vec![kind.as_str()],
        _ if schema.contains_key("properties") => vec!["object"],
        _ => Vec::new(),
    };
    said.into_iter()
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => matches!(value, Value::Number(n) if whole(n).is_some()),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// The option that differs only in case, or in being written as a string.
fn option(schema: &Map<String, Value>, value: Value) -> Value {
    let options: Vec<&Value> = match schema.get("const") {
        Some(only) => vec![only],
        None => list(schema, "enum").collect(),
    };
    if options.is_empty() || options.contains(&&value) {
        return value;
    }
    let Value::String(text) = &value else {
        return value;
    };
    let written = text.trim().to_lowercase();
    let mut meant = options.into_iter().filter(|option| match option {
        Value::String(option) => option.to_lowercase() == written,
        other => other.to_string() == written,
    });
    match (meant.next(), meant.next()) {
        (Some(option), None) => option.clone(),
        _ => value,
    }
}

/// A number or a truth value, in JSON's spelling or Python's.
fn scalar(text: &str) -> Option<Value> {
    match text {
        "True" => Some(true.into()),
        "False" => Some(false.into()),
        _ => {
            let value = serde_json::from_str(text).ok()?;
            matches!(value, Value::Bool(_) | Value::Number(_)).then_some(value)
        }
    }
}

/// The number as an integer, if it is a whole one that a float holds exactly.
fn whole(number: &Number) -> Option<Number> {
    if number.is_i64() || number.is_u64() {
        return Some(number.clone());
    }
    let float = number.as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and within the exact range"
    )]
    (float.fract() == 0.0 && float.abs() <= EXACT).then(|| Number::from(float as i64))
}
