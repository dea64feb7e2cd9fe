//! `python`: GLM-4's code interpreter, in the sandbox.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use glm_agent_model::ToolSpec;
pub use glm_agent_sandbox::Limits;
use glm_agent_sandbox::{Outcome, Recorded, Sandbox, Session, Workers, scientific};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{Mutex, OnceCell};

use crate::{Effects, Invoke, PastCall, Tool, ToolContext, ToolError, ToolOutput};

/// Time for a call besides the cell's own: the first one may build the sandbox.
const OVERHEAD: Duration = Duration::from_secs(600);

type Progress = Box<dyn Fn(&str) + Send + Sync>;

/// The tool `python` before it is put on offer.
///
/// Each session has an interpreter of its own, whose variables last from call to
/// call and whose folder is the session's. Calls of one session run one after
/// the other, those of several at the same time.
pub struct Python {
    cache_dir: PathBuf,
    progress: Progress,
    limits: Option<Limits>,
    wall: Option<Duration>,
}

impl Python {
    /// Python in a sandbox that is built and kept in `cache_dir`, at the first
    /// call.
    pub fn new(cache_dir: PathBuf) -> Self {
        Self {
            cache_dir,
            progress: Box::new(|_| {}),
            limits: None,
            wall: None,
        }
    }

    /// Calls `say` with a line for each step while the sandbox is built.
    #[must_use]
    pub fn on_progress(mut self, say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.progress = Box::new(say);
        self
    }

    /// Sets what one cell may use; otherwise, that is what suits the interpreter.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Sets how long one cell may run, and leaves the other limits as they are.
    #[must_use]
    pub fn wall(mut self, limit: Duration) -> Self {
        self.wall = Some(limit);
        self
    }

    /// The tool.
    pub fn tool(self) -> Tool {
        // The sandbox stops a cell itself, at a limit that it can explain.
        let limits = self.limits_or(Limits::default());
        let timeout = limits.wall.saturating_add(OVERHEAD);
        let interpreter = Interpreter {
            python: self,
            sandbox: OnceCell::new(),
            notebooks: Mutex::default(),
            past: Mutex::default(),
        };
        Tool::with_state(ToolSpec::Python, interpreter)
            .effects(Effects::default())
            // A cell that was cut off finds the variables as they were before it.
            .idempotent(true)
            .timeout(timeout)
    }

    fn limits_or(&self, usual: Limits) -> Limits {
        let limits = self.limits.clone().unwrap_or(usual);
        Limits {
            wall: self.wall.unwrap_or(limits.wall),
            ..limits
        }
    }
}

/// Opens the sandbox in which the tool runs code, which has the scientific pack
/// where that is installed. Returns the limits that suit it, too.
///
/// # Errors
/// As [`Sandbox::open`].
pub async fn open_sandbox(
    cache_dir: &Path,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<(Sandbox, Limits), glm_agent_sandbox::Error> {
    if scientific::installed(cache_dir)?.is_some() {
        let workers = Workers::default();
        let sandbox = Sandbox::open_scientific(cache_dir, &workers, progress).await?;
        Ok((sandbox, scientific::limits()))
    } else {
        let sandbox = Sandbox::open(cache_dir, progress).await?;
        Ok((sandbox, Limits::default()))
    }
}

struct Interpreter {
    python: Python,
    /// With the limits of its sessions.
    sandbox: OnceCell<(Sandbox, Limits)>,
    notebooks: Mutex<HashMap<String, Arc<Mutex<Option<Notebook>>>>>,
    /// Cells of sessions that began in another process, until their first call here.
    past: Mutex<HashMap<String, Vec<Recorded>>>,
}

/// A session's interpreter.
struct Notebook {
    session: Session,
    /// Holds the files of a session that has no folder.
    _files: Option<TempDir>,
}

impl Interpreter {
    async fn notebook(&self, id: &str, directory: Option<PathBuf>) -> Result<Notebook, ToolError> {
        let python = &self.python;
        let open = || async {
            let (sandbox, usual) = open_sandbox(&python.cache_dir, &*python.progress).await?;
            Ok((sandbox, python.limits_or(usual)))
        };
        let (sandbox, limits) =
            self.sandbox.get_or_try_init(open).await.map_err(
                |error: glm_agent_sandbox::Error| failed("open the Python sandbox", &error),
            )?;
        let (data, files) = match directory {
            Some(directory) => (directory, None),
            None => {
                let files = tempfile::tempdir()
                    .map_err(|error| failed("make a folder for Python's files", &error))?;
                (files.path().to_owned(), Some(files))
            }
        };
        let mut session = sandbox
            .session(&data, limits.clone())
            .await
            .map_err(|error| failed("start Python", &error))?;
        if let Some(past) = self.past.lock().await.remove(id) {
            session.restore(past);
        }
        Ok(Notebook {
            session,
            _files: files,
        })
    }
}

#[async_trait]
impl Invoke for Interpreter {
    async fn invoke(&self, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        let code = code(&arguments).ok_or_else(|| {
            ToolError::Model("`python` takes source code as text, not JSON".to_owned())
        })?;
        let code = without_fence(code);
        let id = cx.session;
        let notebook = Arc::clone(self.notebooks.lock().await.entry(id.clone()).or_default());
        let mut notebook = notebook.lock().await;
        let notebook = match &mut *notebook {
            Some(running) => running,
            none => none.insert(self.notebook(&id, cx.directory).await?),
        };
        let cell = notebook
            .session
            .run_watched(code, &mut |piece| cx.progress.say(&piece.text))
            .await
            .map_err(|error| failed("run Python", &error))?;
        let mut text = cell.observation();
        text.truncate(text.trim_end_matches('\n').len());
        Ok(ToolOutput {
            text,
            failed: cell.outcome != Outcome::Finished,
            replay: Recorded::of(code, &cell).and_then(|cell| serde_json::to_value(cell).ok()),
            artifacts: cell.artifacts.into_iter().map(Into::into).collect(),
            ..ToolOutput::default()
        })
    }

    async fn resume(&self, session: &str, past: Vec<PastCall>) {
        if self.notebooks.lock().await.contains_key(session) {
            return;
        }
        let cells = past
            .into_iter()
            .filter_map(|call| serde_json::from_value(call.replay).ok());
        let cells = cells.collect();
        self.past.lock().await.insert(session.to_owned(), cells);
    }

    async fn close(&self, session: &str) {
        self.notebooks.lock().await.remove(session);
        self.past.lock().await.remove(session);
    }
}

/// The source code: the text itself, or that of `{"code": ...}`, which a model
/// writes that knows functions only.
fn code(arguments: &Value) -> Option<&str> {
    arguments
        .as_str()
        .or_else(|| arguments.get("code")?.as_str())
}

/// The code without a Markdown fence around it.
fn without_fence(code: &str) -> &str {
    let fenced = || {
        let inner = code.trim().strip_prefix("```")?.strip_suffix("```")?;
        let (language, inner) = inner.split_once('\n')?;
        let language = language.trim();
        let known = ["", "python", "python3", "py"];
        known
            .iter()
            .any(|l| language.eq_ignore_ascii_case(l))
            .then_some(inner)
    };
    fenced().unwrap_or(code)
}

/// A failure of the sandbox, with its causes: the user's to mend, since the
/// model's code has no part in it.
fn failed(what: &str, error: &(dyn std::error::Error + 'static)) -> ToolError {
    let mut message = format!("cannot {what}");
    let mut cause = Some(error);
    while let Some(error) = cause {
        message.push_str(&format!(": {error}"));
        cause = error.source();
    }
    ToolError::User(message)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fence_around_the_code_is_no_part_of_it() {
        for (given, meant) in [
            ("```python\nx = 1\n```", "x = 1\n"),
            ("\n```\nx = 1\ny = 2\n```\n", "x = 1\ny = 2\n"),
            ("```Py \nx```", "x"),
            ("x = '''```\n```'''", "x = '''```\n```'''"),
            ("```sh\nls\n```", "```sh\nls\n```"),
            ("  x = 1", "  x = 1"),
        ] {
            assert_eq!(without_fence(given), meant);
        }
    }

    #[test]
    fn code_is_text_or_the_member_of_an_object() {
        assert_eq!(code(&json!("x")), Some("x"));
        assert_eq!(code(&json!({"code": "x"})), Some("x"));
        assert_eq!(code(&json!({"code": 1})), None);
        assert_eq!(code(&json!(["x"])), None);
    }

    #[tokio::test]
    async fn a_sandbox_that_cannot_be_opened_is_the_users_to_mend() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let tool = Python::new(file.path().join("cache")).tool();
        let error = tool
            .invoke("1".into(), ToolContext::default())
            .await
            .unwrap_err();
        let ToolError::User(message) = error else {
            panic!("{error:?}")
        };
        assert!(
            message.starts_with("cannot open the Python sandbox: cannot "),
            "{message}"
        );
        assert!(message.contains(file.path().to_str().unwrap()), "{message}");
    }
}
