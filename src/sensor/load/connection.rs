//! One kept-alive connection to a node over a plain socket, for whoever waits for each answer.
//!
//! Always true: after an error the connection is gone, and the next request makes a new one. So no answer is ever taken
//! for that of another request.

use super::answer::{Answer, AnswerError, Head, Incoming};
use super::target::Target;
use crate::sensor::Stop;
use crate::sensor::limits::{CONNECT_TIMEOUT, EXCHANGE_TIMEOUT};
use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How often a wait for an answer looks whether it was stopped.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long an answer may still take once it was stopped: what is acknowledged then is counted too.
pub(super) const LAST_ANSWER: Duration = Duration::from_secs(2);

/// A connection and its buffers.
pub(super) struct Connection {
    target: Target,
    stream: Option<TcpStream>,
    out: Vec<u8>,
    incoming: Incoming,
    stop: Stop,
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
    /// A connection to a node. Nothing is sent yet.
    pub(super) fn new(target: Target, stop: Stop) -> Self {
        Self { target, stream: None, out: Vec::new(), incoming: Incoming::default(), stop }
    }

    /// Where requests go.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Connects anew, so that the first request need not. A failure shows with that.
    pub(super) fn renew(&mut self) {
        self.stream = None;
        let _later = self.connect();
    }

    /// The socket, for who goes on with it.
    pub(super) fn release(&mut self) -> Option<TcpStream> {
        self.stream.take()
    }

    /// Connects, unless it is connected.
    fn connect(&mut self) -> io::Result<()> {
        self.stream = self.stream.take().filter(rests);
        if self.stream.is_none() {
            let mut last = io::Error::from(ErrorKind::NotFound);
            for address in self.target.resolve()? {
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
        self.exchange(|target, out| target.get(path, out))
    }

    /// Sends the request that `write` appends to the buffer it is given, and waits for the answer.
    pub(super) fn exchange(
        &mut self,
        write: impl FnOnce(&Target, &mut Vec<u8>) -> io::Result<()>,
    ) -> Result<Answer<'_>, ConnectionError> {
        self.out.clear();
        write(&self.target, &mut self.out)?;
        self.connect()?;
        let Some(mut stream) = self.stream.take() else {
            return Err(io::Error::from(ErrorKind::NotFound).into());
        };
        stream.write_all(&self.out)?;
        let head = self.receive(&mut stream)?;
        if self.incoming.goes_on_after(&head) {
            self.stream = Some(stream);
        }
        Ok(self.incoming.answer(&head))
    }

    /// Reads until head and body are whole.
    fn receive(&mut self, stream: &mut TcpStream) -> Result<Head, ConnectionError> {
        let begin = Instant::now();
        self.incoming.clear();
        loop {
            match self.incoming.read(stream) {
                Err(ConnectionError::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    let most = if self.stop.is_raised() { LAST_ANSWER } else { EXCHANGE_TIMEOUT };
                    if begin.elapsed() >= most {
                        return Err(io::Error::from(ErrorKind::TimedOut).into());
                    }
                }
                Err(error) => return Err(error),
                Ok(None) => {}
                Ok(Some(head)) => return Ok(head),
            }
        }
    }
}

/// Whether a request can follow on a connection on which nothing was asked meanwhile: nodes close what rested for a minute.
fn rests(stream: &TcpStream) -> bool {
    let looked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let is_silent = looked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    is_silent && stream.set_nonblocking(false).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensor::client::scripted::{in_turn, json, serve};
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread;

    fn connection(url: &str) -> Connection {
        Connection::new(Target::new(url).unwrap(), Stop::default())
    }

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
        let mut connection = connection(&format!("{url}/weft/"));
        let answer = connection.get("/a").unwrap();
        assert_eq!((answer.status, answer.retry_after), (200, Some(3)));
        assert_eq!(answer.body, long.as_bytes());
        assert!(matches!(connection.get("/b"), Err(ConnectionError::Io(_))));
        assert!(matches!(connection.get("/c"), Err(ConnectionError::Answer(AnswerError::NoLength))));
        let post = |target: &Target, out: &mut Vec<u8>| {
            target.post("/d", 3, out)?;
            out.write_all(b"xyz")
        };
        let answer = connection.exchange(post).unwrap();
        assert_eq!((answer.status, answer.body), (503, &b"{}"[..]));
        let seen: Vec<_> = (0..4).map(|_| seen.recv().unwrap()).collect();
        assert_eq!(seen[0].line, "GET /weft/a HTTP/1.1");
        assert_eq!(seen[3].line, "POST /weft/d HTTP/1.1");
        assert_eq!(seen[3].body, b"xyz");
    }

    #[test]
    fn what_the_node_has_closed_meanwhile_is_made_anew_before_anything_is_asked() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut connection = connection(&format!("http://{}", listener.local_addr().unwrap()));
        let answer_and_close = |listener: &TcpListener| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        };
        for path in ["/a", "/b"] {
            thread::scope(|scope| {
                let server = scope.spawn(|| answer_and_close(&listener));
                assert_eq!(connection.get(path).unwrap().status, 200);
                server.join().unwrap();
            });
        }
    }

    #[test]
    fn nobody_there_is_an_error() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut connection = connection(&format!("http://{free}"));
        assert!(matches!(connection.get("/"), Err(ConnectionError::Io(_))));
    }
}
