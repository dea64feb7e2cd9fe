//! The standard streams of a cell, passed on as they are written, up to a limit.

use crate::{Output, Stream};
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult, pipe::MemoryOutputPipe},
};

/// Bytes a guest may pass in one write.
const WRITE_LIMIT: usize = 64 << 10;

/// Where pieces of output go, as they are printed.
pub(crate) type Sink = Box<dyn FnMut(Output) + Send>;

/// Both streams of an interpreter.
#[derive(Clone)]
pub(crate) struct Printer(Arc<Mutex<Printing>>);

struct Printing {
    sink: Sink,
    /// The beginning of a character whose end has not been written yet, for each
    /// stream.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    room: usize,
    truncated: bool,
}

/// One of the two, as WASI sees it.
#[derive(Clone)]
pub(crate) struct Descriptor {
    printer: Printer,
    stream: Stream,
}

impl Printer {
    pub(crate) fn new(sink: Sink) -> Self {
        Self(Arc::new(Mutex::new(Printing {
            sink,
            stdout: Vec::new(),
            stderr: Vec::new(),
            room: 0,
            truncated: false,
        })))
    }

    pub(crate) fn descriptor(&self, stream: Stream) -> Descriptor {
        Descriptor {
            printer: self.clone(),
            stream,
        }
    }

    /// Begins a cell, which may print `limit` bytes.
    pub(crate) fn start(&self, limit: usize) {
        let mut printing = self.lock();
        printing.stdout.clear();
        printing.stderr.clear();
        printing.room = limit;
        printing.truncated = false;
    }

    /// Ends it: what is left of half a character is passed on. Returns whether
    /// output was dropped.
    pub(crate) fn finish(&self) -> bool {
        let mut printing = self.lock();
        if !printing.truncated {
            for stream in [Stream::Stdout, Stream::Stderr] {
                let rest = std::mem::take(printing.pending(stream));
                printing.pass_on(stream, String::from_utf8_lossy(&rest).into_owned());
            }
        }
        printing.truncated
    }

    fn lock(&self) -> MutexGuard<'_, Printing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Printing {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        let (kept, dropped) = bytes.split_at(bytes.len().min(self.room));
        self.room -= kept.len();
        self.truncated |= !dropped.is_empty();
        let pending = self.pending(stream);
        pending.extend_from_slice(kept);
        let whole = whole_characters(pending);
        let rest = pending.split_off(whole);
        let text = String::from_utf8_lossy(&std::mem::replace(pending, rest)).into_owned();
        self.pass_on(stream, text);
    }

    fn pending(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn pass_on(&mut self, stream: Stream, text: String) {
        if !text.is_empty() {
            (self.sink)(Output { stream, text });
        }
    }
}

/// How many of the bytes come before a character that is cut off at their end.
fn whole_characters(bytes: &[u8]) -> usize {
    match bytes.utf8_chunks().last() {
        // At most three bytes that may still become a character.
        Some(last) if !last.invalid().is_empty() && could_go_on(last.invalid()) => {
            bytes.len() - last.invalid().len()
        }
        _ => bytes.len(),
    }
}

fn could_go_on(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

impl IsTerminal for Descriptor {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Descriptor {
    /// Asked for by WASI 0.3 only, which is not linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(MemoryOutputPipe::new(0))
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl OutputStream for Descriptor {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.printer.lock().write(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_LIMIT)
    }
}

#[async_trait]
impl Pollable for Descriptor {
    async fn ready(&mut self) {}
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod tests {
    use super::*;
    use crate::cell;

    /// What comes out when `writes` are made under `limit`, and whether more was
    /// dropped.
    fn printed(limit: usize, writes: &[(Stream, &[u8])]) -> (Vec<Output>, bool) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&seen);
        let printer = Printer::new(Box::new(move |piece| {
            cell::push(&mut into.lock().unwrap(), piece);
        }));
        printer.start(limit);
        for (stream, bytes) in writes {
            printer.lock().write(*stream, bytes);
        }
        let truncated = printer.finish();
        let output = seen.lock().unwrap().clone();
        (output, truncated)
    }

    fn piece(stream: Stream, text: &str) -> Output {
        Output {
            stream,
            text: text.into(),
        }
    }

    #[test]
    fn keeps_the_order_of_the_streams() {
        use Stream::{Stderr, Stdout};
        assert_eq!(
            printed(100, &[(Stdout, b"a"), (Stderr, b"b"), (Stdout, b"c")]),
            (
                vec![piece(Stdout, "a"), piece(Stderr, "b"), piece(Stdout, "c")],
                false
            )
        );
    }

    #[test]
    fn cuts_at_the_limit_between_characters() {
        use Stream::{Stderr, Stdout};
        assert_eq!(
            printed(5, &[(Stdout, "aé".as_bytes()), (Stderr, "é!".as_bytes())]),
            (vec![piece(Stdout, "aé"), piece(Stderr, "é")], true)
        );
        assert_eq!(
            printed(4, &[(Stdout, "aéé".as_bytes())]),
            (vec![piece(Stdout, "aé")], true)
        );
    }

    #[test]
    fn a_character_may_come_in_pieces() {
        let [a, b, c] = "€".as_bytes() else {
            unreachable!()
        };
        assert_eq!(
            printed(
                100,
                &[
                    (Stream::Stdout, &[*a]),
                    (Stream::Stderr, b"x"),
                    (Stream::Stdout, &[*b]),
                    (Stream::Stdout, &[*c])
                ]
            ),
            (
                vec![piece(Stream::Stderr, "x"), piece(Stream::Stdout, "€")],
                false
            )
        );
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        assert_eq!(
            printed(100, &[(Stream::Stdout, b"a\xffb\xe2\x82")]),
            (vec![piece(Stream::Stdout, "a\u{fffd}b\u{fffd}")], false)
        );
    }
}
