//! The flags about the web.

use clap::Args;
use glm_agent::tools::net_guard::Proxy;

/// Stands before the folder that `--search` names.
pub const LOCAL_SEARCH: &str = "local:";

/// What tools reach, and through what.
#[derive(Debug, Clone, Args)]
pub struct WebArgs {
    /// Let the browser search by this; repeatable, in the order in which they are asked [default: duckduckgo]
    ///
    /// local:FOLDER searches your own documents: Markdown, text and HTML. searxng:URL is an instance of
    /// SearXNG that answers in JSON. brave, tavily and zhipu need a key, the secret BRAVE_API_KEY,
    /// TAVILY_API_KEY or ZHIPU_API_KEY; bing:URL, a service that answers as Bing's API did, needs
    /// BING_API_KEY. duckduckgo needs none. The next one is asked where one does not answer, or finds
    /// nothing.
    #[arg(
        long,
        env = "GLM_SEARCH",
        value_delimiter = ',',
        value_name = "PROVIDER"
    )]
    pub search: Vec<String>,

    /// Let tools reach this private host, for example 127.0.0.1:8000
    #[arg(
        long,
        env = "GLM_ALLOW_HOST",
        value_delimiter = ',',
        value_name = "HOST[:PORT]"
    )]
    pub allow_host: Vec<String>,

    /// Keep tools from this host, address or range of addresses, whatever else allows it
    #[arg(
        long,
        env = "GLM_DENY_HOST",
        value_delimiter = ',',
        value_name = "HOST[:PORT]"
    )]
    pub deny_host: Vec<String>,

    /// Let tools reach these hosts only, and the services that search; repeatable
    #[arg(
        long,
        env = "GLM_ONLY_HOST",
        value_delimiter = ',',
        value_name = "HOST[:PORT]"
    )]
    pub only_host: Vec<String>,

    /// Reach the web through a proxy: `env` takes those of HTTP_PROXY, HTTPS_PROXY and ALL_PROXY
    #[arg(
        long,
        env = "GLM_PROXY",
        hide_env_values = true,
        default_value = "off",
        value_name = "off|env|URL"
    )]
    pub proxy: Proxy,
}
