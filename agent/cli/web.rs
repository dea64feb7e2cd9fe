//! From flags to the tools that reach the web: the one place where they are put
//! together.

use std::sync::Arc;

use glm_agent::{
    Tool,
    model::Profile,
    tools::{
        Error,
        browser::Browser,
        chromium::{Chromium, ChromiumOptions},
        fetch::web_fetch,
        net_guard::{Builder, NetGuard},
        reader::{Limits, Reader},
        search::Search,
    },
};
use url::Url;

use crate::{
    args::{Renderer, Robots, WebArgs},
    exit::Failure,
};

/// What searches where the user names no service: it needs no key.
const DEFAULT_SEARCH: &str = "duckduckgo";

/// How a model calls the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `simple_browser`, which GLM-4 was trained with.
    Simple,
    /// `web_search`, `web_open` and `web_find`.
    Functions,
}

impl Form {
    /// That which the models of a profile know.
    pub fn of(profile: &Profile) -> Self {
        if profile.knows_simple_browser() {
            Self::Simple
        } else {
            Self::Functions
        }
    }
}

/// The web as the flags describe it. Its tools share one browser.
pub struct Web {
    guard: NetGuard,
    reader: Reader,
    browser: Browser,
}

impl Web {
    pub fn new(args: &WebArgs) -> Result<Self, Failure> {
        let guard = reach(args).build().map_err(glm_agent::Error::from)?;
        let search = match args.search.as_slice() {
            [] => vec![DEFAULT_SEARCH.to_owned()],
            names => names.to_vec(),
        };
        let of_service = |url: &Url, is_named: bool| of_service(args, url, is_named);
        let search = Search::from_names(&search, &of_service).map_err(glm_agent::Error::from)?;
        let robots = args.robots.unwrap_or(Robots::Honour);
        let mut reader = Reader::new(guard.clone(), Limits::default()).robots(robots.into());
        if args.browser == Renderer::Chromium {
            let options = ChromiumOptions::from_env().map_err(glm_agent::Error::from)?;
            reader = reader.render_with(Arc::new(Chromium::new(guard.clone(), options)));
        }
        Ok(Self {
            browser: Browser::new(reader.clone(), search),
            reader,
            guard,
        })
    }

    /// Where the tools of manifests may go, too.
    pub fn guard(&self) -> &NetGuard {
        &self.guard
    }

    /// The tool `web_fetch`.
    pub fn fetch(&self) -> Tool {
        web_fetch(self.reader.clone())
    }

    /// The browser's tools.
    pub fn browser(&self, form: Form) -> Vec<Tool> {
        match form {
            Form::Simple => vec![self.browser.simple()],
            Form::Functions => self.browser.functions(),
        }
    }

    /// The tool of this name, if it is one of the web's.
    pub fn tool(&self, name: &str) -> Option<Tool> {
        let all = [self.fetch(), self.browser.simple()];
        let mut all = all.into_iter().chain(self.browser.functions());
        all.find(|tool| tool.name() == name)
    }
}

/// What tools may reach, and through what.
fn reach(args: &WebArgs) -> Builder {
    NetGuard::builder()
        .allow(&args.allow_host)
        .deny(&args.deny_host)
        .only(&args.only_host)
        .proxy(args.proxy.clone())
}

/// The guard for the questions to a service, which `--only-host` does not keep away.
fn of_service(args: &WebArgs, url: &Url, is_named: bool) -> Result<NetGuard, Error> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let own = [format!("{host}:{port}")];
    let mut reach = reach(args);
    if !args.only_host.is_empty() {
        reach = reach.only(&own);
    }
    if is_named {
        reach = reach.allow(&own);
    }
    reach.build()
}
