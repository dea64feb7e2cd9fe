//! Flags of `glm batch` and `glm worker`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Command, Id};

use super::{AgentArgs, money, seconds};

/// Many tasks, unattended.
#[derive(Debug, Args)]
// `-j` is how many tasks are done at the same time; `--jobs` keeps its long name.
#[command(mut_arg("jobs", |arg| arg.short(None)))]
pub struct BatchArgs {
    /// The tasks, one JSON object a line: {"id": "a", "task": "..."}; `-` reads them from stdin
    ///
    /// A task may have `variables` for the places {{name}} in it, `files`, `tools`, `system` and
    /// `limits`: schemas/batch_task.json tells of them.
    pub tasks: PathBuf,

    /// Where the results go, one JSON object a line; tasks that have one there are not done again
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,

    /// Have the tasks done by the workers of this queue: postgres://USER@HOST/DATABASE
    ///
    /// Workers are `glm worker` with the same address, on any machine; they decide on the model, the
    /// tools and all else that flags do not tell here. The password may come from PGPASSWORD.
    #[arg(long, value_name = "URL", conflicts_with_all = of_workers())]
    pub queue: Option<String>,

    /// How many tasks are done at the same time
    #[arg(long, short = 'j', env = "GLM_PARALLEL", default_value_t = 1, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub parallel: u16,

    /// How often a task is tried again after the engine or the network failed
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub retries: u32,

    /// Begin no more tasks after so many failed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_failures: Option<u64>,

    /// Tokens that all tasks may read and write together; no more are begun then
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub batch_tokens: Option<u64>,

    /// How long all tasks may take together, in seconds
    #[arg(long, value_parser = seconds, value_name = "S")]
    pub batch_timeout: Option<Duration>,

    /// What all tasks may cost together, where the model has a price
    #[arg(long, value_parser = money, value_name = "AMOUNT")]
    pub batch_cost: Option<f64>,

    /// Do tasks again whose results say that they failed
    ///
    /// One that waits for somebody is not done again: once `glm session resume SESSION` has gone on
    /// with it, this takes its result from there.
    #[arg(long)]
    pub retry_failed: bool,

    /// Print the summary on stdout, as JSON
    #[arg(long)]
    pub json: bool,

    /// Say nothing on stderr but errors
    #[arg(long, short)]
    pub quiet: bool,

    #[command(flatten)]
    pub agent: AgentArgs,
}

/// The flags that say how tasks are done, which is the workers' affair where there
/// are some.
fn of_workers() -> Vec<Id> {
    let own = [
        "parallel",
        "retries",
        "max_failures",
        "batch_tokens",
        "batch_timeout",
        "batch_cost",
    ];
    let command = AgentArgs::augment_args(Command::new(""));
    let agent = command.get_arguments().map(|arg| arg.get_id().clone());
    own.into_iter()
        .map(Id::from)
        .chain(agent.filter(|id| id != "color"))
        .collect()
}

/// Does the tasks of a queue.
#[derive(Debug, Args)]
#[command(mut_arg("jobs", |arg| arg.short(None)))]
pub struct WorkerArgs {
    /// The queue: postgres://USER@HOST/DATABASE; the password may come from PGPASSWORD
    #[arg(long, env = "GLM_QUEUE", hide_env_values = true, value_name = "URL")]
    pub queue: String,

    /// How many tasks are done at the same time
    #[arg(long, short = 'j', env = "GLM_PARALLEL", default_value_t = 1, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub parallel: u16,

    /// How often a task is tried again after the engine or the network failed
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub retries: u32,

    /// How long after this worker's last sign of life others may take its tasks, in seconds
    #[arg(long, default_value = "60", value_parser = seconds, value_name = "S")]
    pub lease: Duration,

    /// End when no task in the queue is left without a result
    #[arg(long)]
    pub drain: bool,

    /// Say nothing on stderr but errors
    #[arg(long, short)]
    pub quiet: bool,

    #[command(flatten)]
    pub agent: AgentArgs,
}
