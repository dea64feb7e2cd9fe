//! One page, from its address to its document.

use std::{collections::HashSet, time::Duration};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use url::Url;

use super::{
    protocol::{Connection, Event, Failed},
    proxy::Proxy,
};
use crate::ToolError;

/// How long nothing must be under way for a page to be at rest.
const QUIET: Duration = Duration::from_millis(500);
/// How long a page that has loaded may go on asking for more.
const SETTLE: Duration = Duration::from_secs(5);
/// How long it may take to read the document.
const READ: Duration = Duration::from_secs(5);

/// How Chromium says that something became a download or was given up.
const ABORTED: &str = "net::ERR_ABORTED";

/// The function that copies the document.
const SNAPSHOT: &str = include_str!("snapshot.js");

/// A page in a context of its own, both of which are closed when it is dropped.
pub struct Page<'b> {
    connection: &'b Connection,
    context: String,
    /// Also the name of the page's main frame.
    target: String,
    session: String,
    events: mpsc::UnboundedReceiver<Event>,
    progress: Progress,
}

/// How far a page is.
#[derive(Default)]
struct Progress {
    /// Requests without an answer yet.
    under_way: HashSet<String>,
    /// The last that was asked for as the page itself.
    document: Option<Document>,
    /// The one before it, which stays if that becomes a download or comes to nothing.
    before: Option<Document>,
    /// When it was all there, scripts and all.
    loaded: Option<Instant>,
    /// When something was last asked for or came.
    last: Option<Instant>,
    /// The page's process is gone.
    crashed: bool,
    ended: bool,
}

#[derive(Default)]
struct Document {
    request: String,
    url: String,
    status: Option<u16>,
    /// Why there is none.
    failure: Option<String>,
}

impl<'b> Page<'b> {
    /// An empty page, which asks for everything through `proxy`, this machine's
    /// addresses too.
    pub async fn open(connection: &'b Connection, proxy: &Proxy) -> Result<Self, Failed> {
        let options = json!({
            "disposeOnDetach": true,
            "proxyServer": format!("http://{}", proxy.address()),
            "proxyBypassList": "<-loopback>",
        });
        let context = connection.call(None, "Target.createBrowserContext", options);
        let context = text(&context.await?, "/browserContextId");
        let mut page = Self {
            connection,
            context,
            target: String::new(),
            session: String::new(),
            events: mpsc::unbounded_channel().1,
            progress: Progress::default(),
        };
        let context = &page.context;
        let alone = json!({ "browserContextId": context, "behavior": "deny" });
        connection
            .call(None, "Browser.setDownloadBehavior", alone)
            .await?;
        // Those that are not granted are denied.
        let none = json!({ "browserContextId": context, "permissions": [] });
        connection
            .call(None, "Browser.grantPermissions", none)
            .await?;
        let blank = json!({ "browserContextId": context, "url": "about:blank" });
        let target = connection.call(None, "Target.createTarget", blank).await?;
        page.target = text(&target, "/targetId");
        let attach = json!({ "targetId": page.target, "flatten": true });
        let session = connection
            .call(None, "Target.attachToTarget", attach)
            .await?;
        page.session = text(&session, "/sessionId");
        page.events = connection.events(&page.session);
        // Windows that the page opens wait, and are closed before they do anything. Its
        // workers wait, too, and are told to go on.
        let windows = json!({
            "autoAttach": true,
            "waitForDebuggerOnStart": true,
            "flatten": true,
            "filter": [{ "type": "page" }, { "type": "worker" }],
        });
        for (method, params) in [
            ("Page.enable", json!({})),
            ("Inspector.enable", json!({})),
            (
                "Network.enable",
                json!({ "maxTotalBufferSize": 0, "maxResourceBufferSize": 0 }),
            ),
            ("Network.setBypassServiceWorker", json!({ "bypass": true })),
            ("Target.setAutoAttach", windows),
        ] {
            page.call(method, params).await?;
        }
        Ok(page)
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value, Failed> {
        self.connection
            .call(Some(&self.session), method, params)
            .await
    }

    /// Goes to an address, and waits until the page is at rest or its time is up.
    ///
    /// # Errors
    /// [`ToolError::User`] for what the guard refused, [`ToolError::Model`] for what is
    /// no page, [`ToolError::Transient`] for what does not answer.
    pub async fn load(
        &mut self,
        url: &Url,
        limit: Duration,
        proxy: &Proxy,
    ) -> Result<(), ToolError> {
        let deadline = Instant::now() + limit;
        let (connection, session) = (self.connection, self.session.clone());
        let going = connection.call(Some(&session), "Page.navigate", json!({ "url": url }));
        tokio::pin!(going);
        let mut has_come = false;
        loop {
            if self.progress.crashed {
                return Err(crashed(url));
            }
            if self.progress.ended {
                return Err(gone(url));
            }
            let rest = match self.progress.rest() {
                Some(rest) if has_come => rest.min(deadline),
                _ => deadline,
            };
            if Instant::now() >= deadline {
                break;
            }
            tokio::select! {
                // What has come is looked at before time is up.
                biased;
                came = &mut going, if !has_come => {
                    has_come = true;
                    let came = came.map_err(|failed| match failed {
                        Failed::Ended => gone(url),
                        refused => ToolError::Transient(format!("cannot show `{url}`: {refused}")),
                    })?;
                    self.catch_up();
                    self.judge_arrival(url, &came, proxy)?;
                }
                event = self.events.recv() => self.take(event),
                () = sleep_until(rest) => break,
            }
        }
        if has_come {
            Ok(())
        } else {
            let limit = limit.as_secs_f64();
            Err(ToolError::Transient(format!(
                "`{url}` did not answer within {limit} s"
            )))
        }
    }

    /// The document, cut off after so many bytes, and its address.
    ///
    /// # Errors
    /// [`ToolError::Model`] if the page keeps from being read.
    pub async fn read(&mut self, max_bytes: usize) -> Result<(String, Url), ToolError> {
        let (connection, session) = (self.connection, self.session.clone());
        let target = self.target.clone();
        let mut read = timeout(
            READ,
            self.meanwhile(snapshot(connection, &session, &target, max_bytes)),
        )
        .await;
        if read.is_err() {
            // A script that never returns.
            connection.tell(Some(&session), "Runtime.terminateExecution", &json!({}));
            let again = snapshot(connection, &session, &target, max_bytes);
            read = timeout(READ, self.meanwhile(again)).await;
        }
        self.catch_up();
        let shown = self
            .progress
            .document
            .as_ref()
            .map_or("the page", |document| document.url.as_str());
        let unread = |why: String| ToolError::Model(format!("`{shown}` cannot be read: {why}"));
        if self.progress.crashed {
            return Err(crashed(&shown));
        }
        let (mut html, address) = match read {
            Ok(Some(Ok(read))) => read,
            Ok(Some(Err(Failed::Ended)) | None) => return Err(gone(&shown)),
            Ok(Some(Err(refused))) => return Err(unread(refused.to_string())),
            Err(_) => return Err(unread("its scripts do not come to an end".to_owned())),
        };
        html.truncate(html.floor_char_boundary(max_bytes));
        let url =
            Url::parse(&address).map_err(|reason| unread(format!("`{address}`: {reason}")))?;
        Ok((html, url))
    }

    /// Whether what is shown is what was asked for, and not word of a failure.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`ToolError::Model`] with the status of an answer
    /// that says no.
    pub fn judge(&self, shown: &Url, proxy: &Proxy) -> Result<(), ToolError> {
        let document = self.progress.document.as_ref();
        let asked = document.map_or(shown.as_str(), |document| document.url.as_str());
        let status = document.and_then(|document| document.status);
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        if let Some(status) = status
            && (status.is_client_error() || status.is_server_error())
        {
            return Err(refusal(asked, proxy)
                .unwrap_or_else(|| ToolError::Model(format!("`{shown}` answered {status}"))));
        }
        let failure = document.and_then(|document| document.failure.as_deref());
        if let Some(failure) = failure {
            return Err(refusal(asked, proxy).unwrap_or_else(|| unreached(asked, failure)));
        }
        if !matches!(shown.scheme(), "http" | "https") {
            return Err(ToolError::Model(format!(
                "the page went on to `{shown}`, which is not reached by http or https, the only \
                 ways here"
            )));
        }
        Ok(())
    }

    fn judge_arrival(&self, url: &Url, came: &Value, proxy: &Proxy) -> Result<(), ToolError> {
        if came.get("isDownload").and_then(Value::as_bool) == Some(true) {
            return Err(ToolError::Model(format!(
                "`{url}` is a file to download, not a page"
            )));
        }
        let Some(error) = came.get("errorText").and_then(Value::as_str) else {
            return Ok(());
        };
        let asked = self.progress.document.as_ref();
        let asked = asked.map_or(url.as_str(), |document| document.url.as_str());
        Err(refusal(asked, proxy).unwrap_or_else(|| match error {
            ABORTED => ToolError::Model(format!(
                "`{url}` is no page: there is nothing to show, or a file to download"
            )),
            _ => unreached(asked, error),
        }))
    }

    /// Does something while the page may want an answer. `None` if the page is gone.
    async fn meanwhile<T>(&mut self, doing: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(doing);
        loop {
            tokio::select! {
                done = &mut doing => return Some(done),
                event = self.events.recv() => {
                    self.take(event);
                    if self.progress.crashed || self.progress.ended {
                        return None;
                    }
                }
            }
        }
    }

    /// Takes what the page said before the last reply.
    fn catch_up(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.take(Some(event));
        }
    }

    fn take(&mut self, event: Option<Event>) {
        let Some(Event { method, params }) = event else {
            self.progress.ended = true;
            return;
        };
        let tell = |session: Option<&str>, method, params| {
            self.connection.tell(session, method, &params);
        };
        match method.as_str() {
            "Page.javascriptDialogOpening" => {
                // Only leaving a page is agreed to.
                let leaves = text(&params, "/type") == "beforeunload";
                let answer = json!({ "accept": leaves });
                tell(Some(&self.session), "Page.handleJavaScriptDialog", answer);
            }
            "Target.attachedToTarget" if text(&params, "/targetInfo/type") == "worker" => {
                let worker = text(&params, "/sessionId");
                let go_on = "Runtime.runIfWaitingForDebugger";
                tell(Some(&worker), go_on, json!({}));
            }
            "Target.attachedToTarget" => {
                let window = json!({ "targetId": text(&params, "/targetInfo/targetId") });
                tell(None, "Target.closeTarget", window);
            }
            method => self.progress.take(method, &params, &self.target),
        }
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        self.connection.forget(&self.session);
        let context = json!({ "browserContextId": self.context });
        self.connection
            .tell(None, "Target.disposeBrowserContext", &context);
    }
}

impl Progress {
    fn take(&mut self, method: &str, params: &Value, main_frame: &str) {
        let request = || text(params, "/requestId");
        let is_document =
            || text(params, "/type") == "Document" && text(params, "/frameId") == main_frame;
        match method {
            "Network.requestWillBeSent" => {
                self.last = Some(Instant::now());
                self.under_way.insert(request());
                if is_document() {
                    self.loaded = None;
                    let asked = Document {
                        request: request(),
                        url: text(params, "/request/url"),
                        ..Document::default()
                    };
                    let last = self.document.replace(asked);
                    // A redirect is the same request.
                    if last.as_ref().is_some_and(|last| last.request != request()) {
                        self.before = last;
                    }
                }
            }
            "Network.responseReceived" => {
                if let Some(document) = &mut self.document
                    && document.request == request()
                {
                    let status = params.pointer("/response/status").and_then(Value::as_u64);
                    document.status = status.and_then(|status| u16::try_from(status).ok());
                }
            }
            "Network.loadingFinished" | "Network.loadingFailed" => {
                self.last = Some(Instant::now());
                self.under_way.remove(&request());
                if method == "Network.loadingFailed" {
                    self.fail(&request(), text(params, "/errorText"));
                }
            }
            "Page.loadEventFired" => self.loaded = Some(Instant::now()),
            "Inspector.targetCrashed" => self.crashed = true,
            _ => {}
        }
    }

    fn fail(&mut self, request: &str, error: String) {
        let document = self.document.as_mut();
        let Some(document) = document.filter(|document| document.request == request) else {
            return;
        };
        self.loaded = self.last;
        if error == ABORTED && self.before.is_some() {
            self.document = self.before.take();
        } else {
            document.failure = Some(error);
        }
    }

    /// When the page will be at rest if nothing else happens. `None` if it is still
    /// loading.
    fn rest(&self) -> Option<Instant> {
        let loaded = self.loaded?;
        let settled = loaded + SETTLE;
        if self.under_way.is_empty() {
            let last = self.last.map_or(loaded, |last| last.max(loaded));
            Some((last + QUIET).min(settled))
        } else {
            Some(settled)
        }
    }
}

/// The document of a page and its address. It is read from a world of its own, where
/// the page's scripts have changed nothing.
async fn snapshot(
    connection: &Connection,
    session: &str,
    target: &str,
    max_bytes: usize,
) -> Result<(String, String), Failed> {
    let session = Some(session);
    let frame = json!({ "frameId": target, "worldName": "glm-agent" });
    let world = connection
        .call(session, "Page.createIsolatedWorld", frame)
        .await?;
    let reading = json!({
        "expression": format!("({SNAPSHOT})({max_bytes})"),
        "contextId": world.get("executionContextId"),
        "returnByValue": true,
    });
    let document = connection
        .call(session, "Runtime.evaluate", reading)
        .await?;
    if let Some(exception) = document.get("exceptionDetails") {
        let what = text(exception, "/exception/description");
        return Err(Failed::Refused {
            method: "reading the document".to_owned(),
            reason: what,
        });
    }
    let target = json!({ "targetId": target });
    let info = connection
        .call(None, "Target.getTargetInfo", target)
        .await?;
    Ok((
        text(&document, "/result/value"),
        text(&info, "/targetInfo/url"),
    ))
}

/// Why the proxy did not reach what was asked for, if it did not.
fn refusal(asked: &str, proxy: &Proxy) -> Option<ToolError> {
    let asked = Url::parse(asked).ok()?;
    proxy.refusal(asked.host_str()?, asked.port_or_known_default()?)
}

fn unreached(url: &str, error: &str) -> ToolError {
    ToolError::Transient(format!("cannot reach `{url}`: {error}"))
}

fn crashed(url: &impl std::fmt::Display) -> ToolError {
    ToolError::Model(format!(
        "`{url}` made its process in Chromium crash: most likely it took too much memory"
    ))
}

fn gone(url: &impl std::fmt::Display) -> ToolError {
    ToolError::Transient(format!("Chromium ended while it showed `{url}`"))
}

/// A text within a message; empty if it is not there.
fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}
