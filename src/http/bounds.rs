//! The bounds of one server as values, so that tests can take shorter ones.
//!
//! The defaults are the named constants, which hold in the node.

use std::time::Duration;

use crate::limits;

/// The bounds of a server. The defaults are the constants of `crate::limits`; tests take shorter ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at once.
    pub connections: usize,
    /// From connecting or a request's first byte to the end of its head.
    pub head_timeout: Duration,
    /// Rest between requests.
    pub idle_timeout: Duration,
    /// From the end of the head to the end of the body.
    pub body_timeout: Duration,
    /// The longest pause within a body.
    pub body_stall: Duration,
    /// From the end of the head to the beginning of the answer.
    pub answer_timeout: Duration,
    /// Within this time a slow reader must take `write_progress` bytes.
    pub write_stall: Duration,
    /// Bytes for `write_stall`.
    pub write_progress: usize,
    /// Bytes of a request's head; less than `limits::HTTP_BUFFER_BYTES`.
    pub head_bytes: usize,
    /// Header fields of a request.
    pub headers: usize,
    /// How long requests in flight may go on after shutdown.
    pub drain: Duration,
    /// How long dropping the rest may take.
    pub drop_grace: Duration,
    /// How long a connection that the server ends is read from.
    pub linger: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: limits::HTTP_CONNECTIONS,
            head_timeout: limits::HTTP_HEAD_TIMEOUT,
            idle_timeout: limits::HTTP_IDLE_TIMEOUT,
            body_timeout: limits::HTTP_BODY_TIMEOUT,
            body_stall: limits::HTTP_BODY_STALL,
            answer_timeout: limits::HTTP_ANSWER_TIMEOUT,
            write_stall: limits::HTTP_WRITE_STALL,
            write_progress: limits::HTTP_WRITE_PROGRESS,
            head_bytes: limits::HTTP_HEAD_BYTES,
            headers: limits::HTTP_HEADERS,
            drain: limits::HTTP_DRAIN,
            drop_grace: limits::HTTP_DROP_GRACE,
            linger: limits::HTTP_LINGER,
        }
    }
}
