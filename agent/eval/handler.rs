//! A reply as the official package's handler of GLM-4 reads it
//! (`bfcl_eval.model_handler.local_inference.glm`): the first line is the function's name,
//! the second its arguments, and nothing else is looked at. Special tokens are gone by
//! then, because the server that it asks leaves them out.

use serde_json::Value;

use super::{Call, Fault};
use crate::model::Profile;

/// The formats whose calls it can read: a name, a newline and JSON.
const READ: [&str; 6] = [
    "glm4",
    "glm4-hf",
    "glm4-demo",
    "glm4-0414",
    "glm-edge",
    "smol-glm",
];

/// Whether models of this format can be read so at all.
pub(super) fn can_read(profile: &Profile) -> bool {
    READ.contains(&profile.name())
}

/// The one call of a reply, as it was generated.
///
/// # Errors
/// When it has none that can be read.
pub fn call(raw: &str, profile: &Profile) -> Result<Call, Fault> {
    let mut text = raw.to_owned();
    for token in profile.special_tokens() {
        text = text.replace(token, "");
    }
    let mut lines = text.split('\n');
    let name = lines.next().unwrap_or_default();
    let Some(arguments) = lines.next() else {
        return Err(Fault::new(
            "ast_decoder:decoder_wrong_output_format",
            "there is only one line",
        ));
    };
    match serde_json::from_str(arguments) {
        Ok(Value::Object(arguments)) => Ok(Call {
            name: name.to_owned(),
            arguments,
        }),
        Ok(_) => Err(Fault::new(
            "ast_decoder:decoder_wrong_output_format",
            "the second line is no JSON object",
        )),
        Err(error) => Err(Fault::new(
            "ast_decoder:decoder_failed",
            format!("the second line is not JSON: {error}"),
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(raw: &str) -> Result<(String, Value), String> {
        let call = call(raw, Profile::by_name("glm4").unwrap());
        call.map(|call| (call.name, Value::Object(call.arguments)))
            .map_err(|fault| fault.kind)
    }

    #[test]
    fn two_lines_are_read_and_no_more() {
        let failed = Err("ast_decoder:decoder_failed".to_owned());
        let format = Err("ast_decoder:decoder_wrong_output_format".to_owned());
        let call = Ok(("add".to_owned(), json!({"a": 1})));
        assert_eq!(read("add\n{\"a\": 1}<|observation|>"), call);
        assert_eq!(read("add\n{\"a\": 1}\nand more<|user|>"), call);
        // The next call stands on the same line, once the token between them is gone.
        assert_eq!(read("add\n{\"a\": 1}<|assistant|>add\n{\"a\": 2}"), failed);
        assert_eq!(read("add\n{\n\"a\": 1}"), failed);
        assert_eq!(read("\nThree.<|user|>"), failed);
        assert_eq!(read("add\n[1]"), format);
        assert_eq!(read("add"), format);
    }
}
