//! The template process: the guest loaded once, and a fork of it for each session.

use super::{
    checkpoint, jail,
    notebook::Notebook,
    walls::Wall,
    wire::{self, FromTemplate, Start, ToTemplate},
};
use crate::{
    Error, Limits,
    guest::{Compiled, Guest},
    interpreter::Interpreter,
    kernel,
    output::Sink,
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
    process::{
        Pid, Signal, WaitOptions, getpid, kill_process_group, set_child_subreaper, setpgid,
        waitpgid,
    },
};
use std::{
    collections::HashMap,
    fs::File,
    io::{self, IoSliceMut, Read},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
    sync::{Arc, OnceLock},
};
use tempfile::TempDir;
use tokio::runtime::{self, Runtime};

/// Serves until the program at the other end of the standard input is gone.
/// Returns the exit code.
pub(super) fn run() -> i32 {
    match serve() {
        Ok(()) => 0,
        // The program sees that this one has ended, and its standard error goes
        // nowhere.
        Err(_) => 1,
    }
}

fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let walls = jail::unshare();
    set_child_subreaper(Some(getpid()))?;
    checkpoint::wake_on_child()?;

    let Some(ToTemplate::Load { version, compiled }) = wire::read(&control)? else {
        return Ok(());
    };
    let loaded = if version == wire::VERSION {
        Loaded::new(&compiled).map_err(|error| describe(&error))
    } else {
        Err(format!("it is version {}", wire::VERSION))
    };
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(detail) => return Ok(wire::write(&control, &FromTemplate::Failed { detail })?),
    };
    wire::write(
        &control,
        &FromTemplate::Loaded {
            version: wire::VERSION.into(),
        },
    )?;
    Template {
        control,
        loaded,
        walls,
        groups: HashMap::new(),
    }
    .serve()
}

fn describe(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", describe(source)),
        None => error.to_string(),
    }
}

/// What each session begins with.
pub(super) struct Loaded {
    pub(super) interpreter: Interpreter,
    /// What the interpreter has for `/mnt/data` until it gets a session's folder.
    pub(super) placeholder: File,
    /// Where its output goes, once a session has its socket.
    pub(super) socket: Arc<OnceLock<UnixStream>>,
    /// The folder that the interpreter reads from besides.
    pub(super) library: Option<PathBuf>,
}

impl Loaded {
    fn new(compiled: &Compiled) -> Result<Self, Error> {
        let folder =
            TempDir::new().map_err(Error::io("create a folder in", std::env::temp_dir()))?;
        let placeholder =
            File::open(folder.path()).map_err(Error::io("open the folder", folder.path()))?;
        let socket = Arc::new(OnceLock::<UnixStream>::new());
        let to = Arc::clone(&socket);
        let sink: Sink = Box::new(move |piece| {
            let written = to
                .get()
                .map(|socket| wire::write(socket, &wire::FromNotebook::Printed(piece)));
            if !matches!(written, Some(Ok(()))) {
                // Nobody is there to run for.
                checkpoint::exit();
            }
        });
        let interpreter = executor()
            .map_err(|error| Error::Worker {
                detail: error.to_string(),
            })?
            .block_on(Interpreter::start(
                &Guest::load(compiled)?,
                folder.path(),
                &Limits::default(),
                sink,
            ))?;
        Ok(Self {
            interpreter,
            placeholder,
            socket,
            library: compiled.library().map(Into::into),
        })
    }
}

/// Runs one future on this thread. Not kept between cells: what it holds of the
/// system would be shared by copies of this process.
pub(super) fn executor() -> io::Result<Runtime> {
    runtime::Builder::new_current_thread().enable_time().build()
}

struct Template {
    control: UnixStream,
    loaded: Loaded,
    walls: Vec<Wall>,
    /// The process groups of the notebooks, by session. A number stays taken
    /// while it is here, because its leader is not reaped or has members left.
    groups: HashMap<u64, Pid>,
}

impl Template {
    fn serve(mut self) -> Result<(), Box<dyn std::error::Error>> {
        loop {
            let ready = {
                let mut polled = [PollFd::new(&self.control, PollFlags::IN)];
                match poll(&mut polled, None) {
                    Ok(_) => true,
                    Err(Errno::INTR) => false,
                    Err(error) => return Err(error.into()),
                }
            };
            self.reap();
            if !ready {
                continue;
            }
            match read_with_descriptor(&self.control)? {
                Some((ToTemplate::Open { id, start }, Some(socket))) => {
                    self = self.open(id, start, socket.into())?;
                }
                Some((ToTemplate::Close { id }, _)) => {
                    if let Some(group) = self.groups.get(&id) {
                        // It may have ended by itself.
                        let _ = kill_process_group(*group, Signal::KILL);
                    }
                }
                Some(_) => return Err("a frame out of order".into()),
                None => break,
            }
        }
        for group in self.groups.values() {
            let _ = kill_process_group(*group, Signal::KILL);
        }
        Ok(())
    }

    fn open(mut self, id: u64, start: Start, socket: UnixStream) -> io::Result<Self> {
        let template = getpid();
        match kernel::fork() {
            Ok(None) => {
                // In both processes, so that it holds whichever runs first.
                let _ = setpgid(None, None);
                drop(self.control);
                Notebook::start(self.loaded, socket, start, self.walls, template).serve()
            }
            Ok(Some(child)) => {
                let _ = setpgid(Some(child), Some(child));
                self.groups.insert(id, child);
                Ok(self)
            }
            // The socket closes, and that is what the program sees.
            Err(_) => Ok(self),
        }
    }

    /// Forgets processes that have ended, and groups without any.
    fn reap(&mut self) {
        self.groups.retain(|_, group| {
            loop {
                match waitpgid(*group, WaitOptions::NOHANG) {
                    Ok(Some(_)) | Err(Errno::INTR) => {}
                    Ok(None) => return true,
                    Err(_) => return false,
                }
            }
        });
    }
}

/// The next frame, and the descriptor that came with it.
fn read_with_descriptor(control: &UnixStream) -> io::Result<Option<(ToTemplate, Option<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut head = [0; 4];
    let received = recvmsg(
        control,
        &mut [IoSliceMut::new(&mut head)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC | RecvFlags::WAITALL,
    )?;
    if received.bytes == 0 {
        return Ok(None);
    }
    if received.bytes < head.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut descriptor = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            descriptor = descriptors.last();
        }
    }
    let mut body = vec![0; wire::length(head)?];
    (&*control).read_exact(&mut body)?;
    Ok(Some((serde_json::from_slice(&body)?, descriptor)))
}
