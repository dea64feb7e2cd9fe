//! The tools that a client offers the model.

use glm_agent_model::{ToolChoice, ToolSpec};
use serde_json::{Map, Value};

use super::super::{
    error::Refusal,
    fields::{Fields, wrong},
};
use crate::answer::Form;

/// Reads `tools` and `tool_choice`.
pub(super) fn read(fields: &mut Fields) -> Result<(Vec<ToolSpec>, ToolChoice), Refusal> {
    let mut tools: Vec<ToolSpec> = Vec::new();
    match fields.take("tools") {
        None => {}
        Some(Value::Array(given)) => {
            for (index, tool) in given.into_iter().enumerate() {
                let at = format!("tools[{index}]");
                let tool = spec(&at, tool)?;
                if tools.iter().any(|other| other.name() == tool.name()) {
                    let message = format!("there are two tools `{}`", tool.name());
                    return Err(Refusal::param(at, message));
                }
                tools.push(tool);
            }
        }
        Some(other) => return Err(wrong("tools", "a list", &other)),
    }
    let choice = choice(fields, &mut tools)?.unwrap_or_default();
    Ok((tools, choice))
}

/// A function in OpenAI's form; or one of the tools that GLM-4 was trained with, by
/// its type, which takes raw text.
fn spec(at: &str, mut tool: Value) -> Result<ToolSpec, Refusal> {
    match tool.get("type").and_then(Value::as_str) {
        Some("function") => {}
        Some("python") => return Ok(ToolSpec::Python),
        Some("simple_browser") => return Ok(ToolSpec::SimpleBrowser),
        Some("cogview") => return Ok(ToolSpec::Cogview),
        _ => {
            let message = "a tool must be of the type function, python, simple_browser or cogview";
            return Err(Refusal::param(format!("{at}.type"), message));
        }
    }
    let at = format!("{at}.function");
    let Some(Value::Object(mut function)) = tool.get_mut("function").map(Value::take) else {
        return Err(Refusal::param(at, "the function's definition is missing"));
    };
    // How strictly a call is held to its schema: it always is.
    function.shift_remove("strict");
    function.retain(|_, value| !value.is_null());
    check(&at, &function)?;
    let function = function
        .try_into()
        .map_err(|reason: String| Refusal::param(&at, reason))?;
    Ok(ToolSpec::Function { function })
}

fn check(at: &str, function: &Map<String, Value>) -> Result<(), Refusal> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name = function.get("name").and_then(Value::as_str);
    let name = name.unwrap_or_default();
    if !(1..=64).contains(&name.chars().count()) || !name.chars().all(fits) {
        let message = "a function's name has 1 to 64 letters, digits, `_`, `-` and `.`";
        return Err(Refusal::param(format!("{at}.name"), message));
    }
    match function.get("description") {
        None | Some(Value::String(_)) => {}
        Some(other) => return Err(wrong(&format!("{at}.description"), "a string", other)),
    }
    let at = format!("{at}.parameters");
    match function.get("parameters") {
        None => Ok(()),
        Some(schema @ Value::Object(_)) => Form::new(schema)
            .map(|_| ())
            .map_err(|reason| Refusal::param(at, format!("the schema cannot be used: {reason}"))),
        Some(other) => Err(wrong(&at, "a JSON Schema", other)),
    }
}

/// Reads `tool_choice`, which may allow some of the tools only.
pub(in crate::serve) fn choice(
    fields: &mut Fields,
    tools: &mut Vec<ToolSpec>,
) -> Result<Option<ToolChoice>, Refusal> {
    const CHOICE: &str = "tool_choice";
    let Some(choice) = fields.take(CHOICE) else {
        return Ok(None);
    };
    let named = |mode: &str| match mode {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" => Some(ToolChoice::Required),
        _ => None,
    };
    let form = "auto, none, required, or name a function";
    let choice = match choice.get("type").and_then(Value::as_str) {
        None => {
            let mode = choice.as_str().and_then(named);
            mode.ok_or_else(|| wrong(CHOICE, form, &choice))?
        }
        Some("function") => {
            let name = choice.pointer("/function/name").and_then(Value::as_str);
            ToolChoice::Tool(name.ok_or_else(|| wrong(CHOICE, form, &choice))?.to_owned())
        }
        Some("allowed_tools") => {
            let mode = choice.pointer("/allowed_tools/mode");
            let mode = mode.and_then(Value::as_str).and_then(named);
            let allowed = choice.pointer("/allowed_tools/tools");
            let (Some(mode), Some(Value::Array(allowed))) = (mode, allowed) else {
                return Err(wrong(CHOICE, "a mode and a list of tools", &choice));
            };
            let is_allowed = |tool: &ToolSpec| {
                let name = |entry: &Value| Some(entry.pointer("/function/name")? == tool.name());
                allowed.iter().any(|entry| name(entry) == Some(true))
            };
            tools.retain(is_allowed);
            mode
        }
        // One of those that go by their type.
        Some(name) => ToolChoice::Tool(name.to_owned()),
    };
    let is_there = match &choice {
        ToolChoice::Tool(name) => tools.iter().any(|tool| tool.name() == name),
        ToolChoice::Required => !tools.is_empty(),
        ToolChoice::Auto | ToolChoice::None => true,
    };
    if is_there {
        Ok(Some(choice))
    } else {
        let message = "the tool that must be called is not among `tools`";
        Err(Refusal::param(CHOICE, message))
    }
}
