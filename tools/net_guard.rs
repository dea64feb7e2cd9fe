//! Which addresses a request may reach: the one place through which every
//! outgoing request passes.
//!
//! Tools are called with addresses that a model chose, perhaps on the word of a
//! page it read. So only addresses of the public internet are reached: not this
//! machine, not its network, not a cloud's metadata. What a name resolves to is
//! checked by the very resolver whose answer is then connected to, so a name
//! cannot mean one address when checked and another when used.

mod address;
mod outgoing;
mod pattern;

use std::{
    error::Error as StdError,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures::future::BoxFuture;
use reqwest::{
    Client, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    header::LOCATION,
    redirect,
};
use url::{Host, Url};

use crate::{Error, ToolError};
pub use outgoing::Outgoing;
use pattern::Pattern;

/// Redirects that are followed at most.
const REDIRECTS: usize = 10;

/// How the guard introduces itself to servers.
const USER_AGENT: &str = concat!("glm-agent/", env!("CARGO_PKG_VERSION"));

type BoxError = Box<dyn StdError + Send + Sync>;
type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Makes requests, to where they may go. Cheap to clone.
#[derive(Clone)]
pub struct NetGuard {
    allowed: Arc<[Pattern]>,
    /// Connects only where every address of a name is public.
    guarded: Client,
    /// For what a pattern allows.
    trusting: Client,
}

impl fmt::Debug for NetGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetGuard")
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

impl NetGuard {
    /// A guard that, besides the public internet, lets through exactly what the
    /// patterns name: `host`, `host:port`, `*.example.com` (every name below
    /// it), an address, `[v6]:port`.
    ///
    /// # Errors
    /// If a pattern is malformed.
    pub fn from_patterns(patterns: &[String]) -> Result<Self, Error> {
        Self::with_lookup(patterns, Arc::new(|name| Box::pin(system_lookup(name))))
    }

    fn with_lookup(patterns: &[String], lookup: Lookup) -> Result<Self, Error> {
        let allowed = patterns
            .iter()
            .map(|text| text.parse())
            .collect::<Result<_, _>>()?;
        Ok(Self {
            allowed,
            guarded: client(Resolver {
                lookup: Arc::clone(&lookup),
                checks: true,
            })?,
            trusting: client(Resolver {
                lookup,
                checks: false,
            })?,
        })
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
    /// address itself. To another origin, no header goes along that was private.
    ///
    /// # Errors
    /// [`ToolError::User`] for an address that may not be reached, with the flag
    /// that would allow it; [`ToolError::Model`] for one that is malformed;
    /// [`ToolError::Transient`] for one that does not answer.
    pub async fn send(&self, mut request: Outgoing) -> Result<Response, ToolError> {
        let first = request.url.clone();
        for _ in 0..=REDIRECTS {
            let url = request.url.clone();
            let client = self.client_for(&url)?;
            let mut sent = client.request(request.method.clone(), url.clone());
            sent = sent.headers(request.headers.clone());
            if let Some(body) = &request.body {
                sent = sent.body(body.clone());
            }
            let response = sent
                .send()
                .await
                .map_err(|error| self.explain(&url, &error))?;
            let location = response.headers().get(LOCATION);
            let (true, Some(target)) = (response.status().is_redirection(), location) else {
                return Ok(response);
            };
            let target = String::from_utf8_lossy(target.as_bytes());
            let target = url.join(&target).map_err(|reason| {
                ToolError::Model(format!(
                    "`{url}` redirects to `{target}`, which is no address: {reason}"
                ))
            })?;
            request.redirect(response.status(), target);
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
        self.client_for(url).map(|_| ())
    }

    fn client_for(&self, url: &Url) -> Result<&Client, ToolError> {
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
        let host = host.to_owned();
        if self
            .allowed
            .iter()
            .any(|pattern| pattern.allows(&host, port))
        {
            return Ok(&self.trusting);
        }
        let reason = match &host {
            Host::Ipv4(ip) => address::refusal(IpAddr::V4(*ip)),
            Host::Ipv6(ip) => address::refusal(IpAddr::V6(*ip)),
            Host::Domain(name) => address::refusal_of_name(name),
        };
        match reason {
            Some(reason) => Err(refused(&host, port, reason)),
            None => Ok(&self.guarded),
        }
    }

    /// A failed request in the words of who asked for it.
    fn explain(&self, url: &Url, error: &reqwest::Error) -> ToolError {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
        let mut last = String::new();
        while let Some(error) = cause {
            if let Some(Refused { ip, reason }) = error.downcast_ref::<Refused>()
                && let (Some(host), Some(port)) = (url.host(), url.port_or_known_default())
            {
                return refused(
                    &host.to_owned(),
                    port,
                    &format!("it resolves to {ip}, {reason}"),
                );
            }
            last = error.to_string();
            cause = error.source();
        }
        ToolError::Transient(format!("cannot reach `{url}`: {last}"))
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

fn refused(host: &Host, port: u16, reason: &str) -> ToolError {
    ToolError::User(format!(
        "refused to reach `{host}`: {reason}\nhint: pass --allow-host {host}:{port} if you trust it"
    ))
}

fn client(resolver: Resolver) -> Result<Client, Error> {
    Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        // A proxy would resolve names itself, out of reach of the checks.
        .no_proxy()
        .dns_resolver(Arc::new(resolver))
        .build()
        .map_err(Error::Client)
}

/// Resolves names; one that checks gives no answer if any address is not public.
struct Resolver {
    lookup: Lookup,
    checks: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let checks = self.checks;
        let lookup = (self.lookup)(name.as_str().to_owned());
        Box::pin(async move {
            let found = lookup.await?;
            for ip in found.iter().copied().filter(|_| checks) {
                if let Some(reason) = address::refusal(ip) {
                    return Err(BoxError::from(Refused { ip, reason }));
                }
            }
            // The client puts the request's port in the place of 0.
            Ok(Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

/// A name led to an address that may not be reached.
#[derive(Debug, thiserror::Error)]
#[error("{ip} may not be reached: {reason}")]
struct Refused {
    ip: IpAddr,
    reason: &'static str,
}

async fn system_lookup(name: String) -> std::io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((name, 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests;
