//! Connections whose other end must ask for something, and read what it asked for.
//!
//! A client that says nothing, or takes nothing, for too long would keep a connection,
//! and all that is written for it, as long as it likes.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, serve::Listener};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, Sleep, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How connections are treated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Connections at the same time; others wait until one of them ends.
    pub most: usize,
    /// How long the head of a request may take to come, counted from the end of the one
    /// before.
    pub head: Duration,
    /// How long the other end may take nothing, although there is something to take.
    pub patience: Duration,
}

/// Serves until `stop` is cancelled, and then until requests in progress have ended.
pub(super) async fn serve(
    mut listener: TcpListener,
    router: Router,
    terms: Terms,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(terms.most));
    let open = TaskTracker::new();
    let service = TowerToHyperService::new(router);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            let (stream, _) = Listener::accept(&mut listener).await;
            (place, stream)
        };
        let Some((place, stream)) = stop.run_until_cancelled(accepted).await else {
            break;
        };
        let (service, stop) = (service.clone(), stop.clone());
        open.spawn(async move {
            let _place = place;
            talk(stream, service, terms, &stop).await;
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// Answers what comes by one connection.
async fn talk(
    stream: TcpStream,
    service: TowerToHyperService<Router>,
    terms: Terms,
    stop: &CancellationToken,
) {
    // Each word goes out when it is written; where that cannot be had, later.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("cannot have words sent at once: {error}");
    }
    let stream = TokioIo::new(Connection::new(stream, terms.patience));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(terms.head)
        .serve_connection(stream, service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended early: {error}");
    }
}

/// A connection that fails when its other end takes nothing for too long.
struct Connection<S> {
    stream: S,
    patience: Duration,
    /// Runs while something waits to be taken.
    timer: Pin<Box<Sleep>>,
    waits: bool,
}

impl<S> Connection<S> {
    fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            timer: Box::pin(sleep(patience)),
            waits: false,
        }
    }

    /// What became of an attempt to write.
    fn tried<T>(
        &mut self,
        tried: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if tried.is_ready() {
            self.waits = false;
            return tried;
        }
        if !self.waits {
            self.waits = true;
            self.timer.as_mut().reset(Instant::now() + self.patience);
        }
        match self.timer.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.tried(tried, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tried = Pin::new(&mut self.stream).poll_flush(context);
        self.tried(tried, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.tried(tried, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn who_asks_nothing_is_given_up_and_makes_room() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "Hi." }));
        let terms = Terms {
            most: 1,
            head: Duration::from_millis(100),
            patience: Duration::from_secs(60),
        };
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, router, terms, stop.clone()));
        let mut silent = TcpStream::connect(address).await.unwrap();
        silent.write_all(b"GET / HT").await.unwrap();
        let mut other = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
        other.write_all(request).await.unwrap();
        // There is one place: an answer comes once the other has lost it. The connection
        // stays after it, and ends when nothing more is asked.
        let mut answer = String::new();
        other.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("Hi."), "{answer}");
        // Perhaps it is told why.
        silent.read_to_end(&mut Vec::new()).await.unwrap();
        // Who waits for a request when the server stops does not hold it up.
        let waiting = TcpStream::connect(address).await.unwrap();
        stop.cancel();
        serving.await.unwrap();
        drop(waiting);
    }

    #[tokio::test]
    async fn who_takes_nothing_is_given_up_and_who_takes_little_is_not() {
        let (mut client, server) = duplex(4);
        let mut server = Connection::new(server, Duration::from_secs(2));
        let writing = tokio::spawn(async move {
            let written = server.write_all(b"some words").await;
            (written, server)
        });
        // Slow, but it reads.
        let mut read = [0; 4];
        for _ in 0..2 {
            sleep(Duration::from_millis(20)).await;
            client.read_exact(&mut read).await.unwrap();
        }
        let (written, mut server) = writing.await.unwrap();
        written.unwrap();
        let error = server.write_all(b"more words").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
