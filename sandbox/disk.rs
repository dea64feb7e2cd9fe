//! The quota on `/mnt/data`.
//!
//! WASI has none, so the calls that make files grow, create or open them are
//! linked to versions that ask here first. Refused calls fail with an ordinary
//! `OSError` in the cell, and the interpreter lives on. Links are refused
//! altogether: a symbolic link that a guest made is a trap for every program on
//! the host that later opens it.

use crate::{Limits, cell, host::Host};
use std::{
    fs::{self, File},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};
use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource, ResourceType},
};
use wasmtime_wasi::{
    filesystem::{Descriptor, WasiFilesystemView},
    p2::{
        DynInputStream, DynOutputStream, FsResult,
        bindings::filesystem::types::{
            DescriptorFlags, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
        },
    },
};

pub(crate) mod preview1;
mod streams;

use streams::{Reader, Writer};

/// The interface as `wasmtime-wasi` names it; the calls below replace its own.
const INTERFACE: &str = "wasi:filesystem/types@0.2.12";

/// What a session may still write.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Mutex<Quota>>);

struct Quota {
    folder: PathBuf,
    max_bytes: u64,
    max_files: u64,
    max_open: usize,
    /// What is left of the first two, as far as known: writes over old bytes and
    /// removals are not followed, so it may be too low until the next count.
    room: Room,
    open: usize,
    /// Files that the guest has opened; those that it closed are gone.
    files: Vec<Weak<File>>,
    refused: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Room {
    bytes: u64,
    files: u64,
}

impl Disk {
    pub(crate) fn new(folder: PathBuf, limits: &Limits) -> Self {
        let disk = Self(Arc::new(Mutex::new(Quota {
            folder,
            max_bytes: 0,
            max_files: 0,
            max_open: 0,
            room: Room::default(),
            open: 0,
            files: Vec::new(),
            refused: None,
        })));
        disk.start(limits);
        disk
    }

    /// Begins a cell: its first write counts what is there.
    pub(crate) fn start(&self, limits: &Limits) {
        let mut quota = self.lock();
        quota.max_bytes = limits.disk_bytes;
        quota.max_files = limits.files;
        quota.max_open = limits.open_files;
        quota.room = Room::default();
        quota.refused = None;
    }

    /// Counts another folder from now on.
    pub(crate) fn move_to(&self, folder: PathBuf) {
        self.lock().folder = folder;
    }

    /// Which limit a call was last refused for, in words.
    pub(crate) fn refused(&self) -> Option<String> {
        self.lock().refused.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Quota> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Quota {
    fn take(&mut self, bytes: u64, files: u64) -> Result<(), ErrorCode> {
        let Some(room) = self
            .room
            .without(bytes, files)
            .or_else(|| self.count().without(bytes, files))
        else {
            self.refused = Some(if files > 0 {
                format!(
                    "/mnt/data holds at most {} files and folders",
                    self.max_files
                )
            } else {
                format!("/mnt/data holds at most {}", cell::size(self.max_bytes))
            });
            return Err(ErrorCode::InsufficientSpace);
        };
        self.room = room;
        Ok(())
    }

    fn open(&mut self) -> Result<(), ErrorCode> {
        if self.open >= self.max_open {
            self.refused = Some(format!(
                "at most {} files can be open at once",
                self.max_open
            ));
            return Err(ErrorCode::InsufficientMemory);
        }
        self.open += 1;
        Ok(())
    }

    /// Keeps an eye on a file that was opened, for it may be removed meanwhile.
    fn watch(&mut self, file: &Arc<File>) {
        self.files.retain(|file| file.strong_count() > 0);
        self.files.push(Arc::downgrade(file));
    }

    /// Size of the files that bear no name any more, and stay for as long as they
    /// are open. A file that was opened twice counts twice.
    fn removed(&self) -> u64 {
        let open = self.files.iter().filter_map(Weak::upgrade);
        open.filter_map(|file| file.metadata().ok())
            .filter(is_removed)
            .map(|metadata| metadata.len())
            .sum()
    }

    /// What is left, by walking the folder. Nothing is followed out of it. What
    /// cannot be read leaves no room, and nor does what is too much to walk.
    fn count(&self) -> Room {
        let mut room = Room {
            bytes: self.max_bytes.saturating_sub(self.removed()),
            files: self.max_files,
        };
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(folder) else {
                return Room::default();
            };
            for entry in entries {
                let Ok(entry) = entry else {
                    return Room::default();
                };
                // Gone since: it takes no room.
                let Ok(metadata) = entry.metadata() else {
                    continue;
                };
                let bytes = if metadata.is_file() {
                    metadata.len()
                } else {
                    0
                };
                let Some(rest) = room.without(bytes.min(room.bytes), 1) else {
                    return Room::default();
                };
                room = rest;
                if metadata.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        room
    }
}

#[cfg(unix)]
fn is_removed(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) == 0
}

/// Elsewhere a file keeps its name while it is open.
#[cfg(not(unix))]
fn is_removed(_: &fs::Metadata) -> bool {
    false
}

impl Room {
    fn without(self, bytes: u64, files: u64) -> Option<Self> {
        Some(Self {
            bytes: self.bytes.checked_sub(bytes)?,
            files: self.files.checked_sub(files)?,
        })
    }
}

impl Host {
    /// Wraps a stream that WASI has just made.
    fn meter(
        &mut self,
        stream: FsResult<Resource<DynOutputStream>>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.table.delete(stream?)?;
        let disk = self.controls.disk.clone();
        Ok(self
            .table
            .push(Box::new(Writer::new(stream, disk)) as DynOutputStream)?)
    }

    /// Pays for the gap that writing at `end` leaves behind a file's end: a file
    /// counts by its length.
    async fn pay_up_to(&mut self, file: &Resource<Descriptor>, end: u64) -> FsResult<()> {
        let size = self
            .filesystem()
            .stat(Resource::new_borrow(file.rep()))
            .await?
            .size;
        Ok(self
            .controls
            .disk
            .lock()
            .take(end.saturating_sub(size), 0)?)
    }

    async fn open_at(
        &mut self,
        (folder, path_flags, path, open_flags, flags): OpenAt,
    ) -> FsResult<Resource<Descriptor>> {
        if open_flags.contains(OpenFlags::CREATE) {
            let exists = self
                .filesystem()
                .stat_at(Resource::new_borrow(folder.rep()), path_flags, path.clone())
                .await;
            if exists.is_err() {
                self.controls.disk.lock().take(0, 1)?;
            }
        }
        self.controls.disk.lock().open()?;
        let opened = self
            .filesystem()
            .open_at(folder, path_flags, path, open_flags, flags)
            .await;
        match &opened {
            Ok(opened) => {
                if let Descriptor::File(file) = self.table.get(opened)? {
                    self.controls.disk.lock().watch(&file.file);
                }
            }
            Err(_) => self.controls.disk.lock().open -= 1,
        }
        opened
    }
}

type OpenAt = (
    Resource<Descriptor>,
    PathFlags,
    String,
    OpenFlags,
    DescriptorFlags,
);

/// What WebAssembly gets: the error code, or a trap where there is none.
fn reply<T>(result: FsResult<T>) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// Replaces the calls of WASI's file system that the quota and the ban on links
/// concern. `wasmtime-wasi`'s own must be in `linker`.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(INTERFACE)?;

    types.func_wrap_async(
        "[method]descriptor.open-at",
        |mut cx: StoreContextMut<'_, Host>, args: OpenAt| {
            Box::new(async move { reply(cx.data_mut().open_at(args).await) })
        },
    )?;
    types.resource(
        "descriptor",
        ResourceType::host::<Descriptor>(),
        |mut cx, rep| {
            let host = cx.data_mut();
            {
                let mut quota = host.controls.disk.lock();
                // The folder itself was not opened by the guest.
                quota.open = quota.open.saturating_sub(1);
            }
            HostDescriptor::drop(&mut host.filesystem(), Resource::new_own(rep))
        },
    )?;

    types.func_wrap(
        "[method]descriptor.read-via-stream",
        |mut cx: StoreContextMut<'_, Host>, (file, offset): (Resource<Descriptor>, u64)| {
            let host = cx.data_mut();
            let read = || {
                let stream = host.filesystem().read_via_stream(file, offset)?;
                let stream = host.table.delete(stream)?;
                Ok(host
                    .table
                    .push(Box::new(Reader(stream)) as DynInputStream)?)
            };
            reply(read())
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.write-via-stream",
        |mut cx: StoreContextMut<'_, Host>, (file, offset): (Resource<Descriptor>, u64)| {
            Box::new(async move {
                let host = cx.data_mut();
                if let Err(refused) = host.pay_up_to(&file, offset).await {
                    return reply(Err(refused));
                }
                let stream = host.filesystem().write_via_stream(file, offset);
                reply(host.meter(stream))
            })
        },
    )?;
    types.func_wrap(
        "[method]descriptor.append-via-stream",
        |mut cx: StoreContextMut<'_, Host>, (file,): (Resource<Descriptor>,)| {
            let host = cx.data_mut();
            let stream = host.filesystem().append_via_stream(file);
            reply(host.meter(stream))
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.write",
        |mut cx: StoreContextMut<'_, Host>,
         (file, bytes, offset): (Resource<Descriptor>, Vec<u8>, u64)| {
            Box::new(async move {
                let host = cx.data_mut();
                let end = offset.saturating_add(bytes.len() as u64);
                if let Err(refused) = host.pay_up_to(&file, end).await {
                    return reply(Err(refused));
                }
                reply(host.filesystem().write(file, bytes, offset).await)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.set-size",
        |mut cx: StoreContextMut<'_, Host>, (file, size): (Resource<Descriptor>, u64)| {
            Box::new(async move {
                let host = cx.data_mut();
                if let Err(refused) = host.pay_up_to(&file, size).await {
                    return reply(Err(refused));
                }
                reply(host.filesystem().set_size(file, size).await)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.create-directory-at",
        |mut cx: StoreContextMut<'_, Host>, (folder, path): (Resource<Descriptor>, String)| {
            Box::new(async move {
                let host = cx.data_mut();
                if let Err(refused) = host.controls.disk.lock().take(0, 1) {
                    return Ok((Err(refused),));
                }
                reply(host.filesystem().create_directory_at(folder, path).await)
            })
        },
    )?;

    types.func_wrap(
        "[method]descriptor.symlink-at",
        |_: StoreContextMut<'_, Host>, _: (Resource<Descriptor>, String, String)| {
            Ok((Err::<(), _>(ErrorCode::NotPermitted),))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.link-at",
        |_: StoreContextMut<'_, Host>,
         _: (
            Resource<Descriptor>,
            PathFlags,
            String,
            Resource<Descriptor>,
            String,
        )| { Ok((Err::<(), _>(ErrorCode::NotPermitted),)) },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

#[cfg(test)]
mod tests;
