//! Whose requests are looked at.
//!
//! Who shows a key is served. Without keys, requests must ask for this machine by a
//! name of its own: a page in a browser whose own name was made to lead here asks by
//! that name. And a request that a page of another origin makes is refused, unless
//! the user lets that origin in.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
            ACCESS_CONTROL_REQUEST_HEADERS, AUTHORIZATION, HOST, HeaderName, ORIGIN, VARY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Service, error::Refusal, keys::Client, page, route_of};

/// What is there for everybody: whether the server is up, and the page that asks for
/// the key.
fn is_open(path: &str) -> bool {
    path == "/health" || page::is_part(path)
}

/// Lets a request through, or refuses it; and counts it.
pub(super) async fn guard(
    State(service): State<Service>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = route_of(request.uri().path());
    let origin = request.headers().get(ORIGIN).cloned();
    let asked = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS);
    let asked = asked.cloned();
    let mut response = match admitted(&service, &request) {
        Err(refusal) => refusal.into_response(),
        Ok(_) if request.method() == Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        Ok(client) => {
            request.extensions_mut().insert(client);
            next.run(request).await
        }
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(origin) = origin.filter(|origin| is_let_in(&service, origin)) {
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
            (ACCESS_CONTROL_EXPOSE_HEADERS, "glm-session, retry-after"),
            (ACCESS_CONTROL_MAX_AGE, "600"),
            (VARY, "origin, access-control-request-headers"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        // Whatever they are: clients tell of themselves in headers of their own.
        if let Some(asked) = asked {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked);
        }
    }
    let metrics = &service.shared.metrics;
    metrics.answered(route, response.status().as_u16());
    response
}

/// Whose request it is.
fn admitted(service: &Service, request: &Request) -> Result<Client, Refusal> {
    let keys = &service.shared.options.keys;
    let host = text(request.headers(), &HOST)
        .or_else(|| Some(request.uri().authority()?.as_str()))
        .unwrap_or_default();
    if keys.is_empty() && !is_of_this_machine(without_port(host)) {
        let message = format!("`{host}` is no name of this machine");
        return Err(Refusal::request(StatusCode::FORBIDDEN, message));
    }
    if let Some(origin) = request.headers().get(ORIGIN)
        && !is_same(origin, host)
        && !is_let_in(service, origin)
    {
        let message = "pages of other origins are not let in\nhint: `glm serve --cors ORIGIN`";
        return Err(Refusal::request(StatusCode::FORBIDDEN, message));
    }
    if keys.is_empty() {
        return Ok(Client::default());
    }
    // Browsers ask whether they may send a key before they do.
    if is_open(request.uri().path()) || request.method() == Method::OPTIONS {
        return Ok(Client::default());
    }
    let given = text(request.headers(), &AUTHORIZATION)
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(str::trim);
    match given {
        Some(key) if keys.has(key) => Ok(Client::of(key)),
        _ => Err(Refusal::no_key()),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Whether it is a name by which this machine is asked for from itself.
fn is_of_this_machine(name: &str) -> bool {
    let address = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let address = address.unwrap_or(name).parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// A host without the port behind it.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether an origin is that of the server's own page.
fn is_same(origin: &HeaderValue, host: &str) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    let of_origin = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    of_origin == Some(host) && !host.is_empty()
}

fn is_let_in(service: &Service, origin: &HeaderValue) -> bool {
    let origins = &service.shared.options.origins;
    origins
        .iter()
        .any(|known| known.as_bytes() == origin.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_their_ports() {
        for (host, name) in [
            ("localhost:8000", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("localhost.evil.test:80", "localhost.evil.test"),
        ] {
            assert_eq!(without_port(host), name);
        }
        let own = ["localhost", "127.0.0.1", "127.0.0.2", "[::1]"];
        assert!(own.into_iter().all(is_of_this_machine));
        let others = ["localhost.evil.test", "10.0.0.1", "", "[::2]"];
        assert!(!others.into_iter().any(is_of_this_machine));
    }

    #[test]
    fn an_origin_is_the_servers_own_or_not() {
        let same = |origin: &'static str, host| is_same(&HeaderValue::from_static(origin), host);
        assert!(same("http://localhost:80", "localhost:80"));
        assert!(same("https://glm.test", "glm.test"));
        assert!(!same("http://localhost:81", "localhost:80"));
        assert!(!same("null", "localhost:80"));
        assert!(!same("http://", ""));
    }
}
