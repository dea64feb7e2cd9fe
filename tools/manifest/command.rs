//! A program run once per call, in a [jail](Jail) where there can be one.

use std::{
    fs,
    path::{Path, PathBuf},
    pin::pin,
    process::Stdio,
    time::Duration,
};

use async_trait::async_trait;
use glm_agent_sandbox::jail::{Jail, Launcher};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command as Process},
};

use crate::{Invoke, Progress, ToolContext, ToolError, ToolOutput};

/// The variables that every command sees.
pub const ENVIRONMENT: [&str; 4] = ["PATH", "HOME", "LANG", "SYSTEMROOT"];

/// The variables that tell a command where it may write: the session's files, if it
/// keeps any, and a folder of the call's own.
const FILES: &str = "GLM_FILES";
const SCRATCH: &str = "TMPDIR";

/// How much of a stream is kept; the rest is read and dropped, so that the
/// program does not wait for a reader.
const KEPT: usize = 1 << 20;

/// How long is waited for more of what a program prints after its end: one that it
/// left behind may hold the streams open.
const AFTER: Duration = Duration::from_secs(2);

/// How much of the errors a failed program printed is shown.
pub(super) const EXCERPT: usize = 2000;

/// What to run for a call.
pub(super) struct Command {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// That of the manifest.
    pub folder: PathBuf,
    /// In which it runs.
    pub directory: PathBuf,
    pub environment: Vec<String>,
    /// Also variables of its environment.
    pub secrets: Vec<String>,
    /// Whether it is kept to the three below.
    pub jailed: bool,
    pub network: bool,
    /// As the manifest has them.
    pub writes: Vec<String>,
}

impl Command {
    async fn start(&self, cx: &ToolContext) -> Result<Running, ToolError> {
        let files = cx.directory.as_deref();
        let broken = |what: String| {
            move |error: std::io::Error| ToolError::User(format!("cannot {what}: {error}"))
        };
        let scratch = tempfile::Builder::new().prefix("glm-tool-").tempdir();
        let scratch = scratch.map_err(broken("create a folder for temporary files".into()))?;
        if let Some(files) = files {
            fs::create_dir_all(files)
                .map_err(broken(format!("create the folder `{}`", files.display())))?;
        }
        let launcher = match self.jailed {
            // What is missing has been said as a warning.
            true => Launcher::found().await.ok(),
            false => None,
        };
        let program = self.program.display();
        let mut process = match launcher {
            Some(launcher) => {
                if !is_program(&self.program) {
                    return Err(ToolError::User(format!(
                        "cannot run `{program}`: there is no such program"
                    )));
                }
                let jail = self.jail(files, scratch.path())?;
                let process = launcher
                    .command(&jail, &self.program)
                    .map_err(|error| ToolError::User(error.to_string()))?;
                Process::from(process)
            }
            None => {
                let mut process = Process::new(&self.program);
                process.env_clear().kill_on_drop(true);
                process
            }
        };
        process
            .args(&self.arguments)
            .current_dir(&self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let named = self.environment.iter().map(String::as_str);
        for name in ENVIRONMENT.into_iter().chain(named) {
            if let Some(value) = std::env::var_os(name) {
                process.env(name, value);
            }
        }
        for name in &self.secrets {
            process.env(name, cx.secret(name)?.reveal());
        }
        process.env(SCRATCH, scratch.path());
        if let Some(files) = files {
            process.env(FILES, files);
        }
        #[cfg(unix)]
        process.process_group(0);
        let child = process
            .spawn()
            .map_err(broken(format!("run `{program}`")))?;
        Ok(Running {
            child,
            jailed: launcher.is_some(),
            _scratch: scratch,
        })
    }

    fn jail(&self, files: Option<&Path>, scratch: &Path) -> Result<Jail, ToolError> {
        let mut writable = vec![scratch.to_owned()];
        writable.extend(files.map(Path::to_owned));
        for name in &self.writes {
            let path = self.folder.join(name);
            if !path.exists() {
                return Err(ToolError::User(format!(
                    "the tool may write to `{}`, which does not exist\n\
                     hint: create it, or take it out of `writes` in the manifest",
                    path.display()
                )));
            }
            writable.push(path);
        }
        Ok(Jail {
            network: self.network,
            writable,
        })
    }

    /// What a command that failed in its jail may have lacked.
    fn withheld(&self, files: Option<&Path>) -> String {
        let mut folders: Vec<&str> = files.map(|_| FILES).into_iter().collect();
        folders.push(SCRATCH);
        folders.extend(self.writes.iter().map(String::as_str));
        let folders = folders.join(", ");
        if self.network {
            format!(
                "note: it could write only below {folders}; the manifest can allow more with \
                 `writes`"
            )
        } else {
            format!(
                "note: it ran without network and could write only below {folders}; the manifest \
                 can allow more with `network = true` and `writes`"
            )
        }
    }
}

/// Whether there is such a file, or one of that name on the path.
fn is_program(program: &Path) -> bool {
    if program.components().count() > 1 {
        return program.exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).exists())
}

#[async_trait]
impl Invoke for Command {
    async fn invoke(&self, arguments: Value, cx: ToolContext) -> Result<ToolOutput, ToolError> {
        let files = cx.directory.as_deref();
        let mut running = self.start(&cx).await?;
        let stdin = running.child.stdin.take();
        let (stdout, stderr) = (running.child.stdout.take(), running.child.stderr.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program need not read its arguments.
                let _ = stdin.write_all(arguments.to_string().as_bytes()).await;
            }
        };
        let (mut out, mut errors) = (Kept::default(), Kept::default());
        let status = {
            let talk = async {
                tokio::join!(
                    feed,
                    out.keep(stdout, cx.progress),
                    errors.keep(stderr, Progress::default())
                )
            };
            let mut talk = pin!(talk);
            let ended = tokio::select! {
                _ = &mut talk => running.child.wait().await,
                ended = running.child.wait() => {
                    // What it left behind is not waited for.
                    let _ = tokio::time::timeout(AFTER, talk).await;
                    ended
                }
            };
            ended.map_err(|error| {
                ToolError::Model(format!(
                    "cannot wait for `{}`: {error}",
                    self.program.display()
                ))
            })?
        };
        let mut text = out.text().trim_end().to_owned();
        if !status.success() {
            let errors = errors.text();
            let excerpt: String = errors.trim().chars().take(EXCERPT).collect();
            let withheld = match running.jailed {
                true => self.withheld(files),
                false => String::new(),
            };
            for part in [excerpt, format!("the command failed: {status}"), withheld] {
                if !text.is_empty() && !part.is_empty() {
                    text.push('\n');
                }
                text.push_str(&part);
            }
        }
        Ok(ToolOutput {
            text,
            failed: !status.success(),
            ..ToolOutput::default()
        })
    }
}

/// A program with everything it started: dropped, all of it is killed.
struct Running {
    child: Child,
    jailed: bool,
    /// Removed with this.
    _scratch: TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok())
            && let Some(process) = rustix::process::Pid::from_raw(id)
        {
            use rustix::process::{Signal, kill_process, kill_process_group};
            // There is nothing left to kill if it has ended by itself.
            let _ = if self.jailed {
                kill_process(process, Signal::TERM)
            } else {
                kill_process_group(process, Signal::KILL)
            };
        }
    }
}

/// The beginning of what a stream brings.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    /// How many more came.
    dropped: usize,
}

impl Kept {
    /// Reads a stream to its end, and says what comes.
    async fn keep(&mut self, stream: Option<impl AsyncRead + Unpin>, progress: Progress) {
        let Some(mut stream) = stream else { return };
        let mut said = 0;
        let mut chunk = vec![0; 16 << 10];
        while let Ok(read @ 1..) = stream.read(&mut chunk).await {
            let room = KEPT.saturating_sub(self.bytes.len()).min(read);
            self.bytes.extend(chunk.iter().take(room));
            self.dropped += read - room;
            let new = self.bytes.get(said..).unwrap_or_default();
            let (whole, _) = new.split_at(whole_characters(new));
            said += whole.len();
            progress.say(&String::from_utf8_lossy(whole));
        }
    }

    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.bytes).into_owned();
        if self.dropped > 0 {
            text.push_str(&format!("\n[... {} more bytes left out ...]", self.dropped));
        }
        text
    }
}

/// How many of the bytes come before a character that is cut off at their end.
fn whole_characters(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |c| c.invalid());
    let is_begun = std::str::from_utf8(last).is_err_and(|e| e.error_len().is_none());
    bytes.len() - if is_begun { last.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_waits_for_the_other_half() {
        for (bytes, whole) in [
            (&b"ab"[..], 2),
            ("a€".as_bytes(), 4),
            (b"a\xe2\x82", 1),
            (b"a\xff", 2),
            (b"\xff\xe2", 1),
            (b"", 0),
        ] {
            assert_eq!(whole_characters(bytes), whole, "{bytes:?}");
        }
    }
}
