//! How a guard is told what it may let through, and how.

use std::{future::Future, io, net::IpAddr, sync::Arc, time::Duration};

use ipnet::IpNet;
use reqwest::{Client, ClientBuilder, redirect};

use super::{
    NetGuard, Proxied, USER_AGENT,
    pattern::Pattern,
    proxy::{Proxies, Proxy},
    resolver::{self, Lookup, Resolver, Unchecked},
    rules::Rules,
};
use crate::Error;

/// What a [`NetGuard`] will let through, and how.
///
/// A pattern is a `host`, `*.example.com` (every name below it), an address or a range
/// of addresses (`10.0.0.0/8`, `fd00::/8`), and holds at every port or at one
/// (`host:port`, `[v6]:port`, `10.0.0.0/8:8080`). Patterns of addresses also mean the
/// names that resolve there. They hold for every redirect as for the first address.
#[derive(Clone)]
pub struct Builder {
    allow: Vec<String>,
    deny: Vec<String>,
    only: Vec<String>,
    public: Vec<String>,
    proxy: Proxy,
    lookup: Lookup,
    connect: Duration,
    idle: Duration,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            deny: Vec::new(),
            only: Vec::new(),
            public: Vec::new(),
            proxy: Proxy::Off,
            lookup: resolver::system(),
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(15),
        }
    }
}

impl Builder {
    /// Lets through what these patterns name, beside the public internet. A port of
    /// another service than the web's is reached only if a pattern names the port.
    #[must_use]
    pub fn allow(mut self, patterns: &[String]) -> Self {
        self.allow.extend_from_slice(patterns);
        self
    }

    /// Refuses what these patterns name, whatever else says that it may be reached.
    #[must_use]
    pub fn deny(mut self, patterns: &[String]) -> Self {
        self.deny.extend_from_slice(patterns);
        self
    }

    /// Refuses what none of these patterns names, if there are any. What they name and
    /// is not public must be [allowed](Self::allow) as well.
    #[must_use]
    pub fn only(mut self, patterns: &[String]) -> Self {
        self.only.extend_from_slice(patterns);
        self
    }

    /// Through what requests go out. Default: [`Proxy::Off`].
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// Takes ranges of addresses, such as `127.0.1.0/24`, for the public internet: for
    /// tests, and for networks that are cut off from it.
    #[must_use]
    pub fn public(mut self, ranges: &[String]) -> Self {
        self.public.extend_from_slice(ranges);
        self
    }

    /// How long it may take to resolve a name, to connect and to agree on a key.
    /// Default: 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect = limit;
        self
    }

    /// How long a server may be silent before its answer, and between the bytes of it.
    /// Default: 15 s.
    #[must_use]
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle = limit;
        self
    }

    /// How names are resolved. Default: as the system does it. What is found is checked
    /// all the same.
    #[must_use]
    pub fn lookup<F, Found>(mut self, lookup: F) -> Self
    where
        F: Fn(String) -> Found + Send + Sync + 'static,
        Found: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        self.lookup = Arc::new(move |name| Box::pin(lookup(name)));
        self
    }

    /// The guard.
    ///
    /// # Errors
    /// If a pattern is malformed, or a proxy of the environment.
    pub fn build(self) -> Result<NetGuard, Error> {
        let rules = Arc::new(Rules {
            allow: patterns(&self.allow)?,
            deny: patterns(&self.deny)?,
            only: patterns(&self.only)?,
            public: self
                .public
                .iter()
                .map(|r| range(r))
                .collect::<Result<_, _>>()?,
        });
        let resolver = Resolver {
            lookup: Arc::clone(&self.lookup),
            rules: Arc::clone(&rules),
        };
        let direct = self.client().no_proxy().dns_resolver(Arc::new(resolver));
        let environment = |name: &str| std::env::var(name).ok();
        let proxied = match Proxies::new(&self.proxy, environment)? {
            Some(proxies) => {
                let proxies = Arc::new(proxies);
                let of = Arc::clone(&proxies);
                let resolver = Unchecked(Arc::clone(&self.lookup));
                let client = self
                    .client()
                    .proxy(reqwest::Proxy::custom(move |url| of.of(url)))
                    .dns_resolver(Arc::new(resolver));
                Some(Proxied {
                    proxies,
                    lookup: Arc::clone(&self.lookup),
                    client: client.build().map_err(Error::Client)?,
                })
            }
            None => None,
        };
        Ok(NetGuard {
            rules,
            direct: direct.build().map_err(Error::Client)?,
            proxied,
            config: Arc::new(self),
        })
    }

    pub(super) fn proxy_setting(&self) -> &Proxy {
        &self.proxy
    }

    /// To connect, and to be silent.
    pub(super) fn limits(&self) -> (Duration, Duration) {
        (self.connect, self.idle)
    }

    /// The addresses of a name, not checked.
    pub(super) async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        (self.lookup)(name.to_owned()).await
    }

    /// A client that follows nothing by itself and keeps no cookies.
    fn client(&self) -> ClientBuilder {
        Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.connect)
            .read_timeout(self.idle)
    }
}

fn patterns(texts: &[String]) -> Result<Vec<Pattern>, Error> {
    texts.iter().map(|text| text.parse()).collect()
}

fn range(text: &str) -> Result<IpNet, Error> {
    text.parse().map_err(|_| Error::HostPattern {
        pattern: text.to_owned(),
        reason: "it is no range of addresses".to_owned(),
    })
}
