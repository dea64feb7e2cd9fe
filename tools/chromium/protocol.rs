//! The Chrome DevTools Protocol, over a pair of pipes: JSON messages, each ended by a
//! zero byte (`--remote-debugging-pipe`).
//!
//! Libraries for the protocol connect to a port, where any other program of this
//! machine could drive the browser as well. A pipe is the browser's and ours alone, and
//! when it breaks because this program is gone, however that came about, the browser
//! ends by itself.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, oneshot},
};

/// Longest message, in bytes: more than any page that is let through.
const LONGEST: usize = 128 << 20;

/// What can be wrong with a command.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The browser is gone.
    #[error("Chromium has ended")]
    Ended,
    /// The browser does not do it, and says why.
    #[error("{method}: {reason}")]
    Refused {
        /// The command.
        method: String,
        /// The browser's words.
        reason: String,
    },
}

/// What the browser says by itself.
#[derive(Debug)]
pub struct Event {
    /// Its name, such as `Page.loadEventFired`.
    pub method: String,
    /// What it tells.
    pub params: Value,
}

/// A browser at the other end of two pipes. Cheap to clone; it is let go of with the
/// last clone.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    last_id: AtomicU64,
    /// What is to be written. Only one task writes, so that a command which is given up
    /// half-way does not leave half a message.
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
    incoming: Arc<Mutex<Incoming>>,
}

/// Who waits for what. `None` once the browser is gone.
struct Incoming(Option<Waiting>);

#[derive(Default)]
struct Waiting {
    replies: HashMap<u64, oneshot::Sender<Result<Value, String>>>,
    events: HashMap<String, mpsc::UnboundedSender<Event>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    id: Option<u64>,
    #[serde(default)]
    result: Value,
    error: Option<ErrorReply>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    session_id: Option<String>,
}

#[derive(Deserialize)]
struct ErrorReply {
    message: String,
}

impl Connection {
    /// Speaks with a browser that reads from `input` and writes to `output`.
    pub fn open(
        input: impl AsyncWrite + Send + Unpin + 'static,
        output: impl AsyncRead + Send + Unpin + 'static,
    ) -> Self {
        let (outgoing, messages) = mpsc::unbounded_channel();
        let incoming = Arc::new(Mutex::new(Incoming(Some(Waiting::default()))));
        tokio::spawn(write(input, messages));
        tokio::spawn(read(output, Arc::clone(&incoming)));
        Self(Arc::new(Inner {
            last_id: AtomicU64::new(0),
            outgoing,
            incoming,
        }))
    }

    /// Whether the browser is gone.
    pub fn is_ended(&self) -> bool {
        self.0.lock().0.is_none()
    }

    /// Has a command done, by the browser or by one of its pages, and waits for what
    /// comes of it.
    pub async fn call(
        &self,
        session: Option<&str>,
        method: &str,
        params: Value,
    ) -> Result<Value, Failed> {
        let id = self.next_id();
        let (reply, replied) = oneshot::channel();
        match &mut self.0.lock().0 {
            Some(waiting) => waiting.replies.insert(id, reply),
            None => return Err(Failed::Ended),
        };
        let _waits = Waits(&self.0, id);
        self.write(id, session, method, &params);
        let result = replied.await.map_err(|_| Failed::Ended)?;
        result.map_err(|reason| Failed::Refused {
            method: method.to_owned(),
            reason,
        })
    }

    /// Has a command done, whatever comes of it.
    pub fn tell(&self, session: Option<&str>, method: &str, params: &Value) {
        self.write(self.next_id(), session, method, params);
    }

    /// What a page says from now on.
    pub fn events(&self, session: &str) -> mpsc::UnboundedReceiver<Event> {
        let (events, received) = mpsc::unbounded_channel();
        if let Some(waiting) = &mut self.0.lock().0 {
            waiting.events.insert(session.to_owned(), events);
        }
        received
    }

    /// Ends what [`events`](Self::events) began.
    pub fn forget(&self, session: &str) {
        if let Some(waiting) = &mut self.0.lock().0 {
            waiting.events.remove(session);
        }
    }

    fn next_id(&self) -> u64 {
        self.0.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn write(&self, id: u64, session: Option<&str>, method: &str, params: &Value) {
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let (Some(session), Some(fields)) = (session, message.as_object_mut()) {
            fields.insert("sessionId".to_owned(), session.into());
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        // The end of the browser is told by what it does not reply.
        let _ = self.0.outgoing.send(bytes);
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Incoming> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A command that is waited for: forgotten when nobody waits any more.
struct Waits<'c>(&'c Inner, u64);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = &mut self.0.lock().0 {
            waiting.replies.remove(&self.1);
        }
    }
}

async fn write(mut input: impl AsyncWrite + Unpin, mut messages: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(message) = messages.recv().await {
        if input.write_all(&message).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
}

async fn read(mut output: impl AsyncRead + Unpin, incoming: Arc<Mutex<Incoming>>) {
    let mut buffer = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    while let Ok(count @ 1..) = output.read(&mut chunk).await {
        let mut new = chunk.get(..count).unwrap_or_default();
        while let Some(end) = new.iter().position(|byte| *byte == 0) {
            let (message, rest) = new.split_at(end);
            buffer.extend_from_slice(message);
            let message = serde_json::from_slice(&buffer);
            buffer.clear();
            new = rest.get(1..).unwrap_or_default();
            let mut incoming = incoming.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Ok(message), Some(waiting)) = (message, &mut incoming.0) {
                waiting.pass_on(message);
            }
        }
        buffer.extend_from_slice(new);
        if buffer.len() > LONGEST {
            tracing::warn!("Chromium sent a message of more than {LONGEST} bytes");
            break;
        }
    }
    let mut incoming = incoming.lock().unwrap_or_else(PoisonError::into_inner);
    incoming.0 = None;
}

impl Waiting {
    fn pass_on(&mut self, message: Message) {
        match (message.id, message.method) {
            (Some(id), _) => {
                if let Some(reply) = self.replies.remove(&id) {
                    let result = match message.error {
                        Some(error) => Err(error.message),
                        None => Ok(message.result),
                    };
                    // Who asked may have given up.
                    let _ = reply.send(result);
                }
            }
            (None, Some(method)) => {
                let events = message.session_id.and_then(|id| self.events.get(&id));
                if let Some(events) = events {
                    let _ = events.send(Event {
                        method,
                        params: message.params,
                    });
                }
            }
            (None, None) => {}
        }
    }
}
