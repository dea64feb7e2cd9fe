//! Pages shown by a real Chromium, from real servers on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test fails by panicking, and its names say what it is about"
)]
#![cfg(unix)]

mod lifetime;
mod pages;
mod private;
mod site;

use std::time::Duration;

use glm_agent_tools::{
    ToolError,
    chromium::{Chromium, ChromiumOptions},
    net_guard::NetGuard,
    reader::{Render, Rendered},
};
use site::Site;

/// As the environment has it, in a hurry.
fn options() -> ChromiumOptions {
    ChromiumOptions {
        page_time: Duration::from_secs(60),
        ..ChromiumOptions::from_env().unwrap()
    }
}

/// A Chromium that reaches one site besides the public internet.
fn chromium(site: &Site) -> Chromium {
    Chromium::new(guard(site), options())
}

fn guard(site: &Site) -> NetGuard {
    NetGuard::from_patterns(&[site.address.to_string()]).unwrap()
}

async fn render(chromium: &Chromium, url: &str) -> Result<Rendered, ToolError> {
    chromium.render(&url.parse().unwrap()).await
}

/// What is between the tags of a page's body.
fn body(page: &Rendered) -> &str {
    let (_, body) = page.html.split_once("<body>").unwrap();
    body.split_once("</body>").unwrap().0.trim()
}
