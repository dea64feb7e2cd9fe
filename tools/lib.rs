//! The tool contract, the registry that runs calls, and the built-in tools.
//!
//! | module | concept |
//! |---|---|
//! | [`tool`] | what a tool is and what it returns |
//! | [`registry`] | the tools on offer, and the one way to call them |
//! | [`schema`] | arguments validated, harmless slips coerced, the rest explained |
//! | [`net_guard`] | which addresses a request may reach |
//! | [`fetch`] | `web_fetch`: a page as Markdown |
//! | [`reader`] | what is at an address, as text |
//! | [`search`] | the services that find pages |
//! | [`browser`] | `simple_browser`, `web_search`, `web_open`, `web_find` |
//! | [`chromium`] | pages that scripts build, shown by Chromium |
//! | [`python`] | `python`: code in the sandbox |
//! | [`manifest`] | tools from a file |
//! | [`mcp`] | tools of servers |

mod artifact;
pub mod browser;
pub mod chromium;
mod citation;
mod error;
pub mod fetch;
pub mod manifest;
pub mod mcp;
pub mod net_guard;
mod progress;
pub mod python;
pub mod reader;
pub mod registry;
pub mod schema;
pub mod search;
mod secret;
mod source;
pub mod text;
pub mod tool;

pub use artifact::Artifact;
pub use citation::Citation;
pub use error::Error;
pub use progress::Progress;
pub use registry::{Misfit, Registry};
pub use secret::{Granted, Secret, Secrets};
pub use source::Source;
pub use tool::{Effects, Invoke, Observation, PastCall, Tool, ToolContext, ToolError, ToolOutput};
