//! The socket as hyper sees it: it tells the connection's pace what moves, and gives hyper's own refusals the
//! form of all other errors.
//!
//! hyper answers what it cannot parse with a bare status line and an empty body. Those three answers, and
//! only those, are replaced while they are written: answers of the API always have a body when they are
//! errors, so an error head that says `content-length: 0` is hyper's.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use hyper::rt::{Read, ReadBufCursor, Write};

use super::pace::Pace;
use super::problem::{Kind, Problem};
use super::readable::Readable;
use crate::limits::{HTTP_BUFFER_BYTES, HTTP_HEAD_BYTES, HTTP_HEADERS};
use crate::runtime::{AsyncRead, AsyncWrite};

thread_local! {
    /// Where bytes are read to before hyper gets them: hyper's own buffer is not initialised, and clearing all of it
    /// before each look costs more than copying what was found.
    static FOUND: RefCell<Box<[u8]>> = RefCell::new(vec![0; HTTP_BUFFER_BYTES].into());
}

pub(super) struct PacedStream<S> {
    inner: S,
    pace: Pace,
    readable: Readable,
    /// A replacement that is being written, and how much of it has been.
    replacing: Option<(Vec<u8>, usize)>,
}

impl<S> PacedStream<S> {
    pub(super) fn new(inner: S, pace: Pace) -> Self {
        Self { inner, pace, readable: Readable::new(), replacing: None }
    }
}

impl<S: AsyncRead + Unpin> Read for PacedStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, pace, readable, .. } = self.get_mut();
        FOUND.with_borrow_mut(|found| {
            let length = found.len().min(buf.remaining());
            let found = &mut found[..length];
            let bytes = ready!(readable.poll(cx, |cx| Pin::new(inner).poll_read(cx, found)))?;
            pace.read(bytes, Instant::now());
            buf.put_slice(&found[..bytes]);
            Poll::Ready(Ok(()))
        })
    }
}

impl<S: AsyncWrite + Unpin> PacedStream<S> {
    fn poll_paced(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write(cx, buf) {
            Poll::Ready(Ok(bytes)) => {
                self.pace.wrote(bytes, Instant::now());
                Poll::Ready(Ok(bytes))
            }
            Poll::Pending => {
                self.pace.write_blocked(Instant::now());
                Poll::Pending
            }
            failed => failed,
        }
    }
}

impl<S: AsyncWrite + Unpin> Write for PacedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.replacing.is_none() {
            let Some(problem) = refusal_by_hyper(buf) else {
                return self.poll_paced(cx, buf);
            };
            self.replacing = Some((problem.to_http1(), 0));
        }
        let Some((bytes, mut written)) = self.replacing.take() else {
            return Poll::Ready(Ok(0));
        };
        while written < bytes.len() {
            match self.poll_paced(cx, &bytes[written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(more)) => written += more,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.replacing = Some((bytes, written));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes the stream only when its own buffer is empty.
        self.pace.flushed();
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

/// The problem to say instead, when `buf` is one of hyper's own refusals.
fn refusal_by_hyper(buf: &[u8]) -> Option<Problem> {
    let status = buf.strip_prefix(b"HTTP/1.1 ").or_else(|| buf.strip_prefix(b"HTTP/1.0 "))?;
    let (kind, detail) = match status.get(..4)? {
        b"400 " => (Kind::Malformed, "This is not an HTTP/1.1 request that can be read.".to_owned()),
        b"414 " => (Kind::UriTooLong, "Shorten the path and query.".to_owned()),
        b"431 " => (
            Kind::HeadTooLarge,
            format!("The head may have {HTTP_HEADERS} header fields and {HTTP_HEAD_BYTES} bytes."),
        ),
        _ => return None,
    };
    let head = std::str::from_utf8(buf).ok()?.strip_suffix("\r\n\r\n")?;
    head.split("\r\n").any(|line| line == "content-length: 0").then(|| Problem::new(kind, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_refusals_are_replaced() {
        let kind = |bytes: &str| refusal_by_hyper(bytes.as_bytes()).map(|problem| problem.kind());
        assert_eq!(kind("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), Some(Kind::Malformed));
        assert_eq!(kind("HTTP/1.1 414 URI Too Long\r\ncontent-length: 0\r\n\r\n"), Some(Kind::UriTooLong));
        assert_eq!(kind("HTTP/1.1 431 X\r\na: b\r\ncontent-length: 0\r\n\r\n"), Some(Kind::HeadTooLarge));
        assert_eq!(kind("HTTP/1.1 400 Bad Request\r\ncontent-length: 10\r\n\r\n"), None);
        assert_eq!(kind("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nbody"), None);
        assert_eq!(kind("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), None);
    }
}
