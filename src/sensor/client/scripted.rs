//! A real TCP server for tests, which answers requests in turn by a script and remembers them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// The server's side of one exchange; nothing closes the connection without an answer.
pub(crate) type Script = Box<dyn FnMut(&Seen) -> Option<Vec<u8>> + Send>;

/// Starts the server; gives its address and the requests as they come.
pub(crate) fn serve(mut script: Script) -> (String, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = sync_channel(1_024);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let Some(seen) = read(&stream) else { continue };
            let answer = script(&seen);
            if sender.send(seen).is_err() {
                return;
            }
            if let Some(bytes) = answer {
                // A client that has seen enough may have gone.
                let _ = stream.write_all(&bytes);
            }
        }
    });
    (url, receiver)
}

/// Answers in this order, then none.
pub(crate) fn in_turn(answers: Vec<Option<Vec<u8>>>) -> Script {
    let mut answers = answers.into_iter();
    Box::new(move |_| answers.next().flatten())
}

/// An answer of JSON that ends the connection.
pub(crate) fn json(status: &str, headers: &str, body: &str) -> Option<Vec<u8>> {
    let kind = if status.starts_with('2') { "application/json" } else { "application/problem+json" };
    let length = body.len();
    Some(
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
        )
        .into_bytes(),
    )
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut next = || {
        let mut line = String::new();
        (reader.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
    };
    let line = next()?;
    let headers: Vec<String> = std::iter::from_fn(|| next().filter(|line| !line.is_empty())).collect();
    let length = headers
        .iter()
        .find_map(|header| header.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { line, headers, body })
}
