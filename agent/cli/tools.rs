//! `glm tools`: the tools themselves, without a model.

use std::{io::Write, sync::Arc, time::Duration};

use anyhow::anyhow;
use glm_agent::{
    ToolContext, ToolError,
    model::ToolSpec,
    tools::{Registry, python::Limits},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    args::{ToolArgs, ToolsCommand},
    exit::{self, Failure},
    progress::Progress,
    run::ignore_closed,
    setup,
};

/// Runs the command.
pub async fn tools(command: ToolsCommand) -> Result<u8, Failure> {
    match command {
        ToolsCommand::List { json, tools } => list(json, &tools),
        ToolsCommand::Call {
            name,
            arguments,
            timeout,
            tools,
        } => call(&name, &arguments, timeout, tools).await,
    }
}

fn registry(args: &ToolArgs, limits: Limits) -> Result<Registry, Failure> {
    let tools = setup::tools(args, &Arc::new(Progress::new(false)), limits)?;
    Ok(Registry::new(tools).map_err(glm_agent::Error::from)?)
}

fn list(json: bool, args: &ToolArgs) -> Result<u8, Failure> {
    let specs = registry(args, Limits::default())?.specs();
    let mut text = String::new();
    if json {
        text = serde_json::to_string_pretty(&specs).map_err(anyhow::Error::from)? + "\n";
    } else {
        for spec in &specs {
            text += &format!("{:<16} {}\n", spec.name(), describe(spec));
        }
    }
    ignore_closed(std::io::stdout().write_all(text.as_bytes()))?;
    Ok(exit::ANSWERED)
}

/// A tool in one line.
pub fn describe(spec: &ToolSpec) -> String {
    let text = match spec {
        ToolSpec::Function { function } => function
            .object()
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default(),
        ToolSpec::Python => "Python code in the sandbox; variables are kept between calls",
        ToolSpec::SimpleBrowser => "search the web and open pages",
        ToolSpec::Cogview => "an image from a description",
    };
    text.lines().next().unwrap_or_default().to_owned()
}

async fn call(
    name: &str,
    arguments: &str,
    timeout: Option<Duration>,
    mut args: ToolArgs,
) -> Result<u8, Failure> {
    // Whoever names a built-in tool need not offer it too.
    if args.tools.is_empty() {
        args.tools.push(name.to_owned());
    }
    let mut limits = Limits::default();
    if let Some(timeout) = timeout {
        limits.wall = timeout;
    }
    let registry = registry(&args, limits)?;
    let text = if arguments == "-" {
        setup::stdin()?
    } else {
        arguments.to_owned()
    };
    let takes_text = registry
        .get(name)
        .is_some_and(|tool| tool.spec().takes_text());
    let arguments = if takes_text {
        Value::String(text)
    } else {
        serde_json::from_str(&text).map_err(|error| {
            Failure::usage(anyhow!(
                "the arguments are not JSON: {error}\nhint: glm tools call {name} '{{\"key\": \"value\"}}'"
            ))
        })?
    };
    let cancel = CancellationToken::new();
    let cx = ToolContext {
        cancel: cancel.clone(),
        session: "tools-call".to_owned(),
        ..ToolContext::default()
    };
    // The sandbox keeps its limit itself: its first use takes longer.
    let limit = timeout.filter(|_| !takes_text).unwrap_or(Duration::MAX);
    let result = tokio::select! {
        result = registry.call(name, arguments, cx) => result,
        () = tokio::time::sleep(limit) => {
            cancel.cancel();
            Err(ToolError::Model(format!("stopped at its time limit of {} s", limit.as_secs_f64())))
        }
        _ = tokio::signal::ctrl_c() => {
            cancel.cancel();
            return Ok(exit::INTERRUPTED);
        }
    };
    match result {
        Ok(output) => {
            let mut stdout = std::io::stdout().lock();
            let newline = if output.text.is_empty() || output.text.ends_with('\n') {
                ""
            } else {
                "\n"
            };
            ignore_closed(write!(stdout, "{}{newline}", output.text))?;
            Ok(if output.failed {
                exit::FAILED
            } else {
                exit::ANSWERED
            })
        }
        Err(error) => Err(anyhow!("{error}").into()),
    }
}
