//! The proxy through which Chromium makes all its requests, so that the net guard sees
//! each of them, and Chromium resolves no names.
//!
//! Plain HTTP is passed on request by request. `https` and WebSockets ask for a tunnel
//! (`CONNECT`), at whose end Chromium itself speaks TLS.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use http_body_util::{Either, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue},
    service::service_fn,
    upgrade,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::{ToolError, net_guard::NetGuard};

/// Refusals that are remembered, to be told in their own words.
const REFUSALS: usize = 1000;

/// Headers that are for the proxy alone (RFC 9110, 7.6.1), beside those that
/// `Connection` names.
const OWN: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
];

type Body = Either<Incoming, Full<Bytes>>;

/// A proxy on a free port of this machine; it is closed when dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _open: watch::Sender<()>,
}

struct Shared {
    guard: NetGuard,
    /// The user whose connections are taken.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nobody tells"))]
    user: Option<u32>,
    /// Why hosts, each with its port, could not be reached.
    refusals: Mutex<HashMap<(String, u16), ToolError>>,
}

impl Proxy {
    /// Opens a proxy for programs of a user, which reaches what `guard` lets it.
    ///
    /// # Errors
    /// If the system has no port for it.
    pub async fn open(guard: NetGuard, user: Option<u32>) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            guard,
            user,
            refusals: Mutex::default(),
        });
        let (open, closed) = watch::channel(());
        tokio::spawn(serve(listener, Arc::clone(&shared), closed));
        Ok(Self {
            address,
            shared,
            _open: open,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why a host could not be reached, if it was tried.
    pub fn refusal(&self, host: &str, port: u16) -> Option<ToolError> {
        let refusals = self.shared.refusals.lock();
        let refusals = refusals.unwrap_or_else(PoisonError::into_inner);
        refusals.get(&(host.to_owned(), port)).cloned()
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, mut closed: watch::Receiver<()>) {
    // Dropped with this task, which ends what is under way.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = closed.changed() => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let shared = Arc::clone(&shared);
                    connections.spawn(connection(stream, peer, listener.local_addr().ok(), shared));
                }
                // Most likely there are too many open files: later there may be fewer.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    own: Option<SocketAddr>,
    shared: Arc<Shared>,
) {
    if !shared.takes(peer, own).await {
        tracing::warn!(%peer, "refused another user's connection to Chromium's proxy");
        return;
    }
    // What tunnels carry ends with the connection.
    let tunnels = Arc::new(tokio::sync::Mutex::new(JoinSet::new()));
    let service = service_fn(|request: Request<Incoming>| {
        let (shared, tunnels) = (Arc::clone(&shared), Arc::clone(&tunnels));
        async move {
            let answer = match request.method() {
                &Method::CONNECT => tunnel(request, &shared, &tunnels).await,
                _ => pass_on(request, &shared).await,
            };
            Ok::<_, Infallible>(answer.unwrap_or_else(|error| refused(&error)))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // A connection that breaks is no affair of ours.
    let _ = connection.await;
    let mut tunnels = tunnels.lock().await;
    while tunnels.join_next().await.is_some() {}
}

/// Lets the browser speak with a host itself.
async fn tunnel(
    mut request: Request<Incoming>,
    shared: &Shared,
    tunnels: &tokio::sync::Mutex<JoinSet<()>>,
) -> Result<Response<Body>, ToolError> {
    let (host, port) = target(&request, 443)?;
    let mut stream = shared.connect(&host, port, true).await?;
    let upgrade = upgrade::on(&mut request);
    tunnels.lock().await.spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            let mut upgraded = TokioIo::new(upgraded);
            // Either end may break it off.
            let _ = tokio::io::copy_bidirectional(&mut upgraded, &mut stream).await;
        }
    });
    Ok(Response::new(Either::Right(Full::default())))
}

/// Makes a request of plain HTTP.
async fn pass_on(
    mut request: Request<Incoming>,
    shared: &Shared,
) -> Result<Response<Body>, ToolError> {
    if request.uri().scheme_str() != Some("http") {
        return Err(ToolError::Model(format!(
            "`{}` is not reached by http or https, the only ways here",
            request.uri()
        )));
    }
    let (host, port) = target(&request, 80)?;
    let stream = shared.connect(&host, port, false).await?;
    let broken = |error: hyper::Error| {
        let error = ToolError::Transient(format!("cannot reach `{host}:{port}`: {error}"));
        shared.remember(&host, port, &error);
        error
    };
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .preserve_header_case(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    tokio::spawn(connection);
    if let Some(authority) = request.uri().authority()
        && let Ok(value) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(HOST, value);
    }
    let path = request.uri().path_and_query();
    *request.uri_mut() = path
        .and_then(|path| path.as_str().parse().ok())
        .unwrap_or_default();
    forget_own(request.headers_mut());
    let mut response = sender.send_request(request).await.map_err(broken)?;
    forget_own(response.headers_mut());
    Ok(response.map(Either::Left))
}

fn target(request: &Request<Incoming>, default: u16) -> Result<(String, u16), ToolError> {
    let uri = request.uri();
    let host = uri
        .host()
        .ok_or_else(|| ToolError::Model(format!("`{uri}` names no host")))?;
    Ok((host.to_owned(), uri.port_u16().unwrap_or(default)))
}

fn forget_own(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in OWN {
        headers.remove(name);
    }
}

fn refused(error: &ToolError) -> Response<Body> {
    let body = Full::from(format!("{error}\n"));
    let mut response = Response::new(Either::Right(body));
    *response.status_mut() = match error {
        ToolError::Transient(_) => StatusCode::BAD_GATEWAY,
        _ => StatusCode::FORBIDDEN,
    };
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

impl Shared {
    async fn connect(&self, host: &str, port: u16, secure: bool) -> Result<TcpStream, ToolError> {
        let connected = self.guard.connect(host, port, secure).await;
        match &connected {
            Ok(_) => {
                let refusals = self.refusals.lock();
                let mut refusals = refusals.unwrap_or_else(PoisonError::into_inner);
                refusals.remove(&(host.to_owned(), port));
            }
            Err(error) => {
                tracing::debug!(host, port, "not reached for Chromium: {error}");
                self.remember(host, port, error);
            }
        }
        connected
    }

    fn remember(&self, host: &str, port: u16, error: &ToolError) {
        let refusals = self.refusals.lock();
        let mut refusals = refusals.unwrap_or_else(PoisonError::into_inner);
        if refusals.len() >= REFUSALS {
            refusals.clear();
        }
        refusals.insert((host.to_owned(), port), error.clone());
    }

    /// Whether a connection is from the browser's user, as the system has it.
    #[cfg(target_os = "linux")]
    async fn takes(&self, peer: SocketAddr, own: Option<SocketAddr>) -> bool {
        let (Some(user), Some(own)) = (self.user, own) else {
            return true;
        };
        let table = tokio::fs::read_to_string("/proc/net/tcp").await;
        owner(&table.unwrap_or_default(), peer, own) == Some(user)
    }

    /// Only Linux says whose a connection is.
    #[cfg(not(target_os = "linux"))]
    async fn takes(&self, _peer: SocketAddr, _own: Option<SocketAddr>) -> bool {
        true
    }
}

/// The user who made a connection, from the kernel's table (`proc_pid_net(5)`): by
/// line, the local address, the remote one, and as the eighth field the user.
#[cfg(target_os = "linux")]
fn owner(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    let (local, remote) = (shown(local)?, shown(remote)?);
    let line = table.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let is_it = fields.next()? == local && fields.next()? == remote;
        is_it.then(|| fields.nth(4)).flatten()
    });
    line?.parse().ok()
}

/// An address as the kernel's table shows it: in the machine's byte order.
#[cfg(target_os = "linux")]
fn shown(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(address) = address else {
        return None;
    };
    let ip = u32::from_ne_bytes(address.ip().octets());
    Some(format!("{ip:08X}:{:04X}", address.port()))
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_its_users() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1\n\
             1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000 65534        0 2\n";
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if cfg!(target_endian = "little") {
            assert_eq!(owner(table, at(50000), at(8080)), Some(65534));
            assert_eq!(owner(table, at(50001), at(8080)), None);
        }
    }

    #[test]
    fn what_is_for_the_proxy_stays_here() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("proxy-connection", "keep-alive"),
            ("accept", "*/*"),
        ] {
            headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        forget_own(&mut headers);
        let left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["accept"]);
    }
}
