//! The whole program, run as its users run it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test fails by panicking, and its names say what it is about"
)]

mod batch;
mod beginning;
mod bfcl;
mod budget;
mod by_hand;
#[path = "../support/cache.rs"]
mod cache;
mod cassettes;
#[path = "../support/collector.rs"]
mod collector;
mod commands;
mod compaction;
mod context;
mod crash;
#[cfg(feature = "local")]
mod custom_tool;
mod deploy;
mod doctor;
#[cfg(feature = "local")]
mod examples;
mod export;
mod files;
mod glm;
#[cfg(feature = "local")]
mod hub;
mod input;
mod library;
#[cfg(feature = "local")]
mod local;
mod log;
mod mcp;
mod mcp_server;
#[cfg(feature = "local")]
mod model;
#[path = "../support/npm.rs"]
mod npm;
mod otel;
mod output_schema;
#[path = "../support/paired.rs"]
mod paired;
mod policy;
#[cfg(unix)]
#[path = "../support/postgres.rs"]
mod postgres;
mod prompt;
mod published;
#[cfg(feature = "local")]
mod pull;
#[cfg(unix)]
mod queue;
mod remote;
mod replay;
#[cfg(feature = "local")]
mod replayed;
mod research;
mod resume;
mod run;
mod sandbox;
mod sandbox_packs;
mod serve;
mod session;
#[path = "../support/venv.rs"]
mod venv;
#[cfg(feature = "local")]
mod verify;
mod web;
