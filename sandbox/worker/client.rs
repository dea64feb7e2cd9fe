//! The program's side: starts the template, and talks with notebooks.

use super::{
    ASKED,
    walls::Walls,
    wire::{self, Death, FromNotebook, FromTemplate, Start, ToNotebook, ToTemplate},
};
use crate::{Error, Limits, Outcome, Output, Tape, guest::Compiled, interpreter::Report};
use rustix::{
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, recvmsg, sendmsg, sockopt::set_socket_passcred,
    },
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{
    io::{self, IoSlice, IoSliceMut, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{net::UnixStream as StdUnixStream, process::CommandExt},
    },
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::UnixStream,
    time::{self, Instant},
};

/// How long the template may take to load the guest, and a notebook to start or to
/// be replaced by its checkpoint: far more than they ever need.
const PATIENCE: Duration = Duration::from_secs(30);

/// The template process.
pub(crate) struct Template {
    child: Mutex<Child>,
    control: Mutex<StdUnixStream>,
    next: AtomicU64,
}

impl Template {
    /// Starts it as `program`, or else this program if it can be a worker, or else
    /// `glm` on the path.
    pub(crate) async fn start(compiled: &Compiled, program: Option<&Path>) -> Result<Self, Error> {
        let program = match program {
            Some(program) => program.into(),
            None => super::found().map_err(|why| failed(why.into()))?,
        };
        let (compiled, name) = (compiled.clone(), program.display().to_string());
        let started = tokio::task::spawn_blocking(move || start(&program, &compiled)).await;
        started
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(format!("cannot use `{name}` as one: {error}")))
    }

    /// Starts a notebook.
    pub(crate) async fn open(self: &Arc<Self>, start: Start) -> Result<Remote, Error> {
        let opened = async {
            let (ours, theirs) = StdUnixStream::pair()?;
            set_socket_passcred(&ours, true)?;
            ours.set_nonblocking(true)?;
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            self.send(&ToTemplate::Open { id, start }, Some(&theirs))?;
            drop(theirs);
            io::Result::Ok((id, UnixStream::from_std(ours)?))
        };
        let (id, socket) = opened.await.map_err(|error| failed(error.to_string()))?;
        let mut remote = Remote {
            id,
            template: Arc::clone(self),
            socket,
            incoming: Vec::new(),
            sender: None,
            runner: None,
            cells: 0,
            begun: false,
            state: State::Idle,
        };
        match within(remote.next()).await? {
            FromNotebook::Started => {
                remote.follow_sender()?;
                Ok(remote)
            }
            FromNotebook::Failed { detail } => Err(failed(detail)),
            _ => Err(out_of_order()),
        }
    }

    /// Whether the process runs.
    pub(crate) fn is_alive(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(child.try_wait(), Ok(None))
    }

    fn send(&self, frame: &ToTemplate, socket: Option<&StdUnixStream>) -> io::Result<()> {
        let bytes = wire::encode(frame)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors: Vec<_> = socket.iter().map(|socket| socket.as_fd()).collect();
        if !descriptors.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        }
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = sendmsg(
            &*control,
            &[IoSlice::new(&bytes)],
            &mut ancillary,
            SendFlags::NOSIGNAL,
        )?;
        let (_, rest) = bytes.split_at(sent);
        (&*control).write_all(rest)
    }
}

fn start(program: &Path, compiled: &Compiled) -> io::Result<Template> {
    let (control, theirs) = StdUnixStream::pair()?;
    control.set_read_timeout(Some(PATIENCE))?;
    let child = Command::new(program)
        .env_clear()
        .env(ASKED, "1")
        .current_dir("/")
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Keys pressed at a terminal are meant for the program.
        .process_group(0)
        .spawn()?;
    let template = Template {
        child: Mutex::new(child),
        control: Mutex::new(control),
        next: AtomicU64::new(0),
    };
    let load = ToTemplate::Load {
        version: wire::VERSION.into(),
        compiled: compiled.clone(),
    };
    template.send(&load, None)?;
    let control = template
        .control
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .try_clone()?;
    match wire::read(&control)? {
        Some(FromTemplate::Loaded { version }) if version == wire::VERSION => Ok(template),
        Some(FromTemplate::Loaded { version }) => {
            Err(io::Error::other(format!("it is version {version}")))
        }
        Some(FromTemplate::Failed { detail }) => Err(io::Error::other(detail)),
        None => Err(io::Error::other("it ended at once")),
    }
}

impl Drop for Template {
    /// Ends the process, and with it all notebooks.
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It may have ended before.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A notebook process.
pub(crate) struct Remote {
    id: u64,
    template: Arc<Template>,
    socket: UnixStream,
    /// Bytes of frames that are not whole yet, all of the same sender.
    incoming: Vec<u8>,
    /// The process that sent the last bytes, as the kernel says.
    sender: Option<Pid>,
    /// The process that runs cells.
    runner: Option<OwnedFd>,
    /// Cells that have ended well.
    cells: u64,
    /// Whether the newest cell was taken by a process.
    begun: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for a cell.
    Idle,
    /// Runs one, or was cancelled in one.
    Running,
    /// A frame was sent in part only.
    Sending,
}

/// How one cell ended.
struct Ended {
    report: Option<Report>,
    /// From which count of cells a checkpoint went on, and why.
    promoted: Option<(u64, Death)>,
    timed_out: bool,
}

impl Remote {
    /// Runs one cell. Dropping the future kills the process that runs it, and its
    /// checkpoint takes over.
    ///
    /// # Errors
    /// If the process and its checkpoint are gone, and the variables with them.
    pub(crate) async fn run(
        &mut self,
        code: &str,
        limits: &Limits,
        tape: Tape,
        replay: bool,
        watch: &mut (dyn FnMut(Output) + Send),
    ) -> Result<Report, Error> {
        self.settle().await?;
        self.begun = false;
        let frame = ToNotebook::Run {
            code: code.into(),
            limits: limits.clone(),
            tape: tape.clone(),
            replay,
        };
        let running = Running(self);
        running.0.send(&frame).await?;
        running.0.state = State::Running;
        let ended = running.0.wait(Some(limits), watch).await?;
        running.0.state = State::Idle;
        drop(running);

        let outcome = match ended {
            Ended {
                report: Some(report),
                ..
            } => {
                self.cells += u64::from(!report.outcome.is_undone());
                return Ok(report);
            }
            Ended {
                timed_out: true, ..
            } => Outcome::TimedOut { limit: limits.wall },
            Ended {
                promoted: Some((_, Death::Cpu)),
                ..
            } => Outcome::OutOfCpu { limit: limits.cpu },
            Ended { .. } => Outcome::Stopped {
                reason: "the interpreter's process was killed".into(),
            },
        };
        Ok(Report {
            value: None,
            outcome,
            truncated: false,
            notes: Vec::new(),
            tape,
        })
    }

    /// Whether the newest cell may have done something.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Has `/mnt/data` be the session's folder, not the scratch folder it started
    /// with.
    pub(crate) async fn adopt(&mut self) -> Result<(), Error> {
        self.settle().await?;
        self.send(&ToNotebook::Adopt).await?;
        match within(self.next()).await? {
            FromNotebook::Adopted => Ok(()),
            FromNotebook::Failed { detail } => Err(failed(detail)),
            _ => Err(out_of_order()),
        }
    }

    /// Tries what the jail must prevent.
    pub(crate) async fn probe(&mut self) -> Result<Walls, Error> {
        self.settle().await?;
        self.send(&ToNotebook::Probe).await?;
        match within(self.next()).await? {
            FromNotebook::Probed { walls } => Ok(walls),
            _ => Err(out_of_order()),
        }
    }

    /// Deals with what happened since the last cell ended: that one was cancelled,
    /// or the idle process was killed.
    pub(crate) async fn settle(&mut self) -> Result<(), Error> {
        match self.state {
            State::Sending => return Err(gone()),
            State::Running => {
                let ended = self.wait(None, &mut |_| {}).await?;
                if ended.promoted.is_none_or(|(cells, _)| cells != self.cells) {
                    return Err(gone());
                }
                self.state = State::Idle;
            }
            State::Idle => {
                while let Some(frame) = self.waiting()? {
                    match frame {
                        FromNotebook::Promoted { cells, .. } if cells == self.cells => {
                            self.follow_sender()?;
                        }
                        _ => return Err(gone()),
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits for the end of a cell: under its limits, or if there are none, after
    /// its process was killed.
    async fn wait(
        &mut self,
        limits: Option<&Limits>,
        watch: &mut (dyn FnMut(Output) + Send),
    ) -> Result<Ended, Error> {
        let mut ended = Ended {
            report: None,
            promoted: None,
            timed_out: false,
        };
        let mut killed = limits.is_none();
        let deadline = time::sleep(limits.map_or(PATIENCE, |limits| limits.wall));
        tokio::pin!(deadline);
        loop {
            let frame = tokio::select! {
                frame = self.next() => frame?,
                () = &mut deadline => {
                    if killed {
                        return Err(gone());
                    }
                    self.kill();
                    killed = true;
                    ended.timed_out = true;
                    deadline.as_mut().reset(Instant::now() + PATIENCE);
                    continue;
                }
            };
            match frame {
                FromNotebook::Begun => self.begun = true,
                FromNotebook::Printed(piece) => watch(piece),
                FromNotebook::Ended(report) => {
                    let alive = !report.outcome.is_undone();
                    ended.report = Some(report);
                    if alive && !killed && ended.promoted.is_none() {
                        return Ok(ended);
                    }
                    // Its process ends or was killed, or a checkpoint ran the cell:
                    // more is to come.
                    deadline.as_mut().reset(Instant::now() + PATIENCE);
                    killed = true;
                }
                FromNotebook::Promoted { cells, death } => {
                    if cells < self.cells {
                        return Err(gone());
                    }
                    if cells == self.cells
                        && let Some(report) = &ended.report
                        && !report.outcome.is_undone()
                    {
                        // The cell had ended, but it was not in time for a checkpoint.
                        ended.report = None;
                    }
                    self.follow_sender()?;
                    ended.promoted = Some((cells, death));
                    // The cell may not have been taken from the socket before the
                    // process died. Then the checkpoint runs it, and answers later.
                    self.send(&ToNotebook::Ping).await?;
                }
                FromNotebook::Pong => return Ok(ended),
                _ => return Err(out_of_order()),
            }
        }
    }

    /// Kills the process that runs cells.
    fn kill(&self) {
        if let Some(runner) = &self.runner {
            // It may be dead already.
            let _ = pidfd_send_signal(runner, Signal::KILL);
        }
    }

    /// Takes the process that has just spoken for the one that runs cells.
    fn follow_sender(&mut self) -> Result<(), Error> {
        let runner = self.sender.map(|pid| pidfd_open(pid, PidfdFlags::empty()));
        let runner = runner.ok_or_else(out_of_order)?;
        self.runner = Some(runner.map_err(|error| failed(error.to_string()))?);
        Ok(())
    }

    async fn send(&mut self, frame: &ToNotebook) -> Result<(), Error> {
        let before = std::mem::replace(&mut self.state, State::Sending);
        let bytes = wire::encode(frame).map_err(|error| failed(error.to_string()))?;
        self.socket.write_all(&bytes).await.map_err(|_| gone())?;
        self.state = before;
        Ok(())
    }

    /// The next frame. Nothing is lost if the future is dropped.
    async fn next(&mut self) -> Result<FromNotebook, Error> {
        loop {
            if let Some(frame) = self.frame()? {
                return Ok(frame);
            }
            let Self {
                socket,
                incoming,
                sender,
                ..
            } = self;
            let received = socket
                .async_io(Interest::READABLE, || receive(socket, incoming, sender))
                .await;
            if received.map_err(|_| gone())? == 0 {
                return Err(gone());
            }
        }
    }

    /// The next frame, if it is there already.
    fn waiting(&mut self) -> Result<Option<FromNotebook>, Error> {
        loop {
            if let Some(frame) = self.frame()? {
                return Ok(Some(frame));
            }
            let Self {
                socket,
                incoming,
                sender,
                ..
            } = self;
            match socket.try_io(Interest::READABLE, || receive(socket, incoming, sender)) {
                Ok(0) => return Err(gone()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(_) => return Err(gone()),
            }
        }
    }

    /// Takes a whole frame from what has come in.
    fn frame(&mut self) -> Result<Option<FromNotebook>, Error> {
        let Some(head) = self.incoming.first_chunk() else {
            return Ok(None);
        };
        let end = wire::length(*head).map_err(|_| out_of_order())? + head.len();
        let Some(body) = self.incoming.get(head.len()..end) else {
            return Ok(None);
        };
        let frame = serde_json::from_slice(body).map_err(|_| out_of_order())?;
        self.incoming.drain(..end);
        Ok(Some(frame))
    }
}

/// Receives bytes and who sent them. A sender that was killed may have left half a
/// frame: what comes from another begins anew.
fn receive(
    socket: &UnixStream,
    incoming: &mut Vec<u8>,
    sender: &mut Option<Pid>,
) -> io::Result<usize> {
    let mut bytes = [0; 16 << 10];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut bytes)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?
    .bytes;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmCredentials(credentials) = message
            && *sender != Some(credentials.pid)
        {
            *sender = Some(credentials.pid);
            incoming.clear();
        }
    }
    incoming.extend(bytes.iter().take(received));
    Ok(received)
}

impl Drop for Remote {
    /// Ends all its processes.
    fn drop(&mut self) {
        // If the template is dead, so are they.
        let _ = self.template.send(&ToTemplate::Close { id: self.id }, None);
    }
}

/// Kills the process that runs a cell if the cell is not waited for any more.
struct Running<'a>(&'a mut Remote);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if self.0.state != State::Idle {
            self.0.kill();
        }
    }
}

async fn within<T>(frame: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    time::timeout(PATIENCE, frame)
        .await
        .unwrap_or_else(|_| Err(failed("it does not answer".to_owned())))
}

fn failed(detail: String) -> Error {
    Error::Worker { detail }
}

fn gone() -> Error {
    failed("it is gone".into())
}

fn out_of_order() -> Error {
    failed("it does not keep to the protocol".into())
}
