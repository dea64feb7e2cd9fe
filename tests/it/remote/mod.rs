//! Models that servers run.

mod command;
mod failures;
mod images;
pub mod llama_cpp;
mod recorded;
mod replies;
pub mod server;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use glm_agent::{
    Agent, Error, Run, Tool, ToolContext,
    engine::{self, RemoteOptions, Timeouts},
};
use schemars::JsonSchema;
use serde::Deserialize;

pub use server::{Answer, Part, Server, completed, delta, ended, piece_of};

#[derive(Deserialize, JsonSchema)]
pub struct Place {
    /// City
    city: String,
}

/// How often a tool was called.
#[derive(Clone, Default)]
pub struct Calls(Arc<AtomicUsize>);

impl Calls {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub fn weather(&self) -> Tool {
        let calls = self.clone();
        Tool::new(
            "get_weather",
            "Weather of a city",
            move |place: Place, _: ToolContext| {
                let calls = calls.clone();
                async move {
                    calls.0.fetch_add(1, Ordering::SeqCst);
                    Ok(format!("21 degrees in {}", place.city))
                }
            },
        )
    }
}

/// Options for servers of a test, which need no patience.
pub fn options(servers: &[&Server]) -> RemoteOptions {
    RemoteOptions {
        retries: 2,
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            ..Timeouts::default()
        },
        ..RemoteOptions::new(servers.iter().map(|server| server.url.clone()))
    }
}

/// An agent with one tool, whose model runs there.
pub async fn agent(options: RemoteOptions, calls: &Calls) -> Result<Agent, Error> {
    let engine = engine::remote(options).await?;
    Agent::builder()
        .engine(engine)
        .tool(calls.weather())
        .build()
}

/// A task whose replies come from servers, and how often the tool was called for it.
pub async fn run(options: RemoteOptions) -> (Result<Run, Error>, usize) {
    let calls = Calls::default();
    let run = match agent(options, &calls).await {
        Ok(agent) => agent.run("How warm is Kiel?").await,
        Err(error) => Err(error),
    };
    (run, calls.count())
}

/// What an error says, without what differs from run to run.
pub fn said(error: &impl ToString, servers: &[&Server]) -> String {
    let mut text = error.to_string();
    for (number, server) in servers.iter().enumerate() {
        text = text.replace(&server.url, &format!("http://server-{}", number + 1));
    }
    text
}
