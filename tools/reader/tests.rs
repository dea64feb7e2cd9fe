//! The reader against real servers on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod corpus;
mod documents;
mod hostile;
mod kept;
mod kinds;
mod rendered;
pub(crate) mod server;
mod vocabularies;

use super::*;
use server::Server;

/// A reader that reaches this server.
fn reader(server: &Server) -> Reader {
    let guard = NetGuard::from_patterns(&[server.host()]).unwrap();
    Reader::new(guard, Limits::default())
}

/// What it reads at a path.
async fn read(
    reader: &Reader,
    server: &Server,
    path: &str,
    form: Form,
) -> Result<Arc<Page>, ToolError> {
    reader
        .page(&server.at(path), Extent::Main, form, Fresh::Now)
        .await
}
