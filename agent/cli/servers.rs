//! MCP servers: those of the settings and of `--mcp`, connected.

use std::{collections::BTreeMap, io::IsTerminal, path::Path, sync::Arc};

use anyhow::{Context, anyhow};
use futures::future;
use glm_agent::{
    Error, paths,
    render::terminal::printable,
    tools::mcp::{Change, Pins, Server, ServerConfig, config},
};

use crate::{args::ToolArgs, consent, exit::Failure, progress::Progress, settings::Settings};

/// The file in which it is kept what servers say of their tools.
const PINS: &str = "mcp-tools.json";

/// Connects all servers at the same time. Where their tools are not what they
/// were, the person at the terminal is asked.
pub async fn connect(
    args: &ToolArgs,
    settings: &Settings,
    progress: &Progress,
) -> Result<Vec<Arc<Server>>, Failure> {
    let configs = configured(args, settings)?;
    if configs.is_empty() {
        return Ok(Vec::new());
    }
    let pins = Pins::new(paths::data_dir()?.join(PINS));
    let secrets = settings.secrets();
    let names: Vec<&str> = configs.keys().map(String::as_str).collect();
    progress.step(&format!("connecting to {}", names.join(", ")));
    let connecting = configs.into_iter().map(|(name, config)| {
        let (pins, secrets) = (pins.clone(), &secrets);
        async move { Server::connect(&name, config, secrets, pins).await }
    });
    let servers = future::try_join_all(connecting)
        .await
        .map_err(Error::from)?;
    for server in &servers {
        review(server).await?;
    }
    Ok(servers)
}

/// Ends them in an orderly way.
pub async fn close(servers: Vec<Arc<Server>>) {
    future::join_all(servers.iter().map(|server| server.close())).await;
}

fn configured(
    args: &ToolArgs,
    settings: &Settings,
) -> Result<BTreeMap<String, ServerConfig>, Failure> {
    let mut configs = BTreeMap::new();
    for (name, value) in &settings.servers {
        let value = serde_json::to_value(value).context("cannot read mcpServers")?;
        let config = config::from_value(name, value).map_err(Error::from)?;
        configs.insert(name.clone(), config);
    }
    for argument in &args.mcp {
        let path = Path::new(argument);
        if path.is_file() {
            configs.extend(config::load(path).map_err(Error::from)?);
            continue;
        }
        if path.extension().is_some_and(|e| e == "json" || e == "toml") {
            return Err(Failure::usage(anyhow!("there is no file `{argument}`")));
        }
        let (name, config) = config::from_argument(argument).map_err(Error::from)?;
        configs.insert(name, config);
    }
    configs.retain(|_, config| !config.disabled);
    Ok(configs)
}

/// Has somebody look at tools that are not what they were.
async fn review(server: &Arc<Server>) -> Result<(), Failure> {
    let changes = server.changes();
    if changes.is_empty() {
        return Ok(());
    }
    let described: Vec<String> = changes.iter().map(described).collect();
    let described = printable(&format!(
        "the MCP server `{}` says something else of its tools than before:\n{}",
        server.name(),
        described.join("\n")
    ));
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::approval(anyhow!(
            "{described}\nhint: run `glm tools list` with this server at a terminal, and accept them there"
        )));
    }
    let accepted = tokio::task::spawn_blocking(move || {
        consent::confirmed(&format!("{described}\naccept them? [y/N] "))
    });
    if accepted.await.unwrap_or(false) {
        server.accept().await.map_err(Error::from)?;
    }
    Ok(())
}

fn described(change: &Change) -> String {
    match &change.before {
        None => format!("+ {}: {}", change.tool, change.after),
        Some(before) if *before == change.after => {
            format!("~ {}: its parameters changed", change.tool)
        }
        Some(before) => format!("- {0}: {before}\n+ {0}: {1}", change.tool, change.after),
    }
}
