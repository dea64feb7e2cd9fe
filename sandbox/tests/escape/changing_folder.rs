//! A session's folder while it changes, and what it hides.

use crate::{LONG, limits, sandbox};
use glm_agent_sandbox::{
    Limits,
    files::{list, open},
};
use std::{
    fs,
    io::Read,
    os::unix::fs::symlink,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

const SECRET: &str = "the host's own";

/// Reads all that the folder says it holds, and asserts that nothing of it is from
/// elsewhere. Returns how many files were read and how many were refused.
fn read_all(root: &Path) -> (usize, usize) {
    let (mut read, mut refused) = (0, 0);
    let mut names: Vec<String> = list(root)
        .expect("a folder that changes can still be listed")
        .into_iter()
        .map(|entry| entry.artifact.name)
        .collect();
    names.extend([
        "file".into(),
        "folder/file".into(),
        "folder/deep/file".into(),
    ]);
    for name in names {
        match open(root, &name) {
            Ok(mut file) => {
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                assert!(!text.contains(SECRET), "{name} led out of the folder");
                read += 1;
            }
            Err(_) => refused += 1,
        }
    }
    (read, refused)
}

#[test]
fn files_and_folders_that_turn_into_links() {
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir_all(outside.path().join("deep")).unwrap();
    for name in ["file", "deep/file"] {
        fs::write(outside.path().join(name), SECRET).unwrap();
    }
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    // Pairs of which now one and now the other bears the name.
    fs::create_dir_all(at("folder/deep")).unwrap();
    for name in ["file", "folder/file", "folder/deep/file"] {
        fs::write(at(name), "inside").unwrap();
    }
    symlink(outside.path().join("file"), at(".file")).unwrap();
    symlink(outside.path(), at(".folder")).unwrap();
    symlink(outside.path().join("deep"), at("folder/.deep")).unwrap();
    symlink("../../../../../../../../etc/passwd", at("up")).unwrap();
    symlink("loop", at("loop")).unwrap();

    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for (name, other) in [
                    ("file", ".file"),
                    ("folder", ".folder"),
                    ("folder/deep", "folder/.deep"),
                ] {
                    swap(&at(name), &at(other));
                }
            }
        });
        let (mut read, mut refused) = (0, 0);
        let mut rounds = 0;
        // Until both have been met often.
        while rounds < 2_000 || read < 100 || refused < 100 {
            let (more_read, more_refused) = read_all(root.path());
            read += more_read;
            refused += more_refused;
            rounds += 1;
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Exchanges two names at once, or, where `folder` itself is a link just now, not.
fn swap(one: &Path, other: &Path) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if let Err(error) = renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        assert_eq!(error, rustix::io::Errno::NOENT);
    }
}

#[tokio::test]
async fn a_guest_that_moves_files_and_folders() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = sandbox().await;
    let mut session = sandbox.session(data.path(), limits(LONG)).await.unwrap();
    let moving = "
import os, shutil, time
end = time.time() + 2
while time.time() < end:
    os.makedirs('folder/deep')
    for path in ('file', 'folder/file', 'folder/deep/file'):
        with open(path, 'w') as f: f.write('inside')
    os.rename('folder', 'other')
    os.rename('file', 'folder')
    os.rename('other', 'file')
    shutil.rmtree('file')
    os.remove('folder')";
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (done, root) = (done.clone(), data.path().to_owned());
        tokio::task::spawn_blocking(move || {
            let mut met = (0, 0);
            while !done.load(Ordering::Relaxed) {
                let (read, refused) = read_all(&root);
                met = (met.0 + read, met.1 + refused);
            }
            met
        })
    };
    let cell = session.run(moving).await.unwrap();
    done.store(true, Ordering::Relaxed);
    assert_eq!(cell.observation(), "(no output)");
    let (read, refused) = reader.await.unwrap();
    assert!(read > 0 && refused > 0, "{read} {refused}");
}

/// Removed files take up disk for as long as they are open.
#[tokio::test]
async fn removed_files_count_while_they_are_open() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = sandbox().await;
    let mut session = sandbox.session(data.path(), limits(LONG)).await.unwrap();
    for remove in ["os.remove('f')", "os.replace('empty', 'f')"] {
        let code = format!(
            "
import os
held = []
try:
    while True:
        open('empty', 'w').close()
        f = open('f', 'wb')
        held.append(f)
        f.write(bytes(400_000))
        f.flush()
        {remove}
except OSError as error: print(len(held), type(error).__name__)"
        );
        let cell = session.run(&code).await.unwrap();
        assert_eq!(
            (cell.stdout().as_str(), cell.notes.as_slice()),
            (
                "3 OSError\n",
                ["/mnt/data holds at most 1 MiB".to_owned()].as_slice()
            )
        );
        // Once they are closed there is room again.
        let code = "held = f = None\nopen('f', 'w').write('x' * 900_000)";
        let cell = session.run(code).await.unwrap();
        assert_eq!(cell.value.as_deref(), Some("900000"), "{:?}", cell.outcome);
    }
}

/// A path longer than the system takes in one piece, made piece by piece.
#[tokio::test]
async fn a_path_too_long_for_the_system_is_in_nobodys_way() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = sandbox().await;
    let mut session = sandbox.session(data.path(), limits(LONG)).await.unwrap();
    session.run("x = 41").await.unwrap();
    let code = "
import os
fd = os.open('.', os.O_RDONLY)
for _ in range(18):
    os.mkdir('d' * 250, dir_fd=fd)
    fd = os.open('d' * 250, os.O_RDONLY, dir_fd=fd)
os.write(os.open('f', os.O_CREAT | os.O_WRONLY, dir_fd=fd), b'x')
os._exit(1)";
    let cell = session.run(code).await.unwrap();
    assert!(cell.outcome.is_undone(), "{cell:?}");
    assert_eq!(list(data.path()).unwrap().len(), 1);
    // The session moves to another process, and takes its files along.
    session.set_limits(Limits {
        memory_bytes: 256 << 20,
        ..limits(LONG)
    });
    let cell = session.run("x + 1").await.unwrap();
    assert_eq!(cell.observation(), "42");
}
