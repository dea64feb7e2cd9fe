//! Each limit: what the model is told, and that the session lives on.

use crate::{Notebook, finished, timeless};
use glm_agent_sandbox::{Cell, Limits, Outcome};
use std::time::Duration;

fn wall(seconds: u64) -> Limits {
    Limits {
        wall: Duration::from_secs(seconds),
        ..Limits::default()
    }
}

const UNDONE: &str =
    "note: variables are as they were before this cell, files in /mnt/data are kept";

#[tokio::test]
async fn wall_time() {
    for code in [
        "while True: pass",
        "import time\ntime.sleep(100)",
        "sum(range(10**13))",
        "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')",
        "10**10**7",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "import asyncio\nasyncio.run(asyncio.sleep(100))",
    ] {
        let mut notebook = Notebook::with(wall(1)).await;
        assert_eq!(
            notebook.see(&format!("print('begun')\n{code}")).await,
            format!("begun\nstopped: the cell ran longer than its limit of 1 s\n{UNDONE}"),
            "{code}"
        );
        notebook.assert_usable().await;
    }
}

#[tokio::test]
async fn limits_change_between_cells() {
    let mut notebook = Notebook::with(wall(1)).await;
    notebook.session.set_limits(Limits {
        output_bytes: 10,
        ..wall(60)
    });
    assert_eq!(
        notebook
            .see("import time\ntime.sleep(1.2)\nprint('0123456789abc')")
            .await,
        "0123456789\nnote: output was cut at 10 bytes"
    );
    notebook.session.set_limits(wall(1));
    notebook.see("while True: pass").await;
    notebook.assert_usable().await;
}

#[tokio::test]
async fn memory_errors_keep_the_variables() {
    let mut notebook = Notebook::new().await;
    notebook.run("x = 41").await;
    for code in [
        "l = []\nwhile True: l.append('x' * 10_000_000)",
        "bytearray(10**9)",
        "'x' * 10**9",
    ] {
        let cell = notebook.run(code).await;
        assert!(
            matches!(cell.outcome, Outcome::Raised { ref kind, .. } if kind == "MemoryError"),
            "{cell:?}"
        );
        assert!(
            cell.notes.is_empty() || cell.notes == ["the memory limit is 256 MiB"],
            "{cell:?}"
        );
        notebook.run("l = None").await;
    }
    assert_eq!(notebook.see("x + 1").await, "42");
}

#[tokio::test]
async fn memory_limit_is_named() {
    let mut notebook = Notebook::new().await;
    let cell = notebook.run("bytearray(400_000_000)").await;
    assert_eq!(
        cell.observation(),
        "Traceback (most recent call last):\n  File \"<cell 1>\", line 1, in <module>\n    bytearray(400_000_000)\n    ~~~~~~~~~^^^^^^^^^^^^^\nMemoryError\nnote: the memory limit is 256 MiB"
    );
}

#[tokio::test]
async fn too_little_memory_to_start() {
    let data = tempfile::tempdir().unwrap();
    let limits = Limits {
        memory_bytes: 1 << 20,
        ..Limits::default()
    };
    let error = crate::sandbox()
        .await
        .session(data.path(), limits)
        .await
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .ends_with("the Python interpreter needs more memory than the limit of 1 MiB"),
        "{error}"
    );
}

#[tokio::test]
async fn output() {
    let mut notebook = Notebook::with(wall(2)).await;
    let cell = timeless(notebook.run("print('x' * 10_000_000)\n'y' * 100_000").await);
    assert_eq!(
        cell,
        Cell {
            value: Some(format!("'{}", "y".repeat((64 << 10) - 1))),
            truncated: true,
            notes: vec!["output was cut at 64 KiB".into()],
            ..finished(&"x".repeat(64 << 10), None)
        }
    );
    let cell = notebook.run("while True: print('spam' * 1000)").await;
    assert_eq!(
        (cell.stdout().len(), cell.outcome),
        (
            64 << 10,
            Outcome::TimedOut {
                limit: Duration::from_secs(2)
            }
        )
    );
    notebook.assert_usable().await;
}

#[tokio::test]
async fn disk_bytes() {
    let mut notebook = Notebook::with(Limits {
        disk_bytes: 1 << 20,
        ..Limits::default()
    })
    .await;
    let full = |seen: &str| {
        let note = "\nnote: /mnt/data holds at most 1 MiB";
        [
            "OSError: [Errno 51] No space left on device",
            "OSError: [Errno 29] I/O error",
        ]
        .iter()
        .any(|error| seen.contains(error) && seen.ends_with(note))
    };
    let seen = notebook
        .see(
            "x = 1\nwith open('big', 'wb') as f:\n    for _ in range(100): f.write(bytes(100_000))",
        )
        .await;
    assert!(full(&seen), "{seen}");
    let written = std::fs::metadata(notebook.data.path().join("big"))
        .unwrap()
        .len();
    assert!(written <= 1 << 20, "{written}");

    // A file counts by its length, however it got it.
    for code in [
        "import os\nos.truncate('big', 2_000_000)",
        "with open('hole', 'wb') as f:\n    f.seek(10**12)\n    f.write(b'x')",
        "with open('big', 'ab', buffering=0) as f:\n    while True: f.write(bytes(10_000))",
        "import os\nfd = os.open('p', os.O_CREAT | os.O_RDWR)\nos.pwrite(fd, bytes(100_000), 2_000_000)",
    ] {
        let seen = notebook.see(code).await;
        assert!(full(&seen), "{code}: {seen}");
    }

    // Writing over old bytes, and over removed ones, is free.
    let code = "
import os
os.remove('big')
for _ in range(30):
    with open('again', 'wb') as f: f.write(bytes(900_000))
with open('again', 'r+b') as f:
    for _ in range(30):
        f.seek(0)
        f.write(bytes(900_000))
x, os.path.getsize('again')";
    assert_eq!(
        notebook.see(code).await,
        "(1, 900000)\nfiles: again (900 kB)"
    );
}

#[tokio::test]
async fn disk_files() {
    let mut notebook = Notebook::with(Limits {
        files: 20,
        ..Limits::default()
    })
    .await;
    for code in [
        "for i in range(100): open(f'f{i}', 'w').close()",
        "import os\nfor i in range(100): os.mkdir(f'd{i}')",
    ] {
        let seen = notebook.see(code).await;
        assert!(
            ["'f20'\nfiles: f0 (0 bytes), ", "'d0'\nnote: "]
                .iter()
                .any(|end| seen.contains(&format!("No space left on device: {end}")))
                && seen.ends_with("note: /mnt/data holds at most 20 files and folders"),
            "{seen}"
        );
    }
    assert_eq!(std::fs::read_dir(notebook.data.path()).unwrap().count(), 20);
    assert_eq!(
        notebook
            .see("open('f3', 'w').write('old files are still writable')")
            .await,
        "28\nfiles: f3 (28 bytes)"
    );
}

#[tokio::test]
async fn open_files() {
    let mut notebook = Notebook::with(Limits {
        open_files: 10,
        ..Limits::default()
    })
    .await;
    let seen = notebook
        .see("x = 1\nl = [open(f'f{i}', 'w') for i in range(100)]")
        .await;
    assert!(
        seen.ends_with("note: at most 10 files can be open at once"),
        "{seen}"
    );
    assert_eq!(
        notebook
            .see("for _ in range(50):\n    with open('g', 'w') as f: f.write('x')\nx")
            .await,
        "1\nfiles: g (1 bytes)"
    );
}

#[tokio::test]
async fn recursion() {
    let mut notebook = Notebook::new().await;
    let cell = notebook.run("def r(n): return 1 + r(n + 1)\nr(0)").await;
    assert!(
        matches!(cell.outcome, Outcome::Raised { ref kind, .. } if kind == "RecursionError"),
        "{cell:?}"
    );

    for code in [
        "import sys\nsys.setrecursionlimit(10**6)\ndef r(n): return r(n + 1)\nr(0)",
        "import sys\nsys.setrecursionlimit(10**6)\nclass K:\n    def __repr__(s): return repr(s)\nK()",
        "x = []\nfor i in range(100_000): x = [x]\nrepr(x)",
        "x = []\nfor i in range(100_000): x = [x]\ndel x",
        "exec('(' * 5000 + ')' * 5000)",
        "eval('-' * 200_000 + '1')",
        "import json\njson.loads('[' * 100_000)",
        "import ast\nast.literal_eval('[' * 100_000 + ']' * 100_000)",
    ] {
        notebook.run(code).await;
        notebook.assert_usable().await;
    }
}
