//! Answers in a form: JSON that fits a schema.

use glm_agent_tools::schema::Schema;
use serde_json::Value;

/// Problems of an answer that are listed at most.
const PROBLEMS: usize = 5;

/// What an answer must be.
pub(crate) struct Form(Schema);

impl Form {
    /// The form that a JSON Schema describes.
    ///
    /// # Errors
    /// What is wrong with the schema.
    pub fn new(schema: &Value) -> Result<Self, String> {
        Schema::exact(schema).map(Self)
    }

    /// The answer as JSON, harmless slips put right.
    ///
    /// # Errors
    /// What is wrong with it, in words for the model.
    pub fn check(&self, answer: &str) -> Result<String, String> {
        let value: Value = serde_json::from_str(without_fence(answer)).map_err(|error| {
            format!("the answer is not JSON: {error}\nanswer again, with JSON and nothing else")
        })?;
        let checked = self.0.check(value).map_err(|problems| {
            let more = problems.len().saturating_sub(PROBLEMS);
            let mut lines: Vec<String> = problems
                .iter()
                .take(PROBLEMS)
                .map(|problem| format!("\n- {problem}"))
                .collect();
            if more > 0 {
                lines.push(format!("\n- and {more} more"));
            }
            format!("the answer does not fit its schema{}", lines.concat())
        })?;
        Ok(checked.to_string())
    }
}

/// The text within a Markdown fence, if it is in one.
fn without_fence(text: &str) -> &str {
    let text = text.trim();
    let fenced = || {
        let inner = text.strip_prefix("```")?.strip_suffix("```")?;
        let (language, inner) = inner.split_once('\n')?;
        ["", "json"].contains(&language.trim()).then_some(inner)
    };
    fenced().unwrap_or(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_json_of_its_schema() {
        let schema = json!({
            "type": "object",
            "properties": {"temp": {"type": "number"}, "sky": {"enum": ["clear", "grey"]}},
            "required": ["temp"],
        });
        let form = Form::new(&schema).unwrap();
        for (answer, taken) in [
            ("{\"temp\": 21}", "{\"temp\":21}"),
            ("```json\n{\"temp\": \"21\"}\n```\n", "{\"temp\":21}"),
            // The schema says nothing of other properties.
            ("{\"temp\": 1, \"wind\": 2}", "{\"temp\":1,\"wind\":2}"),
        ] {
            assert_eq!(form.check(answer), Ok(taken.to_owned()));
        }
        assert_eq!(
            form.check("{\"sky\": \"blue\"}").unwrap_err(),
            "the answer does not fit its schema\n- `temp`: expected a number, got nothing\n\
             - `sky`: expected \"clear\" or \"grey\", got \"blue\""
        );
        let error = form.check("It is warm.").unwrap_err();
        assert!(
            error.starts_with("the answer is not JSON: expected value"),
            "{error}"
        );
        assert!(Form::new(&json!({"type": "nonsense"})).is_err());
    }

    #[test]
    fn an_answer_need_not_be_an_object() {
        let form = Form::new(&json!({"type": "array", "items": {"type": "integer"}})).unwrap();
        assert_eq!(form.check("[1, 2]"), Ok("[1,2]".to_owned()));
        assert!(form.check("[\"one\"]").is_err());
    }
}
