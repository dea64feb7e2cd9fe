//! Connections for programs that speak for themselves, such as a browser.

use std::net::SocketAddr;

use tokio::{net::TcpStream, time::timeout};
use url::{Host, Url};

use super::{NetGuard, refused, seconds};
use crate::ToolError;

impl NetGuard {
    /// Connects to a host, by one of the addresses that were checked. `secure` says
    /// whether it is for `https`, which decides on the proxy.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`ToolError::User`] when requests go out through a
    /// proxy.
    pub async fn connect(
        &self,
        host: &str,
        port: u16,
        secure: bool,
    ) -> Result<TcpStream, ToolError> {
        let scheme = if secure { "https" } else { "http" };
        let address = format!("{scheme}://{host}:{port}/");
        let url = Url::parse(&address).map_err(|reason| {
            ToolError::Model(format!("`{host}:{port}` is not an address: {reason}"))
        })?;
        let (host, port) = self.checked(&url)?;
        let proxied = self.proxied.as_ref();
        if proxied.is_some_and(|proxied| proxied.proxies.of(&url).is_some()) {
            return Err(ToolError::User(format!(
                "cannot reach `{host}`: connections of programs do not go through a proxy\n\
                 hint: pass --proxy off if there is another way out"
            )));
        }
        let unreached = |reason: String| {
            ToolError::Transient(format!("cannot reach `{host}:{port}`: {reason}"))
        };
        let connecting = async {
            let found = match host {
                Host::Ipv4(ip) => vec![ip.into()],
                Host::Ipv6(ip) => vec![ip.into()],
                Host::Domain(name) => {
                    let found = self.config.look_up(name).await;
                    let found = found.map_err(|error| unreached(error.to_string()))?;
                    for ip in &found {
                        let judged = self.rules.judge_resolved(name, port, *ip);
                        judged.map_err(refused)?;
                    }
                    found
                }
            };
            let mut last = "the name has no address".to_owned();
            for ip in found {
                match TcpStream::connect(SocketAddr::new(ip, port)).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = error.to_string(),
                }
            }
            Err(unreached(last))
        };
        let (limit, _) = self.config.limits();
        timeout(limit, connecting)
            .await
            .unwrap_or_else(|_| Err(unreached(format!("not within {}", seconds(limit)))))
    }
}
