//! Asks the person at the terminal about calls that wait.

use std::io::{IsTerminal, Write};

use async_trait::async_trait;
use glm_agent::{Answer, Approver, Pending, render::terminal::printable};
use rustyline::DefaultEditor;
use serde_json::Value;

/// Asks on stderr, so that stdout is left to answers, and reads from stdin, if a
/// person is at both.
pub struct Consent;

#[async_trait]
impl Approver for Consent {
    async fn answer(&self, call: &Pending) -> Option<Answer> {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return None;
        }
        let call = call.clone();
        tokio::task::spawn_blocking(move || asked(&call))
            .await
            .ok()?
    }
}

fn asked(call: &Pending) -> Option<Answer> {
    let head = format!("● {} {}", call.call.name, shown(&call.call.arguments));
    let Some(reason) = &call.reason else {
        return result(&head);
    };
    say(&format!("{}\n  {}\n", printable(&head), printable(reason)))?;
    loop {
        let line = read("  run it? [y]es, [a]lways in this session, [e]dit the arguments, [N]o ")?;
        return Some(match line.to_lowercase().as_str() {
            "y" | "yes" => Answer::Approve,
            "a" | "always" => Answer::ApproveAlways,
            "e" | "edit" => match edited(&call.call.arguments) {
                Some(arguments) => Answer::ApproveWith(arguments),
                None => continue,
            },
            "" | "n" | "no" => denied()?,
            // Whoever writes a sentence says why not.
            _ if line.contains(' ') => Answer::Deny(refusal(&line)),
            _ => continue,
        });
    }
}

/// Whether the person at the terminal says yes to a question.
pub fn confirmed(question: &str) -> bool {
    read(question).is_some_and(|line| matches!(line.to_lowercase().as_str(), "y" | "yes"))
}

fn denied() -> Option<Answer> {
    let why = read("  what to tell the model (Enter: nothing more) ")?;
    Some(Answer::Deny(refusal(&why)))
}

/// What the model is told of a call that the user does not want.
pub fn refusal(why: &str) -> String {
    let refusal = "the user did not allow this call";
    if why.is_empty() {
        refusal.to_owned()
    } else {
        format!("{refusal}: {why}")
    }
}

/// The arguments as the user changes them; `None` if that is given up.
fn edited(arguments: &Value) -> Option<Value> {
    let mut text = shown(arguments);
    let mut editor = DefaultEditor::new().ok()?;
    loop {
        text = editor
            .readline_with_initial("  arguments: ", (&text, ""))
            .ok()?;
        if arguments.is_string() {
            return Some(Value::String(text));
        }
        match serde_json::from_str(&text) {
            Ok(value) => return Some(value),
            Err(error) => say(&format!("  this is not JSON: {error}\n"))?,
        }
    }
}

/// The result of a tool that is run elsewhere.
fn result(head: &str) -> Option<Answer> {
    let head = printable(head);
    let text = read(&format!(
        "{head}\n  this tool is run elsewhere; its result: "
    ))?;
    Some(Answer::Result(text.into()))
}

fn shown(arguments: &Value) -> String {
    match arguments {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn say(text: &str) -> Option<()> {
    let mut stderr = std::io::stderr().lock();
    stderr.write_all(text.as_bytes()).ok()?;
    stderr.flush().ok()
}

/// One line; `None` when there is no more to read.
fn read(question: &str) -> Option<String> {
    say(question)?;
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim().to_owned())
}
