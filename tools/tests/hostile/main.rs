//! Servers, names and addresses that mean harm, and what becomes of it: nothing, said
//! why. All of them are on this machine; of its addresses, 127.0.1.0/24 stands for the
//! public internet.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod addresses;
mod bodies;
mod proxies;
mod rebinding;
mod redirects;
mod server;

use std::time::Duration;

use glm_agent_tools::{
    Registry, ToolContext, ToolError, ToolOutput,
    fetch::web_fetch,
    net_guard::{Builder, NetGuard},
    reader::{Limits, Reader},
};
use serde_json::json;

/// The addresses that stand for the public internet.
const PUBLIC: &str = "127.0.1.0/24";

/// The start of a guard for which [`PUBLIC`] is the public internet.
fn builder() -> Builder {
    NetGuard::builder().public(&[PUBLIC.to_owned()])
}

fn guard() -> NetGuard {
    builder().build().unwrap()
}

/// What `web_fetch` makes of an address within a time and a size.
async fn fetched(
    guard: NetGuard,
    url: &str,
    total: Duration,
    max_bytes: usize,
) -> Result<ToolOutput, ToolError> {
    let limits = Limits { max_bytes, total };
    let registry = Registry::new(vec![web_fetch(Reader::new(guard, limits))]).unwrap();
    let arguments = json!({ "url": url });
    registry
        .call("web_fetch", arguments, ToolContext::default())
        .await
}

/// The message of a refusal, which the user can lift.
fn refusal<T: std::fmt::Debug>(result: Result<T, ToolError>, of: &str) -> String {
    match result {
        Err(ToolError::User(message)) => message,
        other => panic!("{of}: {other:?}"),
    }
}
