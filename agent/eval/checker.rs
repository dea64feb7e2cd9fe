//! Whether calls are right: the official checker (`bfcl_eval.eval_checker.ast_eval`),
//! written anew so that its verdicts are the same, oddities included.
//!
//! The data has, for each argument, a list of values that are right; an empty text among
//! them says that it may be left out. Texts are compared without case, spaces and some
//! punctuation. Where the official checker breaks off with an exception, the calls are
//! wrong, and the fault is of the kind [`Fault::UNDEFINED`].
//!
//! Kinds of faults have the official names. Tests compare verdicts and kinds on thousands
//! of outputs.

mod arguments;
mod collections;
mod java;
mod javascript;
mod kind;
mod number;
mod value;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    category::{Category, Language, Shape},
    schema,
};
use arguments::Argument;
use value::PyValue;

/// A call as the checker takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The function's name.
    pub name: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
}

/// What is wrong with a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What kind of fault it is.
    pub kind: String,
    /// The fault in words.
    pub message: String,
}

type Checked = Result<(), Fault>;

impl Fault {
    /// Where the official checker breaks off.
    pub const UNDEFINED: &str = "checker:undefined";
    /// Where the engine failed.
    pub const ENGINE: &str = "reply:engine_failed";
    /// Where the model could not take the prompt.
    pub const TOO_LONG: &str = "reply:prompt_too_long";

    /// Whether it is that there was no reply.
    pub(super) fn is_no_reply(&self) -> bool {
        [Self::ENGINE, Self::TOO_LONG].contains(&self.kind.as_str())
    }

    pub(super) fn new(kind: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            message: message.into(),
        }
    }

    fn undefined(what: impl Into<String>) -> Self {
        Self::new(Self::UNDEFINED, what)
    }
}

/// Checks the calls of a reply against those that are right, each an object of the
/// function's name and its arguments' values.
///
/// # Errors
/// When they are wrong: why.
pub fn check(
    category: Category,
    functions: &[Value],
    calls: &[Call],
    answers: &[Value],
) -> Result<(), Fault> {
    let language = category.language();
    match category.shape() {
        Shape::Parallel => in_any_order(functions, calls, answers, language),
        Shape::Multiple => {
            let (call, answer) = only(calls, answers, "multiple_function_checker:wrong_count")?;
            let (name, answer) = named(answer)?;
            one(described(functions, name)?, call, answer, language)
        }
        _ => {
            let kind = "simple_function_checker:wrong_count";
            let (call, answer) = only(calls, answers, kind)?;
            let (_, answer) = named(answer)?;
            let function = functions.first();
            let function = function.ok_or_else(|| Fault::undefined("there is no function"))?;
            one(function, call, answer, language)
        }
    }
}

/// The one call, and what is right.
fn only<'a>(
    calls: &'a [Call],
    answers: &'a [Value],
    kind: &str,
) -> Result<(&'a Call, &'a Value), Fault> {
    match (calls, answers.first()) {
        ([call], Some(answer)) => Ok((call, answer)),
        _ => Err(Fault::new(kind, counted(calls.len(), 1))),
    }
}

fn counted(found: usize, expected: usize) -> String {
    let calls = if found == 1 { "call" } else { "calls" };
    format!("{found} {calls}, expected {expected}")
}

fn in_any_order(
    functions: &[Value],
    calls: &[Call],
    answers: &[Value],
    language: Language,
) -> Checked {
    if calls.len() != answers.len() {
        return Err(Fault::new(
            "parallel_function_checker_no_order:wrong_count",
            counted(calls.len(), answers.len()),
        ));
    }
    let mut left: Vec<(usize, &Call)> = calls.iter().enumerate().collect();
    for (index, answer) in answers.iter().enumerate() {
        let (name, answer) = named(answer)?;
        let function = described(functions, name)?;
        let mut faults = Vec::new();
        let mut found = None;
        for (place, (number, call)) in left.iter().enumerate() {
            match one(function, call, answer, language) {
                Ok(()) => {
                    found = Some(place);
                    break;
                }
                Err(fault) if fault.kind == Fault::UNDEFINED => return Err(fault),
                Err(fault) => faults.push(format!("call {}: {}", number + 1, fault.message)),
            }
        }
        match found {
            Some(place) => drop(left.remove(place)),
            None => {
                return Err(Fault::new(
                    "parallel_function_checker_no_order:cannot_find_match",
                    format!(
                        "no call is the expected {} ({name}): {}",
                        index + 1,
                        faults.join("; ")
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// The name and the arguments of a call that is right.
fn named(answer: &Value) -> Result<(&str, &Map<String, Value>), Fault> {
    let first = answer.as_object().and_then(|answer| answer.iter().next());
    first
        .and_then(|(name, arguments)| Some((name.as_str(), arguments.as_object()?)))
        .ok_or_else(|| Fault::undefined("the expected call is no object of a name and arguments"))
}

fn described<'a>(functions: &'a [Value], name: &str) -> Result<&'a Value, Fault> {
    let mut functions = functions.iter();
    let found = functions.find(|function| function["name"] == name);
    found.ok_or_else(|| Fault::undefined(format!("there is no function `{name}`")))
}

/// Checks one call of a function.
fn one(function: &Value, call: &Call, answer: &Map<String, Value>, language: Language) -> Checked {
    let name = schema::called(function["name"].as_str().unwrap_or_default());
    if call.name != name {
        return Err(Fault::new(
            "simple_function_checker:wrong_func_name",
            format!("`{}` is called, expected `{name}`", call.name),
        ));
    }
    let parameters = &function["parameters"];
    let required = parameters["required"].as_array().into_iter().flatten();
    for required in required.filter_map(Value::as_str) {
        if !call.arguments.contains_key(required) {
            return Err(Fault::new(
                "simple_function_checker:missing_required",
                format!("`{required}` is missing"),
            ));
        }
    }
    for (name, value) in &call.arguments {
        let described = parameters["properties"].get(name);
        let (Some(described), Some(answers)) = (described, answer.get(name)) else {
            return Err(Fault::new(
                "simple_function_checker:unexpected_param",
                format!("`{name}` is not expected"),
            ));
        };
        let answers = PyValue::list_of(answers)
            .ok_or_else(|| Fault::undefined(format!("no values are known of `{name}`")))?;
        let argument = Argument {
            name,
            described,
            answers: &answers,
        };
        argument.check(PyValue::from(value), language)?;
    }
    for (name, answers) in answer {
        let may_be_left = PyValue::from(answers).contains(&PyValue::Str(String::new()));
        let may_be_left = may_be_left == Some(true);
        if !call.arguments.contains_key(name) && !may_be_left {
            return Err(Fault::new(
                "simple_function_checker:missing_optional",
                format!("`{name}` is missing, and not what is taken without it"),
            ));
        }
    }
    Ok(())
}
