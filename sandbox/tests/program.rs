//! Real programs in WebAssembly: `data/program/main.rs`, which decides by its
//! standard input what it tries.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use glm_agent_sandbox::{
    Limits, Stream,
    program::{End, Program, Run},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

const KINDS: [&str; 2] = ["component", "module"];

fn file(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/program/{kind}.wasm"))
}

/// How a run ended, and what it printed on both streams.
async fn run(
    kind: &str,
    asked: &str,
    folder: Option<&Path>,
    limits: &Limits,
) -> (Run, [String; 2]) {
    let printed = Arc::new(Mutex::new([String::new(), String::new()]));
    let watch = {
        let printed = Arc::clone(&printed);
        move |piece: glm_agent_sandbox::Output| {
            let stream = usize::from(piece.stream == Stream::Stderr);
            printed.lock().unwrap()[stream].push_str(&piece.text);
        }
    };
    let program = Program::open(&file(kind)).unwrap();
    let run = program
        .run(asked.into(), folder, limits, watch)
        .await
        .unwrap();
    let printed = printed.lock().unwrap().clone();
    (run, printed)
}

fn ended(end: End) -> Run {
    Run {
        end,
        truncated: false,
        refused: None,
    }
}

fn printed(stdout: &str) -> (Run, [String; 2]) {
    (ended(End::Exited(0)), [stdout.into(), String::new()])
}

#[tokio::test]
async fn a_program_gets_its_input_and_nothing_else() {
    let limits = Limits::default();
    for kind in KINDS {
        for (asked, said) in [
            ("{\"text\": \"ü\"}", "{\"text\": \"ü\"}"),
            ("read", "false\n"),
            ("connect", "false\n"),
            ("write", "false\n"),
            ("environment", "0\n"),
        ] {
            assert_eq!(
                run(kind, asked, None, &limits).await,
                printed(said),
                "{kind}: {asked}"
            );
        }
    }
}

#[tokio::test]
async fn a_folder_can_be_written_within_its_limits() {
    for kind in KINDS {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits::default();
        let (file, folder) = (folder.path().join("x"), Some(folder.path()));
        assert_eq!(
            run(kind, "write", folder, &limits).await,
            printed("true\n"),
            "{kind}"
        );
        assert_eq!(fs::read(&file).unwrap(), b"written");
        assert_eq!(
            run(kind, "read", folder, &limits).await,
            printed("false\n"),
            "{kind}"
        );
        fs::remove_file(&file).unwrap();
        let limits = Limits {
            disk_bytes: 3,
            ..limits
        };
        let (run, said) = run(kind, "write", folder, &limits).await;
        assert_eq!(said, ["false\n", ""], "{kind}");
        assert_eq!(
            run.refused.as_deref(),
            Some("/mnt/data holds at most 3 bytes")
        );
    }
}

#[tokio::test]
async fn what_a_program_does_wrong_is_said() {
    let limits = Limits {
        wall: Duration::from_millis(300),
        memory_bytes: 16 << 20,
        ..Limits::default()
    };
    for (kind, code) in KINDS.into_iter().zip([1, 3]) {
        let (failed, said) = run(kind, "fail", None, &Limits::default()).await;
        assert_eq!(
            (failed, said),
            (
                ended(End::Exited(code)),
                [String::new(), "it is wrong\n".into()]
            )
        );
        let (looped, _) = run(kind, "loop", None, &limits).await;
        assert_eq!(looped, ended(End::TimedOut), "{kind}");
        let roomy = Limits {
            wall: Duration::from_secs(60),
            ..limits.clone()
        };
        let (grown, _) = run(kind, "grow", None, &roomy).await;
        assert_eq!(grown, ended(End::OutOfMemory), "{kind}");
        let complaint = grown.end.complaint(&roomy);
        assert_eq!(
            complaint.as_deref(),
            Some("the program ran out of memory: its limit is 16 MiB")
        );
    }
}

#[tokio::test]
async fn a_run_that_nobody_waits_for_is_stopped() {
    let program = Program::open(&file("module")).unwrap();
    let (limits, folder) = (Limits::default(), None);
    let run = program.run("loop".into(), folder, &limits, |_| {});
    assert!(
        tokio::time::timeout(Duration::from_millis(100), run)
            .await
            .is_err()
    );
    // The end of this test waits for its thread.
}

#[tokio::test]
async fn other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tool.wasm");
    for (content, reason) in [
        (&b"#!/bin/sh"[..], "it does not begin as one"),
        (b"", "it does not begin as one"),
        (b"\0asm\x01\0\0\0broken", "failed to parse"),
        (b"\0asm\x0d\0\x01\0", "run"),
        (b"\0asm\x01\0\0\0", "_start"),
    ] {
        fs::write(&path, content).unwrap();
        let error = match Program::open(&path) {
            Err(error) => error,
            Ok(program) => program
                .run(String::new(), None, &Limits::default(), |_| {})
                .await
                .unwrap_err(),
        };
        let said = error.to_string();
        assert!(
            said.contains("tool.wasm") && said.contains(reason),
            "{content:?}: {said}"
        );
    }
}
