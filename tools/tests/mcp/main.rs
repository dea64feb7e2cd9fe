//! The client against servers that others wrote, and against ones that misbehave.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test fails by panicking, and its names say what it is about"
)]

#[path = "../../../tests/support/cache.rs"]
mod cache;
mod everything;
mod filesystem;
#[path = "../../../tests/support/npm.rs"]
mod npm;
mod trouble;

use std::sync::Arc;

use glm_agent_tools::{
    Registry, Secrets, Source, ToolContext, ToolError, ToolOutput,
    mcp::{Pins, Server, ServerConfig, config},
};
use serde_json::Value;
use tempfile::TempDir;

/// A server with its pins in a folder of its own.
struct Connected {
    server: Arc<Server>,
    folder: TempDir,
}

fn configured(value: Value) -> ServerConfig {
    config::from_value("s", value).unwrap()
}

impl Connected {
    async fn to(value: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pins = Pins::new(folder.path().join("pins.json"));
        let server = Server::connect("s", configured(value), &Secrets::default(), pins).await;
        Self {
            server: server.unwrap(),
            folder,
        }
    }

    fn registry(&self) -> Registry {
        Registry::new(self.server.tools()).unwrap()
    }

    fn context(&self) -> ToolContext {
        ToolContext {
            call: "call_1".into(),
            directory: Some(self.folder.path().join("files")),
            ..ToolContext::default()
        }
    }

    async fn call(&self, name: &str, arguments: Value) -> Result<ToolOutput, ToolError> {
        self.registry().call(name, arguments, self.context()).await
    }
}
