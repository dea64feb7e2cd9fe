//! `glm`: the agent at the command line.
//!
//! Flags are plain data ([`args`]); [`setup`] turns them into an agent; each
//! subcommand has a file.

mod args;
mod batch;
mod choice;
mod consent;
mod disk;
mod doctor;
#[cfg(feature = "local")]
mod entry;
mod eval;
mod exit;
mod export;
mod files;
mod interrupt;
mod listing;
#[cfg(feature = "local")]
mod model;
mod progress;
mod prompt;
mod prompts;
#[cfg(feature = "local")]
mod pull;
mod remote;
mod repl;
mod replay;
mod resume;
mod run;
mod sandbox;
mod serve;
mod servers;
mod session;
mod settings;
mod setup;
mod telemetry;
mod tools;
#[cfg(feature = "local")]
mod verify;
mod web;
mod worker;

use std::{io::IsTerminal, process::ExitCode};

use args::{Cli, Command, SessionCommand};
use exit::Failure;
use settings::Settings;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    glm_agent::run_if_worker();
    let settings = match Settings::load() {
        Ok(settings) => settings,
        Err(failure) => return failure.report(),
    };
    let cli = match settings.parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() {
                exit::USAGE
            } else {
                exit::ANSWERED
            };
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::from(exit::FAILED),
            };
        }
    };
    log_to_stderr(cli.verbose);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(anyhow::Error::from(error)).report(),
    };
    let result = runtime.block_on(async {
        let result = dispatch(cli, &settings).await;
        telemetry::finish(&settings).await;
        result
    });
    // A tool's blocking thread must not keep the program from ending.
    runtime.shutdown_background();
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.report(),
    }
}

async fn dispatch(cli: Cli, settings: &Settings) -> Result<u8, Failure> {
    match cli.command {
        None => repl::repl(cli.agent, cli.session, settings).await,
        Some(Command::Run(run)) => run::run(*run, settings).await,
        Some(Command::Batch(args)) => batch::batch(*args, settings).await,
        Some(Command::Worker(args)) => worker::worker(*args, settings).await,
        Some(Command::Tools(command)) => tools::tools(command, settings).await,
        #[cfg(feature = "local")]
        Some(Command::Model(command)) => model::model(command).await,
        Some(Command::Prompt(command)) => prompt::prompt(command),
        Some(Command::Session(SessionCommand::Resume(args))) => {
            resume::resume(args, settings).await
        }
        Some(Command::Session(SessionCommand::Export(args))) if args.otlp.is_some() => {
            telemetry::send(&glm_agent::paths::sessions_dir()?, &args, settings).await
        }
        Some(Command::Session(command)) => session::session(&command),
        Some(Command::Replay(args)) => replay::replay(args, settings).await,
        Some(Command::Eval(command)) => eval::eval(command, settings).await,
        Some(Command::Serve(args)) => serve::serve(*args, settings).await,
        Some(Command::Sandbox(command)) => sandbox::sandbox(command).await,
        Some(Command::Doctor(args)) => doctor::doctor(args, settings).await,
    }
}

/// Warnings always; more with `--verbose` or as `RUST_LOG` says.
fn log_to_stderr(verbose: bool) {
    let default = if verbose {
        "warn,glm_agent=debug,glm_agent_model=debug,glm_agent_tools=debug,glm_agent_sandbox=debug"
    } else {
        "error,glm_agent=warn,glm_agent_model=warn,glm_agent_tools=warn,glm_agent_sandbox=warn"
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .with_target(false)
        .init();
}
