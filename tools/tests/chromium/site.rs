//! Servers on loopback, of pages and of secrets.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

/// A server that remembers what it was asked, whatever it was.
pub struct Site {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Serves on a free port: `respond` turns a path into a whole response.
    pub fn new(respond: impl Fn(&Request) -> String + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", respond)
    }

    pub fn at(address: &str, respond: impl Fn(&Request) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (respond, log) = (Arc::new(respond), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (respond, log) = (Arc::clone(&respond), Arc::clone(&log));
                std::thread::spawn(move || answer(stream, &*respond, &log));
            }
        });
        Self { address, asked }
    }

    /// One that nobody may ask.
    pub fn private() -> Self {
        Self::new(|_| html("secret"))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Where what was asked is kept.
    pub fn log(&self) -> Arc<Mutex<Vec<String>>> {
        Arc::clone(&self.asked)
    }

    /// The paths that were asked for so far; `?` for what is no request.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

pub struct Request {
    pub path: String,
    /// For answers that do not end.
    stream: TcpStream,
}

impl Request {
    /// Sends the beginning of an answer, and no more until the browser leaves.
    pub fn begin(&self, start: &str) -> String {
        let mut stream = &self.stream;
        stream.write_all(start.as_bytes()).unwrap();
        let _ = std::io::Read::read(&mut stream, &mut [0]);
        String::new()
    }
}

fn answer(stream: TcpStream, respond: &dyn Fn(&Request) -> String, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).is_ok_and(|n| n > 2) {}
    let path = head.split(' ').nth(1).unwrap_or("?").to_owned();
    log.lock().unwrap().push(path.clone());
    let request = Request {
        path,
        stream: stream.try_clone().unwrap(),
    };
    let response = respond(&request);
    // A client that has left is its own affair.
    let _ = (&stream).write_all(response.as_bytes());
}

/// An answer with a page.
pub fn html(body: &str) -> String {
    answer_with("200 OK", "content-type: text/html; charset=utf-8\r\n", body)
}

pub fn redirect(to: &str) -> String {
    answer_with("302 Found", &format!("location: {to}\r\n"), "")
}

pub fn answer_with(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
