//! `glm eval`: how good a model is at calling functions.

mod board;

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, anyhow};
use glm_agent::{
    eval::{
        Category, Data, Entry, Error, Evaluation, How, Log, Outcome, RunInfo, Score, Source,
        VERSION, page, replies, table,
    },
    model::{Engine, Profile, Sampling},
    paths,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    args::{BfclArgs, EvalCommand},
    exit::{self, Failure},
    interrupt,
    progress::Progress,
    run::ignore_closed,
    settings::Settings,
    setup,
};
use board::Board;

/// Measures.
pub async fn eval(command: EvalCommand, settings: &Settings) -> Result<u8, Failure> {
    let EvalCommand::Bfcl(args) = command;
    let progress = Progress::new(args.quiet);
    // What can be mistyped comes before what takes long.
    let categories = Category::chosen(&args.categories)?;
    let profile = args.profile.as_deref().map(Profile::by_name).transpose()?;
    let source = source(&args, &progress)?;
    if let Some(file) = &args.score {
        return score(&args, &source, file, profile).await;
    }
    let data = data(&args, &source, &categories)?;
    if let Some(file) = &args.prompts {
        write_prompts(file, &data.entries)?;
        return Ok(exit::ANSWERED);
    }
    let constrain = !args.no_constraint;
    let engine = setup::engine_with(&args.model.0, settings, constrain, &progress).await?;
    let info = info(&args, &source, &data, engine.as_ref())?;
    let folder = folder(&args, &info.model);
    let mut log = Log::open(&folder, &info)?;
    let stop = CancellationToken::new();
    ask(&args, &source, &data, engine, &mut log, &stop).await?;
    let done = data.entries.iter().filter_map(|entry| log.get(&entry.id));
    let done: Vec<&Outcome> = done.collect();
    if done.len() < data.entries.len() {
        if !args.quiet {
            writeln!(
                std::io::stderr(),
                "stopped with {} of {} entries done\nhint: the same command goes on",
                done.len(),
                data.entries.len()
            )?;
        }
        return Ok(exit::INTERRUPTED);
    }
    report(&args, &info, &data.entries, &done, &log)?;
    Ok(exit::ANSWERED)
}

fn source(args: &BfclArgs, progress: &Progress) -> Result<Source, Failure> {
    let source = match &args.data {
        Some(folder) => Source::named(folder)?,
        None => Source::find(&paths::cache_dir()?, &|line| progress.step(line))?,
    };
    Ok(source.accept_other(args.other_data))
}

fn data(args: &BfclArgs, source: &Source, categories: &[Category]) -> Result<Data, Failure> {
    let mut data = Data::load(source, categories)?;
    if let Some(limit) = args.limit {
        data.limit(limit as usize, args.seed);
    }
    Ok(data)
}

/// Puts the entries to the model that have no outcome yet.
async fn ask(
    args: &BfclArgs,
    source: &Source,
    data: &Data,
    engine: Arc<dyn Engine>,
    log: &mut Log,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let agent = &args.model.0;
    let evaluation = Evaluation::new(engine, source.clone())
        .sampling(Sampling {
            temperature: temperature(args),
            seed: Some(args.seed),
            ..Sampling::default()
        })
        .max_tokens(agent.max_tokens as usize)
        .without_thoughts(agent.no_thinking)
        .jobs(args.parallel.into());
    let before = data
        .entries
        .iter()
        .filter(|entry| log.get(&entry.id).is_some());
    let board = Board::new(data.entries.len(), before.count(), args.quiet);
    let signal = interrupt::watch_unattended(stop);
    let watch = |outcome: &Outcome| board.done(outcome);
    let done = evaluation.run(&data.entries, log, &watch, stop).await;
    board.clear();
    signal.abort();
    Ok(done?)
}

fn temperature(args: &BfclArgs) -> f64 {
    // As the leaderboard has it, whatever the model's makers recommend.
    args.model.0.temperature.unwrap_or(0.0)
}

/// How the results are had.
fn info(
    args: &BfclArgs,
    source: &Source,
    data: &Data,
    engine: &dyn Engine,
) -> Result<RunInfo, Failure> {
    let profile = engine.profile();
    if args.model.0.no_thinking {
        profile.without_thoughts()?;
    }
    Ok(RunInfo {
        model: engine.model().to_owned(),
        data: name_of(data, source),
        seed: args.seed,
        how: How::Asked {
            engine: args.model.0.engine.join(", "),
            quantize: args.model.quantize(),
            profile: profile.name().to_owned(),
            constraint: args.model.is_local() && !args.no_constraint,
            thinking: !args.model.0.no_thinking,
            temperature: temperature(args),
            max_tokens: args.model.0.max_tokens,
        },
    })
}

fn name_of(data: &Data, source: &Source) -> String {
    if data.is_known {
        return format!("bfcl-eval {VERSION}");
    }
    format!("other data ({})", source.folder().display())
}

fn folder(args: &BfclArgs, model: &str) -> PathBuf {
    let name = || {
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let plain = model.chars().map(|c| if is_plain(c) { c } else { '-' });
        PathBuf::from(format!("bfcl-{}", plain.collect::<String>()))
    };
    args.out.clone().unwrap_or_else(name)
}

/// Judges replies that another program had.
async fn score(
    args: &BfclArgs,
    source: &Source,
    file: &Path,
    profile: Option<&'static Profile>,
) -> Result<u8, Failure> {
    let replies = replies::read(file)?;
    let mut categories: Vec<_> = replies
        .iter()
        .filter_map(|r| Category::of_id(&r.id))
        .collect();
    categories.sort();
    categories.dedup();
    let mut data = Data::load(source, &categories)?;
    let known = |id: &str| data.entries.iter().any(|entry| entry.id == id);
    if let Some(unknown) = replies.iter().find(|replied| !known(&replied.id)) {
        return Err(Failure::usage(anyhow!(
            "`{}` has a reply to `{}`, which is no entry of the data in `{}`",
            file.display(),
            unknown.id,
            source.folder().display()
        )));
    }
    let replied: std::collections::HashSet<&str> = replies.iter().map(|r| r.id.as_str()).collect();
    data.entries
        .retain(|entry| replied.contains(entry.id.as_str()));
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let info = RunInfo {
        model: name.clone().into_owned(),
        data: name_of(&data, source),
        seed: args.seed,
        how: How::Given {
            profile: profile.map(|profile| profile.name().to_owned()),
        },
    };
    let mut log = Log::anew(&folder(args, &name), &info)?;
    let stop = CancellationToken::new();
    let signal = interrupt::watch_unattended(&stop);
    let judged = replies::judge(
        replies.clone(),
        &data.entries,
        source,
        profile,
        &mut log,
        &stop,
    );
    let judged = judged.await;
    signal.abort();
    judged?;
    if stop.is_cancelled() {
        return Ok(exit::INTERRUPTED);
    }
    let done = data.entries.iter().filter_map(|entry| log.get(&entry.id));
    report(args, &info, &data.entries, &done.collect::<Vec<_>>(), &log)?;
    Ok(exit::ANSWERED)
}

/// Tells the scores, and keeps them beside the results.
fn report(
    args: &BfclArgs,
    info: &RunInfo,
    entries: &[Entry],
    outcomes: &[&Outcome],
    log: &Log,
) -> Result<(), Failure> {
    let score = Score::of(outcomes.iter().copied());
    let summary = json!({"run": info, "score": score});
    let summary = serde_json::to_string_pretty(&summary).map_err(anyhow::Error::from)? + "\n";
    log.put("summary.json", &summary)?;
    let page = log.put("report.html", &page::page(info, &score, entries, outcomes))?;
    let told = if args.json {
        summary
    } else {
        table::table(info, &score)
    };
    ignore_closed(std::io::stdout().write_all(told.as_bytes()))?;
    if !args.quiet {
        writeln!(std::io::stderr(), "failures by kind: {}", page.display())?;
    }
    Ok(())
}

/// What a model would be asked.
fn write_prompts(path: &Path, entries: &[Entry]) -> Result<(), Failure> {
    let write = || -> anyhow::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for entry in entries {
            let messages = &entry.turns;
            let line = json!({"id": entry.id, "tools": entry.tools(), "turns": messages});
            writeln!(file, "{line}")?;
        }
        Ok(file.flush()?)
    };
    write()
        .with_context(|| format!("cannot write `{}`", path.display()))
        .map_err(Failure::usage)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            error if error.is_input() => Self::usage(error),
            error => anyhow::Error::from(error).into(),
        }
    }
}
