//! The quota for guests that speak WASI preview 1.
//!
//! `wasmtime-wasi` has no place to ask before such a call is carried out, so the
//! calls that the quota concerns are linked to functions that ask and then carry
//! out its own. For those it has Rust functions, which it makes public but does not
//! describe; the crate's version is pinned.

use super::Disk;
use crate::{host::CALL_BYTES, scientific::host::Host};
use wasmtime::{Caller, Extern, Linker};
use wasmtime_wasi::p1::{
    WasiP1Ctx,
    types::{CiovecArray, Errno, Fd, Fdflags, Filetype, Lookupflags, Oflags},
    wasi_snapshot_preview1::{self as calls, WasiSnapshotPreview1 as _},
};
use wiggle::{GuestMemory, GuestPtr};

const MODULE: &str = "wasi_snapshot_preview1";

/// Contents of files are copied piece by piece, however large the guest's buffer is.
const UNLIMITED: usize = usize::MAX;

/// The success of a call.
const OK: i32 = 0;

/// Replaces the calls that the quota and the ban on links concern, and those that
/// move the contents of files. `wasmtime-wasi`'s own must be in `linker`.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);

    linker.func_wrap_async(MODULE, "path_open", |mut caller: Caller<'_, Host>, args| {
        Box::new(async move {
            let (mut memory, host) = sides(&mut caller, CALL_BYTES)?;
            path_open(host, &mut memory, args).await
        })
    })?;
    linker.func_wrap_async(
        MODULE,
        "path_create_directory",
        |mut caller: Caller<'_, Host>, (folder, path, length): (i32, i32, i32)| {
            Box::new(async move {
                let (mut memory, host) = sides(&mut caller, CALL_BYTES)?;
                if let Some(refused) = host.controls.disk.refuse(0, 1) {
                    return Ok(refused);
                }
                calls::path_create_directory(&mut host.wasi, &mut memory, folder, path, length)
                    .await
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_close",
        |mut caller: Caller<'_, Host>, (file,): (i32,)| {
            Box::new(async move {
                if is_own(&caller, file) {
                    return Ok(Errno::Perm as i32);
                }
                let (mut memory, host) = sides(&mut caller, CALL_BYTES)?;
                let closed = calls::fd_close(&mut host.wasi, &mut memory, file).await?;
                host.controls.disk.closed(closed);
                Ok(closed)
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_renumber",
        |mut caller: Caller<'_, Host>, (file, to): (i32, i32)| {
            Box::new(async move {
                if is_own(&caller, file) || is_own(&caller, to) {
                    return Ok(Errno::Perm as i32);
                }
                let (mut memory, host) = sides(&mut caller, CALL_BYTES)?;
                let moved = calls::fd_renumber(&mut host.wasi, &mut memory, file, to).await?;
                // It closes what `to` was.
                host.controls.disk.closed(moved);
                Ok(moved)
            })
        },
    )?;

    linker.func_wrap_async(
        MODULE,
        "fd_write",
        |mut caller: Caller<'_, Host>, (file, pieces, count, written): (i32, i32, i32, i32)| {
            Box::new(async move {
                let (mut memory, host) = sides(&mut caller, UNLIMITED)?;
                let bytes = next_piece(&memory, pieces, count)?;
                if let Some(end) = end_of_write(&mut host.wasi, &mut memory, file, bytes).await
                    && let Some(refused) = host.pay_up_to(&mut memory, file, end).await
                {
                    return Ok(refused);
                }
                calls::fd_write(&mut host.wasi, &mut memory, file, pieces, count, written).await
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_pwrite",
        |mut caller: Caller<'_, Host>,
         (file, pieces, count, at, written): (i32, i32, i32, i64, i32)| {
            Box::new(async move {
                let (mut memory, host) = sides(&mut caller, UNLIMITED)?;
                let bytes = next_piece(&memory, pieces, count)?;
                let end = at.cast_unsigned().saturating_add(bytes);
                if let Some(refused) = host.pay_up_to(&mut memory, file, end).await {
                    return Ok(refused);
                }
                calls::fd_pwrite(
                    &mut host.wasi,
                    &mut memory,
                    file,
                    pieces,
                    count,
                    at,
                    written,
                )
                .await
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_filestat_set_size",
        |mut caller: Caller<'_, Host>, (file, size): (i32, i64)| {
            Box::new(async move {
                let (mut memory, host) = sides(&mut caller, CALL_BYTES)?;
                if let Some(refused) = host
                    .pay_up_to(&mut memory, file, size.cast_unsigned())
                    .await
                {
                    return Ok(refused);
                }
                calls::fd_filestat_set_size(&mut host.wasi, &mut memory, file, size).await
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_read",
        |mut caller: Caller<'_, Host>, (file, pieces, count, read): (i32, i32, i32, i32)| {
            Box::new(async move {
                let (mut memory, host) = sides(&mut caller, UNLIMITED)?;
                calls::fd_read(&mut host.wasi, &mut memory, file, pieces, count, read).await
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_pread",
        |mut caller: Caller<'_, Host>,
         (file, pieces, count, at, read): (i32, i32, i32, i64, i32)| {
            Box::new(async move {
                let (mut memory, host) = sides(&mut caller, UNLIMITED)?;
                calls::fd_pread(&mut host.wasi, &mut memory, file, pieces, count, at, read).await
            })
        },
    )?;

    linker.func_wrap(
        MODULE,
        "path_symlink",
        |_: Caller<'_, Host>, _: i32, _: i32, _: i32, _: i32, _: i32| Errno::Perm as i32,
    )?;
    linker.func_wrap(
        MODULE,
        "path_link",
        |_: Caller<'_, Host>, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32| {
            Errno::Perm as i32
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Folder, how to look up, path, its length, how to open, rights, rights to pass on,
/// flags, where the descriptor goes.
type PathOpen = (i32, i32, i32, i32, i32, i64, i64, i32, i32);

async fn path_open(
    host: &mut Host,
    memory: &mut GuestMemory<'_>,
    (folder, lookup, path, length, how, rights, passed_on, flags, opened): PathOpen,
) -> wasmtime::Result<i32> {
    if how & i32::from(Oflags::CREAT.bits()) != 0 {
        let lookup = Lookupflags::from_bits_truncate(lookup.cast_unsigned());
        let path = GuestPtr::new((path.cast_unsigned(), length.cast_unsigned()));
        let exists = host
            .wasi
            .path_filestat_get(memory, descriptor(folder), lookup, path)
            .await;
        if exists.is_err()
            && let Some(refused) = host.controls.disk.refuse(0, 1)
        {
            return Ok(refused);
        }
    }
    if host.controls.disk.lock().open().is_err() {
        return Ok(Errno::Mfile as i32);
    }
    let outcome = calls::path_open(
        &mut host.wasi,
        memory,
        folder,
        lookup,
        path,
        length,
        how,
        rights,
        passed_on,
        flags,
        opened,
    )
    .await;
    if !matches!(outcome, Ok(OK)) {
        host.controls.disk.closed(OK);
    }
    outcome
}

/// The guest's memory, and the host's side of it for a call that may copy `copied` bytes.
fn sides<'a>(
    caller: &'a mut Caller<'_, Host>,
    copied: usize,
) -> wasmtime::Result<(GuestMemory<'a>, &'a mut Host)> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        wasmtime::bail!("the guest exports no memory");
    };
    let (bytes, host) = memory.data_and_store_mut(caller);
    host.wasi.set_hostcall_fuel(copied);
    Ok((GuestMemory::Unshared(bytes), host))
}

/// Whether a descriptor is one that the interpreter cannot go on without.
fn is_own(caller: &Caller<'_, Host>, number: i32) -> bool {
    number.cast_unsigned() < caller.data().first_file
}

fn descriptor(number: i32) -> Fd {
    Fd::from(number.cast_unsigned())
}

/// How many bytes a write will take: those of its first piece that has any.
fn next_piece(memory: &GuestMemory<'_>, pieces: i32, count: i32) -> wasmtime::Result<u64> {
    let pieces = CiovecArray::new((pieces.cast_unsigned(), count.cast_unsigned()));
    for piece in pieces.iter() {
        let bytes = memory.read(piece?)?.buf_len;
        if bytes > 0 {
            return Ok(bytes.into());
        }
    }
    Ok(0)
}

/// Where a write at a file's own position ends; `None` where that is no file.
async fn end_of_write(
    wasi: &mut WasiP1Ctx,
    memory: &mut GuestMemory<'_>,
    file: i32,
    bytes: u64,
) -> Option<u64> {
    let flags = wasi.fd_fdstat_get(memory, descriptor(file)).await.ok()?;
    let start = if flags.fs_flags.contains(Fdflags::APPEND) {
        let stat = wasi.fd_filestat_get(memory, descriptor(file)).await.ok()?;
        stat.size
    } else {
        wasi.fd_tell(memory, descriptor(file)).ok()?
    };
    Some(start.saturating_add(bytes))
}

impl Host {
    /// Pays for what a file grows by if it is written up to `end`; the error if it
    /// must not.
    async fn pay_up_to(
        &mut self,
        memory: &mut GuestMemory<'_>,
        file: i32,
        end: u64,
    ) -> Option<i32> {
        let stat = self
            .wasi
            .fd_filestat_get(memory, descriptor(file))
            .await
            .ok()?;
        if stat.filetype != Filetype::RegularFile {
            return None;
        }
        self.controls.disk.refuse(end.saturating_sub(stat.size), 0)
    }
}

impl Disk {
    /// Takes of what is left; the error if that is too little.
    fn refuse(&self, bytes: u64, files: u64) -> Option<i32> {
        let error = self.lock().take(bytes, files).err()?;
        Some(Errno::from(error) as i32)
    }

    /// Counts a file as closed, if the call that did so succeeded.
    fn closed(&self, outcome: i32) {
        if outcome == OK {
            let mut quota = self.lock();
            quota.open = quota.open.saturating_sub(1);
        }
    }
}
