//! The command line as plain data.

mod batch;
mod eval;
#[cfg(feature = "local")]
mod model;
mod prompt;
mod serve;
mod setup;
mod web;

use std::{convert::Infallible, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
#[cfg(feature = "local")]
use glm_agent::model::engine::local::Quantization;
use glm_agent::{Mode, model::ToolChoice};

pub use batch::{BatchArgs, WorkerArgs};
pub use eval::{BfclArgs, EvalCommand};
#[cfg(feature = "local")]
use model::quantizations;
#[cfg(feature = "local")]
pub use model::{ModelCommand, PullArgs};
pub use prompt::PromptCommand;
pub use serve::{PORT, ServeArgs};
pub use web::{LOCAL_SEARCH, Renderer, Robots, WebArgs};

/// A tool-calling agent around GLM-4. Without a command: a conversation.
#[derive(Debug, Parser)]
#[command(name = "glm", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub agent: AgentArgs,

    #[command(flatten)]
    pub session: SessionArgs,

    /// Say more about what is going on, on stderr
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Do one task, unattended: the answer on stdout, progress on stderr
    Run(Box<RunArgs>),
    /// Do many tasks, unattended, each in a session of its own; what was stopped or killed goes on
    Batch(Box<BatchArgs>),
    /// Do the tasks that `glm batch --queue` puts into a queue, beside other workers
    Worker(Box<WorkerArgs>),
    /// List tools, or call one as the model would
    #[command(subcommand)]
    Tools(ToolsCommand),
    /// Fetch, import and list models
    #[cfg(feature = "local")]
    #[command(subcommand)]
    Model(ModelCommand),
    /// GLM's wire format, for debugging and for other programs
    #[command(subcommand)]
    Prompt(PromptCommand),
    /// List and show past sessions
    #[command(subcommand)]
    Session(SessionCommand),
    /// Run a session again from its log, without model, tools or network, and compare
    ///
    /// Exit code 1 if anything but the time comes out different; what does is shown.
    Replay(ReplayArgs),
    /// Measure how good a model is at calling functions
    #[command(subcommand)]
    Eval(EvalCommand),
    /// Serve a model or an agent by OpenAI's API, or tools by the Model Context Protocol
    ///
    /// A model, without further flags: its clients bring the tools and run them. With `--agent`, tools
    /// run here; with `--mcp`, they are what is served. A page to chat is at the server's address.
    Serve(Box<ServeArgs>),
    /// What Python's sandbox is made of, and packs of libraries for it
    #[command(subcommand)]
    Sandbox(SandboxCommand),
    /// Look for what is wrong here: folders, Python, the model, the sandbox and its walls
    ///
    /// Exit code 1 if something will fail; warnings are for what works less well than it could.
    ///
    /// With `--engine`, it looks at these servers instead: what they are, what model they run, where
    /// prompts are made, and whether a call comes back.
    Doctor(DoctorArgs),
}

/// What an agent is made of.
#[derive(Debug, Clone, Args)]
pub struct AgentArgs {
    /// A model's name, or the folder of a checkpoint [default: smol-glm; of a server that has one model, that]
    #[arg(long, short, env = "GLM_MODEL", value_name = "NAME|PATH")]
    pub model: Option<String>,

    /// `local` runs the model in this process; URL is an OpenAI-compatible server that does, repeatable; `scripted:FILE` replays replies from a file
    ///
    /// Several servers, also with commas between them, must run the same model; each request goes to
    /// the least busy that answers. `[remote]` in glm.toml tells where the key is and all else;
    /// without it, the key is in GLM_API_KEY if one is needed.
    #[arg(
        long,
        env = "GLM_ENGINE",
        default_value = "local",
        value_name = "local|URL|scripted:FILE"
    )]
    pub engine: Vec<String>,

    /// Round the weights at load, for less memory: q8_0 halves the bytes of 16-bit weights, q4k quarters them
    #[cfg(feature = "local")]
    #[arg(long, env = "GLM_QUANTIZE", value_parser = quantizations(), value_name = "TYPE")]
    pub quantize: Option<Quantization>,

    #[command(flatten)]
    pub tools: ToolArgs,

    /// `auto` lets the model decide; `none`, `required` or a tool's name is what a task begins with
    #[arg(long, env = "GLM_TOOL_CHOICE", default_value = "auto", value_parser = tool_choice,
          value_name = "auto|none|required|NAME")]
    pub tool_choice: ToolChoice,

    /// Which calls need your consent
    #[arg(long, env = "GLM_APPROVE", value_enum, default_value_t)]
    pub approve: Approve,

    /// How many calls of one reply run at the same time
    #[arg(long, short, env = "GLM_JOBS", default_value_t = 16, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: u16,

    /// Replies the model may write before it must answer
    #[arg(long, env = "GLM_MAX_STEPS", default_value_t = 10, value_name = "N")]
    pub max_steps: u32,

    /// The longest reply, in tokens
    #[arg(long, env = "GLM_MAX_TOKENS", default_value_t = 1024, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_tokens: u32,

    /// Calls the model may make before it must answer [default: any number]
    #[arg(long, env = "GLM_MAX_TOOL_CALLS", value_name = "N")]
    pub max_tool_calls: Option<u32>,

    /// Tokens a task may take, those of all prompts and replies together [default: any number]
    #[arg(long, env = "GLM_MAX_TOTAL_TOKENS", value_name = "N")]
    pub max_total_tokens: Option<u64>,

    /// Tokens of all prompts of a task [default: any number]
    #[arg(long, env = "GLM_MAX_PROMPT_TOKENS", value_name = "N")]
    pub max_prompt_tokens: Option<u64>,

    /// Tokens of all replies of a task [default: any number]
    #[arg(long, env = "GLM_MAX_COMPLETION_TOKENS", value_name = "N")]
    pub max_completion_tokens: Option<u64>,

    /// What a task may cost, in the currency of the model's `[prices]` in glm.toml
    #[arg(long, env = "GLM_MAX_COST", value_parser = money, value_name = "AMOUNT")]
    pub max_cost: Option<f64>,

    /// Tokens of the model's window to use at most [default: all of it]
    #[arg(long, env = "GLM_MAX_CONTEXT", value_name = "N",
          value_parser = clap::value_parser!(u32).range(256..))]
    pub max_context: Option<u32>,

    /// Per cent of the window that a prompt may take before a summary stands for earlier turns
    #[arg(long, env = "GLM_COMPACT_AT", default_value_t = 75, value_name = "PERCENT",
          value_parser = clap::value_parser!(u8).range(10..=95))]
    pub compact_at: u8,

    /// Have the answer be JSON that fits the JSON Schema in this file
    #[arg(long, value_name = "FILE")]
    pub output_schema: Option<PathBuf>,

    /// How long a task may take, in seconds
    #[arg(long, env = "GLM_TIMEOUT", value_parser = seconds, value_name = "S")]
    pub timeout: Option<Duration>,

    /// 0 takes the likeliest token each time [default: what the model's makers use; 0 for smol-glm]
    #[arg(long, env = "GLM_TEMPERATURE", value_parser = temperature, value_name = "T")]
    pub temperature: Option<f64>,

    /// Makes a temperature above 0 repeatable
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Have a model that thinks reply without: GLM-4.5, 4.6 and 4.7; a session keeps what it began with
    #[arg(long)]
    pub no_thinking: bool,

    /// Instructions of your own for the model
    #[arg(long, env = "GLM_SYSTEM", value_name = "TEXT")]
    pub system: Option<String>,

    /// Keep nothing of sessions on disk
    #[arg(long)]
    pub ephemeral: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
}

/// What is looked at.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print what was found as JSON
    #[arg(long)]
    pub json: bool,

    /// Look at the OpenAI-compatible server at this address; repeatable
    #[arg(long, value_name = "URL")]
    pub engine: Vec<String>,

    /// The model there, where there are several
    #[arg(long, short, requires = "engine", value_name = "NAME")]
    pub model: Option<String>,
}

/// Which session, and what it is given.
#[derive(Debug, Args)]
pub struct SessionArgs {
    /// Continue the session of this name, or start it
    #[arg(long, value_name = "NAME", conflicts_with = "ephemeral")]
    pub session: Option<String>,

    /// Copy this file or folder into /mnt/data, where `python` finds it; repeatable
    #[arg(long, value_name = "PATH")]
    pub file: Vec<PathBuf>,

    /// Show this PNG, JPEG, GIF or WebP to a model that sees, with the first message; repeatable
    #[arg(long, value_name = "FILE")]
    pub image: Vec<PathBuf>,
}

/// What the model is offered.
#[derive(Debug, Clone, Args)]
pub struct ToolArgs {
    #[command(flatten)]
    pub own: OwnTools,

    /// Also the tools of these MCP servers: a file with `mcpServers`, a command line or an address; repeatable
    #[arg(long, env = "GLM_MCP", value_name = "FILE|COMMAND|URL")]
    pub mcp: Vec<String>,
}

/// The tools that run here.
#[derive(Debug, Clone, Args)]
pub struct OwnTools {
    /// Exactly these tools: names of built-in ones and manifest files [default: python,web_fetch; for GLM-4, python,simple_browser]
    ///
    /// Built in are python, web_fetch, and the browser: simple_browser, or web_search, web_open and
    /// web_find; `browser` is the one of these forms that the model knows. `none` offers nothing.
    ///
    /// Without this flag, models that know simple_browser (glm4, glm4-hf, glm4-demo) are offered
    /// python and simple_browser; all others python and web_fetch, and with --search the browser's
    /// functions, too.
    #[arg(
        long,
        env = "GLM_TOOLS",
        value_delimiter = ',',
        value_name = "NAME|FILE"
    )]
    pub tools: Vec<String>,

    #[command(flatten)]
    pub web: WebArgs,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// The task; `-` reads it from stdin
    pub task: String,

    /// Append what comes on stdin to the task
    #[arg(long)]
    pub stdin: bool,

    #[command(flatten)]
    pub report: ReportArgs,

    #[command(flatten)]
    pub agent: AgentArgs,

    #[command(flatten)]
    pub session: SessionArgs,
}

/// What a run tells, and where.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Print the session's events on stdout, one JSON object a line
    #[arg(long)]
    pub json: bool,

    /// Also write the answer to this file
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Say nothing on stderr but errors
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
pub enum ToolsCommand {
    /// The tools on offer
    List {
        /// Print what the model is told, as JSON
        #[arg(long)]
        json: bool,

        #[command(flatten)]
        tools: ToolArgs,
    },
    /// What the model is told of a tool, as JSON
    Schema {
        /// The tool's name
        name: String,

        #[command(flatten)]
        tools: ToolArgs,
    },
    /// Call a tool as the model would: its output on stdout, exit code 0 if it succeeded
    Call {
        /// The tool's name
        name: String,

        /// JSON arguments, or raw text for tools that take text; `-` reads them from stdin
        arguments: String,

        #[command(flatten)]
        options: CallOptions,
    },
}

/// How a tool is called without a model.
#[derive(Debug, Args)]
pub struct CallOptions {
    /// How long the call may take, in seconds
    #[arg(long, value_parser = seconds, value_name = "S")]
    pub timeout: Option<Duration>,

    /// Call it in this session, or start it: variables and files are kept from call to call
    ///
    /// The session may be a conversation. Its model is not shown the call, but works with the same
    /// variables and files.
    #[arg(long, value_name = "NAME")]
    pub session: Option<String>,

    /// Copy this file or folder into /mnt/data, where `python` finds it; repeatable
    #[arg(long, value_name = "PATH")]
    pub file: Vec<PathBuf>,

    #[command(flatten)]
    pub tools: ToolArgs,
}

#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// The sessions on this machine, the one that was active last at the end
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Find messages, replies and results that hold all of these words
    Search {
        /// The words, in any order and whatever their case
        #[arg(required = true)]
        words: Vec<String>,

        /// Print the places as JSON
        #[arg(long)]
        json: bool,
    },
    /// Begin a new session as another began, and print its id
    ///
    /// The new session has a copy of the other's files as they are now.
    Fork {
        /// The other session's id
        id: String,

        /// Only its first N events, as `show --json` numbers them from 0 [default: all]
        #[arg(long, value_name = "N")]
        at: Option<usize>,

        /// The new session's name [default: one is made up]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Remove sessions and their files, without asking
    Rm {
        /// Their ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// A session's events
    Show {
        /// The session's id
        id: String,

        /// As JSON, one event a line
        #[arg(long)]
        json: bool,
    },
    /// A session as a document to read and to share: Markdown, a web page, or its events; or as traces
    Export(ExportArgs),
    /// Go on with a run that waits for your consent to a call, or for its result, or that was killed
    ///
    /// Without an answer, you are asked at the terminal. A call that was under way when the program
    /// was killed is made again if that does no harm; for any other you are asked.
    Resume(ResumeArgs),
    /// List the files in a session's /mnt/data, or copy them out
    Files {
        /// The session's id
        id: String,

        /// These files, and what is in these folders [default: all]
        names: Vec<String>,

        /// Copy them into this folder, which is made if it is not there
        #[arg(long, value_name = "DIR", conflicts_with = "json")]
        to: Option<PathBuf>,

        /// Replace files that are there
        #[arg(long, requires = "to")]
        force: bool,

        /// List them as JSON
        #[arg(long)]
        json: bool,
    },
}

/// What a session is exported as, and where to.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The session's id
    pub id: String,

    /// A web page that stands on its own: timing, calls, results and images, without scripts
    #[arg(long, group = "form")]
    pub html: bool,

    /// Markdown [default, unless the file's name says otherwise]
    #[arg(long, group = "form")]
    pub md: bool,

    /// The events, one JSON object a line, as `show --json` prints them
    #[arg(long, group = "form")]
    pub json: bool,

    /// OpenTelemetry traces, sent to this collector, such as http://localhost:4318, or to where
    /// the environment and glm.toml send traces
    #[arg(
        long,
        group = "form",
        value_name = "ENDPOINT",
        conflicts_with = "output"
    )]
    pub otlp: Option<Option<String>>,

    /// Write to this file instead of stdout; what is there is replaced
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Answers to calls that wait.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The session's id
    #[arg(required_unless_present = "last")]
    pub id: Option<String>,

    /// Of the sessions that wait or were killed, the one that was active last
    #[arg(long, conflicts_with = "id")]
    pub last: bool,

    /// Run this call, such as call_3, or `all` that wait; repeatable
    #[arg(long, value_name = "CALL")]
    pub approve: Vec<String>,

    /// With `--approve`: and every later call of its tool in this session
    #[arg(long, requires = "approve")]
    pub always: bool,

    /// With one `--approve`: run it with these arguments instead
    #[arg(
        long,
        value_name = "JSON",
        requires = "approve",
        conflicts_with = "always"
    )]
    pub arguments: Option<String>,

    /// Do not run this call, or `all` that wait; repeatable
    #[arg(long, value_name = "CALL")]
    pub deny: Vec<String>,

    /// With `--deny`: tell the model this
    #[arg(long, value_name = "TEXT", requires = "deny")]
    pub message: Option<String>,

    /// The result of a call of a tool that is run elsewhere; repeatable
    #[arg(long, value_name = "CALL=TEXT")]
    pub result: Vec<String>,

    #[command(flatten)]
    pub report: ReportArgs,

    /// When to use colours
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
}

/// What is run again, and from where on it is live.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The session's id
    pub id: String,

    /// Go on live from this event, with model and tools, in a new session that begins with those before
    #[arg(long, value_name = "EVENT")]
    pub from: Option<u64>,

    /// Print the outcome as JSON; with `--from`, the new events, one a line
    #[arg(long)]
    pub json: bool,

    /// With `--from`: also write the answer to this file
    #[arg(long, short, value_name = "FILE", requires = "from")]
    pub output: Option<PathBuf>,

    /// Say nothing but errors
    #[arg(long, short)]
    pub quiet: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
}

#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// The interpreters there are, and which of them are on this machine
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Install a pack: says what it takes, and asks
    ///
    /// `scientific` is a Python with numpy, pandas, scipy, scikit-learn and matplotlib. Where it is
    /// installed, the tool `python` uses it. It is fetched with pip, checked against its hash, and
    /// compiled for this machine.
    Install {
        /// Which
        pack: Pack,

        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Remove a pack, without asking
    Remove {
        /// Which
        pack: Pack,
    },
}

/// Libraries that the sandbox can have beside the standard one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pack {
    /// numpy, pandas, scipy, scikit-learn, matplotlib and more
    Scientific,
}

/// Which calls need consent.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum Approve {
    /// Those that act on this machine after text from outside came in
    #[default]
    Auto,
    /// All that reach beyond the sandbox
    Ask,
    /// None: what would need consent is refused
    Never,
}

impl From<Approve> for Mode {
    fn from(approve: Approve) -> Self {
        match approve {
            Approve::Auto => Self::Auto,
            Approve::Ask => Self::Ask,
            Approve::Never => Self::Never,
        }
    }
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// At a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    if seconds <= 0.0 {
        return Err("must be more than 0 seconds".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}

fn money(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(amount) if amount.is_finite() && amount >= 0.0 => Ok(amount),
        _ => Err("must be an amount, such as 0.5".to_owned()),
    }
}

fn tool_choice(text: &str) -> Result<ToolChoice, Infallible> {
    Ok(match text {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "required" => ToolChoice::Required,
        name => ToolChoice::Tool(name.to_owned()),
    })
}

fn temperature(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=2.0).contains(&value) => Ok(value),
        _ => Err("must be a number from 0 to 2".to_owned()),
    }
}
