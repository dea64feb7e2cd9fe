//! What walls are made of, for workers and for commands: the parts of Linux that
//! no library here wraps.

#![allow(
    unsafe_code,
    reason = "system calls that no library here wraps, on this process alone"
)]

use landlock::{RestrictionStatus, RulesetStatus};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};
use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};
use std::{
    ffi::CStr,
    fs, io, mem,
    os::fd::{FromRawFd, OwnedFd},
    ptr,
};

/// Moves this process, which must have one thread only, into namespaces of its own
/// (`CLONE_NEW…`), a user namespace among them.
pub(crate) fn unshare(namespaces: i32) -> io::Result<()> {
    // SAFETY: these calls take no pointers.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    // SAFETY: as above.
    if unsafe { libc::unshare(libc::CLONE_NEWUSER | namespaces) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // The new namespace knows this user by the same number, so that files are theirs.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

/// Whether this process is in a user namespace of its own.
pub(crate) fn is_unshared() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !map.contains("4294967295"))
}

/// Mounts a file system of this kind over a folder.
pub(crate) fn mount(kind: &CStr, folder: &CStr, options: &CStr) -> io::Result<()> {
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    let options = options.as_ptr().cast();
    // SAFETY: all strings end in a zero byte and outlive the call.
    let mounted = unsafe {
        libc::mount(
            kind.as_ptr(),
            folder.as_ptr(),
            kind.as_ptr(),
            flags,
            options,
        )
    };
    if mounted == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Copies this process, which must have one thread only. `None` in the copy.
pub(crate) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: there is one thread, so that the copy finds nothing half done.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        child => Ok(Pid::from_raw(child)),
    }
}

/// Gives up the capabilities that root has, and that a user namespace gave.
pub(crate) fn drop_capabilities() -> io::Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    /// `_LINUX_CAPABILITY_VERSION_3` of `linux/capability.h`: two sets of three words.
    const VERSION: u32 = 0x2008_0522;
    let header = Header {
        version: VERSION,
        pid: 0,
    };
    let none = [0_u32; 6];
    // SAFETY: both structures are as `capset(2)` describes them for this version.
    if unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Has a signal wait, and returns what can be read once it is there.
pub(crate) fn hold(signal: i32) -> io::Result<OwnedFd> {
    let set = only(signal);
    // SAFETY: the set is valid, the old one is not asked for, and the descriptor is new.
    unsafe {
        if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        match libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC) {
            -1 => Err(io::Error::last_os_error()),
            descriptor => Ok(OwnedFd::from_raw_fd(descriptor)),
        }
    }
}

/// Ends what [`hold`] began.
pub(crate) fn release(signal: i32) {
    let set = only(signal);
    // SAFETY: the set is valid, and the old one is not asked for.
    unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut()) };
}

fn only(signal: i32) -> libc::sigset_t {
    // SAFETY: a set is plain numbers, and both calls get a valid one.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        set
    }
}

/// Has the system bury this process's children as they end.
pub(crate) fn ignore_children() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
}

/// Ends this process by a signal, as another was ended by it.
pub(crate) fn die_by(signal: i32) {
    release(signal);
    // SAFETY: no handler is installed.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// Has a program that this process becomes not inherit any descriptor but the
/// standard streams.
pub(crate) fn keep_descriptors() -> io::Result<()> {
    // SAFETY: nothing is closed before this process becomes another program.
    let kept = unsafe { libc::close_range(3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed()) };
    if kept == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Sets a limit, unless there is a lower one.
pub(crate) fn lower(resource: Resource, limit: u64) -> io::Result<()> {
    let present = getrlimit(resource).maximum;
    let limit = Some(present.map_or(limit, |present| present.min(limit)));
    Ok(setrlimit(
        resource,
        Rlimit {
            current: limit,
            maximum: limit,
        },
    )?)
}

/// What came of restricting this process by Landlock; `partly` says what it still
/// keeps in where the kernel knows a part of it only.
pub(crate) fn enforced(
    restricted: Result<RestrictionStatus, Box<dyn std::error::Error>>,
    partly: &str,
) -> Result<(), String> {
    match restricted.map_err(|error| error.to_string())?.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced => {
            Err(format!("the kernel knows a part of it only: {partly}"))
        }
        RulesetStatus::NotEnforced => Err("the kernel does not have it (Linux 5.13)".into()),
    }
}

/// One condition on an argument of a system call.
pub(crate) fn argument(
    index: u8,
    operator: SeccompCmpOp,
    value: i32,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    let value = u64::from(value.cast_unsigned());
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)
}

/// Calls in which an argument has none of the bits.
pub(crate) fn without(index: u8, bits: i32) -> Result<SeccompRule, seccompiler::BackendError> {
    let bits = SeccompCmpOp::MaskedEq(u64::from(bits.cast_unsigned()));
    SeccompRule::new(vec![argument(index, bits, 0)?])
}

/// Calls in which an argument has all of the bits.
pub(crate) fn with(index: u8, bits: i32) -> Result<SeccompRule, seccompiler::BackendError> {
    let masked = SeccompCmpOp::MaskedEq(u64::from(bits.cast_unsigned()));
    SeccompRule::new(vec![argument(index, masked, bits)?])
}

/// Calls in which an argument has this value.
pub(crate) fn equal(index: u8, value: i32) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![argument(index, SeccompCmpOp::Eq, value)?])
}
