//! One kept-alive connection to a node that nobody waits on: it sends and reads as far as it can at once.
//!
//! Always true: after an error, or an answer that did not come in time, the connection is gone, and the next request makes
//! a new one. So an answer that comes late is never taken for that of another request.

use super::answer::{Answer, Head, Incoming};
use super::connection::ConnectionError;
use super::target::Target;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;

/// A connection and its buffers.
pub(super) struct Line<'a> {
    target: Target,
    registry: &'a Registry,
    token: Token,
    stream: Option<TcpStream>,
    /// Whether nobody has been heard of at the other end yet.
    is_connecting: bool,
    /// Where else to connect if nobody is there: a name may stand for several addresses.
    others: VecDeque<SocketAddr>,
    out: Vec<u8>,
    sent: usize,
    incoming: Incoming,
}

impl<'a> Line<'a> {
    /// A connection whose events have this token. Nothing is sent yet.
    pub(super) fn new(target: Target, token: Token, registry: &'a Registry) -> Self {
        Self {
            target,
            registry,
            token,
            stream: None,
            is_connecting: false,
            others: VecDeque::new(),
            out: Vec::new(),
            sent: 0,
            incoming: Incoming::default(),
        }
    }

    /// Goes on with a connected socket. One that cannot be used is left, and the first request makes another.
    pub(super) fn over(mut self, stream: Option<std::net::TcpStream>) -> Self {
        let stream = stream.filter(|stream| stream.set_nonblocking(true).is_ok());
        self.stream = stream.and_then(|stream| self.registered(TcpStream::from_std(stream)).ok());
        self
    }

    fn registered(&self, mut stream: TcpStream) -> io::Result<TcpStream> {
        stream.set_nodelay(true)?;
        self.registry.register(&mut stream, self.token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(stream)
    }

    /// Begins the request that `write` appends to the buffer it is given; what the system does not take yet goes later.
    pub(super) fn send(
        &mut self,
        write: impl FnOnce(&Target, &mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.out.clear();
        self.sent = 0;
        self.incoming.clear();
        write(&self.target, &mut self.out)?;
        if self.stream.is_none() {
            self.others = self.target.resolve()?.into();
            self.connect()?;
        }
        self.push().or_else(|error| self.go_elsewhere(error))
    }

    /// Perhaps somebody is there at another address; without one it is an error.
    fn go_elsewhere(&mut self, error: io::Error) -> io::Result<()> {
        if self.is_connecting && !self.others.is_empty() {
            return self.connect();
        }
        self.stream = None;
        Err(error)
    }

    /// Begins to connect to the next address that the system knows a way to.
    fn connect(&mut self) -> io::Result<()> {
        let mut last = io::Error::from(ErrorKind::NotFound);
        while let Some(address) = self.others.pop_front() {
            match TcpStream::connect(address).and_then(|stream| self.registered(stream)) {
                Ok(stream) => {
                    (self.stream, self.is_connecting) = (Some(stream), true);
                    return Ok(());
                }
                Err(error) => last = error,
            }
        }
        self.stream = None;
        Err(last)
    }

    /// Sends and reads what can be at once. The head of the answer when all of it is there.
    pub(super) fn go_on(&mut self) -> Result<Option<Head>, ConnectionError> {
        let head = self.push().map_err(ConnectionError::from).and_then(|()| self.pull());
        match head {
            Ok(None) => {}
            Ok(Some(head)) if self.incoming.goes_on_after(&head) => {}
            Err(ConnectionError::Io(error)) => {
                self.go_elsewhere(error)?;
                return Ok(None);
            }
            _ => self.stream = None,
        }
        head
    }

    fn push(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        while self.sent < self.out.len() {
            match stream.write(&self.out[self.sent..]) {
                Ok(count) => (self.sent, self.is_connecting) = (self.sent + count, false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads as far as the answer goes. A node that says more than it was asked says it to the next request.
    fn pull(&mut self) -> Result<Option<Head>, ConnectionError> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        loop {
            match self.incoming.read(stream) {
                Ok(None) => {}
                Err(ConnectionError::Io(error)) if is_later(&error) => return Ok(None),
                done => return done,
            }
        }
    }

    /// The whole answer of this head.
    pub(super) fn answer(&self, head: &Head) -> Answer<'_> {
        self.incoming.answer(head)
    }

    /// Nothing was asked: whatever has come, and be it the end, the next request goes another way.
    pub(super) fn expect_nothing(&mut self) {
        self.incoming.clear();
        if !matches!(self.pull(), Ok(None)) || self.incoming.has_begun() {
            self.stream = None;
        }
    }

    /// Whether the request waits for somebody at the other end.
    pub(super) fn is_connecting(&self) -> bool {
        self.stream.is_some() && self.is_connecting
    }

    #[cfg(test)]
    pub(super) fn is_connected(&self) -> bool {
        self.stream.is_some()
    }

    /// Connects to these in turn.
    #[cfg(test)]
    pub(super) fn try_in_turn(&mut self, addresses: &[SocketAddr]) -> io::Result<()> {
        self.others = addresses.iter().copied().collect();
        self.connect()
    }

    /// Does not wait any more where it is: an error, unless somebody may be at another address.
    pub(super) fn give_up(&mut self) -> io::Result<()> {
        self.go_elsewhere(ErrorKind::TimedOut.into())
    }
}

/// Whether it is to be tried again when the system says so. One that is not connected yet tells when it is, or why not.
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}
