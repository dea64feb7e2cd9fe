//! The sandbox as its users see it: real cells in the real guest, which is built
//! once into the user's cache (`GLM_CACHE_DIR`, or the platform's) and shared by
//! all tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod escape;
mod library;
mod limits;
mod plotting;
mod state;

use glm_agent_sandbox::{Cell, Limits, Outcome, Sandbox, Session};
use std::{env, path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::sync::OnceCell;

fn cache_dir() -> PathBuf {
    if let Some(folder) = env::var_os("GLM_CACHE_DIR") {
        return folder.into();
    }
    let home = PathBuf::from(env::var_os("HOME").expect("a home directory"));
    let platform = if cfg!(target_os = "macos") {
        home.join("Library/Caches")
    } else {
        env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from)
    };
    platform.join("glm-agent")
}

async fn open() -> Sandbox {
    Sandbox::open(&cache_dir(), &|step| eprintln!("{step}"))
        .await
        .expect("the sandbox opens")
}

async fn sandbox() -> Sandbox {
    static SANDBOX: OnceCell<Sandbox> = OnceCell::const_new();
    SANDBOX.get_or_init(open).await.clone()
}

/// A session with a folder of its own.
struct Notebook {
    session: Session,
    data: TempDir,
}

impl Notebook {
    async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    async fn with(limits: Limits) -> Self {
        let data = tempfile::tempdir().unwrap();
        let session = sandbox().await.session(data.path(), limits).await.unwrap();
        Self { session, data }
    }

    async fn run(&mut self, code: &str) -> Cell {
        self.session
            .run(code)
            .await
            .expect("a cell is never the host's error")
    }

    /// What the model sees.
    async fn see(&mut self, code: &str) -> String {
        self.run(code).await.observation()
    }

    /// Asserts that the session still works.
    async fn assert_usable(&mut self) {
        assert_eq!(self.see("print(6 * 7)").await, "42\n");
    }
}

/// All of a cell but the time it took.
fn timeless(cell: Cell) -> Cell {
    Cell {
        wall: Duration::ZERO,
        ..cell
    }
}

fn finished(stdout: &str, value: Option<&str>) -> Cell {
    Cell {
        stdout: stdout.into(),
        stderr: String::new(),
        value: value.map(Into::into),
        outcome: Outcome::Finished,
        truncated: false,
        notes: Vec::new(),
        wall: Duration::ZERO,
    }
}
