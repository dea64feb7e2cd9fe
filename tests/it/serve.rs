//! `glm serve`: a model or an agent by OpenAI's API.

mod access;
mod agent;
mod chat;
mod framework;
mod limits;
mod load;
mod page;
mod server;
mod slow;
