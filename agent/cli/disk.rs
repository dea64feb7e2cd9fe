//! Room on the disk.

use std::path::Path;

/// Bytes that this user may still write below the folder; `None` where the system
/// does not tell.
#[cfg(unix)]
pub fn free(folder: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(folder).ok()?;
    system.f_bavail.checked_mul(system.f_frsize)
}

#[cfg(not(unix))]
pub fn free(_folder: &Path) -> Option<u64> {
    None
}
