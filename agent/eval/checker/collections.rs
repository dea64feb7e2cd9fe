//! Whether lists and objects are among those that are right.

use super::{
    Checked, Fault,
    value::{PyValue, listed},
};

/// Checks an object against those that are right, each of which has a list of right
/// values for a key.
pub(super) fn dict(value: &PyValue, answers: &[PyValue]) -> Checked {
    let mut checked = Err(Fault::new("dict_checker:unclear", "no object is right"));
    for answer in answers.iter().filter(|answer| !answer.is_empty_text()) {
        checked = fits(value, answer);
        match &checked {
            Err(fault) if fault.kind != Fault::UNDEFINED => {}
            _ => return checked,
        }
    }
    checked
}

fn fits(value: &PyValue, answer: &PyValue) -> Checked {
    let (PyValue::Dict(entries), PyValue::Dict(expected)) = (value, answer) else {
        return Err(undefined(answer));
    };
    let mut checked = Ok(());
    for (key, value) in entries {
        let Some(answers) = answer.get(key) else {
            checked = Err(Fault::new(
                "value_error:dict_key",
                format!("the key `{key}` is not expected"),
            ));
            break;
        };
        let answers = standard_items(answers)?;
        if !answers
            .iter()
            .any(|answer| answer.equals(&value.standard()))
        {
            checked = Err(Fault::new(
                "value_error:dict_value",
                format!("`{key}` is {value}, expected one of {}", listed(&answers)),
            ));
            break;
        }
    }
    // What is missing is told in the place of what is wrong.
    for (key, answers) in expected {
        if value.get(key).is_some() {
            continue;
        }
        let may_be_left = answers.contains(&PyValue::Str(String::new()));
        if !may_be_left.ok_or_else(|| undefined(answers))? {
            return Err(Fault::new(
                "value_error:dict_key",
                format!("the key `{key}` is missing"),
            ));
        }
    }
    checked
}

/// Checks a list of objects against lists of those that are right.
pub(super) fn dicts(values: &[PyValue], answers: &[PyValue]) -> Checked {
    let mut checked = Err(Fault::new("list_dict_checker:unclear", "no list is right"));
    for answer in answers {
        let expected = match answer {
            PyValue::List(expected) => expected.as_slice(),
            PyValue::Str(text) if text.is_empty() => &[],
            other => return Err(undefined(other)),
        };
        if values.len() != expected.len() {
            checked = Err(Fault::new(
                "value_error:list_dict_count",
                format!("{} objects, expected {}", values.len(), expected.len()),
            ));
            continue;
        }
        let mut pairs = values.iter().zip(expected);
        checked = pairs.try_for_each(|(value, answer)| dict(value, std::slice::from_ref(answer)));
        match &checked {
            Err(fault) if fault.kind != Fault::UNDEFINED => {}
            _ => return checked,
        }
    }
    checked
}

/// Whether a list is one of those that are right.
pub(super) fn is_among(values: &[PyValue], answers: &[PyValue]) -> Result<bool, Fault> {
    let values = PyValue::List(values.iter().map(PyValue::standard).collect());
    // The official checker reads all of them before it compares one.
    let answers: Result<Vec<_>, _> = answers.iter().map(standard_items).collect();
    Ok(answers?
        .into_iter()
        .any(|answer| PyValue::List(answer).equals(&values)))
}

/// The items of what should be a list, as they are compared; those of a text are its
/// characters.
fn standard_items(value: &PyValue) -> Result<Vec<PyValue>, Fault> {
    match value {
        PyValue::List(items) => Ok(items.iter().map(PyValue::standard).collect()),
        PyValue::Str(text) => Ok(text
            .chars()
            .map(|c| PyValue::Str(c.into()).standard())
            .collect()),
        PyValue::Dict(entries) if entries.is_empty() => Ok(Vec::new()),
        other => Err(undefined(other)),
    }
}

fn undefined(answer: &PyValue) -> Fault {
    Fault::undefined(format!("{answer} is no list of right values"))
}
