//! A file's contents as WASI streams.
//!
//! WASI's own streams have a thread of their own read and write. A worker has no
//! second thread, so these do it at once.

use super::Disk;
use std::{
    io,
    pin::pin,
    task::{Context, Poll, Waker},
};
use wasmtime_wasi::{
    async_trait,
    p2::{
        DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError,
        StreamResult,
    },
};

use bytes::Bytes;

/// `ENOSPC`, the same on Linux and macOS: streams report the system's errors. (The
/// guest's C library makes `EIO` of any; other calls give it the code itself.)
const NO_SPACE: i32 = 28;

/// What a file says.
pub(super) struct Reader(pub(super) DynInputStream);

#[async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        at_once(self.0.blocking_read(size))
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.0.blocking_read(size).await
    }

    async fn cancel(&mut self) {
        self.0.cancel().await;
    }
}

#[async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {}
}

/// What is written to a file, and paid for.
pub(super) struct Writer {
    stream: DynOutputStream,
    disk: Disk,
}

impl Writer {
    pub(super) fn new(stream: DynOutputStream, disk: Disk) -> Self {
        Self { stream, disk }
    }

    fn pay(&self, bytes: usize) -> StreamResult<()> {
        self.disk.lock().take(bytes as u64, 0).map_err(|_| {
            StreamError::LastOperationFailed(io::Error::from_raw_os_error(NO_SPACE).into())
        })
    }
}

#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.pay(bytes.len())?;
        at_once(self.stream.blocking_write_and_flush(bytes))
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.stream.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.stream.check_write()
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.pay(bytes.len())?;
        self.stream.blocking_write_and_flush(bytes).await
    }

    async fn cancel(&mut self) {
        self.stream.cancel().await;
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {}
}

/// The result of a future that does not wait, because WASI may block this thread.
fn at_once<T>(future: impl Future<Output = StreamResult<T>>) -> StreamResult<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(StreamError::LastOperationFailed(
            io::Error::from(io::ErrorKind::WouldBlock).into(),
        )),
    }
}
