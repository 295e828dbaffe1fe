//! Every bound of the node, by name, with the reason beside it.
//!
//! Whatever a client or peer can make longer, later or more has its limit here. Limits that depend on each
//! other are held together by the assertions at the end, which the compiler checks.

use std::time::Duration;

/// Threads for work that blocks (files, the database). Enough to overlap slow disks, few enough that their
/// stacks do not count.
pub const BLOCKING_THREADS: usize = 32;

/// HTTP connections at once. More are closed as soon as they are accepted, and counted.
pub const HTTP_CONNECTIONS: usize = 1_024;
/// From connecting, or from the first byte of a later request, to the end of the request's head. Slow heads
/// are the cheapest way to hold a connection.
pub const HTTP_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a kept-alive connection may rest between requests. Longer than clients keep connections in their
/// pools (15 s is usual), so that it is they who close and no request meets a closing door.
pub const HTTP_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// From the end of the head to the end of the body. The largest batch needs 2.5 Mbit/s for it.
pub const HTTP_BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest pause within a body.
pub const HTTP_BODY_STALL: Duration = Duration::from_secs(5);
/// From the end of the head to the beginning of the answer. A handler that takes longer waits for something
/// that is overloaded.
pub const HTTP_ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A client that leaves bytes of an answer unread must take [`HTTP_WRITE_PROGRESS`] of them in this time.
pub const HTTP_WRITE_STALL: Duration = Duration::from_secs(30);
/// Bytes that a slow reader must take per [`HTTP_WRITE_STALL`]: 546 bytes a second, slower than any modem.
pub const HTTP_WRITE_PROGRESS: usize = 16 * 1_024;
/// Bytes of a request's head, request line included.
pub const HTTP_HEAD_BYTES: usize = 16 * 1_024;
/// Header fields of a request. Browsers send about 20.
pub const HTTP_HEADERS: usize = 64;
/// hyper's buffer each way, for each connection.
pub const HTTP_BUFFER_BYTES: usize = 32 * 1_024;
/// Bytes of all request bodies in memory at once. Without it every connection could hold one of the largest.
pub const HTTP_BODY_MEMORY: usize = 64 * 1_024 * 1_024;
/// How long requests in flight may go on once the node is told to stop.
pub const HTTP_DRAIN: Duration = Duration::from_secs(3);
/// How long dropping the connections that did not end in time may take.
pub const HTTP_DROP_GRACE: Duration = Duration::from_millis(500);
/// How long a connection that the server ends is read from, so that the client gets the answer before a reset.
pub const HTTP_LINGER: Duration = Duration::from_secs(1);
/// How many bytes are read and thrown away in that time.
pub const HTTP_LINGER_BYTES: usize = 256 * 1_024;
/// The first wait after accept() failed for want of descriptors or memory; it doubles with each failure.
pub const HTTP_ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// The longest such wait.
pub const HTTP_ACCEPT_BACKOFF_MOST: Duration = Duration::from_secs(1);
/// The process ends within this time after SIGINT or SIGTERM, whatever clients do.
pub const STOP_WITHIN: Duration = Duration::from_secs(5);

const _: () = {
    assert!(
        HTTP_HEAD_BYTES < HTTP_BUFFER_BYTES,
        "a whole head must fit in the buffer"
    );
    assert!(HTTP_BUFFER_BYTES >= 8_192, "hyper refuses a smaller buffer");
    assert!(HTTP_HEAD_TIMEOUT.as_millis() <= HTTP_IDLE_TIMEOUT.as_millis());
    assert!(HTTP_BODY_STALL.as_millis() <= HTTP_BODY_TIMEOUT.as_millis());
    assert!(
        HTTP_BODY_TIMEOUT.as_millis() < HTTP_ANSWER_TIMEOUT.as_millis(),
        "a slow body is told so, not cut"
    );
    assert!(
        HTTP_DRAIN.as_millis() + HTTP_DROP_GRACE.as_millis() + 1_000 <= STOP_WITHIN.as_millis(),
        "the last commit needs a second after the last request"
    );
    assert!(HTTP_ACCEPT_BACKOFF.as_millis() < HTTP_ACCEPT_BACKOFF_MOST.as_millis());
    // Buffers of all connections together stay below 128 MiB.
    assert!(2 * HTTP_BUFFER_BYTES * HTTP_CONNECTIONS <= 128 * 1_024 * 1_024);
};
