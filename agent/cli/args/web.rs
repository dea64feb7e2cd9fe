//! The flags about the web.

use clap::{Args, ValueEnum};
use glm_agent::tools::{net_guard::Proxy, reader};

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
    /// Whether pages are read that their site keeps programs from, by its robots.txt [default: honour, but at the terminal and for single calls]
    #[arg(long, env = "GLM_ROBOTS", value_enum)]
    pub robots: Option<Robots>,

    /// Have pages shown by this browser before they are read: for those that scripts build
    ///
    /// It is the Chromium or Chrome of this machine, without a window, in its own sandbox. Whatever
    /// pages make it ask for goes where other requests of tools may go, and nowhere else.
    /// GLM_CHROMIUM names its program where it is not on the path.
    #[arg(long, env = "GLM_BROWSER", value_enum, default_value_t)]
    pub browser: Renderer,
}

/// What is done about robots.txt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Robots {
    /// Leave such pages alone
    Honour,
    /// Read them on your behalf
    Ignore,
}

impl From<Robots> for reader::Robots {
    fn from(robots: Robots) -> Self {
        match robots {
            Robots::Honour => Self::Honour,
            Robots::Ignore => Self::Ignore,
        }
    }
}

/// What shows pages before they are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Renderer {
    /// Nothing: pages are read as their servers send them
    #[default]
    Off,
    /// A Chromium without a window
    Chromium,
}

impl WebArgs {
    /// Has pages read whatever robots.txt says, unless the user decided otherwise: for
    /// commands where a person asks for each page.
    pub fn attend(&mut self) {
        self.robots.get_or_insert(Robots::Ignore);
    }
}
