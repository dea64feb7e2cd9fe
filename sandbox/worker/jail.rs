//! The second wall: what the kernel lets a worker process do, should a cell ever
//! break out of WebAssembly. Each part that a kernel lacks is reported and the
//! others stand.

use super::walls::Wall;
use crate::{Limits, kernel};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, Scope,
};
use rustix::process::Resource;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule};
use std::{collections::BTreeMap, io, path::Path};

/// Processes of one notebook: itself, two checkpoints while they change over.
const PROCESSES: u64 = 8;
/// Descriptors of a worker besides the cells' files.
const OWN_DESCRIPTORS: u64 = 64;
/// Memory of a worker besides the interpreter's.
const OWN_MEMORY: u64 = 512 << 20;

/// Moves this process, which must have one thread only, into namespaces of its
/// own, where there is no network.
pub(super) fn unshare() -> Vec<Wall> {
    let unshared = kernel::unshare(libc::CLONE_NEWNET | libc::CLONE_NEWIPC);
    vec![Wall::new(
        "namespaces",
        "no network, and no shared memory with other programs",
        unshared.map_err(|error| format!("the system does not allow user namespaces ({error})")),
    )]
}

/// Shuts this process in: from here on it reaches `folders`, may read `library`,
/// has its descriptors, and nothing else.
pub(super) fn close(folders: &[&Path], library: Option<&Path>, limits: &Limits) -> Vec<Wall> {
    vec![
        Wall::new(
            "resource limits",
            "no more memory, files and processes than a cell may use",
            limit_resources(limits).map_err(|error| error.to_string()),
        ),
        Wall::new(
            "capabilities",
            "no rights over the system, also for root",
            kernel::drop_capabilities().map_err(|error| error.to_string()),
        ),
        Wall::new(
            "landlock",
            "no file but those of the session, no connection, no signal to other programs",
            landlock(folders, library),
        ),
        Wall::new(
            "seccomp",
            "only the system calls that cells need",
            seccomp(),
        ),
    ]
}

fn limit_resources(limits: &Limits) -> io::Result<()> {
    kernel::lower(Resource::Core, 0)?;
    kernel::lower(Resource::Fsize, limits.disk_bytes)?;
    kernel::lower(
        Resource::Nofile,
        (limits.open_files as u64).saturating_add(OWN_DESCRIPTORS),
    )?;
    kernel::lower(
        Resource::Data,
        (limits.memory_bytes as u64).saturating_add(OWN_MEMORY),
    )?;
    kernel::lower(Resource::Memlock, 0)?;
    kernel::lower(Resource::Msgqueue, 0)?;
    // Counted within the user namespace, where there is one; outside it, all of the
    // user's processes count, and none of theirs must keep a cell from running.
    if kernel::is_unshared() {
        kernel::lower(Resource::Nproc, PROCESSES)?;
    }
    Ok(())
}

fn landlock(folders: &[&Path], library: Option<&Path>) -> Result<(), String> {
    let abi = ABI::V6;
    let restrict = || {
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()?;
        let rights = AccessFs::from_all(abi)
            & !(AccessFs::Execute
                | AccessFs::MakeSym
                | AccessFs::MakeFifo
                | AccessFs::MakeSock
                | AccessFs::MakeChar
                | AccessFs::MakeBlock
                | AccessFs::IoctlDev);
        for folder in folders {
            let folder = PathFd::new(folder)?;
            ruleset = ruleset.add_rule(PathBeneath::new(folder, rights))?;
        }
        if let Some(library) = library {
            let reading = AccessFs::ReadFile | AccessFs::ReadDir;
            ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new(library)?, reading))?;
        }
        Ok::<_, Box<dyn std::error::Error>>(ruleset.restrict_self()?)
    };
    kernel::enforced(
        restrict(),
        "files are kept in, connections and signals by seccomp alone",
    )
}

/// System calls that need no look at their arguments.
const ALLOWED: &[libc::c_long] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Descriptors that are open: the socket, pipes, files.
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_lseek,
    libc::SYS_pipe2,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_preadv2,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_write,
    libc::SYS_writev,
    // Files, which Landlock keeps to the session's.
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_readlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
    // Time, waiting, randomness.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    // This process itself.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_uname,
];

/// The same calls by the older names that x86-64 has besides.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[libc::c_long] = &[
    libc::SYS_access,
    libc::SYS_dup2,
    libc::SYS_getdents,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[libc::c_long] = &[];

/// Everything else fails with `EPERM`: sockets, programs, other processes, mounts,
/// modules, tracing.
fn seccomp() -> Result<(), String> {
    filter()
        .and_then(|filter| Ok(seccompiler::apply_filter(&filter)?))
        .map_err(|error: Box<dyn std::error::Error>| error.to_string())
}

fn filter() -> Result<BpfProgram, Box<dyn std::error::Error>> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in ALLOWED.iter().chain(ALLOWED_HERE) {
        rules.insert(*call, Vec::new());
    }
    // Memory may not become code.
    let no_code = vec![kernel::without(2, libc::PROT_EXEC)?];
    rules.insert(libc::SYS_mmap, no_code.clone());
    rules.insert(libc::SYS_mprotect, no_code);
    // A copy of this process, and neither a thread nor one with namespaces or a
    // descriptor of its own. (`clone3` passes its flags in memory, where a filter
    // cannot see them; the C library does without it.)
    let sharing = libc::CLONE_VM
        | libc::CLONE_FILES
        | libc::CLONE_FS
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | libc::CLONE_PARENT
        | libc::CLONE_PIDFD
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    rules.insert(libc::SYS_clone, vec![kernel::without(0, sharing)?]);
    rules.insert(
        libc::SYS_prctl,
        vec![kernel::equal(0, libc::PR_SET_PDEATHSIG)?],
    );
    // Only its own limits.
    rules.insert(libc::SYS_prlimit64, vec![kernel::equal(0, 0)?]);
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::EPERM.cast_unsigned()),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(filter.try_into()?)
}
