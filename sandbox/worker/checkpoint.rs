//! Copies of a process that sleep until it has died, and then go on in its place.

#![allow(
    unsafe_code,
    reason = "a signal handler that does no more than write and exit"
)]

use super::wire::Death;
use crate::kernel;
use rustix::process::{Resource, Rlimit, Signal, getpid, getppid, getrlimit, setrlimit};
use std::{
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::fd::AsRawFd,
    sync::atomic::{AtomicI32, Ordering},
    time::Duration,
};

/// Told to a checkpoint that is not needed any more.
const RELEASE: u8 = b'r';
/// Told to a checkpoint when processor time is up.
const CPU_TIME_UP: u8 = b'c';

/// Where the signal handler writes to.
static GUARD: AtomicI32 = AtomicI32::new(-1);

/// The sleeping copy of this process. It takes over when this process ends.
pub(super) struct Checkpoint {
    guard: PipeWriter,
}

/// Who comes back from [`Checkpoint::make`].
pub(super) enum Forked {
    /// The process that made the checkpoint.
    Original(Checkpoint),
    /// The checkpoint, because the original is dead.
    Promoted(Death),
}

impl Checkpoint {
    /// Makes a copy of this process, which replaces `previous`. There is always
    /// exactly one copy: the new one itself lets the previous one go.
    ///
    /// # Errors
    /// If the system has no room for a process. Then there is no copy at all: an
    /// older one would bring back variables that have changed since.
    pub(super) fn make(previous: Option<Self>) -> io::Result<Forked> {
        let original = getpid();
        let result = io::pipe().and_then(|pipe| Ok((pipe, kernel::fork()?)));
        let ((reader, writer), child) = match result {
            Ok(forked) => forked,
            Err(error) => {
                if let Some(previous) = previous {
                    previous.release();
                }
                return Err(error);
            }
        };
        if child.is_none() {
            drop(writer);
            GUARD.store(-1, Ordering::Relaxed);
            if let Some(previous) = previous {
                previous.release();
            }
            let death = sleep(reader);
            // Its pipe is closed before it is quite dead, and until then this is its
            // child.
            while getppid() == Some(original) {
                std::thread::yield_now();
            }
            return Ok(Forked::Promoted(death));
        }
        GUARD.store(writer.as_raw_fd(), Ordering::Relaxed);
        Ok(Forked::Original(Self { guard: writer }))
    }

    /// Lets the copy end.
    pub(super) fn release(mut self) {
        // If it is gone already, that is what was wanted.
        let _ = self.guard.write_all(&[RELEASE]);
    }
}

/// Returns when the original has died; ends this process when it is released.
fn sleep(mut original: PipeReader) -> Death {
    let mut word = [0];
    loop {
        match original.read(&mut word) {
            Ok(0) => return Death::Other,
            Ok(_) if word == [CPU_TIME_UP] => return Death::Cpu,
            Ok(_) => exit(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => exit(),
        }
    }
}

/// Ends this process without anything that another copy would do again.
pub(super) fn exit() -> ! {
    // SAFETY: never returns, and runs no destructor.
    unsafe { libc::_exit(0) }
}

/// Has this process end when it has used `more` processor time from now on, and
/// its checkpoint be told why.
pub(super) fn limit_cpu(more: Duration) -> io::Result<()> {
    let used = cpu_time()?;
    // The kernel counts whole seconds.
    let soft = (used + more).as_secs_f64().ceil() as u64;
    let Rlimit { maximum, .. } = getrlimit(Resource::Cpu);
    setrlimit(
        Resource::Cpu,
        Rlimit {
            current: Some(maximum.map_or(soft, |maximum| soft.min(maximum))),
            maximum,
        },
    )?;
    Ok(())
}

fn cpu_time() -> io::Result<Duration> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: fills the structure.
    if unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
    Ok(Duration::new(seconds, nanoseconds))
}

/// Sets what this process does on signals: when its processor time is up it says
/// so and ends, a file over its limit is an error of the write alone, and
/// children that end are forgotten at once.
pub(super) fn set_signals() -> io::Result<()> {
    handle(
        Signal::XCPU,
        on_cpu_time_up as *const () as libc::sighandler_t,
    )?;
    handle(Signal::XFSZ, libc::SIG_IGN)?;
    handle(Signal::CHILD, libc::SIG_IGN)
}

extern "C" fn on_cpu_time_up(_: libc::c_int) {
    let word = CPU_TIME_UP;
    // SAFETY: both calls may be made in a signal handler; the descriptor is that of
    // the guard or -1.
    unsafe {
        libc::write(GUARD.load(Ordering::Relaxed), (&raw const word).cast(), 1);
        libc::_exit(0);
    }
}

fn handle(signal: Signal, handler: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: all zeroes are a valid `sigaction`. The handler runs on the stack
    // that wasmtime keeps for signals, since the current one may be the guest's.
    let installed = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigaction(signal.as_raw(), &raw const action, std::ptr::null_mut())
    };
    if installed == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Has the end of a child interrupt a call that waits.
pub(super) fn wake_on_child() -> io::Result<()> {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: all zeroes are a valid `sigaction`, without `SA_RESTART`, and the
    // handler does nothing.
    let installed = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as *const () as libc::sighandler_t;
        libc::sigaction(libc::SIGCHLD, &raw const action, std::ptr::null_mut())
    };
    if installed == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
