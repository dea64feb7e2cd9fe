//! The walls around a command. Unlike a worker's they must let any program run: what
//! leads out is forbidden, and the rest allowed.

use super::Jail;
use crate::{Wall, kernel};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, Scope,
};
use rustix::process::Resource;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpOp, SeccompFilter, SeccompRule, apply_filter, sock_filter,
};
use std::{collections::BTreeMap, fs, io, path::Path};

/// Processes and threads of a command.
const PROCESSES: u64 = 512;
/// Bytes of one file.
const FILE_BYTES: u64 = 1 << 30;
/// Files open at once in one process.
const OPEN_FILES: u64 = 4096;

/// Memory that processes share by name, which Python's multiprocessing needs.
const SHARED_MEMORY: &str = "/dev/shm";

/// Devices that programs expect to write to.
const DEVICES: [&str; 5] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];

/// Moves this process, which must have one thread only, into namespaces of its own;
/// among them, from its next child on, one for processes.
pub(super) fn unshare(network: bool) -> Wall {
    let mut namespaces = libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWPID;
    if !network {
        namespaces |= libc::CLONE_NEWNET;
    }
    Wall::new(
        "namespaces",
        "no process but its own and none left behind, no network",
        kernel::unshare(namespaces)
            .map_err(|error| format!("the system does not allow user namespaces ({error})")),
    )
}

/// Shuts this process in, which becomes the command next.
pub(super) fn close(jail: &Jail, namespaces: Wall) -> Vec<Wall> {
    let mounted = namespaces.missing.is_none().then(mount_own);
    let own_memory = mounted
        .as_ref()
        .is_some_and(|mounted| mounted.shared_memory);
    vec![
        namespaces,
        Wall::new(
            "process limit",
            "no more than 512 processes and threads",
            limit_processes(mounted.is_some_and(|mounted| mounted.processes)),
        ),
        Wall::new(
            "resource limits",
            "no core dumps, no files over 1 GiB, no descriptors of others",
            limit_resources().map_err(|error| error.to_string()),
        ),
        Wall::new(
            "capabilities",
            "no rights over the system, also for root",
            kernel::drop_capabilities().map_err(|error| error.to_string()),
        ),
        Wall::new(
            "landlock",
            "no file written but where it may, no process outside traced or signalled",
            landlock(jail, own_memory),
        ),
        Wall::new(
            "seccomp",
            "no sockets but those it may have, no tracing, no namespaces",
            seccomp(jail.network).map_err(|error| error.to_string()),
        ),
    ]
}

/// Which file systems of its own the command has.
struct Mounted {
    /// A `/proc` of the processes it can see.
    processes: bool,
    /// A `/dev/shm`.
    shared_memory: bool,
}

/// They are conveniences: where they cannot be had, Landlock and the namespaces
/// still keep the command in.
fn mount_own() -> Mounted {
    Mounted {
        processes: kernel::mount(c"proc", c"/proc", c"").is_ok(),
        shared_memory: kernel::mount(c"tmpfs", c"/dev/shm", c"size=256m,mode=1777").is_ok(),
    }
}

/// The limit of the user's processes counts within the user namespace, but not for
/// root. That of the namespace's process ids does for everybody.
fn limit_processes(own_proc: bool) -> Result<(), String> {
    /// Before, the file is the limit of the whole system.
    const SINCE: (u32, u32) = (6, 14);
    let ids_limited = own_proc
        && kernel_version() >= SINCE
        && fs::write("/proc/sys/kernel/pid_max", PROCESSES.to_string()).is_ok();
    // Outside a namespace all of the user's processes count.
    if kernel::is_unshared() {
        kernel::lower(Resource::Nproc, PROCESSES).map_err(|error| error.to_string())?;
    } else {
        return Err("the system does not allow user namespaces".into());
    }
    if !ids_limited && rustix::process::geteuid().is_root() {
        return Err("the system does not count root's processes (Linux 6.14)".into());
    }
    Ok(())
}

/// As in `6.18.2-arch1`.
fn kernel_version() -> (u32, u32) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn limit_resources() -> io::Result<()> {
    kernel::keep_descriptors()?;
    kernel::lower(Resource::Core, 0)?;
    kernel::lower(Resource::Fsize, FILE_BYTES)?;
    kernel::lower(Resource::Nofile, OPEN_FILES)
}

fn landlock(jail: &Jail, own_memory: bool) -> Result<(), String> {
    let abi = ABI::V6;
    let reading = AccessFs::from_read(abi);
    let writing =
        AccessFs::from_all(abi) & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
    let restrict = || {
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?;
        if !jail.network {
            ruleset = ruleset.handle_access(AccessNet::from_all(abi))?;
        }
        let mut ruleset = ruleset.scope(Scope::from_all(abi))?.create()?;
        let devices = DEVICES.iter().map(Path::new).filter(|path| path.exists());
        let devices = devices.map(|path| (path, writing | AccessFs::IoctlDev));
        let memory = own_memory.then_some((Path::new(SHARED_MEMORY), writing));
        let folders = jail.writable.iter().map(|path| (path.as_path(), writing));
        let rules = [(Path::new("/"), reading)].into_iter().chain(devices);
        for (path, rights) in rules.chain(memory).chain(folders) {
            let fits = if path.is_dir() {
                BitFlags::all()
            } else {
                AccessFs::from_file(abi)
            };
            let rule = PathBeneath::new(PathFd::new(path)?, rights & fits);
            ruleset = ruleset.add_rule(rule)?;
        }
        Ok::<_, Box<dyn std::error::Error>>(ruleset.restrict_self()?)
    };
    kernel::enforced(
        restrict(),
        "files are kept as they are; cutting them short, connections and signals perhaps not \
         (Linux 6.12)",
    )
}

/// System calls that lead out of a jail, or to parts of the kernel that few
/// programs need and many exploits: other processes' memory, file systems,
/// namespaces, keys, programs for the kernel.
const FORBIDDEN: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_userfaultfd,
];

/// Calls that programs do without where the kernel does not have them. A filter
/// cannot see what they ask for.
const ABSENT: &[libc::c_long] = &[
    libc::SYS_clone3,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
];

const NAMESPACES: [i32; 8] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWTIME,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

type Failed = Box<dyn std::error::Error>;

fn seccomp(network: bool) -> Result<(), Failed> {
    #[cfg(target_arch = "x86_64")]
    apply_filter(&no_x32())?;
    let absent = ABSENT.iter().map(|call| (*call, Vec::new())).collect();
    apply_filter(&filter(absent, libc::ENOSYS)?)?;
    apply_filter(&filter(forbidden(network)?, libc::EPERM)?)?;
    Ok(())
}

fn forbidden(network: bool) -> Result<BTreeMap<i64, Vec<SeccompRule>>, Failed> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    let mut namespaces = Vec::new();
    for namespace in NAMESPACES {
        // The lowest byte of `clone`'s flags is a signal, not a namespace.
        if namespace & 0xff == 0 {
            namespaces.push(kernel::with(0, namespace)?);
        }
    }
    rules.insert(libc::SYS_clone, namespaces.clone());
    namespaces.push(kernel::with(0, libc::CLONE_NEWTIME)?);
    rules.insert(libc::SYS_unshare, namespaces);
    rules.insert(
        libc::SYS_socket,
        if network {
            other_sockets()?
        } else {
            Vec::new()
        },
    );
    // Such a pair can be taken apart, and then it reaches any local service.
    let datagrams = SeccompCmpOp::MaskedEq(0xf);
    let datagrams = kernel::argument(1, datagrams, libc::SOCK_DGRAM)?;
    rules.insert(
        libc::SYS_socketpair,
        vec![SeccompRule::new(vec![datagrams])?],
    );
    Ok(rules)
}

/// All but those of the internet, and of the routes to it, which resolvers ask for.
fn other_sockets() -> Result<Vec<SeccompRule>, Failed> {
    let not = |index, value| kernel::argument(index, SeccompCmpOp::Ne, value);
    Ok(vec![
        SeccompRule::new(vec![
            not(0, libc::AF_INET)?,
            not(0, libc::AF_INET6)?,
            not(0, libc::AF_NETLINK)?,
        ])?,
        SeccompRule::new(vec![
            kernel::argument(0, SeccompCmpOp::Eq, libc::AF_NETLINK)?,
            not(2, libc::NETLINK_ROUTE)?,
        ])?,
    ])
}

fn filter(rules: BTreeMap<i64, Vec<SeccompRule>>, error: i32) -> Result<BpfProgram, Failed> {
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(error.cast_unsigned()),
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(filter.try_into()?)
}

/// x86-64 has its calls a second time, for programs with short pointers, which no
/// rule above would match.
#[cfg(target_arch = "x86_64")]
fn no_x32() -> BpfProgram {
    /// `__X32_SYSCALL_BIT` of `asm/unistd.h`.
    const X32: u32 = 0x4000_0000;
    // Codes of `linux/bpf_common.h`; the number of the call comes first in
    // `struct seccomp_data`.
    let instruction = |code: u32, jt, jf, k| sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    vec![
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, 1, X32),
        instruction(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned(),
        ),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}
