//! `glm tools`: the tools themselves, without a model.

use std::{io::Write, sync::Arc, time::Duration};

use anyhow::anyhow;
use glm_agent::{
    Artifact, Observer, Session, Tool, call_by_hand,
    event::CallId,
    model::{ToolCall, ToolSpec},
    paths,
    render::Terminal,
    tools::{Registry, Source, mcp::Server, text::after},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    args::{CallOptions, Color, ToolArgs, ToolsCommand},
    choice::{BROWSER, Choice},
    exit::{self, Failure},
    interrupt,
    progress::Progress,
    run::ignore_closed,
    servers,
    settings::Settings,
    setup,
    web::Form,
};

/// Width of the column of names at most.
const NAMES: usize = 32;

/// Runs the command.
pub async fn tools(command: ToolsCommand, settings: &Settings) -> Result<u8, Failure> {
    match command {
        ToolsCommand::List { json, tools } => list(json, &tools, settings).await,
        ToolsCommand::Schema { name, tools } => schema(&name, &tools, settings).await,
        ToolsCommand::Call {
            name,
            arguments,
            options,
        } => call(&name, &arguments, options, settings).await,
    }
}

/// The tools, those of servers included, which live for as long as it is kept; each
/// may take as long as `timeout` says.
async fn registry(
    args: &ToolArgs,
    settings: &Settings,
    timeout: Option<Duration>,
) -> Result<(Registry, Vec<Arc<Server>>), Failure> {
    let progress = Arc::new(Progress::new(false));
    let mut own = args.own.clone();
    own.web.attend();
    let choice = Choice::new(&own, &progress, timeout)?;
    let mut tools = choice.tools(Form::Functions);
    let servers = servers::connect(args, settings, &progress).await?;
    tools.extend(servers.iter().flat_map(|server| server.tools()));
    if let Some(timeout) = timeout {
        // The sandbox keeps its limit itself: its first use takes longer.
        let limited = |tool: Tool| {
            if tool.spec().takes_text() {
                tool
            } else {
                tool.timeout(timeout)
            }
        };
        tools = tools.into_iter().map(limited).collect();
    }
    let registry = Registry::new(tools).map_err(glm_agent::Error::from)?;
    Ok((registry.with_secrets(settings.secrets()), servers))
}

async fn list(json: bool, args: &ToolArgs, settings: &Settings) -> Result<u8, Failure> {
    let (registry, servers) = registry(args, settings, None).await?;
    let specs = registry.specs();
    servers::close(servers).await;
    let mut text = String::new();
    if json {
        text = serde_json::to_string_pretty(&specs).map_err(anyhow::Error::from)? + "\n";
    } else {
        text += &listed(&specs);
    }
    ignore_closed(std::io::stdout().write_all(text.as_bytes()))?;
    Ok(exit::ANSWERED)
}

/// Whoever names a built-in tool need not offer it, too; and whoever names one of a
/// server wants no other. What one of the browser's functions shows, the others know.
fn just(args: &mut ToolArgs, name: &str) {
    if args.own.tools.is_empty() {
        let wanted = match name {
            "web_search" | "web_open" | "web_find" => BROWSER,
            name if name.contains("__") => "none",
            name => name,
        };
        args.own.tools.push(wanted.to_owned());
    }
}

/// Prints what the model is told of one tool.
async fn schema(name: &str, args: &ToolArgs, settings: &Settings) -> Result<u8, Failure> {
    let mut args = args.clone();
    just(&mut args, name);
    let (registry, servers) = registry(&args, settings, None).await?;
    servers::close(servers).await;
    let Some(tool) = registry.get(name) else {
        let names = registry.names().collect::<Vec<_>>().join(", ");
        return Err(Failure::usage(anyhow!(
            "there is no tool `{name}` on offer; there are: {names}\nhint: --tools FILE offers those of a manifest"
        )));
    };
    let text = format!("{:#}\n", serde_json::json!(tool.spec()));
    ignore_closed(std::io::stdout().write_all(text.as_bytes()))?;
    Ok(exit::ANSWERED)
}

/// Tools, in a line each.
pub fn listed(specs: &[ToolSpec]) -> String {
    let widths = specs.iter().map(|spec| spec.name().chars().count());
    let width = widths.max().unwrap_or(0).min(NAMES);
    let line = |spec| format!("{:<width$}  {}\n", ToolSpec::name(spec), describe(spec));
    specs.iter().map(line).collect()
}

/// A tool in one line.
fn describe(spec: &ToolSpec) -> String {
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
    options: CallOptions,
    settings: &Settings,
) -> Result<u8, Failure> {
    let CallOptions {
        timeout,
        session,
        file,
        mut tools,
    } = options;
    just(&mut tools, name);
    let files = setup::gather(&file, &tools)?;
    let (registry, servers) = registry(&tools, settings, timeout).await?;
    let arguments = arguments_of(&registry, name, arguments)?;
    let mut session = match session {
        Some(name) => Session::open(&paths::sessions_dir()?, Some(&name))?,
        None => Session::ephemeral(),
    };
    setup::bring(files, &mut session)?;

    let stop = CancellationToken::new();
    let signal = interrupt::watch(&stop);
    let call = ToolCall {
        name: name.to_owned(),
        arguments,
    };
    let mut said = Stdout::default();
    let result = call_by_hand(&registry, &mut session, call, &mut said, stop.clone()).await;
    signal.abort();
    registry.close(session.id()).await;
    servers::close(servers).await;
    match result? {
        _ if stop.is_cancelled() => Ok(exit::INTERRUPTED),
        Ok(output) => {
            let more = output.more.iter().map(|seen| seen.text.as_str());
            let texts: Vec<&str> = std::iter::once(output.text.as_str()).chain(more).collect();
            said.finish(&texts.join("\n\n"))?;
            list_files(&output.artifacts, &session);
            Ok(if output.failed {
                exit::FAILED
            } else {
                exit::ANSWERED
            })
        }
        Err(error) => Err(anyhow!("{error}").into()),
    }
}

/// The arguments from the command line, or from stdin for `-`.
fn arguments_of(registry: &Registry, name: &str, arguments: &str) -> Result<Value, Failure> {
    let text = if arguments == "-" {
        setup::stdin()?
    } else {
        arguments.to_owned()
    };
    let tool = registry.get(name);
    if tool.is_some_and(|tool| tool.spec().takes_text()) {
        return Ok(Value::String(text));
    }
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(anyhow!(
            "the arguments are not JSON: {error}\nhint: glm tools call {name} '{{\"key\": \"value\"}}'"
        ))
    })
}

/// Prints what a call says as it comes, and then what is new in its result.
#[derive(Default)]
struct Stdout {
    said: String,
}

impl Observer for Stdout {
    fn progress(&mut self, _call: &CallId, text: &str) {
        self.said.push_str(text);
        if let Err(error) = self.print(text) {
            // The call goes on for what it does, and the log has its result.
            tracing::debug!("cannot print: {error}");
        }
    }
}

impl Stdout {
    fn finish(&self, result: &str) -> Result<(), Failure> {
        let new = after(&self.said, result);
        let has_open_line = !self.said.is_empty() && !self.said.ends_with('\n');
        let mut text = String::new();
        if has_open_line {
            text.push('\n');
        }
        text.push_str(new);
        if !new.is_empty() && !new.ends_with('\n') {
            text.push('\n');
        }
        Ok(self.print(&text)?)
    }

    fn print(&self, text: &str) -> std::io::Result<()> {
        let mut stdout = std::io::stdout().lock();
        ignore_closed(
            stdout
                .write_all(text.as_bytes())
                .and_then(|()| stdout.flush()),
        )
    }
}

/// Says on stderr which files the call made.
fn list_files(artifacts: &[Artifact], session: &Session) {
    let style = setup::style(Color::Auto, &std::io::stderr());
    let terminal = Terminal::progress(std::io::stderr(), style);
    setup::with_links(terminal, &std::io::stderr(), session.files()).artifacts(artifacts);
    if !artifacts.is_empty() && !session.is_kept() {
        // Nobody may be there to read it.
        let _ = writeln!(std::io::stderr(), "hint: `--session NAME` keeps files");
    }
}
