//! The verdict on a reply.

use super::{Call, Entry, Fault, checker, entry::Expected};

/// Whether the calls of a reply are right. `silence` says why there are none, if there are
/// none.
///
/// # Errors
/// When they are not: why.
pub fn judge(entry: &Entry, calls: &[Call], silence: impl FnOnce() -> Fault) -> Result<(), Fault> {
    match &entry.expected {
        Expected::Calls(_) if calls.is_empty() => Err(silence()),
        Expected::Calls(answers) => {
            checker::check(entry.category, &entry.functions, calls, answers)
        }
        Expected::ACall(true) if calls.is_empty() => Err(Fault::new(
            "relevance_error:decoder_failed",
            format!("there is no call: {}", silence().message),
        )),
        Expected::ACall(false) if !calls.is_empty() => {
            let names: Vec<&str> = calls.iter().map(|call| call.name.as_str()).collect();
            Err(Fault::new(
                "irrelevance_error:decoder_success",
                format!("no function helps, and {} is called", names.join(", ")),
            ))
        }
        Expected::ACall(_) => Ok(()),
        // Whoever holds the tools judges.
        Expected::State(_) => Err(silence()),
    }
}
