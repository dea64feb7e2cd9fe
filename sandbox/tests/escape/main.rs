//! Programs that try to get out, to do harm, or to stay: each is run in a session of
//! its own that holds a variable, and each must leave the host, that session and the
//! next one as they were. What the model sees of them is in the snapshots.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod changing_folder;
mod files;
mod interpreter;
mod network;
mod protocol;
mod resources;

#[path = "../notebook/cache.rs"]
mod cache;

use cache::cache_dir;
use glm_agent_sandbox::{Limits, Sandbox, Workers};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

async fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceCell<Sandbox> = OnceCell::const_new();
    let worker = Workers::Program(env!("CARGO_BIN_EXE_glm-sandbox-worker").into());
    let open = || async {
        Sandbox::open_with(&cache_dir(), &worker, &|step| eprintln!("{step}"))
            .await
            .unwrap()
    };
    SANDBOX.get_or_init(open).await
}

/// A hostile program: what it tries, and its code.
type Case = (&'static str, &'static str);

/// What a pristine session looks like from inside: all that a cell of another session
/// could have changed, had it left anything behind.
const FINGERPRINT: &str = r"
import builtins, gc, os, random, sys
print(sorted(name for name in globals() if not name.startswith('__')))
print(len(vars(builtins)), len(sys.modules), sys.getrecursionlimit(), sorted(os.environ), os.getcwd())
print(sys.path, len(sys.meta_path), len(sys.path_hooks), sys.argv, os.listdir())
print([type(vars(builtins)[name]).__name__ for name in ('print', 'len', 'repr', 'open', '__import__')])
print(sys.gettrace(), sys.getprofile(), sys.excepthook is sys.__excepthook__, gc.isenabled())";

/// For programs that would go on for ever.
const SHORT: Duration = Duration::from_secs(1);
/// For those that end by themselves, also on a machine that is busy.
const LONG: Duration = Duration::from_secs(100);

fn limits(wall: Duration) -> Limits {
    Limits {
        wall,
        memory_bytes: 192 << 20,
        output_bytes: 2_000,
        disk_bytes: 1 << 20,
        files: 50,
        open_files: 20,
        ..Limits::default()
    }
}

/// Runs the programs of a class, four at a time and each up to `wall`, and returns
/// what the model saw.
async fn seen(cases: &[Case], wall: Duration) -> String {
    let pristine = fingerprint().await;
    let mut seen = String::new();
    for batch in cases.chunks(4) {
        let runs = batch.iter().map(|case| run(case, wall, &pristine));
        for ((name, _), observation) in batch.iter().zip(futures::future::join_all(runs).await) {
            let observation = same_everywhere(&observation);
            seen.push_str(&format!("## {name}\n{observation}\n\n"));
        }
    }
    seen
}

/// An observation without what is another in each build of the guest: addresses, and
/// lines of the notebook's own source.
fn same_everywhere(observation: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in observation.lines() {
        let line = match line.split_once("  File \"/0/") {
            Some((before, file)) => {
                let name = file.split('"').next().unwrap_or_default();
                format!("{before}  File \"/0/{name}\", …")
            }
            None => line.split(" at 0x").map(after_address).collect(),
        };
        if !line.starts_with("object ") {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// What follows the digits of an address.
fn after_address(text: &str) -> &str {
    match text.find([',', ';', '>']) {
        Some(end) if text[..end].bytes().all(|byte| byte.is_ascii_hexdigit()) => &text[end..],
        _ => text,
    }
}

async fn run(&(name, code): &Case, wall: Duration, pristine: &str) -> String {
    let host = Host::new();
    let mut session = sandbox()
        .await
        .session(&host.data(), limits(wall))
        .await
        .unwrap();
    assert_eq!(
        session.run("x = 41").await.unwrap().observation(),
        "(no output)"
    );

    let observation = session.run(code).await.unwrap().observation();

    host.assert_unharmed(name);
    // Without a name that it may have given another meaning in its own session.
    let mut alive = session.run("assert x == 41").await.unwrap();
    alive.artifacts.clear();
    assert_eq!(alive.observation(), "(no output)", "{name}: the session");
    assert_eq!(fingerprint().await, pristine, "{name}: the next session");
    // The process that runs cells, and its checkpoint.
    host.settle_at(name, 2).await;
    drop(session);
    host.settle_at(name, 0).await;
    observation
}

async fn fingerprint() -> String {
    let data = tempfile::tempdir().unwrap();
    let mut session = sandbox()
        .await
        .session(data.path(), limits(LONG))
        .await
        .unwrap();
    session.run(FINGERPRINT).await.unwrap().observation()
}

/// The part of the host around a session's folder, with things to steal and break.
struct Host {
    folder: TempDir,
    before: BTreeMap<PathBuf, Vec<u8>>,
}

impl Host {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("data")).unwrap();
        fs::create_dir_all(at("other-session")).unwrap();
        fs::write(at("canary"), "alive").unwrap();
        fs::write(at("other-session/secret"), "secret of another").unwrap();
        // What somebody else may have put into the session's folder.
        std::os::unix::fs::symlink("../canary", at("data/near-link")).unwrap();
        std::os::unix::fs::symlink(at("other-session"), at("data/far-link")).unwrap();
        let before = Self::outside(folder.path());
        Self { folder, before }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The files beside the session's folder.
    fn outside(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.ends_with("data") {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path.clone());
                    files.insert(path, Vec::new());
                } else {
                    files.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        files
    }

    /// Waits until at most so many processes, this one included, have something of
    /// the session's folder open.
    async fn settle_at(&self, name: &str, processes: usize) {
        let mut holders = self.holders();
        for _ in 0..3_000 {
            if holders.len() <= processes {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            holders = self.holders();
        }
        panic!("{name}: {holders:?} hold the session's folder");
    }

    /// The processes that have something of the session's folder open.
    fn holders(&self) -> Vec<PathBuf> {
        let data = self.data().canonicalize().unwrap();
        let holds = |process: &PathBuf| {
            let descriptors = fs::read_dir(process.join("fd"));
            descriptors
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
                .any(|path| path.starts_with(&data))
        };
        fs::read_dir("/proc")
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(holds)
            .collect()
    }

    fn assert_unharmed(&self, name: &str) {
        assert_eq!(
            Self::outside(self.folder.path()),
            self.before,
            "{name}: the host"
        );
        let (mut bytes, mut files) = (0, 0);
        let mut folders = vec![self.data()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let metadata = entry.metadata().unwrap();
                let ours =
                    ["near-link", "far-link"].contains(&entry.file_name().to_str().unwrap_or(""));
                assert!(
                    ours || metadata.is_file() || metadata.is_dir(),
                    "{name}: {entry:?} is neither file nor folder"
                );
                files += 1;
                bytes += if metadata.is_file() {
                    metadata.len()
                } else {
                    0
                };
                if metadata.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        assert!(bytes <= limits(LONG).disk_bytes, "{name}: {bytes} bytes");
        assert!(files <= limits(LONG).files, "{name}: {files} files");
    }
}
