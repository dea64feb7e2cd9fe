//! Programs of the host, shut in by the kernel.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use glm_agent_sandbox::jail::{Jail, Launcher};
//! use std::path::Path;
//!
//! let jail = Jail { network: false, writable: vec!["out".into()] };
//! let launcher = Launcher::found().await?;
//! let mut command = launcher.command(&jail, Path::new("python3"))?;
//! let status = command.arg("tool.py").env("PATH", "/usr/bin").status()?;
//! # Ok(())
//! # }
//! ```
//!
//! On Linux, and as far as the kernel has what it takes ([`walls`] tells):
//!
//! | the program | can | cannot |
//! |---|---|---|
//! | files | read what its user may read, write below [`Jail::writable`] and to a `/dev/shm` of its own | write, create, rename or remove anything else |
//! | network | connect and listen, if [`Jail::network`] | otherwise make a socket at all |
//! | local services | use pipes and `socketpair` | make a Unix socket, also with network: those of Docker or D-Bus are a way out |
//! | processes | start some 500 with their threads | see, signal or trace any outside; leave one behind |
//! | rights | | get any: no capabilities, no set-user-id, no namespaces |
//! | limits | files up to 1 GiB, 4096 of them open | dump core |
//!
//! A launcher is this program started again, if it calls
//! [`run_if_worker`](crate::run_if_worker), or `glm` on the path:
//!
//! ```text
//! program ──spawns──▶ launcher ──forks──▶ the command, behind its walls
//!                        │  waits for it, and ends as it ended
//!                        └─forks──▶ first process of the namespace: its end is
//!                                   the end of every other in there
//! ```
//!
//! The launcher ends all of it when the command ends, when it gets `SIGTERM`, and
//! when the program that started it is gone.

#[cfg(target_os = "linux")]
mod launch;
#[cfg(target_os = "linux")]
mod walls;

use crate::{Error, Wall, Walls, Workers};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    process::Command,
};
use tokio::sync::OnceCell;

#[cfg(target_os = "linux")]
pub(crate) use launch::launch;

/// Set in the environment of a program that is to be a launcher: its [`Settings`].
pub(crate) const ASKED: &str = "GLM_SANDBOX_JAIL";

/// A launcher of another version may build other walls.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a program may do beyond reading and computing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jail {
    /// Whether it may use the network.
    pub network: bool,
    /// The folders and files that it may write to. They must exist.
    pub writable: Vec<PathBuf>,
}

/// What a launcher is told.
#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    jail: Jail,
    /// `None` if it is only to say which walls stand.
    known: Option<Walls>,
}

/// What a launcher says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    version: String,
    walls: Walls,
}

/// Starts programs in jails.
#[derive(Clone, Debug)]
pub struct Launcher {
    program: PathBuf,
    walls: Walls,
}

impl Launcher {
    /// The launcher of this process, which is looked for once. What it lacks is said
    /// once as a warning.
    ///
    /// # Errors
    /// If there can be none: on other systems than Linux, or in a program that does
    /// not call [`run_if_worker`](crate::run_if_worker), without `glm` on the path.
    pub async fn found() -> Result<&'static Self, Error> {
        static FOUND: OnceCell<Result<Launcher, String>> = OnceCell::const_new();
        let found = FOUND.get_or_init(|| async {
            let found = Self::open(&Workers::Found).await;
            match &found {
                Ok(launcher) => {
                    for wall in launcher.walls.missing() {
                        tracing::warn!(
                            wall = wall.name,
                            why = wall.missing,
                            "commands run without it"
                        );
                    }
                }
                Err(error) => tracing::warn!("commands run without a jail: {error}"),
            }
            found.map_err(|error| match error {
                Error::Worker { detail } => detail,
                other => other.to_string(),
            })
        });
        found.await.as_ref().map_err(|detail| Error::Worker {
            detail: detail.clone(),
        })
    }

    /// Finds a launcher, and has it try out the walls.
    ///
    /// # Errors
    /// If there is none, or it cannot be used.
    #[cfg(target_os = "linux")]
    pub async fn open(workers: &Workers) -> Result<Self, Error> {
        let failed = |detail: String| Error::Worker { detail };
        let program = match workers {
            Workers::Found => crate::worker::found().map_err(|why| failed(why.into()))?,
            Workers::Program(program) => program.clone(),
            Workers::InProcess => return Err(failed("a jail needs a process".into())),
        };
        let name = program.display().to_string();
        let unusable = |why: String| failed(format!("cannot use `{name}` as a launcher: {why}"));
        let mut asking = Self {
            program,
            walls: Walls { walls: Vec::new() },
        };
        let settings = Settings {
            jail: Jail::default(),
            known: None,
        };
        let mut command = tokio::process::Command::from(asking.launch(&settings)?);
        command
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true);
        let said = command
            .output()
            .await
            .map_err(|error| unusable(error.to_string()))?;
        match serde_json::from_slice::<Report>(&said.stdout) {
            Ok(report) if report.version == VERSION => asking.walls = report.walls,
            Ok(report) => return Err(unusable(format!("it is version {}", report.version))),
            Err(_) => {
                let why = String::from_utf8_lossy(&said.stderr);
                return Err(unusable(format!("{}: {}", said.status, why.trim())));
            }
        }
        Ok(asking)
    }

    /// As on Linux.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(target_os = "linux"))]
    pub async fn open(_: &Workers) -> Result<Self, Error> {
        Err(Error::Worker {
            detail: "jails need Linux".into(),
        })
    }

    /// What stands between a command and this machine.
    pub fn walls(&self) -> &Walls {
        &self.walls
    }

    /// A command that runs `program` in a jail, with an empty environment, to which
    /// the caller may add; and arguments, a folder and streams as usual. Only the
    /// three standard streams are passed on. It ends as the program does, or with
    /// exit code 126 if a wall that should stand does not, and 127 if there is no
    /// such program.
    ///
    /// # Errors
    /// If a path is not Unicode.
    pub fn command(&self, jail: &Jail, program: &Path) -> Result<Command, Error> {
        let settings = Settings {
            jail: jail.clone(),
            known: Some(self.walls.clone()),
        };
        let mut command = self.launch(&settings)?;
        command.arg(program);
        Ok(command)
    }

    fn launch(&self, settings: &Settings) -> Result<Command, Error> {
        let settings = serde_json::to_string(settings).map_err(|error| Error::Worker {
            detail: format!("cannot tell it what the command may do: {error}"),
        })?;
        let mut command = Command::new(&self.program);
        command.env_clear().env(ASKED, settings);
        Ok(command)
    }
}

/// What stands between commands and this machine.
pub async fn walls() -> Walls {
    match Launcher::found().await {
        Ok(launcher) => launcher.walls.clone(),
        Err(error) => Walls {
            walls: vec![Wall::new(
                "jail",
                "commands write, connect and signal only where they may",
                Err(error),
            )],
        },
    }
}
