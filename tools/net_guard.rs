//! Which addresses a request may reach: the one place through which every
//! outgoing request passes.
//!
//! Tools are called with addresses that a model chose, perhaps on the word of a
//! page it read. So only addresses of the public internet are reached: not this
//! machine, not its network, not a cloud's metadata; and only ports where the web
//! is. What a name resolves to is checked by the very resolver whose answer is then
//! connected to, so a name cannot mean one address when checked and another when
//! used. Redirects are followed here, step by step, each checked like the first
//! address; what a page says of going on elsewhere (`Refresh`) is not followed.
//! Nothing is remembered from one request for the next: no cookies, no credentials.
//!
//! Proxies that the environment names are not used unless the user [says
//! so](Proxy): they would resolve names out of reach of the checks.
//!
//! What the user has set up himself goes past the guard, since no model chooses where
//! it leads: MCP servers by HTTP, and where checkpoints come from. Python in the
//! sandbox has no network; a manifest's command has one if the manifest says so.

mod address;
mod builder;
mod connect;
mod outgoing;
mod pattern;
mod port;
mod proxy;
mod resolver;
mod rules;

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use reqwest::{
    Client, Response,
    header::{CONTENT_ENCODING, LOCATION},
};
use url::{Host, Url};

use crate::{Error, ToolError};
pub use builder::Builder;
pub use outgoing::Outgoing;
use proxy::Proxies;
pub use proxy::Proxy;
use resolver::{Lookup, for_port};
use rules::{Refusal, Rules};

/// Redirects that are followed at most.
const REDIRECTS: usize = 10;

/// How the guard introduces itself to servers: by the name that rules for it in a
/// robots.txt have, and with where to read about it.
const USER_AGENT: &str = concat!(
    "glm-agent/",
    env!("CARGO_PKG_VERSION"),
    " (+",
    env!("CARGO_PKG_REPOSITORY"),
    ")"
);

/// Makes requests, to where they may go. Cheap to clone.
#[derive(Clone)]
pub struct NetGuard {
    rules: Arc<Rules>,
    /// Connects to addresses that the rules let through.
    direct: Client,
    proxied: Option<Proxied>,
    /// What it was built with.
    config: Arc<Builder>,
}

/// What goes through proxies.
#[derive(Clone)]
struct Proxied {
    proxies: Arc<Proxies>,
    /// Resolves names to check them, before a proxy resolves them.
    lookup: Lookup,
    client: Client,
}

impl fmt::Debug for NetGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetGuard")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl NetGuard {
    /// A guard that lets through the public internet, and what it is told.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A guard that, besides the public internet, lets through exactly what the
    /// patterns [name](Builder).
    ///
    /// # Errors
    /// If a pattern is malformed.
    pub fn from_patterns(patterns: &[String]) -> Result<Self, Error> {
        Self::builder().allow(patterns).build()
    }

    /// A builder of a guard like this one.
    pub fn to_builder(&self) -> Builder {
        Builder::clone(&self.config)
    }

    /// Gets what is at an address, following redirects, each of which is checked
    /// like the address itself.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn get(&self, address: &str) -> Result<Response, ToolError> {
        self.send(Outgoing::get(parse(address)?)).await
    }

    /// Makes a request, following redirects, each of which is checked like the
    /// address itself. To another origin, no header goes along that was private, and
    /// nothing that was posted.
    ///
    /// # Errors
    /// [`ToolError::User`] for an address that may not be reached, with the flag
    /// that would allow it; [`ToolError::Model`] for one that is malformed, and for an
    /// answer that cannot be made sense of; [`ToolError::Transient`] for one that does
    /// not answer.
    pub async fn send(&self, mut request: Outgoing) -> Result<Response, ToolError> {
        let first = request.url.clone();
        for _ in 0..=REDIRECTS {
            let response = self.send_once(&request).await?;
            let Some(target) = target(&response)? else {
                return readable(response);
            };
            request.redirect(response.status(), target)?;
        }
        Err(ToolError::Model(format!(
            "`{first}` redirects more than {REDIRECTS} times"
        )))
    }

    /// Checks what can be told from the address alone. Names are checked again
    /// when they are resolved.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn check(&self, url: &Url) -> Result<(), ToolError> {
        self.checked(url).map(|_| ())
    }

    /// The host and the port of an address, as far as it alone tells.
    fn checked<'u>(&self, url: &'u Url) -> Result<(Host<&'u str>, u16), ToolError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ToolError::Model(format!(
                "`{url}` is not reached by http or https, the only ways here"
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ToolError::Model(format!(
                "the address of `{}` contains a user name or a password: leave it out",
                url.host_str().unwrap_or_default()
            )));
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(ToolError::Model(format!("`{url}` names no host")));
        };
        self.rules.judge(&host, port).map_err(refused)?;
        Ok((host, port))
    }

    async fn send_once(&self, request: &Outgoing) -> Result<Response, ToolError> {
        let url = &request.url;
        let (host, port) = self.checked(url)?;
        let through = self
            .proxied
            .as_ref()
            .and_then(|proxied| Some((proxied, proxied.proxies.of(url)?)));
        let client = match &through {
            Some((proxied, _)) => {
                if let Host::Domain(name) = host {
                    self.judge_as_resolved_here(proxied, name, port).await?;
                }
                &proxied.client
            }
            None => &self.direct,
        };
        let mut sent = client
            .request(request.method.clone(), url.clone())
            .headers(request.headers.clone());
        if let Some(body) = &request.body {
            sent = sent.body(body.clone());
        }
        let sent = for_port(port, sent.send()).await;
        sent.map_err(|error| self.explain(url, through.map(|(_, proxy)| proxy), &error))
    }

    /// Refuses a name for a proxy if it leads, from here, to where it may not.
    async fn judge_as_resolved_here(
        &self,
        proxied: &Proxied,
        name: &str,
        port: u16,
    ) -> Result<(), ToolError> {
        let (limit, _) = self.config.limits();
        let found = tokio::time::timeout(limit, (proxied.lookup)(name.to_owned())).await;
        match found {
            Ok(Ok(found)) if !found.is_empty() => found
                .into_iter()
                .try_for_each(|ip| self.rules.judge_resolved(name, port, ip)),
            _ => self.rules.judge_unresolved(name, port),
        }
        .map_err(refused)
    }

    /// A failed request in the words of who asked for it.
    fn explain(&self, url: &Url, proxy: Option<Url>, error: &reqwest::Error) -> ToolError {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
        let mut last = String::new();
        while let Some(error) = cause {
            if let Some(refusal) = error.downcast_ref::<Refusal>() {
                return refused(refusal.clone());
            }
            last = error.to_string();
            cause = error.source();
        }
        let (connect, idle) = self.config.limits();
        let way = match &proxy {
            Some(proxy) => format!(" through the proxy `{}`", proxy::shown(proxy)),
            None => String::new(),
        };
        let mut message = if !error.is_timeout() {
            format!("cannot reach `{url}`{way}: {last}")
        } else if error.is_connect() {
            format!("cannot reach `{url}`{way} within {}", seconds(connect))
        } else {
            format!("`{url}`{way} did not answer within {}", seconds(idle))
        };
        if error.is_connect() && *self.config.proxy_setting() == Proxy::Off {
            let environment = |name: &str| std::env::var(name).ok();
            if let Some((name, _)) = proxy::variable(url.scheme(), &environment) {
                message.push_str(&format!(
                    "\nhint: {name} is set and not used, since names are checked here: pass \
                     --proxy env if the way out is through it"
                ));
            }
        }
        ToolError::Transient(message)
    }
}

fn parse(address: &str) -> Result<Url, ToolError> {
    let address = address.trim();
    Url::parse(address).map_err(|reason| {
        ToolError::Model(format!(
            "`{address}` is not an address: {reason}; expected one such as https://example.com/page"
        ))
    })
}

fn refused(refusal: Refusal) -> ToolError {
    ToolError::User(refusal.to_string())
}

fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}

/// Where an answer leads on to. Not every status of the 300s does (Fetch standard,
/// "redirect status"): 305 would have a server name the proxy to go through.
fn target(response: &Response) -> Result<Option<Url>, ToolError> {
    let leads = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| leads);
    let Some(location) = location else {
        return Ok(None);
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    let target = response.url().join(&location).map_err(|reason| {
        ToolError::Model(format!(
            "`{}` redirects to `{location}`, which is no address: {reason}",
            response.url()
        ))
    })?;
    Ok(Some(target))
}

/// An answer, unless it is packed in a way that the client has not unpacked.
fn readable(response: Response) -> Result<Response, ToolError> {
    let encodings = response.headers().get_all(CONTENT_ENCODING);
    let packed = encodings
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .find(|value| !value.trim().is_empty() && !value.trim().eq_ignore_ascii_case("identity"));
    match packed {
        Some(packed) => Err(ToolError::Model(format!(
            "`{}` answered in the encoding `{packed}`; only one of gzip, br and zstd is read",
            response.url()
        ))),
        None => Ok(response),
    }
}

#[cfg(test)]
mod tests;
