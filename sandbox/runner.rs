//! Where cells run: in a worker process, or in this one.

#[cfg(target_os = "linux")]
use crate::worker::{Remote, Start, Template};
use crate::{
    Error, Limits, Output, Tape,
    guest::Compiled,
    in_process::{Embedded, Local},
    interpreter::Report,
    worker::Walls,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
#[cfg(target_os = "linux")]
use tokio::sync::Mutex;

/// Where cells run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// In processes of this program, if it calls
    /// [`run_if_worker`](crate::run_if_worker), or of `glm` on the path; else in this
    /// process.
    #[default]
    Found,
    /// In processes of this program, which must call
    /// [`run_if_worker`](crate::run_if_worker).
    Program(PathBuf),
    /// In this process: one wall instead of two, no limit of processor time, and
    /// the variables are rebuilt by running old cells again when a cell is stopped.
    InProcess,
}

/// What starts interpreters.
pub(crate) enum Runners {
    #[cfg(target_os = "linux")]
    Workers {
        compiled: Compiled,
        program: Option<PathBuf>,
        /// Started anew when it is found dead.
        template: Mutex<Arc<Template>>,
    },
    InProcess {
        local: Arc<Local>,
        /// Why not in workers.
        why: String,
    },
}

/// One interpreter.
pub(crate) enum Runner {
    #[cfg(target_os = "linux")]
    Worker(Remote),
    InProcess(Arc<Local>, Box<Embedded>),
}

impl Runners {
    pub(crate) async fn open(
        compiled: &Compiled,
        workers: &Workers,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, Error> {
        let why = match workers {
            Workers::InProcess => return Self::in_process(compiled, "as it was asked for".into()),
            Workers::Program(program) => return Self::workers(compiled, Some(program)).await,
            Workers::Found => match Self::workers(compiled, None).await {
                Ok(workers) => return Ok(workers),
                Err(error) => error.to_string(),
            },
        };
        progress(&format!(
            "Python runs in this process, without a second wall around it: {why}"
        ));
        Self::in_process(compiled, why)
    }

    fn in_process(compiled: &Compiled, why: String) -> Result<Self, Error> {
        let local = Arc::new(Local::load(compiled)?);
        Ok(Self::InProcess { local, why })
    }

    #[cfg(target_os = "linux")]
    async fn workers(compiled: &Compiled, program: Option<&Path>) -> Result<Self, Error> {
        let template = Template::start(compiled, program).await?;
        Ok(Self::Workers {
            compiled: compiled.clone(),
            program: program.map(Into::into),
            template: Mutex::new(Arc::new(template)),
        })
    }

    #[cfg(not(target_os = "linux"))]
    async fn workers(_: &Compiled, _: Option<&Path>) -> Result<Self, Error> {
        Err(Error::Worker {
            detail: "worker processes need Linux".into(),
        })
    }

    /// Starts an interpreter that sees `data_dir`, or `scratch` until it
    /// [adopts](Runner::adopt) `data_dir`.
    pub(crate) async fn start(
        &self,
        data_dir: &Path,
        scratch: Option<&Path>,
        limits: &Limits,
    ) -> Result<Runner, Error> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Workers {
                compiled,
                program,
                template,
            } => {
                let start = || Start {
                    data_dir: data_dir.into(),
                    scratch: scratch.map(Into::into),
                    limits: limits.clone(),
                };
                let running = Arc::clone(&*template.lock().await);
                match running.open(start()).await {
                    Ok(remote) => Ok(Runner::Worker(remote)),
                    Err(_) if !running.is_alive() => {
                        let mut template = template.lock().await;
                        if Arc::ptr_eq(&running, &template) {
                            *template =
                                Arc::new(Template::start(compiled, program.as_deref()).await?);
                        }
                        Ok(Runner::Worker(template.open(start()).await?))
                    }
                    Err(error) => Err(error),
                }
            }
            Self::InProcess { local, .. } => {
                let embedded = local.start(scratch.unwrap_or(data_dir), limits).await?;
                Ok(Runner::InProcess(Arc::clone(local), Box::new(embedded)))
            }
        }
    }

    /// The walls around its interpreters, tried out.
    pub(crate) async fn walls(&self) -> Result<Walls, Error> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Workers { .. } => {
                let folder = tempfile::TempDir::new()
                    .map_err(Error::io("create a folder in", std::env::temp_dir()))?;
                match self.start(folder.path(), None, &Limits::default()).await? {
                    Runner::Worker(mut remote) => remote.probe().await,
                    Runner::InProcess(..) => Ok(Walls::in_process("")),
                }
            }
            Self::InProcess { why, .. } => Ok(Walls::in_process(why)),
        }
    }
}

impl Runner {
    /// As [`Interpreter::run`](crate::interpreter::Interpreter::run), under the
    /// limits of time.
    ///
    /// # Errors
    /// If it is gone.
    pub(crate) async fn run(
        &mut self,
        code: &str,
        limits: &Limits,
        tape: Tape,
        replay: bool,
        watch: &mut (dyn FnMut(Output) + Send),
    ) -> Result<Report, Error> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Worker(remote) => remote.run(code, limits, tape, replay, watch).await,
            Self::InProcess(local, embedded) => {
                Ok(embedded.run(local, code, limits, tape, replay, watch).await)
            }
        }
    }

    /// Whether the newest cell may have done something.
    pub(crate) fn has_begun(&self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Self::Worker(remote) => remote.has_begun(),
            Self::InProcess(..) => true,
        }
    }

    /// Gets over a cell that was cancelled.
    ///
    /// # Errors
    /// If the variables are gone with it.
    pub(crate) async fn settle(&mut self) -> Result<(), Error> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Worker(remote) => remote.settle().await,
            Self::InProcess(..) => Ok(()),
        }
    }

    /// Has `/mnt/data` be the session's folder.
    pub(crate) async fn adopt(&mut self, data_dir: &Path) -> Result<(), Error> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Worker(remote) => remote.adopt().await,
            Self::InProcess(_, embedded) => embedded.adopt(data_dir),
        }
    }

    /// Whether a cell that is stopped takes the interpreter along.
    pub(crate) fn dies_with_its_cell(&self) -> bool {
        matches!(self, Self::InProcess(..))
    }
}
