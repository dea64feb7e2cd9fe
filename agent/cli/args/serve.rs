//! The flags of `glm serve`.

use std::path::PathBuf;

use clap::Args;

use super::OwnTools;

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// By the Model Context Protocol, on stdin and stdout, or by HTTP with `--port`
    ///
    /// Each client has variables and files of its own, for as long as it stays. It is the client
    /// that asks its user for consent; what rules in glm.toml deny stays denied.
    #[arg(long, required = true)]
    pub mcp: bool,

    /// Serve by HTTP at this port, at /mcp; 0 takes a free one
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,

    /// Listen at this address
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1",
        requires = "port"
    )]
    pub host: String,

    /// Serve only clients that send this file's first line as their bearer token
    #[arg(long, value_name = "FILE", requires = "port")]
    pub api_key_file: Option<PathBuf>,

    #[command(flatten)]
    pub tools: OwnTools,
}
