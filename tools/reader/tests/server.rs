//! An HTTP server on a free port of loopback, which remembers what it was asked.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use url::Url;

/// What was asked: where, and with what headers.
pub(crate) type Asked = (String, HeaderMap);

pub(crate) struct Server {
    address: std::net::SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Answers every request by a function of its path and headers.
    pub async fn new(
        answer: impl Fn(&str, &HeaderMap) -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let log = Arc::clone(&asked);
        let app = Router::new().fallback(move |request: Request| {
            let path = request.uri().to_string();
            log.lock()
                .unwrap()
                .push((path.clone(), request.headers().clone()));
            let response = answer(&path, request.headers());
            async move { response }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, asked }
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn at(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    /// The paths that were asked for so far.
    pub fn paths(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(path, _)| path.clone()).collect()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// An answer with headers.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        let name = axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

pub(crate) fn html(body: impl Into<Body>) -> Response {
    answer(200, &[("content-type", "text/html")], body)
}
