//! One kept-alive connection to a node over a plain socket: a load shares the machine with the node that it measures,
//! so a request costs it one copy, one write and, as a rule, one read.
//!
//! Always true: after an error the connection is gone, and the next request makes a new one. So no answer is ever taken
//! for that of another request.

use super::answer::{AnswerError, Head};
use crate::sensor::Stop;
use crate::sensor::limits::{CONNECT_TIMEOUT, EXCHANGE_TIMEOUT};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};
use ureq::http::Uri;

/// How often a wait for an answer looks whether it was stopped.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long an answer may still take once it was stopped: what is acknowledged then is counted too.
const LAST_ANSWER: Duration = Duration::from_secs(2);

const BUFFER_BYTES: usize = 16 * 1024;

/// A connection and its buffers.
pub(super) struct Connection {
    /// Host and port.
    address: String,
    /// What stands before every path.
    prefix: String,
    stream: Option<TcpStream>,
    out: Vec<u8>,
    read: Vec<u8>,
    stop: Stop,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) retry_after: Option<u64>,
    pub(super) body: &'a [u8],
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    /// The network says so.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The answer is not understood.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

impl Connection {
    /// A connection to the node at `base`, an address that the client has checked. Nothing is sent yet.
    pub(super) fn new(base: &str, stop: Stop) -> Option<Self> {
        let uri: Uri = base.parse().ok()?;
        let authority = uri.authority()?;
        let port = authority.port_u16().unwrap_or(80);
        let address = format!("{}:{port}", authority.host());
        let prefix = uri.path().trim_end_matches('/').to_owned();
        let (out, read) = (Vec::new(), vec![0; BUFFER_BYTES]);
        Some(Self { address, prefix, stream: None, out, read, stop })
    }

    /// Connects anew, for nodes close what rested for a minute. A failure shows with the next request.
    pub(super) fn renew(&mut self) {
        self.stream = None;
        let _later = self.connect();
    }

    /// Connects, unless it is connected.
    fn connect(&mut self) -> io::Result<()> {
        if self.stream.is_none() {
            let mut last = io::Error::from(ErrorKind::NotFound);
            for address in self.address.to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                    Ok(stream) => {
                        stream.set_nodelay(true)?;
                        stream.set_read_timeout(Some(LOOK_EVERY))?;
                        stream.set_write_timeout(Some(EXCHANGE_TIMEOUT))?;
                        self.stream = Some(stream);
                        return Ok(());
                    }
                    Err(error) => last = error,
                }
            }
            return Err(last);
        }
        Ok(())
    }

    /// Asks for `path`.
    pub(super) fn get(&mut self, path: &str) -> Result<Answer<'_>, ConnectionError> {
        self.out.clear();
        let (prefix, address) = (&self.prefix, &self.address);
        write!(
            self.out,
            "GET {prefix}{path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\r\n"
        )?;
        self.exchange()
    }

    /// Sends a body of `length` bytes that `write` appends to the buffer it is given.
    pub(super) fn post(
        &mut self,
        path: &str,
        length: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Answer<'_>, ConnectionError> {
        self.out.clear();
        let (prefix, address) = (&self.prefix, &self.address);
        write!(
            self.out,
            "POST {prefix}{path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\
             content-type: application/octet-stream\r\ncontent-length: {length}\r\n\r\n"
        )?;
        write(&mut self.out);
        self.exchange()
    }

    fn exchange(&mut self) -> Result<Answer<'_>, ConnectionError> {
        self.connect()?;
        let Some(mut stream) = self.stream.take() else {
            return Err(io::Error::from(ErrorKind::NotFound).into());
        };
        stream.write_all(&self.out)?;
        let (head, filled) = self.receive(&mut stream)?;
        if !head.closes && filled == head.head_bytes + head.body_bytes {
            self.stream = Some(stream);
        }
        let body = &self.read[head.head_bytes..head.head_bytes + head.body_bytes];
        Ok(Answer { status: head.status, retry_after: head.retry_after, body })
    }

    /// Reads until head and body are whole; how many bytes came in all.
    fn receive(&mut self, stream: &mut TcpStream) -> Result<(Head, usize), ConnectionError> {
        let begin = Instant::now();
        let (mut filled, mut head) = (0, None);
        loop {
            if filled == self.read.len() {
                // What is still to come is bounded by the head, and the head by its parser.
                self.read.resize(filled * 2, 0);
            }
            match stream.read(&mut self.read[filled..]) {
                Ok(0) => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    let most = if self.stop.is_raised() { LAST_ANSWER } else { EXCHANGE_TIMEOUT };
                    if begin.elapsed() >= most {
                        return Err(io::Error::from(ErrorKind::TimedOut).into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
            if head.is_none() {
                head = Head::parse(&self.read[..filled])?;
            }
            if let Some(head) = head.filter(|head| filled >= head.head_bytes + head.body_bytes) {
                return Ok((head, filled));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensor::client::scripted::{in_turn, json, serve};

    #[test]
    fn an_answer_is_the_requests_own_and_a_lost_connection_is_made_anew() {
        let long = format!("[{}1]", "1,".repeat(20_000));
        let answers = vec![
            json("200 OK", "retry-after: 3\r\n", &long),
            None,
            Some(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
            json("503 Service Unavailable", "", "{}"),
        ];
        let (url, seen) = serve(in_turn(answers));
        let mut connection = Connection::new(&format!("{url}/weft/"), Stop::default()).unwrap();
        let answer = connection.get("/a").unwrap();
        assert_eq!((answer.status, answer.retry_after), (200, Some(3)));
        assert_eq!(answer.body, long.as_bytes());
        assert!(matches!(connection.get("/b"), Err(ConnectionError::Io(_))));
        assert!(matches!(connection.get("/c"), Err(ConnectionError::Answer(AnswerError::NoLength))));
        let answer = connection.post("/d", 3, |out| out.extend_from_slice(b"xyz")).unwrap();
        assert_eq!((answer.status, answer.body), (503, &b"{}"[..]));
        let seen: Vec<_> = (0..4).map(|_| seen.recv().unwrap()).collect();
        assert_eq!(seen[0].line, "GET /weft/a HTTP/1.1");
        assert_eq!(seen[3].line, "POST /weft/d HTTP/1.1");
        assert_eq!(seen[3].body, b"xyz");
    }

    #[test]
    fn nobody_there_is_an_error() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut connection = Connection::new(&format!("http://{free}"), Stop::default()).unwrap();
        assert!(matches!(connection.get("/"), Err(ConnectionError::Io(_))));
    }
}
