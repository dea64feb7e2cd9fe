//! Pages that scripts build, shown by a Chromium without a screen.
//!
//! Chromium is the user's own: none is shipped or fetched. It is started with the first
//! page, shared by all sessions, started anew should it crash, and ended with the
//! program, which leaves nothing of it, also when killed. Each page has a context of its
//! own, as of a private window: no cookies, no storage, no permissions, no downloads, no
//! dialogs, no windows beside it.
//!
//! What keeps a page in:
//!
//! | | |
//! |---|---|
//! | network | every request, also of scripts, frames, images and WebSockets, goes through a proxy of ours, which asks the [`NetGuard`] and connects to the very address that was checked; Chromium resolves no names, and sends no UDP |
//! | system | Chromium's own sandbox. It does not work for root, so for root Chromium runs as the user `nobody`. Where the system does not allow the sandbox, Chromium does not start, unless [`ChromiumOptions::sandbox`] is off, which a warning tells at each start |
//! | files | a profile in a folder of its own, removed at the end; nothing of the environment but `PATH` and `LANG` |
//! | this program | drives it over pipes, not over a port; on Linux the proxy takes connections of Chromium's user only |

mod page;
mod process;
mod protocol;
mod proxy;

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::json;
use tokio::{
    sync::{Mutex, Semaphore},
    time::timeout,
};
use url::Url;

use crate::{
    Error, ToolError,
    net_guard::NetGuard,
    reader::{Render, Rendered},
};
use page::Page;
use process::Process;
use protocol::{Connection, Failed};
use proxy::Proxy;

/// Names Chromium's program.
pub const PROGRAM: &str = "GLM_CHROMIUM";
/// Whether Chromium's own sandbox is on: `on` or `off`.
pub const SANDBOX: &str = "GLM_CHROMIUM_SANDBOX";

/// How long Chromium may take to start.
const START: Duration = Duration::from_secs(30);

/// How Chromium is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChromiumOptions {
    /// The program. Default: the first on the path of `chromium`, `chromium-browser`,
    /// `google-chrome`, `google-chrome-stable` and `chrome`.
    pub program: Option<PathBuf>,
    /// Whether Chromium's own sandbox is on. Without it, a page that breaks out of the
    /// browser can do what its user can. Default: on.
    pub sandbox: bool,
    /// Whether images are loaded, which nobody looks at. Default: no.
    pub images: bool,
    /// Pages that are shown at the same time; more wait. Default: 4.
    pub pages: usize,
    /// How long a page may take; then it is taken as it stands. Default: 15 s.
    pub page_time: Duration,
    /// Longest document, in bytes; the rest is left out. Default: 5 million.
    pub max_bytes: usize,
}

impl Default for ChromiumOptions {
    fn default() -> Self {
        Self {
            program: None,
            sandbox: true,
            images: false,
            pages: 4,
            page_time: Duration::from_secs(15),
            max_bytes: 5_000_000,
        }
    }
}

impl ChromiumOptions {
    /// The defaults, with what [`PROGRAM`] and [`SANDBOX`] say.
    ///
    /// # Errors
    /// If [`SANDBOX`] says neither.
    pub fn from_env() -> Result<Self, Error> {
        let program = std::env::var_os(PROGRAM).filter(|program| !program.is_empty());
        let sandbox = std::env::var(SANDBOX).unwrap_or_default();
        Ok(Self {
            program: program.map(PathBuf::from),
            sandbox: match sandbox.as_str() {
                "" | "on" => true,
                "off" => false,
                _ => {
                    return Err(Error::Chromium {
                        variable: SANDBOX,
                        value: sandbox,
                        expected: "write `on` or `off`",
                    });
                }
            },
            ..Self::default()
        })
    }

    /// Where Chromium is.
    ///
    /// # Errors
    /// [`ToolError::User`] if it is not there, with what to install.
    pub fn find(&self) -> Result<PathBuf, ToolError> {
        process::find(self)
    }
}

/// Shows pages, for any number of sessions. Cheap to clone; Chromium ends with the last
/// clone.
#[derive(Clone)]
pub struct Chromium(Arc<Inner>);

struct Inner {
    guard: NetGuard,
    options: ChromiumOptions,
    pages: Semaphore,
    running: Mutex<Option<Arc<Running>>>,
}

/// A Chromium that runs, and what it speaks through.
struct Running {
    connection: Connection,
    proxy: Proxy,
    _process: Process,
}

impl Chromium {
    /// A Chromium that reaches what `guard` lets it. It is started when it is needed.
    pub fn new(guard: NetGuard, options: ChromiumOptions) -> Self {
        Self(Arc::new(Inner {
            guard,
            pages: Semaphore::new(options.pages.max(1)),
            options,
            running: Mutex::default(),
        }))
    }

    /// The one that runs, or a new one.
    async fn running(&self) -> Result<Arc<Running>, ToolError> {
        let mut running = self.0.running.lock().await;
        if let Some(running) = running.as_ref()
            && !running.connection.is_ended()
        {
            return Ok(Arc::clone(running));
        }
        // The old one is cleared away first.
        *running = None;
        let new = Arc::new(self.start().await?);
        *running = Some(Arc::clone(&new));
        Ok(new)
    }

    async fn start(&self) -> Result<Running, ToolError> {
        let options = &self.0.options;
        let program = options.find()?;
        let proxy = Proxy::open(self.0.guard.clone(), process::user()).await;
        let proxy = proxy.map_err(|error| {
            ToolError::User(format!(
                "cannot open a port for Chromium's requests: {error}"
            ))
        })?;
        let (process, input, output) = Process::start(&program, options)?;
        let connection = Connection::open(input, output);
        let version = connection.call(None, "Browser.getVersion", json!({}));
        match timeout(START, version).await {
            Ok(Ok(version)) => {
                tracing::debug!(program = %program.display(), %version, "Chromium runs");
                Ok(Running {
                    connection,
                    proxy,
                    _process: process,
                })
            }
            Ok(Err(_)) => Err(process.failure().await),
            Err(_) => Err(ToolError::Transient(format!(
                "`{}` did not start within {} s",
                program.display(),
                START.as_secs()
            ))),
        }
    }
}

#[async_trait]
impl Render for Chromium {
    /// Addresses other than of http and https are refused, and those that the guard
    /// refuses. A page that does not come to rest within
    /// [`page_time`](ChromiumOptions::page_time) is taken as it stands.
    async fn render(&self, url: &Url) -> Result<Rendered, ToolError> {
        self.0.guard.check(url)?;
        let closed = |_| ToolError::User("Chromium is closed".to_owned());
        let _turn = self.0.pages.acquire().await.map_err(closed)?;
        let running = self.running().await?;
        let options = &self.0.options;
        let failed = |failed| match failed {
            Failed::Ended => {
                ToolError::Transient(format!("Chromium ended while it showed `{url}`"))
            }
            refused => ToolError::Transient(format!("Chromium cannot show `{url}`: {refused}")),
        };
        let proxy = &running.proxy;
        let page = Page::open(&running.connection, proxy).await;
        let mut page = page.map_err(failed)?;
        page.load(url, options.page_time, proxy).await?;
        let (html, shown) = page.read(options.max_bytes).await?;
        page.judge(&shown, proxy)?;
        Ok(Rendered { url: shown, html })
    }
}
