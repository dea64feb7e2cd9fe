//! Events shown to people and programs.

pub mod html;
pub mod jsonl;
pub mod markdown;
pub mod otel;
pub mod sources;
pub mod terminal;
mod transcript;

pub use jsonl::Jsonl;
pub use terminal::{Style, Terminal};
