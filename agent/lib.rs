//! A tool-calling agent around GLM-4.
//!
//! A [`Session`] is an append-only list of [`Event`]s; everything else is
//! computed from it. [`state`] is the agent loop as a pure state machine,
//! the driver does what it says, [`view()`] is what the model sees, and
//! [`render`] shows the events to people and programs.
//!
//! ```no_run
//! use glm_agent::{Agent, Tool, ToolContext, engine};
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Locker {
//!     /// Name of the locker's owner
//!     owner: String,
//! }
//!
//! # async fn f() -> Result<(), glm_agent::Error> {
//! let code = Tool::new("locker_code", "The code of a locker", |args: Locker, _: ToolContext| async move {
//!     Ok(format!("{}-4711", args.owner))
//! });
//! let agent = Agent::builder().engine(engine::load("smol-glm").await?).tool(code).build()?;
//! println!("{}", agent.run("What is the code of Dana's locker?").await?.answer);
//! # Ok(())
//! # }
//! ```

mod agent;
mod answer;
pub mod batch;
pub mod budget;
mod by_hand;
mod calls;
pub mod citation;
mod compact;
pub mod driver;
pub mod engine;
mod error;
pub mod eval;
pub mod event;
pub mod files;
pub mod images;
mod offer;
pub mod paths;
pub mod policy;
mod reading;
pub mod render;
pub mod replay;
pub mod serve;
pub mod session;
pub mod state;
pub mod view;

#[cfg(doctest)]
#[doc = include_str!("../tools/README.md")]
struct ToolsReadme;

pub use agent::{Agent, AgentBuilder, Run, resume_tools};
pub use async_trait::async_trait;
pub use budget::{Account, Budget, Price};
pub use by_hand::call_by_hand;
pub use driver::{Answer, Approver, Listener, Observer};
pub use error::{Error, Faults};
pub use event::{Event, EventKind, Status, StopReason};
pub use glm_agent_model as model;
pub use glm_agent_sandbox as sandbox;
pub use glm_agent_sandbox::run_if_worker;
pub use glm_agent_tools as tools;
pub use glm_agent_tools::{
    Artifact, Citation, Effects, Invoke, PastCall, Progress, Secret, Secrets, Source, Tool,
    ToolContext, ToolError, ToolOutput,
};
pub use policy::{Mode, Policy};
pub use session::Session;
pub use state::Pending;
pub use view::view;
