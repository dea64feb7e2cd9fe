//! Tasks as they stand in a file: one JSON object a line.

use std::{
    collections::{BTreeMap, HashMap},
    io::BufRead,
    path::{Path, PathBuf},
    time::Duration,
};

use glm_agent_tools::schema::Schema;
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Budget, Error, error::Faults};

/// The longest id, in bytes.
const LONGEST_ID: usize = 200;

/// A task of a batch. Its JSON form is one line of the file that
/// `glm batch` reads; `schemas/batch_task.json` describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Names the task and its result; no other task of the batch has it
    pub id: String,

    /// What is to be done. Where `variables` are given, `{{name}}` stands for one
    pub task: String,

    /// Values for the places in the task: strings as they are, other values as JSON
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Value>,

    /// Files and folders for Python's /mnt/data, named from the folder of the file with the tasks
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PathBuf>,

    /// Exactly these tools, in place of those of all tasks: built-in ones, and manifests, named
    /// from the folder of the file with the tasks; an empty list is none
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,

    /// Instructions for the model, in place of those of all tasks
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,

    /// The JSON Schema that the answer must fit, in place of that of all tasks
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,

    /// What the task may spend, in place of what all tasks may
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
}

/// What one task may spend. At a limit, the model is asked once more, without
/// tools, for the best answer it can give.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Replies that the model may write
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub steps: Option<u32>,

    /// Tokens of all prompts together
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub prompt_tokens: Option<u64>,

    /// Tokens of all replies together
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub completion_tokens: Option<u64>,

    /// Tokens, read and written together
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub tokens: Option<u64>,

    /// Calls of tools
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<u32>,

    /// Money, where the model has a price, in that price's currency
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub cost: Option<f64>,

    /// Time from the beginning on, in seconds
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub seconds: Option<f64>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This budget, with these limits where they are given.
    pub fn within(&self, budget: Budget) -> Budget {
        let time = self.seconds.map(Duration::try_from_secs_f64);
        Budget {
            steps: self.steps.unwrap_or(budget.steps),
            prompt_tokens: self.prompt_tokens.or(budget.prompt_tokens),
            completion_tokens: self.completion_tokens.or(budget.completion_tokens),
            tokens: self.tokens.or(budget.tokens),
            tool_calls: self.tool_calls.or(budget.tool_calls),
            time: time.and_then(Result::ok).or(budget.time),
            cost: self.cost.or(budget.cost),
        }
    }

    fn fault(&self) -> Option<String> {
        let fits = |seconds: f64| seconds > 0.0 && Duration::try_from_secs_f64(seconds).is_ok();
        let tokens = [self.prompt_tokens, self.completion_tokens, self.tokens];
        let is_nothing = self.cost.is_some_and(|cost| cost.is_nan() || cost <= 0.0);
        if self.steps == Some(0) || tokens.contains(&Some(0)) || is_nothing {
            return Some("a limit of 0 leaves nothing to work with".to_owned());
        }
        match self.seconds {
            Some(seconds) if !fits(seconds) => {
                Some(format!("`seconds`: {seconds} is no time to work in"))
            }
            _ => None,
        }
    }
}

impl Task {
    /// A task with nothing but an id and words.
    pub fn new(id: impl Into<String>, task: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            task: task.into(),
            variables: BTreeMap::new(),
            files: Vec::new(),
            tools: None,
            system: None,
            schema: None,
            limits: Limits::default(),
        }
    }

    /// The words for the model, with the variables in their places.
    ///
    /// # Errors
    /// The name of a place for which there is no variable.
    pub fn words(&self) -> Result<String, String> {
        if self.variables.is_empty() {
            return Ok(self.task.clone());
        }
        let mut words = String::new();
        let mut rest = self.task.as_str();
        // What a variable says is not looked at again: it may come from anywhere.
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or("{{")?;
            let name = name.trim();
            let value = self.variables.get(name).ok_or(name)?;
            words += before;
            match value {
                Value::String(text) => words += text,
                other => words += &other.to_string(),
            }
            rest = after;
        }
        words += rest;
        Ok(words)
    }

    /// The JSON Schema of a line with a task.
    pub fn schema() -> Value {
        schema_for!(Self).to_value()
    }

    /// What is wrong with it, but for what other tasks say.
    fn fault(&self) -> Option<String> {
        if self.id.trim().is_empty() || self.id.len() > LONGEST_ID {
            return Some(format!("`id` must have 1 to {LONGEST_ID} bytes"));
        }
        if self.id.chars().any(char::is_control) {
            return Some("`id` must have no control characters".to_owned());
        }
        match self.words() {
            Err(name) if name == "{{" => Some("`task` has `{{` without `}}`".to_owned()),
            Err(name) => Some(format!("`variables` lacks `{name}`, which `task` names")),
            Ok(words) if words.trim().is_empty() => Some("`task` is empty".to_owned()),
            Ok(_) => self.limits.fault().or_else(|| {
                let fault = Schema::compile(self.schema.as_ref()?).err()?;
                Some(format!("`schema` is none: {fault}"))
            }),
        }
    }
}

/// Reads tasks, one JSON object a line; empty lines are skipped. Their files are
/// named from `folder`.
///
/// # Errors
/// When a line is no task or has the id of another. All such lines are named.
pub fn read(name: &str, lines: impl BufRead, folder: &Path) -> Result<Vec<Task>, Error> {
    let mut tasks: Vec<Task> = Vec::new();
    let mut lines_of: HashMap<String, usize> = HashMap::new();
    let mut faults = Faults::default();
    for (index, line) in lines.lines().enumerate() {
        let number = index + 1;
        let line = line.map_err(|source| Error::Tasks {
            name: name.to_owned(),
            source,
        })?;
        if line.trim().is_empty() {
            continue;
        }
        match parsed(&line) {
            Err(fault) => faults.add(number, fault),
            Ok(mut task) => {
                if let Some(other) = lines_of.get(&task.id) {
                    faults.add(number, format!("line {other} has the id `{}` too", task.id));
                    continue;
                }
                lines_of.insert(task.id.clone(), number);
                for file in &mut task.files {
                    *file = folder.join(&file);
                }
                for tool in task.tools.iter_mut().flatten() {
                    if tool.contains(['.', '/', '\\']) {
                        *tool = folder.join(&tool).display().to_string();
                    }
                }
                if let Some(missing) = task.files.iter().find(|file| !file.exists()) {
                    faults.add(number, format!("there is no file `{}`", missing.display()));
                }
                tasks.push(task);
            }
        }
    }
    if !faults.is_empty() {
        return Err(Error::BadTasks {
            name: name.to_owned(),
            faults,
        });
    }
    if tasks.is_empty() {
        return Err(Error::NoTasks {
            name: name.to_owned(),
        });
    }
    Ok(tasks)
}

fn parsed(line: &str) -> Result<Task, String> {
    let task: Task = serde_json::from_str(line).map_err(|error| {
        // The line is told already, by its number in the file.
        error
            .to_string()
            .replace(" at line 1 column ", " at column ")
    })?;
    match task.fault() {
        Some(fault) => Err(fault),
        None => Ok(task),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(task: &str, variables: Value) -> Result<String, String> {
        let mut it = Task::new("a", task);
        it.variables = serde_json::from_value(variables).unwrap();
        it.words()
    }

    #[test]
    fn variables_stand_in_their_places() {
        let variables = json!({"city": "Bonn", "n": 3, "list": [1, "x"]});
        assert_eq!(
            words("{{n}} facts about {{ city }}: {{list}}.", variables).unwrap(),
            "3 facts about Bonn: [1,\"x\"]."
        );
        // What they say stays as it is, and so does a task without any.
        assert_eq!(words("{{a}}", json!({"a": "{{b}}"})).unwrap(), "{{b}}");
        assert_eq!(words("{{a}}", json!({})).unwrap(), "{{a}}");
        assert_eq!(words("{{b}}", json!({"a": 1})).unwrap_err(), "b");
    }

    #[test]
    fn every_line_that_is_no_task_is_named() {
        let lines = [
            r#"{"id": "a", "task": "Hi"}"#,
            "",
            r#"{"id": "a", "task": "Hi again"}"#,
            r#"{"id": "b"}"#,
            r#"{"id": "c", "taks": "Hi"}"#,
            r#"{"id": "", "task": "Hi"}"#,
            r#"{"id": "d", "task": "{{x}}", "variables": {"y": 1}}"#,
            r#"{"id": "e", "task": "{{x", "variables": {"y": 1}}"#,
            r#"{"id": "f", "task": " "}"#,
            r#"{"id": "g", "task": "Hi", "limits": {"steps": 0}}"#,
            r#"{"id": "h", "task": "Hi", "limits": {"seconds": -1}}"#,
            r#"{"id": "s", "task": "Hi", "schema": {"type": "thing"}}"#,
            r#"{"id": "i", "task": "Hi", "files": ["nowhere.csv"]}"#,
            "not JSON",
        ];
        let error = read("tasks", lines.join("\n").as_bytes(), Path::new("/dir")).unwrap_err();
        insta::assert_snapshot!(error, @r#"
        `tasks` has lines that are no tasks, and nothing was run
        line 3: line 1 has the id `a` too
        line 4: missing field `task` at column 11
        line 5: unknown field `taks`, expected one of `id`, `task`, `variables`, `files`, `tools`, `system`, `schema`, `limits` at column 18
        line 6: `id` must have 1 to 200 bytes
        line 7: `variables` lacks `x`, which `task` names
        line 8: `task` has `{{` without `}}`
        line 9: `task` is empty
        line 10: a limit of 0 leaves nothing to work with
        line 11: `seconds`: -1 is no time to work in
        line 12: `schema` is none: "thing" is not valid under any of the schemas listed in the 'anyOf' keyword at /type
        line 13: there is no file `/dir/nowhere.csv`
        line 14: expected ident at column 2
        "#);
    }
}
