//! Real programs in a real jail, which try to get out of it.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use glm_agent_sandbox::{
    Workers,
    jail::{Jail, Launcher},
};
use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

async fn launcher() -> &'static Launcher {
    static LAUNCHER: OnceCell<Launcher> = OnceCell::const_new();
    let worker = Workers::Program(env!("CARGO_BIN_EXE_glm-sandbox-worker").into());
    LAUNCHER
        .get_or_init(|| async { Launcher::open(&worker).await.expect("there is a launcher") })
        .await
}

/// A folder that may be written to, and what else it takes to run a program.
struct Try {
    folder: TempDir,
    network: bool,
}

impl Try {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            network: false,
        }
    }

    fn with_network() -> Self {
        Self {
            network: true,
            ..Self::new()
        }
    }

    async fn command(&self, program: &str, script: &str) -> Command {
        let jail = Jail {
            network: self.network,
            writable: vec![self.folder.path().into()],
        };
        let mut command = launcher().await.command(&jail, Path::new(program)).unwrap();
        for name in ["PATH", "HOME"] {
            command.env(name, std::env::var_os(name).unwrap());
        }
        command
            .args(["-c", script])
            .current_dir(self.folder.path())
            .stdin(Stdio::piped());
        command
    }

    async fn run(&self, program: &str, script: &str) -> Output {
        self.command(program, script).await.output().unwrap()
    }

    /// What a program prints that is expected to succeed.
    async fn said(&self, program: &str, script: &str) -> String {
        let output = self.run(program, script).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", output.status);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The exception that a line of Python raises.
    async fn raised(&self, line: &str) -> String {
        let script =
            format!("try:\n    {line}\n    print('it works')\nexcept Exception as e: print(e)");
        self.said("python3", &script).await
    }
}

#[tokio::test]
async fn all_walls_stand() {
    let walls = launcher().await.walls();
    let missing: Vec<_> = walls.missing().collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let names: Vec<_> = walls.walls.iter().map(|wall| wall.name.as_str()).collect();
    let expected = [
        "namespaces",
        "process limit",
        "resource limits",
        "capabilities",
        "landlock",
        "seccomp",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn ordinary_programs_run() {
    let here = Try::new();
    let git = "git init -q . && git -c user.name=a -c user.email=a@b.example commit -q --allow-empty \
               -m x && git log --format=%s";
    let threads = "import concurrent.futures as c, multiprocessing as m\n\
                   with c.ThreadPoolExecutor() as pool: print(sum(pool.map(abs, range(-9, 0))))\n\
                   with m.get_context('fork').Pool(2) as pool: print(sum(pool.map(abs, range(-9, 0))))";
    for (program, script, said) in [
        ("sh", "cat | wc -c; echo x | (read y; echo $y)", "0\nx"),
        ("sh", git, "x"),
        ("sh", "curl --version | cut -c-4 | head -n 1", "curl"),
        ("python3", threads, "45\n45"),
        (
            "python3",
            "import asyncio; asyncio.run(asyncio.sleep(0))",
            "",
        ),
        (
            "python3",
            "import os; os.mkdir('a'); open('a/b', 'w').write('x'); os.rename('a/b', 'c'); \
             os.truncate('c', 0); os.symlink('c', 'd'); os.remove('c'); print(os.listdir())",
            "['a', 'd']",
        ),
        (
            "sh",
            "node -e 'fetch; setTimeout(() => console.log(6 * 7), 1)'",
            "42",
        ),
    ] {
        let here = if script == git { &here } else { &Try::new() };
        let said_sorted = here
            .said(program, script)
            .await
            .replace("['d', 'a']", "['a', 'd']");
        assert_eq!(said_sorted, said, "{script}");
    }
}

#[tokio::test]
async fn a_program_ends_as_it_would_outside() {
    let here = Try::new();
    for (script, end) in [
        ("exit 3", "exit status: 3"),
        ("kill -9 $$", "signal: 9 (SIGKILL)"),
        ("kill -TERM $$", "signal: 15 (SIGTERM)"),
        ("kill -ABRT $$", "signal: 6 (SIGABRT)"),
    ] {
        assert_eq!(
            here.run("sh", script).await.status.to_string(),
            end,
            "{script}"
        );
    }
    let output = here.run("/no/such/program", "").await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        "cannot run `/no/such/program`: No such file or directory (os error 2)\n"
    );
    assert_eq!(output.status.code(), Some(127));
}

#[tokio::test]
async fn files_are_written_only_where_they_may_be() {
    let (here, outside) = (Try::new(), tempfile::tempdir().unwrap());
    let kept = outside.path().join("kept");
    fs::write(&kept, "kept").unwrap();
    std::os::unix::fs::symlink(&kept, here.folder.path().join("link")).unwrap();
    let path = outside.path().display();
    for line in [
        format!("open('{path}/new', 'w')"),
        format!("open('{path}/kept', 'w')"),
        format!("open('{path}/kept', 'a')"),
        "open('link', 'w')".to_owned(),
        format!("__import__('os').truncate('{path}/kept', 1)"),
        format!("__import__('os').remove('{path}/kept')"),
        format!("__import__('os').rename('{path}/kept', 'here')"),
        format!("__import__('os').link('{path}/kept', 'here')"),
        format!("__import__('os').mkdir('{path}/folder')"),
        format!("__import__('os').symlink('x', '{path}/symbolic')"),
        "open('/dev/shm/../../tmp/glm-jail-test', 'w')".to_owned(),
    ] {
        let raised = here.raised(&line).await;
        assert!(
            raised.contains("denied") || raised.contains("cross-device"),
            "{line}: {raised}"
        );
    }
    assert_eq!(fs::read(&kept).unwrap(), b"kept");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    here.said("python3", "open('inside', 'w').write('x')").await;
    assert_eq!(fs::read(here.folder.path().join("inside")).unwrap(), b"x");
}

/// Reads a request by HTTP to the end of its head, as a client expects before it
/// reads, and answers it.
fn answer(mut connection: TcpStream) -> io::Result<()> {
    let mut head = BufReader::new(&connection).lines();
    while head
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    connection
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nreached")
}

#[tokio::test]
async fn the_network_is_there_only_if_it_may_be() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in server.incoming() {
            // One that its client gives up is not this side's to mind.
            let _ = connection.and_then(answer);
        }
    });
    let fetch = format!(
        "from urllib.request import urlopen\nprint(urlopen('http://127.0.0.1:{port}').read())"
    );
    assert_eq!(
        Try::with_network().said("python3", &fetch).await,
        "b'reached'"
    );
    let curl = format!("curl --silent --show-error http://localhost:{port}");
    assert_eq!(Try::with_network().said("sh", &curl).await, "reached");
    let output = Try::new().run("python3", &fetch).await;
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("Operation not permitted"), "{said}");
    for kind in ["AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK"] {
        let line = format!("import socket; socket.socket(socket.{kind}, socket.SOCK_DGRAM)");
        let raised = Try::new().raised(&line).await;
        assert_eq!(raised, "[Errno 1] Operation not permitted", "{kind}");
    }
}

#[tokio::test]
async fn local_services_are_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service");
    let _service = UnixListener::bind(&path).unwrap();
    let name = format!("glm-jail-{}", std::process::id());
    let address =
        <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(
            &name,
        );
    let _abstract = UnixListener::bind_addr(&address.unwrap()).unwrap();
    for here in [Try::new(), Try::with_network()] {
        for address in [path.display().to_string(), format!("\\0{name}")] {
            let line = format!("import socket; socket.socket(socket.AF_UNIX).connect('{address}')");
            assert_eq!(
                here.raised(&line).await,
                "[Errno 1] Operation not permitted"
            );
        }
        let pair = "import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)";
        assert_eq!(here.raised(pair).await, "[Errno 1] Operation not permitted");
    }
}

#[tokio::test]
async fn no_variable_and_no_descriptor_comes_along() {
    let here = Try::new();
    let mut command = here
        .command("sh", "env | cut -d= -f1 | sort; ls /proc/self/fd")
        .await;
    command.env("GIVEN", "1");
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    // `ls` has the folder open.
    assert_eq!(said, "GIVEN\nHOME\nPATH\nPWD\n0\n1\n2\n3\n");
    let others = format!("cat /proc/{}/environ /proc/1/environ", std::process::id());
    let output = here.run("sh", &others).await;
    assert_eq!(
        (output.status.success(), output.stdout),
        (false, Vec::new())
    );
}

/// A process that would end by any signal.
struct Victim(std::process::Child);

impl Victim {
    fn new() -> Self {
        let sleep = Command::new("sleep")
            .arg("600")
            .stdout(Stdio::null())
            .spawn();
        Self(sleep.unwrap())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn other_processes_are_out_of_reach() {
    // It would end by any signal.
    let mut victim = Victim::new();
    let number = victim.0.id();
    let here = Try::new();
    for target in [number.to_string(), "os.getppid() or 1".into()] {
        let raised = here
            .raised(&format!("import os; os.kill({target}, 9)"))
            .await;
        assert!(raised.starts_with("[Errno "), "{target}: {raised}");
    }
    for call in ["ptrace(16, ", "process_vm_readv("] {
        let script = format!(
            "import ctypes; libc = ctypes.CDLL(None, use_errno=True); \
             print(libc.{call}{number}, 0, 0, 0, 0, 0), ctypes.get_errno())"
        );
        assert_eq!(here.said("python3", &script).await, "-1 1", "{call}");
    }
    assert_eq!(victim.0.try_wait().unwrap(), None);
}

#[tokio::test]
async fn rights_cannot_be_gained() {
    let here = Try::new();
    let status = here
        .said("sh", "grep -E 'CapEff|CapPrm|NoNewPrivs' /proc/self/status")
        .await;
    assert_eq!(
        status,
        "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1"
    );
    for line in [
        "__import__('os').setuid(12345)",
        "__import__('os').chroot('/tmp')",
    ] {
        let raised = here.raised(line).await;
        assert!(raised.starts_with("[Errno "), "{line}: {raised}");
    }
    let output = here.run("sh", "unshare --user true").await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "unshare: unshare failed: Operation not permitted\n");
}

#[tokio::test]
async fn processes_are_counted() {
    // Bounded, should the limit not hold.
    let script = "import os, time\n\
        n = 0\n\
        for n in range(2000):\n\
        \x20   try:\n\
        \x20       if os.fork() == 0: time.sleep(600); os._exit(0)\n\
        \x20   except OSError as e: break\n\
        print(n < 600)";
    assert_eq!(Try::new().said("python3", script).await, "True");
}

/// Whether any process holds this pipe's other end.
fn is_closed(mut pipe: impl Read) -> bool {
    let mut rest = Vec::new();
    pipe.read_to_end(&mut rest).is_ok()
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let here = Try::new();
    // The children would hold the pipe for ten minutes, in sessions of their own.
    let script = "for i in 1 2 3; do setsid sleep 600 & done; (setsid setsid sleep 600 &); echo up";
    assert_eq!(here.said("sh", script).await, "up");

    let mut command = here.command("sh", &format!("{script}; sleep 600")).await;
    let mut running = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = running.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 3]).unwrap();
    // As it is cancelled.
    let stopped = Command::new("kill").arg(running.id().to_string()).status();
    assert!(stopped.unwrap().success());
    assert!(is_closed(stdout));
    assert_eq!(running.wait().unwrap().code(), Some(143));

    let mut command = here.command("sh", &format!("{script}; sleep 600")).await;
    let mut running = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = running.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 3]).unwrap();
    // The launcher itself killed.
    running.kill().unwrap();
    assert!(is_closed(stdout));
    running.wait().unwrap();
}

/// A jail in a jail cannot have namespaces, and does what it can without.
#[tokio::test]
async fn without_namespaces_the_other_walls_stand() {
    let here = Try::new();
    let launch = |known: &str, command: &str| {
        let settings =
            format!(r#"{{"jail": {{"network": false, "writable": []}}, "known": {known}}}"#);
        fs::write(here.folder.path().join("settings"), settings).unwrap();
        let worker = env!("CARGO_BIN_EXE_glm-sandbox-worker");
        format!("GLM_SANDBOX_JAIL=\"$(cat settings)\" {worker} {command}")
    };
    let report = here.said("sh", &launch("null", "")).await;
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let walls = report["walls"]["walls"].as_array().unwrap();
    let missing: Vec<_> = walls
        .iter()
        .filter(|wall| !wall["missing"].is_null())
        .map(|wall| wall["name"].as_str().unwrap())
        .collect();
    assert_eq!(missing, ["namespaces", "process limit"]);

    // A wall that stood when it was tried out must stand.
    let refused = here.run("sh", &launch(r#"{"walls": []}"#, "true")).await;
    assert_eq!(refused.status.code(), Some(126));

    let leave = "(setsid sleep 600 &); setsid sleep 600 & echo x > new; echo up; exit 7";
    let command = launch(&report["walls"].to_string(), &format!("sh -c '{leave}'"));
    let script = format!("{command}; echo $?; cat /proc/[0-9]*/comm | grep -c sleep");
    let output = here.run("sh", &script).await;
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "up\n7\n0\n");
    assert!(!here.folder.path().join("new").exists());
}

/// A program that is gone takes its commands along.
#[tokio::test]
async fn a_command_ends_with_the_program_that_started_it() {
    let here = Try::new();
    let mut command = here.command("sh", "echo up; sleep 600").await;
    let jailed = command.stdout(Stdio::piped());
    let settings = jailed
        .get_envs()
        .find(|(name, _)| *name == "GLM_SANDBOX_JAIL")
        .and_then(|(_, value)| value)
        .unwrap();
    // A shell starts the launcher, and is killed.
    let mut program = Command::new("sh")
        .args(["-c", "\"$@\" & wait", "sh"])
        .arg(jailed.get_program())
        .args(jailed.get_args())
        .env("GLM_SANDBOX_JAIL", settings)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = program.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 3]).unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    let closed = tokio::task::spawn_blocking(|| is_closed(stdout));
    assert!(
        tokio::time::timeout(Duration::from_secs(60), closed)
            .await
            .unwrap()
            .unwrap()
    );
}
