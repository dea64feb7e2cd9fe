//! Names resolved once: what is checked is what is connected to.

use std::{
    error::Error as StdError,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::rules::Rules;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Finds the addresses of a name.
pub(super) type Lookup =
    Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

tokio::task_local! {
    /// The port of the request for which a name is resolved. The client tells its
    /// resolver only the name, and asks it within the task that makes the request.
    static PORT: u16;
}

/// Does what makes the client resolve names for a request to this port.
pub(super) async fn for_port<F: Future>(port: u16, request: F) -> F::Output {
    PORT.scope(port, request).await
}

/// Resolves names for a client; gives no answer if any address of a name may not be
/// reached.
pub(super) struct Resolver {
    pub lookup: Lookup,
    pub rules: Arc<Rules>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let (lookup, rules) = ((self.lookup)(name.clone()), Arc::clone(&self.rules));
        let port = PORT.try_with(|port| *port);
        Box::pin(async move {
            let port = port?;
            let found = lookup.await?;
            for ip in &found {
                rules
                    .judge_resolved(&name, port, *ip)
                    .map_err(BoxError::from)?;
            }
            Ok(with_ports(found))
        })
    }
}

/// Resolves the name of a proxy, which is where the user says.
pub(super) struct Unchecked(pub Lookup);

impl Resolve for Unchecked {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = (self.0)(name.as_str().to_owned());
        Box::pin(async move { Ok(with_ports(lookup.await?)) })
    }
}

/// The client puts the request's port in the place of 0.
fn with_ports(found: Vec<IpAddr>) -> Addrs {
    Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)))
}

/// Asks the system.
pub(super) fn system() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}
