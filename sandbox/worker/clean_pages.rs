//! The pages of a snapshot that a session has read and not written.
//!
//! A fork copies an entry for each page that is mapped. Most of a guest's memory is
//! a private mapping of a file, of which the kernel maps sixteen pages around each
//! one that is read: after some hundred cells ten times as many are mapped as were
//! written, and copying their entries takes as long as running a short cell. They
//! can be dropped at any time, since what they hold is in the file.

#![allow(
    unsafe_code,
    reason = "madvise, of pages known to equal their file, and the size of one"
)]

use std::{
    fs::{self, File},
    io,
    ops::Range,
    os::unix::fs::FileExt,
};

/// Bytes of an entry of `/proc/self/pagemap`.
const ENTRY: usize = 8;
// Bits of an entry, as Linux's Documentation/admin-guide/mm/pagemap.rst has them.
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_FILE: u64 = 1 << 61;

/// The private mappings of files, and how their pages are. Both are those of the
/// process that looked: in a copy of it, nothing is found.
pub(super) struct CleanPages {
    pagemap: File,
    mappings: Vec<Range<usize>>,
}

impl CleanPages {
    /// # Errors
    /// If the system does not tell.
    pub(super) fn find() -> io::Result<Self> {
        Ok(Self {
            pagemap: File::open("/proc/self/pagemap")?,
            mappings: fs::read_to_string("/proc/self/maps")?
                .lines()
                .filter_map(private_of_file)
                .collect(),
        })
    }

    /// Has the process forget them until it reads them again.
    ///
    /// # Errors
    /// If the system does not tell which they are.
    pub(super) fn forget(&self) -> io::Result<()> {
        let page = page_size()?;
        for mapping in &self.mappings {
            let mut entries = vec![0; mapping.len() / page * ENTRY];
            let first = mapping.start / page * ENTRY;
            self.pagemap.read_exact_at(&mut entries, first as u64)?;
            let pages: Vec<Page> = entries
                .as_chunks()
                .0
                .iter()
                .map(|entry| Page::from_entry(u64::from_ne_bytes(*entry)))
                .collect();
            let mut at = mapping.start;
            for run in pages.chunk_by(|a, b| a.is_kept() == b.is_kept()) {
                let bytes = run.len() * page;
                if run.contains(&Page::Clean) {
                    // SAFETY: no page of the range has been written to, so all read
                    // the same from the file. No other thread
                    // writes meanwhile: there is none.
                    unsafe { libc::madvise(at as *mut libc::c_void, bytes, libc::MADV_DONTNEED) };
                }
                at += bytes;
            }
        }
        Ok(())
    }
}

fn page_size() -> io::Result<usize> {
    // SAFETY: asks for a number.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).map_err(io::Error::other)
}

#[derive(PartialEq)]
enum Page {
    Unmapped,
    /// As it is in the file.
    Clean,
    Written,
}

impl Page {
    fn from_entry(entry: u64) -> Self {
        if entry & (PRESENT | SWAPPED) == 0 {
            Self::Unmapped
        } else if entry & (PRESENT | SWAPPED | OF_FILE) == PRESENT | OF_FILE {
            Self::Clean
        } else {
            Self::Written
        }
    }

    fn is_kept(&self) -> bool {
        *self == Self::Written
    }
}

/// The addresses of a line of `/proc/self/maps`, if it is of a private mapping of a
/// file that can be written to.
fn private_of_file(line: &str) -> Option<Range<usize>> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let (access, _offset, _device, inode) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    (access == "rw-p" && inode != "0")
        .then_some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::fd::AsRawFd, ptr, slice};

    fn resident(of: &CleanPages, address: usize, pages: usize) -> Vec<bool> {
        let page = page_size().unwrap();
        let mut entries = vec![0; pages * ENTRY];
        of.pagemap
            .read_exact_at(&mut entries, (address / page * ENTRY) as u64)
            .unwrap();
        entries
            .as_chunks()
            .0
            .iter()
            .map(|entry| u64::from_ne_bytes(*entry) & PRESENT != 0)
            .collect()
    }

    #[test]
    fn what_was_written_stays_and_what_was_read_goes() {
        let page = page_size().unwrap();
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&vec![7; 4 * page], 0).unwrap();
        // SAFETY: a new private mapping of an open file, all of which has content.
        let memory = unsafe {
            let at = libc::mmap(
                ptr::null_mut(),
                4 * page,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            );
            assert_ne!(at, libc::MAP_FAILED);
            slice::from_raw_parts_mut(at.cast::<u8>(), 4 * page)
        };
        let address = memory.as_ptr() as usize;
        let found = CleanPages::find().unwrap();
        let mapping = address..address + 4 * page;
        assert!(found.mappings.contains(&mapping));
        // Of the mapping alone: the others are this program's, which has threads.
        let clean = CleanPages {
            mappings: vec![mapping],
            ..found
        };

        memory[2 * page] = 9;
        assert_eq!(
            memory.iter().map(|byte| u64::from(*byte)).sum::<u64>(),
            7 * 4 * page as u64 + 2
        );
        assert_eq!(resident(&clean, address, 4), [true; 4]);
        clean.forget().unwrap();
        assert_eq!(resident(&clean, address, 4), [false, false, true, false]);
        assert_eq!((memory[0], memory[2 * page], memory[3 * page]), (7, 9, 7));
    }

    #[test]
    fn lines_of_maps() {
        assert_eq!(
            private_of_file("7f00-7fff rw-p 013d4000 fe:00 10272784   /cache/guest (deleted)"),
            Some(0x7f00..0x7fff)
        );
        for other in [
            "7f00-7fff rw-p 00000000 00:00 0",
            "7f00-7fff r--p 00000000 fe:00 10272784 /cache/guest",
            "7f00-7fff rw-s 00000000 fe:00 10272784 /cache/guest",
            "",
        ] {
            assert_eq!(private_of_file(other), None);
        }
    }
}
