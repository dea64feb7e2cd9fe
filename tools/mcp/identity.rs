//! This program as a server sees it: what it can do, and where what the server
//! tells it goes.

#![expect(
    deprecated,
    reason = "roots and log messages, which servers of today know; the protocol is to drop them"
)]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rmcp::{
    ClientHandler, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, Implementation, ListRootsResult,
        LoggingMessageNotificationParam, ProgressNotificationParam, ProgressToken, Root,
    },
    service::{NotificationContext, RequestContext},
};
use tokio::sync::Notify;
use url::Url;

use crate::Progress;

/// This program, as a server sees it.
#[derive(Clone, Default)]
pub(super) struct Client {
    /// Folders that the server is told of.
    pub roots: Vec<Url>,
    /// Woken when the server says that what it offers has changed.
    pub changed: Arc<Notify>,
    /// Where the progress of each call goes.
    pub progress: Arc<Mutex<HashMap<ProgressToken, Progress>>>,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        if !self.roots.is_empty() {
            capabilities.roots = Some(Default::default());
        }
        let version = env!("CARGO_PKG_VERSION");
        ClientConfig::new(capabilities, Implementation::new("glm-agent", version))
    }

    async fn list_roots(
        &self,
        _context: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, rmcp::ErrorData> {
        let roots = self.roots.iter().map(|root| Root::new(root.as_str()));
        Ok(ListRootsResult::new(roots.collect()))
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = progress.get(&params.progress_token) {
            let of = params.total.map(|total| format!(" of {total}"));
            let message = params.message.map(|message| format!(": {message}"));
            progress.say(&format!(
                "{}{}{}\n",
                params.progress,
                of.unwrap_or_default(),
                message.unwrap_or_default()
            ));
        }
    }

    async fn on_logging_message(
        &self,
        params: LoggingMessageNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        tracing::debug!(level = ?params.level, "MCP server: {}", params.data);
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }

    async fn on_resource_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }

    async fn on_prompt_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }
}
