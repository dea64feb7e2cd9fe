#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use tempfile::TempDir;

use super::*;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// What is in a folder.
fn contents(folder: &Path) -> Vec<(String, String)> {
    let entries = files::list(folder).unwrap().into_iter();
    entries
        .map(|entry| {
            let content = fs::read_to_string(folder.join(&entry.artifact.name)).unwrap();
            (entry.artifact.name, content)
        })
        .collect()
}

fn pairs(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, content): &(&str, &str)| ((*name).to_owned(), (*content).to_owned());
    files.iter().map(owned).collect()
}

fn bring_all(host: &TempDir, names: &[&str], session: &TempDir) -> Result<Vec<Brought>, String> {
    let paths: Vec<PathBuf> = names.iter().map(|name| host.path().join(name)).collect();
    let shown = host.path().canonicalize().unwrap();
    let all = gather(&paths);
    let brought = all.and_then(|all| all.copy_into(session.path(), &Limits::default()));
    brought.map_err(|error| {
        let error = error.to_string();
        error.replace(&shown.display().to_string(), "HOST")
    })
}

#[test]
fn files_and_folders_are_copied_and_named() {
    let host = folder(&[
        ("sales.csv", "1,2\n"),
        ("d/a", "a"),
        ("d/e/b", "bb"),
        ("one/c", ""),
    ]);
    let session = folder(&[("kept", "k")]);
    let brought = bring_all(&host, &["sales.csv", "d", "one"], &session).unwrap();
    assert_eq!(
        note(&brought),
        "Files in /mnt/data: sales.csv (4 B), d/ (2 files, 3 B), one/ (1 file, 0 B)"
    );
    assert_eq!(
        contents(session.path()),
        pairs(&[
            ("d/a", "a"),
            ("d/e/b", "bb"),
            ("kept", "k"),
            ("one/c", ""),
            ("sales.csv", "1,2\n")
        ])
    );
    // A second time changes nothing.
    assert_eq!(
        bring_all(&host, &["sales.csv", "d", "one"], &session).unwrap(),
        brought
    );
}

#[test]
fn no_file_takes_the_place_of_another() {
    let host = folder(&[
        ("x", "1"),
        ("d/x", "2"),
        ("y/x", "1"),
        ("z", "1"),
        ("new", "n"),
    ]);
    for (names, there, clash) in [
        (&["new", "x"][..], ("x", "2"), "x"),
        (&["new", "x"], ("x/inner", ""), "x"),
        (&["new", "y"], ("y", ""), "y/x"),
        (&["new", "x", "d/x"], ("other", ""), "x"),
    ] {
        let session = folder(&[there]);
        assert_eq!(
            bring_all(&host, names, &session),
            Err(format!(
                "another file of the session is or would be `{clash}`\n\
                 hint: rename yours, or start another session"
            )),
        );
        assert_eq!(contents(session.path()), pairs(&[there]));
    }
}

#[test]
fn what_is_too_much_is_refused_before_anything_is_copied() {
    let host = folder(&[("a", "12345"), ("d/b", "12345")]);
    let session = folder(&[("c", "1")]);
    let paths = [host.path().join("a"), host.path().join("d")];
    for (disk_bytes, most) in [(10, 100), (100, 3)] {
        let limits = Limits {
            disk_bytes,
            files: most,
            ..Limits::default()
        };
        let all = gather(&paths).unwrap();
        let error = all.copy_into(session.path(), &limits).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the session would have 4 files and folders with 11 B, and its folder holds at \
                 most {most} with {disk_bytes} B"
            )
        );
    }
    assert_eq!(contents(session.path()), pairs(&[("c", "1")]));
}

#[test]
fn what_is_not_there_or_empty_is_said() {
    let host = folder(&[]);
    fs::create_dir(host.path().join("empty")).unwrap();
    let session = folder(&[]);
    let error = bring_all(&host, &["none"], &session).unwrap_err();
    assert!(error.starts_with("cannot read `"), "{error}");
    let error = bring_all(&host, &["empty"], &session).unwrap_err();
    assert!(error.ends_with("there is nothing in it"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_and_pipes_in_a_folder_are_refused_but_not_one_that_is_named() {
    use std::os::unix::{fs::symlink, net::UnixListener};
    let host = folder(&[("d/plain", "p"), ("e/plain", "p"), ("secret", "s")]);
    symlink(host.path().join("secret"), host.path().join("d/link")).unwrap();
    symlink(host.path().join("d"), host.path().join("link")).unwrap();
    let _socket = UnixListener::bind(host.path().join("e/socket")).unwrap();
    let session = folder(&[]);
    for (name, message) in [
        (
            "link",
            "cannot copy `HOST/d/link` into the session's folder: it is a link; name what it leads \
             to instead",
        ),
        (
            "e",
            "cannot copy `HOST/e/socket` into the session's folder: it is neither a file nor a \
             folder",
        ),
    ] {
        assert_eq!(bring_all(&host, &[name], &session), Err(message.to_owned()));
    }
    assert_eq!(contents(session.path()), []);
    let brought = bring_all(&host, &["d/link"], &session).unwrap();
    assert_eq!(note(&brought), "Files in /mnt/data: link (1 B)");
}

#[test]
fn files_come_out_and_overwrite_nothing_unless_told_to() {
    let session = folder(&[("plots/a.png", "new")]);
    let out = folder(&[("plots/a.png", "old")]);
    let name = "plots/a.png";
    let error = copy_out(session.path(), name, out.path(), false).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("a.png` exists\nhint: `--force` replaces it"),
        "{error}"
    );
    assert_eq!(contents(out.path()), pairs(&[(name, "old")]));
    let path = copy_out(session.path(), name, out.path(), true).unwrap();
    assert_eq!(path, out.path().join(name));
    assert_eq!(contents(out.path()), pairs(&[(name, "new")]));
    let fresh = out.path().join("fresh");
    copy_out(session.path(), name, &fresh, false).unwrap();
    assert_eq!(contents(&fresh), pairs(&[(name, "new")]));
}

#[cfg(unix)]
#[test]
fn links_in_the_session_lead_nowhere() {
    use std::os::unix::fs::symlink;
    let secret = folder(&[("secret", "s")]);
    let session = folder(&[]);
    symlink(secret.path().join("secret"), session.path().join("file")).unwrap();
    symlink(secret.path(), session.path().join("folder")).unwrap();
    let out = folder(&[]);
    for name in ["file", "folder/secret", "../secret"] {
        assert!(
            copy_out(session.path(), name, out.path(), false).is_err(),
            "{name}"
        );
    }
    assert_eq!(contents(out.path()), []);
    // Nor does a file that is brought in end up behind one.
    let host = folder(&[("folder/new", "n")]);
    assert!(bring_all(&host, &["folder"], &session).is_err());
    assert_eq!(contents(secret.path()), pairs(&[("secret", "s")]));
}

/// A guest that runs meanwhile swaps a file for a link and back.
#[cfg(unix)]
#[test]
fn a_file_that_becomes_a_link_meanwhile_is_never_followed() {
    use std::{
        os::unix::fs::symlink,
        sync::atomic::{AtomicBool, Ordering},
    };
    let secret = folder(&[("secret", "secret")]);
    let session = folder(&[("file", "plain")]);
    let out = folder(&[]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = session.path().join("file");
            let (link, plain) = (session.path().join("link"), session.path().join("plain"));
            while !done.load(Ordering::Relaxed) {
                symlink(secret.path().join("secret"), &link).unwrap();
                fs::rename(&link, &file).unwrap();
                fs::write(&plain, "plain").unwrap();
                fs::rename(&plain, &file).unwrap();
            }
        });
        let (mut tries, mut copies) = (0, 0);
        // On a busy machine the link may stand for all of the tries.
        while tries < 2000 || copies == 0 {
            tries += 1;
            if copy_out(session.path(), "file", out.path(), true).is_ok() {
                copies += 1;
                assert_eq!(contents(out.path()), pairs(&[("file", "plain")]));
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}
