//! Servers on addresses of this machine, which answer byte by byte what they are told.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A server, for as long as the test runs.
pub struct Server {
    /// Where it listens, with its port.
    pub host: String,
    pub port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each request, of which it sees the head, by writing to the connection,
    /// which is closed after that.
    pub fn at(
        place: &str,
        answer: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(place).unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (
            Arc::<AtomicUsize>::default(),
            Arc::<Mutex<Vec<_>>>::default(),
        );
        let server = Self {
            host: address.to_string(),
            port: address.port(),
            connections: Arc::clone(&connections),
            requests: Arc::clone(&requests),
        };
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (answer, requests) = (Arc::clone(&answer), Arc::clone(&requests));
                std::thread::spawn(move || {
                    let head = head(&mut stream);
                    requests.lock().unwrap().push(head.clone());
                    // The client may go away when it has enough. To close before all is
                    // read that it sent would take back what was answered.
                    let _ = answer(&head, &mut stream);
                    let _ = stream.shutdown(Shutdown::Write);
                    let _ = std::io::copy(&mut stream, &mut std::io::sink());
                });
            }
        });
        server
    }

    /// Answers everything with these bytes.
    pub fn saying(place: &str, answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::at(place, move |_, stream| stream.write_all(&answer))
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.host)
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// An answer with a body of plain text.
pub fn text(body: &str) -> Vec<u8> {
    answer("200 OK", "Content-Type: text/plain", body)
}

/// An answer that leads on.
pub fn redirect(status: u16, location: &str) -> Vec<u8> {
    answer(
        &format!("{status} Elsewhere"),
        &format!("Location: {location}"),
        "",
    )
}

pub fn answer(status: &str, header: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{header}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A request up to its empty line.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}
