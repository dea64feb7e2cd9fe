//! The folder behind `/mnt/data`, which can change under a running interpreter:
//! a template gets a session's folder only when the session begins, and a
//! session that is rebuilt runs its old cells in a scratch folder first.
//!
//! WASI holds the folder as an open file. Since the descriptor's number is what
//! it uses, putting another folder behind that number is all it takes.

#![allow(
    unsafe_code,
    reason = "descriptors that WASI owns are known here by their number only"
)]

use crate::Error;
use std::{
    fs::File,
    io,
    mem::MaybeUninit,
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::Path,
};

/// Descriptors that are looked at: more than any process here has open.
const MAX_DESCRIPTORS: i32 = 4096;

/// Puts the folder `to` behind every descriptor of the folder `from`, which only
/// the interpreter may have open.
pub(crate) fn redirect(from: &File, to: &Path) -> Result<(), Error> {
    let switch = || {
        let wanted = from.metadata()?;
        let folder = File::open(to)?;
        if !folder.metadata()?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        for descriptor in (0..MAX_DESCRIPTORS).filter(|fd| *fd != from.as_raw_fd()) {
            if identity(descriptor) == Some((wanted.dev(), wanted.ino())) {
                replace(descriptor, &folder)?;
            }
        }
        Ok(())
    };
    switch().map_err(Error::io("open the folder", to))
}

/// Device and inode of what is open under a number.
fn identity(descriptor: i32) -> Option<(u64, u64)> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat fills the structure if it succeeds, and refuses numbers that
    // are not open.
    let stat = unsafe {
        if libc::fstat(descriptor, stat.as_mut_ptr()) != 0 {
            return None;
        }
        stat.assume_init()
    };
    #[allow(clippy::unnecessary_cast, reason = "signed on some systems")]
    Some((stat.st_dev as u64, stat.st_ino as u64))
}

fn replace(descriptor: i32, folder: &File) -> io::Result<()> {
    // SAFETY: both are open; the number keeps meaning a folder, so its owner's
    // assumptions hold. Like all of Rust's, it is closed on exec.
    let replaced = unsafe {
        libc::dup2(folder.as_raw_fd(), descriptor) != -1
            && libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) != -1
    };
    if replaced {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_open_folder_becomes_another() {
        let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let held = File::open(first.path()).unwrap();
        let from = File::open(first.path()).unwrap();
        redirect(&from, second.path()).unwrap();

        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        assert_eq!(held.metadata().unwrap().ino(), inode(second.path()));
        assert_eq!(from.metadata().unwrap().ino(), inode(first.path()));
    }

    #[test]
    fn only_a_folder_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let from = File::open(folder.path()).unwrap();
        let error = redirect(&from, file.path()).unwrap_err();
        assert!(error.to_string().contains("open the folder"), "{error}");
    }
}
