//! The arguments of `glm eval`.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Subcommand};

use super::AgentArgs;

#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// The Berkeley Function-Calling Leaderboard (BFCL v4), but for memory and web_search
    ///
    /// Its data, and the tools of its entries with several turns, are those of the package
    /// bfcl-eval: one that your Python has, one that --data names, or one that is fetched with pip
    /// into the cache. What was measured is kept in --out; after an interruption, the same command
    /// goes on.
    Bfcl(Box<BfclArgs>),
}

#[derive(Debug, Args)]
pub struct BfclArgs {
    /// Where the data is: a folder of its JSON files, or a virtual environment with bfcl-eval
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Accept data of another version, or your own in its form; the report says so
    #[arg(long, requires = "data")]
    pub other_data: bool,

    /// These categories; single_turn, multi_turn, live, non_live and all stand for several
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "single_turn",
        value_name = "NAME"
    )]
    pub categories: Vec<String>,

    /// At most so many entries in all, chosen by chance, as many of each category as there can be
    /// [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,

    /// Decides what --limit takes, and makes a temperature above 0 repeatable
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,

    /// The folder of results: results.jsonl, summary.json and report.html [default: bfcl-MODEL]
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// How many entries are put to the model at the same time
    #[arg(long, short = 'j', env = "GLM_PARALLEL", default_value_t = 1, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub parallel: u16,

    /// Do not hold replies to the functions' schemas: the model alone
    #[arg(long, conflicts_with_all = ["score", "prompts"])]
    pub no_constraint: bool,

    /// Judge the replies in this file instead of asking a model
    ///
    /// A JSON object a line with the entry's `id` and the `calls` that were read in the reply:
    /// {"id": "simple_python_0", "calls": [{"name": "f", "arguments": {"x": 1}}]}. With --profile,
    /// they are read here, in the reply's text, `raw`. A file of results is of this form, too. All
    /// its categories are judged, whatever --categories says.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompts", "limit"])]
    pub score: Option<PathBuf>,

    /// With --score: read the replies' texts in this format
    #[arg(long, requires = "score", value_name = "NAME")]
    pub profile: Option<String>,

    /// Write what the model would be asked to this file, an entry a line, and ask nothing
    #[arg(long, value_name = "FILE")]
    pub prompts: Option<PathBuf>,

    /// Print the scores on stdout as JSON, not as a table
    #[arg(long)]
    pub json: bool,

    /// Say nothing on stderr but errors
    #[arg(long, short)]
    pub quiet: bool,

    #[command(flatten)]
    pub model: ModelArgs,
}

/// Those flags of an agent that say which model replies, and how.
#[derive(Debug, Clone)]
pub struct ModelArgs(pub AgentArgs);

impl ModelArgs {
    /// Whether the model runs in this process: only there can replies be held to schemas,
    /// and weights be rounded.
    pub fn is_local(&self) -> bool {
        self.0.engine == ["local"]
    }

    /// The type to which weights are rounded at load, if they are.
    #[cfg(feature = "local")]
    pub fn quantize(&self) -> Option<String> {
        let to = self.0.quantize.filter(|_| self.is_local());
        to.map(|to| to.to_string())
    }

    /// The type to which weights are rounded at load, if they are.
    #[cfg(not(feature = "local"))]
    pub fn quantize(&self) -> Option<String> {
        None
    }
}

/// Their ids.
const KEPT: [&str; 6] = [
    "model",
    "engine",
    "quantize",
    "max_tokens",
    "temperature",
    "no_thinking",
];

/// Right replies are shorter, and a small model that repeats itself should not go on for
/// long.
const MAX_TOKENS: &str = "512";

fn kept() -> Vec<Arg> {
    let command = AgentArgs::augment_args(Command::new(""));
    let kept = command
        .get_arguments()
        .filter(|arg| KEPT.contains(&arg.get_id().as_str()));
    kept.cloned()
        .map(|arg| arg.help_heading("Model"))
        .map(|arg| match arg.get_id().as_str() {
            "max_tokens" => arg.default_value(MAX_TOKENS),
            "temperature" => arg.help("0 takes the likeliest token each time [default: 0]"),
            "no_thinking" => {
                arg.help("Have a model that thinks reply without: GLM-4.5, 4.6 and 4.7")
            }
            _ => arg,
        })
        .collect()
}

impl Args for ModelArgs {
    fn augment_args(command: Command) -> Command {
        command.args(kept())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ModelArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut line = vec![OsString::from("glm")];
        for arg in kept() {
            let (id, long) = (arg.get_id().as_str(), arg.get_long().unwrap_or_default());
            if !arg.get_action().takes_values() {
                if matches.get_flag(id) {
                    line.push(format!("--{long}").into());
                }
                continue;
            }
            for value in matches.get_raw(id).into_iter().flatten() {
                let mut flag = OsString::from(format!("--{long}="));
                flag.push(value);
                line.push(flag);
            }
        }
        let agent = AgentArgs::augment_args(Command::new("glm"));
        AgentArgs::from_arg_matches(&agent.try_get_matches_from(line)?).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
