//! The Model Context Protocol: tools of servers that others wrote, and one's own for
//! their clients.
//!
//! | module | concept |
//! |---|---|
//! | [`config`] | servers as people configure them |
//! | [`client`] | a server: its tools, resources and prompts, for as long as it lives |
//! | [`pins`] | what servers said of their tools before, so that a change is noticed |
//! | [`server`] | a registry's tools for other programs |

pub mod client;
pub mod config;
mod connection;
mod content;
mod identity;
pub mod pins;
pub mod server;
mod tool;

pub use client::{Prompt, PromptArgument, Server};
pub use config::ServerConfig;
pub use pins::{Change, Pins};
pub use server::Service;
