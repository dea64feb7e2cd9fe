#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::*;

fn disk(folder: &std::path::Path) -> Disk {
    Disk::new(
        folder.into(),
        &Limits {
            disk_bytes: 100,
            files: 3,
            open_files: 2,
            ..Limits::default()
        },
    )
}

#[test]
fn counts_files_folders_and_bytes_without_following_links() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("a")).unwrap();
    fs::write(folder.path().join("a/b"), [0; 40]).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/", folder.path().join("out")).unwrap();
    #[cfg(not(unix))]
    fs::write(folder.path().join("out"), []).unwrap();
    assert_eq!(
        disk(folder.path()).lock().count(),
        Room {
            bytes: 60,
            files: 0
        }
    );
}

#[test]
fn refuses_what_does_not_fit_and_takes_it_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    fs::write(&file, [0; 90]).unwrap();
    let disk = disk(folder.path());

    assert_eq!(disk.lock().take(11, 0), Err(ErrorCode::InsufficientSpace));
    assert_eq!(
        disk.refused().as_deref(),
        Some("/mnt/data holds at most 100 bytes")
    );
    fs::remove_file(&file).unwrap();
    assert_eq!(disk.lock().take(100, 3), Ok(()));
}

#[test]
fn refuses_to_open_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let opened: Vec<_> = (0..3).map(|_| disk.lock().open()).collect();
    assert_eq!(opened, [Ok(()), Ok(()), Err(ErrorCode::InsufficientMemory)]);
    assert_eq!(
        disk.refused().as_deref(),
        Some("at most 2 files can be open at once")
    );
}

#[cfg(unix)]
#[test]
fn counts_removed_files_while_they_are_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, [0; 40]).unwrap();
    let disk = disk(folder.path());
    let file = Arc::new(File::open(&path).unwrap());
    disk.lock().watch(&file);
    fs::remove_file(&path).unwrap();
    let left = |bytes| Room { bytes, files: 3 };
    assert_eq!(disk.lock().count(), left(60));
    drop(file);
    assert_eq!(disk.lock().count(), left(100));
}
