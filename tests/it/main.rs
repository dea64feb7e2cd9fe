//! The whole program, run as its users run it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test fails by panicking, and its names say what it is about"
)]

mod beginning;
mod by_hand;
#[path = "../support/cache.rs"]
mod cache;
mod commands;
mod context;
mod custom_tool;
mod doctor;
mod examples;
mod files;
mod glm;
mod hub;
mod input;
mod library;
mod local;
mod mcp;
mod mcp_server;
mod model;
#[path = "../support/npm.rs"]
mod npm;
mod policy;
mod prompt;
mod pull;
mod resume;
mod run;
mod sandbox;
mod sandbox_packs;
mod session;
#[path = "../support/venv.rs"]
mod venv;
mod verify;
mod web;
