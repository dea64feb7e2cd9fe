//! From flags to an agent.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, anyhow};
use glm_agent::{
    Agent, AgentBuilder, Budget, Policy, Session, Tool, engine,
    files::{self, Gathered},
    model::{Engine, Sampling, image::Picture},
    paths,
    render::{Style, Terminal},
    tools::{mcp::Server, python::Limits},
};
use serde_json::Value;

use crate::{
    args::{AgentArgs, Color, ToolArgs},
    choice::{Choice, PYTHON},
    exit::Failure,
    progress::Progress,
    remote, servers,
    settings::Settings,
    telemetry,
    web::Form,
};

/// The agent that the flags describe, but for who gives consent; and the servers
/// that it gets tools from.
pub async fn agent(
    args: &AgentArgs,
    settings: &Settings,
    quiet: bool,
) -> Result<(AgentBuilder, Vec<Arc<Server>>), Failure> {
    // Tools first: a mistyped name should not wait for the model to load.
    let progress = Arc::new(Progress::new(quiet));
    settings.telemetry.destination()?;
    let schema = args.output_schema.as_deref().map(schema).transpose()?;
    let choice = Choice::new(&args.tools.own, &progress, None)?;
    let servers = servers::connect(&args.tools, settings, &progress).await?;
    let engine = engine(args, settings, &progress).await?;
    let tools = choice.tools(Form::of(engine.profile()));
    let mut builder = builder(args, settings, engine, tools, &servers)?;
    if let Some(schema) = schema {
        builder = builder.answer_schema(schema);
    }
    Ok((builder, servers))
}

/// The agent that the flags describe, of parts that others may share.
pub fn builder(
    args: &AgentArgs,
    settings: &Settings,
    engine: Arc<dyn Engine>,
    tools: Vec<Tool>,
    servers: &[Arc<Server>],
) -> Result<AgentBuilder, glm_agent::Error> {
    let sampling = sampling(args, engine.profile().sampling());
    let exporter = telemetry::exporter(settings, args, sampling)?;
    let price = settings.price(engine.model());
    let mut builder = Agent::builder()
        .shared_engine(engine)
        .tools(tools)
        .policy(Policy {
            mode: args.approve.into(),
            rules: settings.rules.clone(),
        })
        .secrets(settings.secrets())
        .jobs(args.jobs.into())
        .setup(args.recorded())
        .tool_choice(args.tool_choice.clone())
        .budget(budget(args))
        .compact_at(args.compact_at)
        .max_tokens(args.max_tokens as usize)
        .thinking(!args.no_thinking)
        .sampling(sampling);
    if let Some(exporter) = exporter {
        builder = builder.listener(exporter);
    }
    if let Some(price) = price {
        builder = builder.price(price);
    }
    if let Some(tokens) = args.max_context {
        builder = builder.max_context(tokens as usize);
    }
    for server in servers {
        builder = builder.source(Arc::clone(server) as _);
    }
    if let Some(system) = &args.system {
        builder = builder.system(system);
    }
    if !args.ephemeral {
        builder = builder.sessions(paths::sessions_dir()?);
    }
    Ok(builder)
}

/// The JSON Schema in a file.
pub fn schema(path: &Path) -> Result<Value, Failure> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the schema `{}`", path.display()))
        .map_err(Failure::usage)?;
    serde_json::from_str(&text)
        .with_context(|| format!("the schema `{}` is not JSON", path.display()))
        .map_err(Failure::usage)
}

/// How tokens are chosen: as the model's makers do, but for what the flags say.
pub fn sampling(args: &AgentArgs, makers: Sampling) -> Sampling {
    Sampling {
        temperature: args.temperature.unwrap_or(makers.temperature),
        seed: args.seed,
        ..makers
    }
}

/// What the flags let a run spend.
pub fn budget(args: &AgentArgs) -> Budget {
    Budget {
        steps: args.max_steps,
        prompt_tokens: args.max_prompt_tokens,
        completion_tokens: args.max_completion_tokens,
        tokens: args.max_total_tokens,
        tool_calls: args.max_tool_calls,
        time: args.timeout,
        cost: args.max_cost,
    }
}

/// The engine that the flags name.
pub async fn engine(
    args: &AgentArgs,
    settings: &Settings,
    progress: &Progress,
) -> Result<Arc<dyn Engine>, Failure> {
    engine_with(args, settings, true, progress).await
}

/// The engine that the flags name, with or without the constraint on replies.
pub async fn engine_with(
    args: &AgentArgs,
    settings: &Settings,
    constrain: bool,
    progress: &Progress,
) -> Result<Arc<dyn Engine>, Failure> {
    if !constrain && args.engine != ["local"] {
        return Err(Failure::usage(anyhow!(
            "the engine `{}` has no constraint that could be left out",
            args.engine.join(", ")
        )));
    }
    let unknown = |named: &str| {
        Failure::usage(anyhow!(
            "there is no engine `{named}`\nhint: `local`, the address of a server such as \
             http://127.0.0.1:8000, or `scripted:FILE` for replies from a file"
        ))
    };
    if let Some(urls) = remote::urls(&args.engine) {
        let options = settings.remote.options(urls, args.model.clone())?;
        progress.step("asking the server what it runs");
        return Ok(Arc::new(engine::remote(options).await?));
    }
    match args.engine.as_slice() {
        [name] if name == "local" => local(args, constrain, progress).await,
        [name] => match name.strip_prefix("scripted:") {
            Some(file) => Ok(Arc::new(
                engine::scripted(Path::new(file)).map_err(Failure::usage)?,
            )),
            None => Err(unknown(name)),
        },
        several => Err(unknown(&several.join(", "))),
    }
}

#[cfg(feature = "local")]
async fn local(
    args: &AgentArgs,
    constrain: bool,
    progress: &Progress,
) -> Result<Arc<dyn Engine>, Failure> {
    use crate::model::show;
    use glm_agent::model::{catalog, engine::local::LocalOptions};
    let options = LocalOptions {
        quantization: args.quantize,
        constrain,
        ..LocalOptions::default()
    };
    let model = args.model.as_deref().unwrap_or(catalog::DEFAULT);
    let cache = paths::cache_dir()?;
    let engine = engine::load_with(model, options, &cache, &|p| show(progress, p)).await?;
    Ok(Arc::new(engine))
}

#[cfg(not(feature = "local"))]
async fn local(
    _args: &AgentArgs,
    _constrain: bool,
    _progress: &Progress,
) -> Result<Arc<dyn Engine>, Failure> {
    Err(Failure::usage(anyhow!(
        "this `glm` was built without the local engine\nhint: name a server with --engine URL, or build it with the feature `local`"
    )))
}

/// Whether to write colours and links to `stream`.
pub fn style(color: Color, stream: &impl IsTerminal) -> Style {
    let color = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        }
    };
    Style {
        color,
        links: can_be_clicked(stream),
    }
}

/// Finds the files that the user brings along, before anything takes long.
pub fn gather(files: &[PathBuf], tools: &ToolArgs) -> Result<Gathered, Failure> {
    let offered = &tools.own.tools;
    let is_python = |name: &String| name.trim() == PYTHON;
    if !files.is_empty() && !offered.is_empty() && !offered.iter().any(is_python) {
        return Err(Failure::usage(anyhow!(
            "the files of `--file` are for the tool `{PYTHON}`, which is not on offer\n\
             hint: --tools {PYTHON}"
        )));
    }
    Ok(files::gather(files)?)
}

/// Reads the pictures that the user shows, before anything takes long.
pub fn pictures(files: &[PathBuf]) -> Result<Vec<Picture>, Failure> {
    let read = |file: &PathBuf| Picture::read(file).map_err(Failure::usage);
    files.iter().map(read).collect()
}

/// Copies them into the session's folder, and returns the line that tells the
/// model of them.
pub fn bring(gathered: Gathered, session: &mut Session) -> Result<Option<String>, Failure> {
    if gathered.is_empty() {
        return Ok(None);
    }
    let brought = gathered.copy_into(&session.make_files()?, &Limits::default())?;
    Ok(Some(files::note(&brought)))
}

/// Links the names of files that calls make where `stream` can be clicked.
pub fn with_links<W: Write>(
    terminal: Terminal<W>,
    stream: &impl IsTerminal,
    folder: Option<PathBuf>,
) -> Terminal<W> {
    match folder {
        Some(folder) if can_be_clicked(stream) => terminal.with_links(folder),
        _ => terminal,
    }
}

fn can_be_clicked(stream: &impl IsTerminal) -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && !is_dumb
}

/// All of stdin as text.
pub fn stdin() -> Result<String, Failure> {
    std::io::read_to_string(std::io::stdin())
        .context("cannot read stdin as text")
        .map_err(Failure::usage)
}
