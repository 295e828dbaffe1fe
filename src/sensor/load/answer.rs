//! An HTTP/1.1 answer as it comes in, as far as a load needs it (RFC 9112).
//!
//! Always true: an answer whose length is not stated, or is beyond the bound, is refused before a byte of it is kept.

use super::connection::ConnectionError;
use crate::sensor::limits::{ANSWER_BYTES, ANSWER_HEAD_BYTES};
use std::io::{self, ErrorKind, Read};

const BUFFER_BYTES: usize = 16 * 1024;

/// An answer.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) retry_after: Option<u64>,
    pub(super) body: &'a [u8],
}

/// What has come of an answer.
pub(super) struct Incoming {
    bytes: Vec<u8>,
    filled: usize,
    head: Option<Head>,
}

/// What a head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The status.
    pub(super) status: u16,
    /// Bytes of the head, the empty line included.
    pub(super) head_bytes: usize,
    /// Bytes of the body.
    pub(super) body_bytes: usize,
    /// Seconds after which to try again.
    pub(super) retry_after: Option<u64>,
    /// Whether the node ends the connection after it.
    pub(super) closes: bool,
}

/// Why an answer is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("the head of the answer has more than {ANSWER_HEAD_BYTES} bytes")]
    LongHead,
    #[error("the answer is not HTTP/1.1")]
    NotHttp,
    #[error("the answer does not state its length")]
    NoLength,
    #[error("the answer has more than {ANSWER_BYTES} bytes")]
    TooLong,
}

impl Default for Incoming {
    fn default() -> Self {
        Self { bytes: vec![0; BUFFER_BYTES], filled: 0, head: None }
    }
}

impl Incoming {
    /// Another answer is to come.
    pub(super) fn clear(&mut self) {
        (self.filled, self.head) = (0, None);
    }

    /// Whether anything has come.
    pub(super) fn has_begun(&self) -> bool {
        self.filled > 0
    }

    /// Reads once. The head when that and the body are whole.
    pub(super) fn read(&mut self, stream: &mut impl Read) -> Result<Option<Head>, ConnectionError> {
        if self.filled == self.bytes.len() {
            // What is still to come is bounded by the head, and the head by its parser.
            self.bytes.resize(self.filled * 2, 0);
        }
        match stream.read(&mut self.bytes[self.filled..]) {
            Ok(0) => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
            Ok(count) => self.filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
        if self.head.is_none() {
            self.head = Head::parse(&self.bytes[..self.filled])?;
        }
        Ok(self.head.filter(|head| self.filled >= head.bytes()))
    }

    /// The whole answer of this head.
    pub(super) fn answer(&self, head: &Head) -> Answer<'_> {
        let body = &self.bytes[head.head_bytes..head.bytes()];
        Answer { status: head.status, retry_after: head.retry_after, body }
    }

    /// Whether the connection can take another request.
    pub(super) fn goes_on_after(&self, head: &Head) -> bool {
        !head.closes && self.filled == head.bytes()
    }
}

impl Head {
    /// Bytes of the whole answer.
    fn bytes(&self) -> usize {
        self.head_bytes + self.body_bytes
    }

    /// The head at the beginning of `bytes`; `None` when it is not whole yet.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, AnswerError> {
        let searched = bytes.get(..ANSWER_HEAD_BYTES).unwrap_or(bytes);
        let Some(end) = searched.windows(4).position(|four| four == b"\r\n\r\n") else {
            let whole = searched.len() == ANSWER_HEAD_BYTES;
            return if whole { Err(AnswerError::LongHead) } else { Ok(None) };
        };
        let text = std::str::from_utf8(&bytes[..end]).map_err(|_| AnswerError::NotHttp)?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(status).ok_or(AnswerError::NotHttp)?;
        let (mut length, mut retry_after, mut closes) = (None, None, false);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse::<u64>().ok();
            } else if name.eq_ignore_ascii_case("retry-after") {
                retry_after = value.parse().ok();
            } else if name.eq_ignore_ascii_case("connection") {
                closes = value.eq_ignore_ascii_case("close");
            }
        }
        let length = length.ok_or(AnswerError::NoLength)?;
        let body_bytes = usize::try_from(length).ok().filter(|_| length <= ANSWER_BYTES);
        let body_bytes = body_bytes.ok_or(AnswerError::TooLong)?;
        Ok(Some(Self { status, head_bytes: end + 4, body_bytes, retry_after, closes }))
    }
}

fn status(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_wherever_they_are_cut() {
        let text = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length:  17\r\nconnection: Close\r\n\r\n{}";
        let expected = Head {
            status: 503,
            head_bytes: text.len() - 2,
            body_bytes: 17,
            retry_after: Some(2),
            closes: true,
        };
        for end in 0..text.len() {
            let head = Head::parse(&text[..end]).unwrap();
            assert_eq!(head, (end >= expected.head_bytes).then_some(expected), "{end}");
        }
        let plain = Head::parse(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").unwrap().unwrap();
        assert_eq!((plain.status, plain.body_bytes, plain.retry_after, plain.closes), (201, 0, None, false));
    }

    #[test]
    fn what_cannot_be_bounded_is_refused() {
        let parse = |text: &str| Head::parse(text.as_bytes()).unwrap_err();
        assert_eq!(parse("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), AnswerError::NoLength);
        assert_eq!(parse("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), AnswerError::NoLength);
        assert_eq!(parse("HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n"), AnswerError::TooLong);
        assert_eq!(parse("SSH-2.0-x\r\n\r\n"), AnswerError::NotHttp);
        assert_eq!(parse("HTTP/1.1 2\u{e4}\r\n\r\n"), AnswerError::NotHttp);
        assert_eq!(Head::parse(&[0xff; ANSWER_HEAD_BYTES]).unwrap_err(), AnswerError::LongHead);
    }
}
