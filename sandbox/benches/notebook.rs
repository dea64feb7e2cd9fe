//! The sandbox against what others run a model's code in, in one run on one
//! machine: the time from nothing to a new session's first output, that of a cell
//! in a session that is warm, that of a program that computes, and the memory of
//! one more session.
//!
//! `sandbox/benches/peers/setup.sh` installs the others, then
//! `cargo bench --workspace --bench notebook`. BENCHMARKS.md has the figures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use criterion::{Criterion, criterion_group, criterion_main};
use glm_agent_sandbox::{Limits, Sandbox, Session, Workers};
use serde_json::{Value, json};
use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const FIRST: &str = "print(sum(range(10)))";
const FIRST_PRINTS: &str = "45\n";
const WARM: &str = "x += 1";
const COMPUTE: &str = "
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(22))";
const COMPUTE_PRINTS: &str = "17711\n";
/// Sessions over which memory is shared out.
const SESSIONS: u64 = 10;

fn main_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Ours, with a folder for each session.
struct Ours {
    runtime: Runtime,
    sandbox: Sandbox,
}

async fn open() -> Sandbox {
    let home = PathBuf::from(env::var_os("HOME").unwrap());
    let cache = env::var_os("GLM_CACHE_DIR").map_or(home.join(".cache/glm-agent"), PathBuf::from);
    let worker = Workers::Program(env!("CARGO_BIN_EXE_glm-sandbox-worker").into());
    Sandbox::open_with(&cache, &worker, &|step| eprintln!("{step}"))
        .await
        .unwrap()
}

impl Ours {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let sandbox = runtime.block_on(open());
        Self { runtime, sandbox }
    }

    async fn session(&self, folder: &TempDir) -> Session {
        let session = self.sandbox.session(folder.path(), Limits::default());
        session.await.unwrap()
    }
}

/// A program that speaks as peers/serve.py says.
struct Peer {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Peer {
    fn new(program: &str, script: &str) -> Self {
        let installed = main_folder().join("target/peers");
        let program = installed.join(program);
        let scripts = main_folder().join("sandbox/benches/peers");
        let script = if script.ends_with(".mjs") {
            // Node finds packages beside the script.
            fs::copy(scripts.join(script), installed.join(script)).expect("run peers/setup.sh");
            installed.join(script)
        } else {
            scripts.join(script)
        };
        let program = if program.exists() {
            program
        } else {
            "node".into()
        };
        let mut child = Command::new(program)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("run peers/setup.sh first");
        Self {
            to: child.stdin.take().unwrap(),
            from: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn ask(&mut self, command: &Value) -> Value {
        writeln!(self.to, "{command}").unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).expect("a reply; run peers/setup.sh first")
    }

    fn start(&mut self) {
        self.ask(&json!({"do": "start"}));
    }

    fn run(&mut self, code: &str) -> Value {
        self.ask(&json!({"do": "run", "code": code}))
    }

    fn memory(&mut self) -> u64 {
        self.ask(&json!({"do": "memory"})).as_u64().unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn peers() -> [(&'static str, Peer); 3] {
    [
        ("Jupyter kernel", Peer::new("venv/bin/python", "jupyter.py")),
        ("Pyodide in Node", Peer::new("node", "pyodide.mjs")),
        (
            "smolagents local executor",
            Peer::new("venv/bin/python", "local_executor.py"),
        ),
    ]
}

/// A plain subprocess, which keeps nothing from one call to the next.
fn subprocess(code: &str) -> String {
    let output = Command::new("python3").args(["-c", code]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn timed(count: u64, mut run: impl FnMut() -> Duration) -> Duration {
    (0..count).map(|_| run()).sum()
}

fn first_output(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("new session to first output");
    group.sample_size(10);
    let ours = Ours::new();
    let first = |ours: &Ours| {
        let folder = tempfile::tempdir().unwrap();
        let begun = Instant::now();
        let cell = ours.runtime.block_on(async {
            let mut session = ours.session(&folder).await;
            session.run(FIRST).await.unwrap()
        });
        let took = begun.elapsed();
        assert_eq!(cell.stdout(), FIRST_PRINTS);
        took
    };
    group.bench_function("ours", |b| b.iter_custom(|n| timed(n, || first(&ours))));
    group.bench_function("ours, nothing running yet", |b| {
        b.iter_custom(|n| {
            timed(n, || {
                let begun = Instant::now();
                first(&Ours::new());
                begun.elapsed()
            })
        });
    });
    group.bench_function("python3 subprocess", |b| {
        b.iter(|| assert_eq!(subprocess(FIRST), FIRST_PRINTS));
    });
    for (name, mut peer) in peers() {
        group.bench_function(name, |b| {
            b.iter(|| {
                peer.start();
                assert_eq!(peer.run(FIRST), FIRST_PRINTS);
            });
        });
    }
    group.finish();
}

fn warm_cell(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("warm cell");
    let ours = Ours::new();
    let folder = tempfile::tempdir().unwrap();
    let mut session = ours.runtime.block_on(ours.session(&folder));
    ours.runtime.block_on(session.run("x = 0")).unwrap();
    group.bench_function("ours, one after the other", |b| {
        b.iter(|| ours.runtime.block_on(session.run(WARM)).unwrap());
    });
    // As a model does, which takes longer to write a cell than its checkpoint takes.
    group.sample_size(50);
    group.bench_function("ours, 5 ms apart", |b| {
        b.iter_custom(|n| {
            timed(n, || {
                std::thread::sleep(Duration::from_millis(5));
                let begun = Instant::now();
                ours.runtime.block_on(session.run(WARM)).unwrap();
                begun.elapsed()
            })
        });
    });
    for (name, mut peer) in peers() {
        peer.start();
        peer.run("x = 0");
        group.bench_function(name, |b| b.iter(|| peer.run(WARM)));
    }
    group.finish();
}

fn computing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fib(22)");
    group.sample_size(10);
    let ours = Ours::new();
    let folder = tempfile::tempdir().unwrap();
    let mut session = ours.runtime.block_on(ours.session(&folder));
    group.bench_function("ours", |b| {
        b.iter(|| {
            let cell = ours.runtime.block_on(session.run(COMPUTE)).unwrap();
            assert_eq!(cell.stdout(), COMPUTE_PRINTS);
        });
    });
    group.bench_function("python3 subprocess", |b| {
        b.iter(|| assert_eq!(subprocess(COMPUTE), COMPUTE_PRINTS));
    });
    for (name, mut peer) in peers() {
        peer.start();
        group.bench_function(name, |b| {
            b.iter(|| assert_eq!(peer.run(COMPUTE), COMPUTE_PRINTS));
        });
    }
    group.finish();
}

/// The memory of one more session, in kilobytes, each process counted by its share.
fn memory(_: &mut Criterion) {
    let ours = Ours::new();
    let folders: Vec<_> = (0..=SESSIONS)
        .map(|_| tempfile::tempdir().unwrap())
        .collect();
    let started: Vec<_> = folders
        .iter()
        .map(|folder| {
            ours.runtime.block_on(async {
                let mut session = ours.session(folder).await;
                session.run(FIRST).await.unwrap();
                (session, workers())
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(200));
    let all = workers();
    drop(started);
    std::thread::sleep(Duration::from_millis(200));
    println!(
        "memory of one more session: ours: {} kB",
        (all - workers()) / (SESSIONS + 1)
    );
    for (name, mut peer) in peers() {
        peer.start();
        peer.run(FIRST);
        let one = peer.memory();
        for _ in 0..SESSIONS {
            peer.start();
            peer.run(FIRST);
        }
        println!(
            "memory of one more session: {name}: {} kB",
            (peer.memory() - one) / SESSIONS
        );
    }
}

/// What the worker processes take up, in kilobytes.
fn workers() -> u64 {
    let name = Path::new(env!("CARGO_BIN_EXE_glm-sandbox-worker"));
    let share = |process: &Path| {
        let program = fs::read_link(process.join("exe")).ok()?;
        let rollup = fs::read_to_string(process.join("smaps_rollup")).ok()?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        let share: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        (program == name).then_some(share)
    };
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| share(&entry.unwrap().path()))
        .sum()
}

criterion_group!(benches, memory, first_output, warm_cell, computing);
criterion_main!(benches);
