//! One kept-alive connection to a node that nobody waits on: it sends and reads as far as it can at once.
//!
//! Always true: after an error the connection is gone, and the next request makes a new one. So no answer is ever taken
//! for that of another request.

use super::answer::{Answer, Head, Incoming};
use super::connection::ConnectionError;
use super::target::Target;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;

/// A connection and its buffers.
pub(super) struct Line {
    target: Target,
    /// Where to connect, and how often it was tried: a name may stand for an address that nobody listens at.
    addresses: Vec<SocketAddr>,
    attempts: usize,
    registry: Registry,
    token: Token,
    stream: Option<TcpStream>,
    out: Vec<u8>,
    sent: usize,
    incoming: Incoming,
}

impl Line {
    /// A connection whose events have this token. Nothing is sent yet.
    pub(super) fn new(target: Target, token: Token, registry: &Registry) -> io::Result<Self> {
        Ok(Self {
            target,
            addresses: Vec::new(),
            attempts: 0,
            registry: registry.try_clone()?,
            token,
            stream: None,
            out: Vec::new(),
            sent: 0,
            incoming: Incoming::default(),
        })
    }

    /// Goes on with a connected socket, if there is one.
    pub(super) fn over(mut self, stream: Option<std::net::TcpStream>) -> io::Result<Self> {
        if let Some(stream) = stream {
            stream.set_nonblocking(true)?;
            self.addresses.push(stream.peer_addr()?);
            self.take(TcpStream::from_std(stream))?;
        }
        Ok(self)
    }

    fn take(&mut self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        self.registry.register(&mut stream, self.token, Interest::READABLE | Interest::WRITABLE)?;
        self.stream = Some(stream);
        Ok(())
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
            if self.addresses.is_empty() {
                self.addresses = self.target.resolve()?;
            }
            let address = self.addresses[self.attempts % self.addresses.len()];
            self.attempts += 1;
            self.take(TcpStream::connect(address)?)?;
        }
        self.push().inspect_err(|_| self.stream = None)
    }

    /// Sends and reads what can be at once. The head of the answer when all of it is there.
    pub(super) fn go_on(&mut self) -> Result<Option<Head>, ConnectionError> {
        let head = self.push().map_err(ConnectionError::from).and_then(|()| self.pull());
        let goes_on = match &head {
            Ok(Some(head)) => self.incoming.goes_on_after(head),
            unfinished => unfinished.is_ok(),
        };
        if !goes_on {
            self.stream = None;
        }
        head
    }

    fn push(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        while self.sent < self.out.len() {
            match stream.write(&self.out[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

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

    #[cfg(test)]
    pub(super) fn is_connected(&self) -> bool {
        self.stream.is_some()
    }

    /// Does not wait for the answer any more.
    pub(super) fn drop_connection(&mut self) {
        self.stream = None;
    }
}

/// Whether it is to be tried again when the system says so. One that is not connected yet tells when it is, or why not.
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}
