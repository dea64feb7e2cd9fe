//! What worker processes add: a jail, checkpoints, and sessions that outlive their
//! processes.

use crate::{Notebook, harness::open, sandbox};
use glm_agent_sandbox::{Limits, Outcome, Recorded};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Processes below this one, by what they were started as.
fn descendants(of: u32) -> Vec<u32> {
    let children = |pid: u32| -> Vec<u32> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten();
        tasks
            .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
            .flat_map(|pids| {
                pids.split_whitespace()
                    .filter_map(|pid| pid.parse().ok())
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    let mut all = children(of);
    let mut next = 0;
    while next < all.len() {
        all.extend(children(all[next]));
        next += 1;
    }
    all
}

/// The processes that have this folder open: those of one session.
fn processes_of(folder: &Path) -> Vec<u32> {
    let folder = folder.canonicalize().unwrap();
    let holds = |pid: &u32| {
        let fds: Vec<PathBuf> = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|fd| fs::read_link(fd.path()).ok())
            .collect();
        fds.contains(&folder)
    };
    descendants(std::process::id())
        .into_iter()
        .filter(holds)
        .collect()
}

fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap().starts_with(['Z', 'X']))
}

/// Kills a process and waits until it is dead.
fn kill(pid: u32) {
    // It fails for one that has just ended.
    std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .output()
        .unwrap();
    while runs(pid) {
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn every_wall_that_is_reported_holds() {
    let walls = sandbox().await.walls().await.unwrap();
    let seen: Vec<_> = walls
        .walls
        .iter()
        .map(|wall| (wall.name.as_str(), wall.missing.as_deref()))
        .collect();
    // Namespaces and Landlock depend on the kernel; what was tried must be
    // impossible whatever it has.
    for (name, missing) in seen
        .iter()
        .filter(|(name, _)| !["namespaces", "landlock"].contains(name))
    {
        assert_eq!(*missing, None, "{name}");
    }
    assert_eq!(
        seen.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        [
            "namespaces",
            "resource limits",
            "capabilities",
            "landlock",
            "seccomp",
            "probe: read",
            "probe: list",
            "probe: write",
            "probe: socket",
            "probe: listen",
            "probe: program",
            "probe: signal"
        ]
    );
}

#[tokio::test]
async fn processor_time_has_a_limit_of_its_own() {
    let mut notebook = Notebook::with(Limits {
        cpu: Duration::from_secs(1),
        ..Limits::default()
    })
    .await;
    notebook.run("x = 41").await;
    assert_eq!(
        notebook.see("while True: pass").await,
        "stopped: the cell used more processor time than its limit of 1 s\n\
         note: variables are as they were before this cell, files in /mnt/data are kept"
    );
    // Each cell has its own time, and sleep costs none.
    assert_eq!(
        notebook.see("import time\ntime.sleep(1.5)\nx + 1").await,
        "42"
    );
}

#[tokio::test]
async fn a_killed_process_is_replaced_by_its_checkpoint() {
    let mut notebook = Notebook::new().await;
    notebook.run("x = 41").await;
    // Its checkpoint is made when the cell has been answered.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let processes = processes_of(notebook.data.path());
    // The one that runs cells and its checkpoint, which is its child.
    assert_eq!(processes.len(), 2, "{processes:?}");
    kill(processes[0]);
    assert_eq!(notebook.see("x + 1").await, "42");

    let data = notebook.data.path().to_owned();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        kill(processes_of(&data)[0]);
    });
    assert_eq!(
        notebook.see("x = 0\nwhile True: pass").await,
        "stopped: the interpreter's process was killed\n\
         note: variables are as they were before this cell, files in /mnt/data are kept"
    );
    killer.join().unwrap();
    assert_eq!(notebook.see("x + 1").await, "42");
}

#[tokio::test]
async fn variables_are_rebuilt_when_all_processes_are_killed() {
    let mut notebook = Notebook::new().await;
    notebook
        .run("import random, time\nx = [random.random(), time.time()]")
        .await;
    notebook.run("open('log', 'a').write('once\\n')").await;
    let x = notebook.run("x").await.value;
    let mut killed = 0;
    while let Some(pid) = processes_of(notebook.data.path()).pop() {
        kill(pid);
        killed += 1;
    }
    assert!(killed >= 2, "{killed}");
    let cell = notebook.run("x").await;
    assert_eq!((cell.value, cell.notes), (x, vec![]));
    assert_eq!(notebook.see("open('log').read()").await, "'once\\n'");
}

#[tokio::test]
async fn a_dead_template_is_started_anew() {
    let sandbox = open().await;
    let data = tempfile::tempdir().unwrap();
    let mut session = sandbox
        .session(data.path(), Limits::default())
        .await
        .unwrap();
    session.run("x = 41").await.unwrap();
    let notebook = processes_of(data.path());
    let status = fs::read_to_string(format!("/proc/{}/status", notebook[0])).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    kill(parent.unwrap().trim().parse().unwrap());
    // They die with it.
    while notebook.iter().any(|pid| runs(*pid)) {
        std::thread::yield_now();
    }
    assert_eq!(session.run("x + 1").await.unwrap().observation(), "42");
    sandbox
        .session(data.path(), Limits::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_session_goes_on_in_another_process() {
    let mut first = Notebook::new().await;
    fs::write(first.data.path().join("input.txt"), "given").unwrap();
    let cells = [
        "import random, time, os, uuid\nbegun = time.time(), time.perf_counter()",
        "draws = [random.random(), os.urandom(4), uuid.uuid4()]",
        "text = open('input.txt').read()\nopen('out.txt', 'a').write('line\\n')",
        "os.mkdir('made')\n1 / 0",
        "time.sleep(30)\nslept = time.time() - begun[0]",
        "while True: pass",
    ];
    first.session.set_limits(Limits {
        wall: Duration::from_secs(3),
        ..Limits::default()
    });
    let mut history = Vec::new();
    for code in cells {
        let code = code.replace("sleep(30)", "sleep(1)");
        let cell = first.run(&code).await;
        history.extend(Recorded::of(&code, &cell));
    }
    assert_eq!(history.len(), 5);
    let seen = "(begun, draws, text, slept, os.listdir(), open('out.txt').read())";
    let expected = first.run(seen).await.value;

    // The history comes back from a log.
    let log = serde_json::to_string(&history).unwrap();
    let mut second = sandbox()
        .await
        .session(first.data.path(), Limits::default())
        .await
        .unwrap();
    second.restore(serde_json::from_str(&log).unwrap());
    let cell = second.run(seen).await.unwrap();
    assert_eq!(
        (cell.value, cell.notes, cell.outcome),
        (expected, vec![], Outcome::Finished)
    );
}

#[tokio::test]
async fn no_process_outlives_its_session() {
    let data = {
        let mut notebook = Notebook::with(Limits {
            wall: Duration::from_millis(500),
            ..Limits::default()
        })
        .await;
        for code in ["x = 1", "while True: pass", "import os; os._exit(0)", "x"] {
            notebook.run(code).await;
        }
        let running = tokio::time::timeout(
            Duration::from_millis(100),
            notebook.session.run("while True: pass"),
        );
        running.await.unwrap_err();
        notebook.data
    };
    while !processes_of(data.path()).is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
