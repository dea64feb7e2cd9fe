//! The launcher: builds the walls, becomes the command in one process, and sees to
//! its end in another.

use super::{ASKED, Report, Settings, VERSION, walls};
use crate::{Wall, Walls, kernel};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{
        Pid, PidfdFlags, Resource, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process,
        pidfd_open, set_child_subreaper, setsid, wait, waitpid,
    },
};
use std::{
    env,
    ffi::OsStr,
    fs, io,
    io::{PipeReader, Read, Write},
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt, process::CommandExt},
    },
    process::Command,
};

/// Exit codes, those of shells: what kept the command from being run, and that there
/// is none.
const CANNOT_RUN: i32 = 126;
const NOT_FOUND: i32 = 127;
/// What shells add to the number of a signal.
const BY_SIGNAL: i32 = 128;

/// Does the work of a program in whose environment [`ASKED`] is set. Returns the exit
/// code.
#[allow(
    clippy::print_stderr,
    reason = "the process has the command's streams, and this is how shells say it"
)]
pub(crate) fn launch(settings: &OsStr) -> i32 {
    serde_json::from_slice(settings.as_bytes())
        .map_err(io::Error::from)
        .and_then(|settings| start(&settings))
        .unwrap_or_else(|error| {
            eprintln!("cannot jail the command: {error}");
            CANNOT_RUN
        })
}

fn start(settings: &Settings) -> io::Result<i32> {
    let program = getppid().map(|parent| pidfd_open(parent, PidfdFlags::empty()));
    let stop = kernel::hold(libc::SIGTERM)?;
    // It may come to die as the command did.
    kernel::lower(Resource::Core, 0)?;
    set_child_subreaper(Some(getpid()))?;
    let namespaces = walls::unshare(settings.jail.network);
    let (alive, living) = io::pipe()?;
    let init = if namespaces.missing.is_none() {
        match kernel::fork()? {
            None => {
                drop(living);
                be_init(alive)
            }
            init => init,
        }
    } else {
        None
    };
    let Some(command) = kernel::fork()? else {
        kernel::release(libc::SIGTERM);
        return Ok(run(settings, namespaces));
    };
    let status = watch(command, program.transpose()?, &stop);
    end_all(init)?;
    drop(living);
    Ok(match status? {
        None => BY_SIGNAL + libc::SIGTERM,
        Some(status) => match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => code,
            (None, Some(signal)) => {
                kernel::die_by(signal);
                BY_SIGNAL + signal
            }
            (None, None) => CANNOT_RUN,
        },
    })
}

/// The first process of a namespace: buries those whose parents are gone, and ends,
/// and they with it, when the launcher is gone.
fn be_init(mut launcher: PipeReader) -> ! {
    kernel::ignore_children();
    let _ = launcher.read(&mut [0]);
    std::process::exit(0)
}

/// Becomes the command, unless a wall is missing that should stand.
#[allow(
    clippy::print_stderr,
    reason = "the process has the command's streams, and this is how shells say it"
)]
fn run(settings: &Settings, namespaces: Wall) -> i32 {
    // No terminal, and no group with others.
    let _ = setsid();
    let walls = Walls {
        walls: walls::close(&settings.jail, namespaces),
    };
    let Some(known) = &settings.known else {
        return report(walls);
    };
    if let Some(wall) = walls
        .missing()
        .find(|wall| !known.missing().any(|w| w.name == wall.name))
    {
        let why = wall.missing.as_deref().unwrap_or_default();
        eprintln!("cannot jail the command: {}: {why}", wall.name);
        return CANNOT_RUN;
    }
    let mut arguments = env::args_os().skip(1);
    let program = arguments.next().unwrap_or_default();
    let error = Command::new(&program)
        .args(arguments)
        .env_remove(ASKED)
        .exec();
    eprintln!("cannot run `{}`: {error}", program.display());
    if error.kind() == io::ErrorKind::NotFound {
        NOT_FOUND
    } else {
        CANNOT_RUN
    }
}

fn report(walls: Walls) -> i32 {
    let report = Report {
        version: VERSION.into(),
        walls,
    };
    let said = serde_json::to_vec(&report)
        .map_err(io::Error::from)
        .and_then(|report| io::stdout().write_all(&report));
    i32::from(said.is_err())
}

/// Waits until the command has ended, and returns how; or until it is to be stopped.
fn watch(command: Pid, program: Option<OwnedFd>, stop: &OwnedFd) -> io::Result<Option<WaitStatus>> {
    let command_end = pidfd_open(command, PidfdFlags::empty())?;
    loop {
        let mut polled = vec![
            PollFd::new(&command_end, PollFlags::IN),
            PollFd::new(stop, PollFlags::IN),
        ];
        polled.extend(
            program
                .iter()
                .map(|program| PollFd::new(program, PollFlags::IN)),
        );
        match poll(&mut polled, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        if let Some((_, status)) = waitpid(Some(command), WaitOptions::NOHANG)? {
            return Ok(Some(status));
        }
        if polled.iter().skip(1).any(|fd| !fd.revents().is_empty()) {
            return Ok(None);
        }
    }
}

/// Ends what the command left behind, or all of it.
fn end_all(init: Option<Pid>) -> io::Result<()> {
    if let Some(init) = init {
        kill_process(init, Signal::KILL)?;
    }
    // Whoever lost a parent has become a child of this process.
    loop {
        for child in children() {
            // It may have ended by itself.
            let _ = kill_process(child, Signal::KILL);
        }
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn children() -> Vec<Pid> {
    let list = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    let numbers = list.split_whitespace().filter_map(|pid| pid.parse().ok());
    numbers.filter_map(Pid::from_raw).collect()
}
