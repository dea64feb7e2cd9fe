//! Arguments checked against a tool's schema: harmless slips put right, the
//! rest explained to the model.

mod coerce;
mod derive;
mod readable;

use std::fmt;

use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind as Kind},
};
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value;

pub(crate) use coerce::folded;
pub use derive::parameters_of;
pub use readable::readable;

/// Deepest nesting of schemas, arguments and results. They are kept as parts of
/// events, which `serde_json` reads back at a depth of 127 at most.
pub(crate) const DEPTH: usize = 100;

/// Longest quote of a wrong value or of a name, in bytes.
const QUOTE: usize = 60;

/// Names or options that are listed at most.
const LISTED: usize = 20;

/// A JSON Schema (draft 2020-12 unless it names another), ready to check with.
#[derive(Debug)]
pub struct Schema {
    source: Value,
    validator: jsonschema::Validator,
}

/// What is wrong at one place of the arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `cities[0].name`; empty for the arguments as a whole.
    pub path: String,
    /// What belongs there.
    pub expected: String,
    /// What is there, quoted and shortened.
    pub got: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            expected,
            got,
        } = self;
        if path.is_empty() {
            write!(f, "expected {expected}, got {got}")
        } else {
            write!(f, "`{path}`: expected {expected}, got {got}")
        }
    }
}

impl Schema {
    /// Compiles a schema. References lead only within it; nothing is fetched.
    ///
    /// Formats are checked. An object that names properties and says nothing of
    /// others takes no others: what nobody asked for is a slip of the model.
    ///
    /// # Errors
    /// If it is no valid schema: what is wrong, and where in it.
    pub fn compile(source: &Value) -> Result<Self, String> {
        let mut source = source.clone();
        if shallower(&source, DEPTH)
            && let Ok(schema) = (&mut source).try_into()
        {
            RecursiveTransform(close).transform(schema);
        }
        Self::exact(&source)
    }

    /// The same, but an object takes what its schema does not name unless that
    /// forbids it, as JSON Schema has it.
    ///
    /// # Errors
    /// As [`Schema::compile`].
    pub fn exact(source: &Value) -> Result<Self, String> {
        if !shallower(source, DEPTH) {
            return Err(format!("it is nested more than {DEPTH} deep"));
        }
        let source = source.clone();
        let validator = jsonschema::options()
            .offline()
            .should_validate_formats(true)
            .build(&source)
            .map_err(|error| match error.instance_path().as_str() {
                "" => error.to_string(),
                place => format!("{error} at {place}"),
            })?;
        Ok(Self { source, validator })
    }

    /// The arguments in the form that the schema asks for.
    ///
    /// Put right are: numbers, truth values, arrays and objects written as
    /// strings; numbers where a string is asked for; whole floats where an
    /// integer is; one value where an array of such is; options in the wrong
    /// case; names in another case or with other marks between words; and `null`
    /// for what may be left out. Everything else is reported.
    ///
    /// # Errors
    /// Every place where the arguments do not satisfy the schema.
    pub fn check(&self, arguments: Value) -> Result<Value, Vec<Problem>> {
        if !shallower(&arguments, DEPTH) {
            return Err(vec![Problem {
                path: String::new(),
                expected: format!("arguments nested at most {DEPTH} deep"),
                got: "deeper ones".to_owned(),
            }]);
        }
        let coerced = coerce::coerce(&self.source, arguments.clone());
        // What was written as a string may be nested as deep again.
        if shallower(&coerced, DEPTH) && self.validator.is_valid(&coerced) {
            return Ok(coerced);
        }
        // A schema can ask for what its types do not tell; then nothing was a slip.
        if self.validator.is_valid(&arguments) {
            return Ok(arguments);
        }
        let mut problems: Vec<Problem> = Vec::new();
        for error in self.validator.iter_errors(&coerced) {
            self.explain(&error, &mut problems);
        }
        problems.dedup();
        Err(problems)
    }

    fn explain(&self, error: &ValidationError<'_>, problems: &mut Vec<Problem>) {
        let here = dotted(error.instance_path().as_str());
        let schema = self.schema_around(error);
        let wrong = |expected: String| Problem {
            path: here.clone(),
            expected,
            got: quote(error.instance()),
        };
        let problem = match error.kind() {
            Kind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let wanted = schema
                    .and_then(|s| s.get("properties"))
                    .and_then(|p| p.get(name));
                Problem {
                    path: member(&here, name),
                    expected: wanted.map_or("a value".to_owned(), |s| self.wanted(s)),
                    got: "nothing".to_owned(),
                }
            }
            Kind::AdditionalProperties { unexpected }
            | Kind::UnevaluatedProperties { unexpected } => {
                let known = schema
                    .and_then(|s| s.get("properties"))
                    .and_then(Value::as_object);
                problems.extend(unexpected.iter().map(|name| Problem {
                    path: member(&here, name),
                    expected: match known {
                        Some(known) if !known.is_empty() => {
                            format!("only {}", nearest(name, known.keys()))
                        }
                        _ => "nothing of this name".to_owned(),
                    },
                    got: error.instance().get(name).map_or_else(String::new, quote),
                }));
                return;
            }
            Kind::Type { kind } => wrong(match kind {
                TypeKind::Single(kind) => named(kind.as_str()),
                TypeKind::Multiple(kinds) => {
                    alternatives(kinds.iter().map(|kind| named(kind.as_str())))
                }
            }),
            Kind::Enum { options } => wrong(one_of(options)),
            Kind::Constant { expected_value } => wrong(quote(expected_value)),
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                if let Some(errors) = meant(context, error.instance_path().as_str()) {
                    for error in errors {
                        self.explain(error, problems);
                    }
                    return;
                }
                let branches = schema.and_then(|s| s.get(error.kind().keyword()));
                let branches = branches.and_then(Value::as_array).into_iter().flatten();
                wrong(alternatives(branches.map(|branch| self.wanted(branch))))
            }
            Kind::Minimum { limit } => wrong(format!("at least {limit}")),
            Kind::Maximum { limit } => wrong(format!("at most {limit}")),
            Kind::ExclusiveMinimum { limit } => wrong(format!("more than {limit}")),
            Kind::ExclusiveMaximum { limit } => wrong(format!("less than {limit}")),
            Kind::MinLength { limit } => wrong(format!("at least {limit} characters")),
            Kind::MaxLength { limit } => wrong(format!("at most {limit} characters")),
            Kind::MinItems { limit } => wrong(format!("at least {limit} items")),
            Kind::MaxItems { limit } => wrong(format!("at most {limit} items")),
            Kind::UniqueItems => wrong("items that all differ".to_owned()),
            Kind::Pattern { pattern } => wrong(format!("text that matches `{pattern}`")),
            Kind::Format { format } => wrong(in_format(format)),
            Kind::FalseSchema => wrong("nothing".to_owned()),
            // Rare keywords: the validator's own words.
            _ => wrong(format!("something else ({})", error.masked())),
        };
        problems.push(problem);
    }

    /// The part of the schema that holds the keyword which failed.
    fn schema_around(&self, error: &ValidationError<'_>) -> Option<&Value> {
        let (place, _) = error.schema_path().as_str().rsplit_once('/')?;
        self.source.pointer(place)
    }

    /// What a schema asks for, in a few words.
    fn wanted(&self, schema: &Value) -> String {
        let target = schema.get("$ref").and_then(Value::as_str);
        let schema = target
            .and_then(|r| coerce::target(&self.source, r))
            .unwrap_or(schema);
        if let Some(options) = schema.get("enum") {
            return one_of(options);
        }
        match (schema.get("const"), schema.get("type")) {
            (Some(only), _) => quote(only),
            (None, Some(Value::String(kind))) if kind == "object" => {
                let names = schema.get("required").and_then(Value::as_array);
                let names = names.into_iter().flatten().filter_map(Value::as_str);
                let names: Vec<&str> = names.take(LISTED).collect();
                match names.as_slice() {
                    [] => named(kind),
                    names => format!("an object with {}", names.join(", ")),
                }
            }
            (None, Some(Value::String(kind))) => named(kind),
            (None, Some(Value::Array(kinds))) => {
                alternatives(kinds.iter().filter_map(Value::as_str).map(named))
            }
            _ => "a value".to_owned(),
        }
    }
}

/// The errors of the one branch of a union that the value was meant for, if that is
/// clear: it is of the kind that the branch asks for, and has its tag, the member
/// whose only value tells the branch from others.
fn meant<'e>(
    branches: &'e [Vec<ValidationError<'static>>],
    here: &str,
) -> Option<&'e [ValidationError<'static>]> {
    let is_other = |error: &ValidationError<'_>| {
        let below = error.instance_path().as_str().strip_prefix(here);
        let levels = below.map_or(0, |below| below.matches('/').count());
        match error.kind() {
            Kind::Type { .. } => levels == 0,
            Kind::Constant { .. } => levels <= 1,
            Kind::Enum { options } => {
                let is_tag = options.as_array().is_some_and(|options| options.len() == 1);
                levels == 0 || (levels == 1 && is_tag)
            }
            _ => false,
        }
    };
    let mut plausible = branches
        .iter()
        .filter(|errors| !errors.iter().any(is_other));
    match (plausible.next(), plausible.next()) {
        (Some(errors), None) => Some(errors),
        _ => None,
    }
}

/// Forbids what an object schema does not name, if it names anything and is whole in
/// itself.
fn close(schema: &mut schemars::Schema) {
    let others = [
        "additionalProperties",
        "patternProperties",
        "unevaluatedProperties",
        "$ref",
        "$dynamicRef",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "dependentSchemas",
        "dependencies",
    ];
    let properties = schema.get("properties").and_then(Value::as_object);
    let names = properties.is_some_and(|properties| !properties.is_empty());
    let whole = others.iter().all(|key| schema.get(*key).is_none());
    if names && whole {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}

/// What a format asks for, with an example where its name alone leaves a doubt.
fn in_format(format: &str) -> String {
    let example = match format {
        "date" => "2026-01-31",
        "time" => "09:30:00Z",
        "date-time" => "2026-01-31T09:30:00Z",
        "duration" => "PT1H30M",
        "email" | "idn-email" => "ann@example.org",
        "uri" | "iri" => "https://example.org/page",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "uuid" => "123e4567-e89b-12d3-a456-426614174000",
        _ => return format!("a valid {format}"),
    };
    let article = if format.starts_with(['e', 'i']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {format} such as {example}")
}

/// `a string`, `an integer`, `null`.
fn named(kind: &str) -> String {
    match kind {
        "null" => kind.to_owned(),
        "array" | "integer" | "object" => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}

fn one_of(options: &Value) -> String {
    let options = options.as_array().into_iter().flatten();
    alternatives(options.map(quote))
}

fn alternatives(of: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = of.collect();
    all.dedup();
    let more = all.len().saturating_sub(LISTED);
    all.truncate(LISTED);
    if more > 0 {
        all.push(format!("{more} more"));
    }
    all.join(" or ")
}

/// Names in a row; where they are too many, those most like the one that was written.
fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n String>) -> String {
    let mut names: Vec<&str> = names.map(String::as_str).collect();
    let more = names.len().saturating_sub(LISTED);
    if more > 0 {
        let written = short(written);
        names.sort_by_cached_key(|name| strsim::damerau_levenshtein(written, short(name)));
        names.truncate(LISTED);
    }
    let mut row = names.into_iter().map(short).collect::<Vec<_>>().join(", ");
    if more > 0 {
        row.push_str(&format!(" and {more} more"));
    }
    row
}

/// A JSON pointer as a path in the notation of programming languages.
fn dotted(pointer: &str) -> String {
    pointer
        .split('/')
        .skip(1)
        .fold(String::new(), |path, part| {
            let part = part.replace("~1", "/").replace("~0", "~");
            if part.bytes().all(|b| b.is_ascii_digit()) {
                format!("{path}[{part}]")
            } else {
                member(&path, &part)
            }
        })
}

fn member(path: &str, name: &str) -> String {
    // A model can write anything for a name.
    let name = short(name).escape_debug();
    if path.is_empty() {
        name.to_string()
    } else {
        format!("{path}.{name}")
    }
}

/// As much of a name as is shown.
fn short(name: &str) -> &str {
    name.split_at(name.floor_char_boundary(QUOTE)).0
}

/// A value as JSON, shortened.
fn quote(value: &Value) -> String {
    let mut text = value.to_string();
    if text.len() > QUOTE {
        text.truncate(text.floor_char_boundary(QUOTE));
        text.push_str("...");
    }
    text
}

/// Whether a value is nested at most so deep.
pub(crate) fn shallower(value: &Value, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    match value {
        Value::Array(items) => items.iter().all(|v| shallower(v, depth)),
        Value::Object(members) => members.values().all(|v| shallower(v, depth)),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
