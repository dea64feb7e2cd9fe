//! `glm serve`: a model or an agent by OpenAI's API.

mod access;
mod agent;
mod chat;
mod framework;
mod limits;
mod load;
#[cfg(feature = "local")]
mod local;
mod page;
mod server;
mod slow;
