//! The flags of `glm serve`.

use std::{path::PathBuf, time::Duration};

use clap::{
    ArgMatches, Args, Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};
use glm_agent::serve::Limits;

use super::{AgentArgs, OwnTools, seconds};

/// What `--mcp` says that names no server.
const ITSELF: &str = "-";

/// The port where it is not said.
pub const PORT: u16 = 8000;

/// Serves a model, an agent, or tools.
#[derive(Debug, Args)]
#[command(
    mut_arg("mcp", |arg| arg
        .num_args(0..=1)
        .default_missing_value(ITSELF)
        .help("Offer tools, not a model: by the Model Context Protocol, on stdin and stdout, or by HTTP with `--port`. With `--agent` and a value, also the tools of these MCP servers: a file with `mcpServers`, a command line or an address; repeatable")
        .long_help("Offer tools, not a model: by the Model Context Protocol, on stdin and stdout, or by HTTP at /mcp with `--port`\n\nEach client has variables and files of its own, for as long as it stays. It is the client that asks its user for consent; what rules in glm.toml deny stays denied.\n\nWith `--agent` and a value, it names MCP servers whose tools the agent has, too: a file with `mcpServers`, a command line or an address; repeatable")),
    mut_arg("timeout", |arg| arg
        .help("How long a request may take, its wait included, in seconds [default: 600]")),
    mut_arg("max_tokens", |arg| arg
        .help("The longest reply, in tokens, where the request does not say")),
    mut_arg("temperature", |arg| arg
        .help("Of requests that do not say: 0 takes the likeliest token each time [default: what the model's makers use; 0 for smol-glm]")),
)]
pub struct ServeArgs {
    /// Run the tools here: a chat completion is then the answer of a whole run, in a session that is kept
    #[arg(long = "agent", id = "as_agent")]
    pub as_agent: bool,

    /// Listen at this port; 0 takes a free one [default: 8000]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,

    /// Listen at this address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: String,

    /// Serve only clients that send a line of this file as their bearer token; needed where other machines reach `--host`
    #[arg(long, value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,

    // No doc comment: rustdoc wants addresses in it as links.
    #[arg(
        long,
        value_name = "ORIGIN",
        value_parser = origin,
        help = "Let pages of this origin ask, such as https://chat.example.com; repeatable"
    )]
    pub cors: Vec<String>,

    #[command(flatten)]
    pub limits: LimitArgs,

    #[command(flatten)]
    pub agent: AgentArgs,
}

/// What the server takes on.
#[derive(Debug, Args)]
pub struct LimitArgs {
    /// How many requests are answered at the same time
    #[arg(long, default_value_t = 16, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_concurrent: u16,

    /// How many more may wait; the next ones are told to come back later
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub max_queue: u16,

    /// The largest request, in bytes
    #[arg(long, default_value_t = 8 << 20, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_body: u32,

    /// How long a client may take nothing of what is sent to it, in seconds
    #[arg(long, default_value = "30", value_parser = seconds, value_name = "S")]
    pub stall: Duration,

    /// How long requests in progress may go on when the server is told to stop, in seconds
    #[arg(long, default_value = "30", value_parser = seconds, value_name = "S")]
    pub grace: Duration,
}

impl ServeArgs {
    /// Whether it serves tools.
    pub fn is_mcp(&self) -> bool {
        self.agent.tools.mcp.iter().any(|value| value == ITSELF)
    }

    /// What it takes on.
    pub fn limits(&self) -> Limits {
        let usual = Limits::default();
        let args = &self.limits;
        Limits {
            concurrent: args.max_concurrent.into(),
            queue: args.max_queue.into(),
            body: args.max_body as usize,
            time: self.agent.timeout.unwrap_or(usual.time),
            stall: args.stall,
            grace: args.grace,
        }
    }

    /// Flags on the command line that make no difference to what is served are
    /// errors; in the environment and in files they are for other commands.
    pub fn check(matches: &ArgMatches) -> Result<(), Error> {
        let is_typed = |id: &str| {
            let known = matches.ids().any(|known| known == id);
            known && matches.value_source(id) == Some(ValueSource::CommandLine)
        };
        let mcp = matches.get_many::<String>("mcp").into_iter().flatten();
        let is_mcp = is_typed("mcp") && mcp.into_iter().any(|value| value == ITSELF);
        let (with, idle): (&str, Vec<String>) = match (is_mcp, matches.get_flag("as_agent")) {
            (true, true) => ("--mcp without a value", vec!["as_agent".to_owned()]),
            (true, false) => {
                let own = ids::<OwnTools>();
                let mut idle = ids::<AgentArgs>();
                idle.extend(ids::<LimitArgs>());
                idle.push("cors".to_owned());
                idle.retain(|id| !own.contains(id) && id != "mcp");
                match is_typed("port") || idle.iter().any(|id| is_typed(id)) {
                    true => ("--mcp", idle),
                    false => {
                        let of_port = ["host", "api_key_file"].map(str::to_owned);
                        ("--mcp without --port", of_port.to_vec())
                    }
                }
            }
            (false, true) => ("--agent", vec!["color".to_owned()]),
            (false, false) => {
                let mut idle = ids::<OwnTools>();
                idle.extend(OF_AGENTS.map(str::to_owned));
                ("no --agent", idle)
            }
        };
        let Some(id) = idle.into_iter().find(|id| is_typed(id)) else {
            return Ok(());
        };
        let flag = match id.as_str() {
            "as_agent" => "--agent".to_owned(),
            id => format!("--{}", id.replace('_', "-")),
        };
        let mut error = Error::new(ErrorKind::ArgumentConflict);
        error.insert(ContextKind::InvalidArg, ContextValue::String(flag));
        error.insert(ContextKind::PriorArg, ContextValue::String(with.to_owned()));
        Err(error)
    }
}

/// What only an agent makes something of, beside its own tools.
const OF_AGENTS: [&str; 15] = [
    "mcp",
    "tool_choice",
    "approve",
    "jobs",
    "max_steps",
    "max_tool_calls",
    "max_total_tokens",
    "max_prompt_tokens",
    "max_completion_tokens",
    "max_cost",
    "compact_at",
    "output_schema",
    "system",
    "ephemeral",
    "color",
];

fn ids<A: Args>() -> Vec<String> {
    let command = A::augment_args(Command::new(""));
    let arguments = command.get_arguments();
    arguments.map(|arg| arg.get_id().to_string()).collect()
}

fn origin(text: &str) -> Result<String, String> {
    let form = "must be an origin, such as https://chat.example.com";
    let url = url::Url::parse(text).map_err(|_| form)?;
    let origin = url.origin().ascii_serialization();
    if !matches!(url.scheme(), "http" | "https") || text.trim_end_matches('/') != origin {
        return Err(form.to_owned());
    }
    Ok(origin)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    fn checked(flags: &[&str]) -> Result<(), String> {
        let words = ["glm", "serve"].iter().chain(flags);
        let matches = Cli::command().try_get_matches_from(words).unwrap();
        let serve = matches.subcommand_matches("serve").unwrap();
        ServeArgs::check(serve).map_err(|error| {
            let text = error.with_cmd(&Cli::command()).to_string();
            text.lines().next().unwrap_or_default().to_owned()
        })
    }

    #[test]
    fn flags_that_would_do_nothing_are_refused() {
        for fine in [
            ["--temperature", "0"].as_slice(),
            &["--agent", "--tools", "python", "--mcp", "server"],
            &["--mcp", "--port", "0", "--tools", "python", "--host", "::1"],
            &["--mcp", "--search", "local:x"],
        ] {
            assert_eq!(checked(fine), Ok(()), "{fine:?}");
        }
        for (flags, flag, with) in [
            (["--tools", "python"].as_slice(), "--tools", "no --agent"),
            (&["--mcp", "server"], "--mcp", "no --agent"),
            (&["--max-steps", "3"], "--max-steps", "no --agent"),
            (&["--mcp", "--model", "m"], "--model", "--mcp"),
            (
                &["--mcp", "--host", "::1"],
                "--host",
                "--mcp without --port",
            ),
            (&["--mcp", "--agent"], "--agent", "--mcp without a value"),
            (&["--agent", "--color", "never"], "--color", "--agent"),
        ] {
            let expected = format!("error: the argument '{flag}' cannot be used with '{with}'");
            assert_eq!(checked(flags), Err(expected), "{flags:?}");
        }
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        assert_eq!(origin("http://a.test/").as_deref(), Ok("http://a.test"));
        assert_eq!(
            origin("https://a.test:1").as_deref(),
            Ok("https://a.test:1")
        );
        assert!(origin("*").is_err());
        assert!(origin("https://a.test/x").is_err());
        assert!(origin("file:///x").is_err());
    }
}
