//! The sandbox as the tests use it: one for all of them.

use glm_agent_sandbox::{Cell, Limits, Outcome, Output, Sandbox, Session, Stream, Tape};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::OnceCell;

pub(crate) async fn open() -> Sandbox {
    crate::open_in(&crate::cache::cache_dir())
        .await
        .expect("the sandbox opens")
}

pub(crate) async fn sandbox() -> Sandbox {
    static SANDBOX: OnceCell<Sandbox> = OnceCell::const_new();
    SANDBOX.get_or_init(open).await.clone()
}

/// A session with a folder of its own.
pub(crate) struct Notebook {
    pub(crate) session: Session,
    pub(crate) data: TempDir,
}

impl Notebook {
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let data = tempfile::tempdir().unwrap();
        let session = sandbox().await.session(data.path(), limits).await.unwrap();
        Self { session, data }
    }

    pub(crate) async fn run(&mut self, code: &str) -> Cell {
        self.session
            .run(code)
            .await
            .expect("a cell is never the host's error")
    }

    /// What the model sees.
    pub(crate) async fn see(&mut self, code: &str) -> String {
        self.run(code).await.observation()
    }

    /// Asserts that the session still works.
    pub(crate) async fn assert_usable(&mut self) {
        assert_eq!(self.see("print(6 * 7)").await, "42\n");
    }
}

/// All of a cell but when it ran.
pub(crate) fn timeless(cell: Cell) -> Cell {
    Cell {
        wall: Duration::ZERO,
        tape: Tape::default(),
        ..cell
    }
}

pub(crate) fn finished(stdout: &str, value: Option<&str>) -> Cell {
    Cell {
        output: printed(stdout),
        value: value.map(Into::into),
        outcome: Outcome::Finished,
        artifacts: Vec::new(),
        truncated: false,
        notes: Vec::new(),
        wall: Duration::ZERO,
        tape: Tape::default(),
    }
}

fn printed(stdout: &str) -> Vec<Output> {
    let piece = Output {
        stream: Stream::Stdout,
        text: stdout.into(),
    };
    if stdout.is_empty() {
        Vec::new()
    } else {
        vec![piece]
    }
}
