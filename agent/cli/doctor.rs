//! `glm doctor`: what is wrong here, if anything.

mod checks;
mod server;

use std::io::Write;

use glm_agent::render::{Style, terminal::printable};
use serde::Serialize;
use serde_json::json;

use crate::{
    args::{Color, DoctorArgs},
    exit::{self, Failure},
    run::ignore_closed,
    settings::Settings,
    setup,
};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    name: String,
    status: Status,
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    /// It works, and not as well as it could.
    Warning,
    /// Something will fail.
    Problem,
}

impl Check {
    fn new(name: &str, status: Status, detail: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            status,
            detail: detail.into(),
            hint: None,
        }
    }

    fn ok(name: &str, detail: impl Into<String>) -> Self {
        Self::new(name, Status::Ok, detail)
    }

    fn warning(name: &str, detail: impl Into<String>) -> Self {
        Self::new(name, Status::Warning, detail)
    }

    fn problem(name: &str, detail: impl Into<String>) -> Self {
        Self::new(name, Status::Problem, detail)
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// Looks at everything and says what it found: exit code 1 if there is a problem.
pub async fn doctor(args: DoctorArgs, settings: &Settings) -> Result<u8, Failure> {
    let json = args.json;
    let checks = if args.engine.is_empty() {
        checks::all().await
    } else {
        server::all(args, settings).await?
    };
    let has_problem = checks.iter().any(|check| check.status == Status::Problem);
    let text = if json {
        let all =
            json!({ "version": env!("CARGO_PKG_VERSION"), "ok": !has_problem, "checks": checks });
        format!("{all:#}\n")
    } else {
        table(&checks, setup::style(Color::Auto, &std::io::stdout()))
    };
    ignore_closed(std::io::stdout().write_all(text.as_bytes()))?;
    Ok(if has_problem {
        exit::FAILED
    } else {
        exit::ANSWERED
    })
}

/// One line a check, and one for its hint.
fn table(checks: &[Check], style: Style) -> String {
    let names = checks.iter().map(|check| check.name.chars().count());
    let width = names.max().unwrap_or(0);
    let mut text = String::new();
    for Check {
        name,
        status,
        detail,
        hint,
    } in checks
    {
        let word = match status {
            Status::Ok => "ok     ".to_owned(),
            Status::Warning => style.bold("warning"),
            Status::Problem => style.red("problem"),
        };
        let detail = printable(detail).replace('\n', " ");
        text += &format!("{word}  {name:<width$}  {detail}\n");
        if let Some(hint) = hint {
            text += &format!("{:9}hint: {}\n", "", printable(hint));
        }
    }
    text
}
