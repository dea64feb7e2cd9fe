//! Many sessions, for long, with every tenth cell a hostile one: nothing may add up.
//!
//! `CELLS=2000 SESSIONS=50 cargo test --release --workspace --test soak` is the
//! long form; the ordinary run is shorter.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "notebook/cache.rs"]
mod cache;

use glm_agent_sandbox::{Limits, Outcome, Sandbox, Session, Workers};
use std::{env, fs, path::Path, time::Duration};
use tempfile::TempDir;

const PREFIX: &str = "glm-sandbox-soak-";

const HOSTILE: [&str; 8] = [
    "while True: pass",
    "import os\nos._exit(1)",
    "def f():\n    l = []\n    while True: l.append('x' * 1_000_000)\nf()",
    "import faulthandler\nfaulthandler._sigsegv()",
    "while True: print('spam' * 100)",
    "for i in range(1000): open(f'f{i}', 'w').write('x' * 10_000)",
    "import builtins\nfor n in list(vars(builtins)):\n    if n != '__import__': delattr(builtins, n)",
    "l = []\nfor _ in range(200_000): l = [l]\nrepr(l)",
];

fn setting(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// A session, its folder, and the variable it must hold.
struct Tenant {
    session: Session,
    _data: TempDir,
    count: usize,
}

impl Tenant {
    async fn new(sandbox: &Sandbox) -> Self {
        let data = tempfile::Builder::new().prefix(PREFIX).tempdir().unwrap();
        let limits = Limits {
            wall: Duration::from_millis(500),
            memory_bytes: 128 << 20,
            ..Limits::default()
        };
        let mut session = sandbox.session(data.path(), limits).await.unwrap();
        session.run("count = 0").await.unwrap();
        Self {
            session,
            _data: data,
            count: 0,
        }
    }

    async fn benign(&mut self) {
        self.count += 1;
        let cell = self.session.run("count += 1\nprint(count)").await.unwrap();
        assert_eq!(cell.outcome, Outcome::Finished, "{cell:?}");
        assert_eq!(cell.stdout(), format!("{}\n", self.count));
    }
}

/// What this process and its workers hold.
#[derive(Debug, Clone, Copy)]
struct Held {
    processes: usize,
    descriptors: usize,
    /// Kilobytes, each process by its share.
    memory: u64,
}

fn held() -> Held {
    let worker = Path::new(env!("CARGO_BIN_EXE_glm-sandbox-worker"));
    let share = |process: &Path| -> Option<u64> {
        let rollup = fs::read_to_string(process.join("smaps_rollup")).ok()?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    let is_worker =
        |process: &Path| fs::read_link(process.join("exe")).is_ok_and(|exe| exe == worker);
    let workers: Vec<u64> = fs::read_dir("/proc")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|process| is_worker(process))
        .filter_map(|process| share(&process))
        .collect();
    Held {
        processes: workers.len(),
        descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
        memory: workers.iter().sum::<u64>() + share(Path::new("/proc/self")).unwrap(),
    }
}

#[tokio::test]
async fn nothing_adds_up() {
    let (cells, sessions) = (setting("CELLS", 200), setting("SESSIONS", 5));
    let worker = Workers::Program(env!("CARGO_BIN_EXE_glm-sandbox-worker").into());
    let sandbox = Sandbox::open_with(&cache::cache_dir(), &worker, &|step| eprintln!("{step}"))
        .await
        .unwrap();
    let mut tenants = Vec::new();
    for _ in 0..sessions {
        tenants.push(Tenant::new(&sandbox).await);
    }
    // One round of everything: an interpreter's memory grows, and never shrinks.
    for tenant in &mut tenants {
        for code in HOSTILE {
            tenant.session.run(code).await.unwrap();
            tenant.benign().await;
        }
    }
    let before = settled(1 + 2 * sessions).await;
    for cell in 0..cells {
        let tenant = &mut tenants[cell * 7 % sessions];
        if cell % 10 == 9 {
            tenant
                .session
                .run(HOSTILE[cell / 10 % HOSTILE.len()])
                .await
                .unwrap();
        } else {
            tenant.benign().await;
        }
    }
    for tenant in &mut tenants {
        tenant.benign().await;
    }
    let after = settled(1 + 2 * sessions).await;
    println!("{cells} cells over {sessions} sessions: before {before:?}, after {after:?}");
    assert!(
        after.descriptors <= before.descriptors,
        "{before:?} {after:?}"
    );
    // What the cells themselves may have come to hold: the pages that each session has
    // written to, and its checkpoint has not.
    let room = 2_000 * sessions as u64;
    assert!(after.memory < before.memory + room, "{before:?} {after:?}");
    assert_eq!(folders(), sessions, "folders of sessions");

    drop(tenants);
    settled(1).await;
    drop(sandbox);
    settled(0).await;
    assert_eq!(folders(), 0, "folders of sessions");
}

/// What is held once so many processes are left; a checkpoint may be changing over.
async fn settled(processes: usize) -> Held {
    loop {
        let held = held();
        if held.processes == processes {
            return held;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Folders of this test that are left.
fn folders() -> usize {
    let ours = |name: &str| name.starts_with(PREFIX);
    fs::read_dir(env::temp_dir())
        .unwrap()
        .filter(|entry| ours(entry.as_ref().unwrap().file_name().to_str().unwrap_or("")))
        .count()
}
