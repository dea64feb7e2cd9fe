//! What can be wrong with the tools before any of them is called.

use std::path::PathBuf;

/// Why tools could not be put on offer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two tools of one name: a call could mean either.
    #[error("two tools are named `{name}`\nhint: rename one of them, or offer only one")]
    DuplicateTool {
        /// The name.
        name: String,
    },
    /// A name that a model cannot be trusted to write in a call.
    #[error(
        "`{name}` is not a name for a tool\n\
         hint: use 1 to 64 letters, digits, `_`, `-` and `.`"
    )]
    ToolName {
        /// The name.
        name: String,
    },
    /// The parameters of a tool are not a JSON Schema.
    #[error("the parameters of the tool `{tool}` are not a JSON Schema: {reason}")]
    Schema {
        /// The tool.
        tool: String,
        /// What is wrong, and where in the schema.
        reason: String,
    },
    /// A manifest could not be read.
    #[error("cannot read the tools from `{path}`: {source}", path = path.display())]
    ManifestFile {
        /// The manifest.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A manifest is not JSON or TOML of the right shape.
    #[error("the manifest `{path}` is wrong: {reason}", path = path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// One tool of a manifest is wrong.
    #[error("the manifest `{path}` is wrong: tool `{tool}`, field `{field}`: {reason}", path = path.display())]
    ManifestTool {
        /// The manifest.
        path: PathBuf,
        /// The tool, by its name or its position.
        tool: String,
        /// The field.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A search provider is unknown or cannot be used.
    #[error("cannot search by `{provider}`: {reason}")]
    Search {
        /// As it was named.
        provider: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A pattern of hosts is malformed.
    #[error(
        "`{pattern}` names no hosts: {reason}\n\
         hint: write `example.com`, `example.com:8080`, `*.example.com`, `192.168.0.7`, \
         `10.0.0.0/8` or `[::1]:8000`"
    )]
    HostPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What is to be the way out is none.
    #[error(
        "`{proxy}` is no proxy: {reason}\n\
         hint: write `off`, `env` or an address such as `http://proxy.example:3128`"
    )]
    Proxy {
        /// As it was given, without a password.
        proxy: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A server of the Model Context Protocol is configured in a wrong way.
    #[error("the MCP server `{server}` cannot be set up: {reason}")]
    McpConfig {
        /// The server.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// A server of the Model Context Protocol could not be started or reached.
    #[error("the MCP server `{server}` does not answer: {reason}")]
    McpServer {
        /// The server.
        server: String,
        /// What went wrong, and what it said.
        reason: String,
    },
    /// A client of the Model Context Protocol did not keep to it.
    #[error("the MCP client cannot be served: {reason}")]
    McpClient {
        /// What went wrong.
        reason: String,
    },
    /// What is known of servers' tools could not be read or written.
    #[error("cannot keep what MCP servers say of their tools in `{path}`: {source}", path = path.display())]
    Pins {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The client for outgoing requests could not be set up.
    #[error("cannot set up outgoing requests: {0}")]
    Client(#[source] reqwest::Error),
    /// Chromium is to be run in a way that there is not.
    #[error("`{variable}` is `{value}`: {expected}")]
    Chromium {
        /// The variable of the environment.
        variable: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        expected: &'static str,
    },
}
