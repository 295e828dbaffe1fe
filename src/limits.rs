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
/// Bytes of all long answers in memory at once. A page of readings has megabytes, and a client that asks for it on
/// every connection and reads none would take gigabytes.
pub const HTTP_ANSWER_MEMORY: usize = 64 * 1_024 * 1_024;
/// Bytes of an answer that are handed to hyper at a time.
pub const HTTP_ANSWER_PIECE: usize = 16 * 1_024;
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
    assert!(HTTP_HEAD_BYTES < HTTP_BUFFER_BYTES, "a whole head must fit in the buffer");
    assert!(HTTP_ANSWER_PIECE <= HTTP_BUFFER_BYTES, "a piece more than fits is all that is copied");
    assert!(HTTP_BUFFER_BYTES >= 8_192, "hyper refuses a smaller buffer");
    assert!(HTTP_HEAD_TIMEOUT.as_millis() <= HTTP_IDLE_TIMEOUT.as_millis());
    assert!(HTTP_BODY_STALL.as_millis() <= HTTP_BODY_TIMEOUT.as_millis());
    assert!(
        HTTP_BODY_TIMEOUT.as_millis() < HTTP_ANSWER_TIMEOUT.as_millis(),
        "a slow body is told so, not cut"
    );
    assert!(
        HTTP_DRAIN.as_millis() + HTTP_DROP_GRACE.as_millis() + LAST_COMMIT.as_millis()
            <= STOP_WITHIN.as_millis(),
        "the last commit comes after the last request"
    );
    assert!(HTTP_ACCEPT_BACKOFF.as_millis() < HTTP_ACCEPT_BACKOFF_MOST.as_millis());
    // Buffers of all connections together stay below 128 MiB.
    assert!(2 * HTTP_BUFFER_BYTES * HTTP_CONNECTIONS <= 128 * 1_024 * 1_024);
};

/// Jobs that wait for a checker. A checker does 20,000 a second, so a full queue is 50 ms of waiting.
pub const CHECK_QUEUE: usize = 1_024;
/// Transactions that a checker hands on together when as many wait, at most that and one job: the owner is woken once for
/// half a millisecond of checking.
pub const CHECKED_TOGETHER: usize = 16;
/// Checked jobs that wait for the owner of the replica. Their bytes count against [`HTTP_BODY_MEMORY`] until then.
pub const OWNER_QUEUE: usize = 1_024;
/// Jobs that the owner takes before it looks at what the writer says, and as many tickets.
pub const OWNER_PASS: usize = 256;
/// Jobs with the checkers that the next commit waits for: some milliseconds of checking.
pub const COMMIT_AWAITS: u64 = 64;
/// Transactions in one commit: storage gains little beyond, and the first one waits for the last.
pub const COMMIT_TRANSACTIONS: usize = 1_024;
/// How often the owner looks for transactions whose time has come.
pub const OWNER_TICK: Duration = Duration::from_millis(200);
/// Devices whose keys are held ready to verify: 1.5 KiB each.
pub const DIRECTORY_ENTRIES: usize = 16_384;
/// Enrolments that the door reads of one device. Whoever enrols a thousand times must not make each of its readings
/// cost a thousand reads; a device needs one, and another when it expires.
pub const DIRECTORY_ENROLMENTS: usize = 16;
/// Tickets that wait for the owner of the replica. They have a queue of their own: a sensor must come by parents
/// while everybody else's transactions wait for the disk.
pub const TICKET_QUEUE: usize = HTTP_CONNECTIONS;
/// How long the last commits may take once the API has stopped.
pub const LAST_COMMIT: Duration = Duration::from_secs(1);
/// Open files that the node asks the system for: its connections, the database and some air.
pub const FILE_DESCRIPTORS: u64 = 4_096;
/// Mebibytes of the database's cache unless the configuration says otherwise.
pub const CACHE_DEFAULT_MIB: usize = 64;
/// The largest cache that the configuration may ask for.
pub const CACHE_MOST_MIB: usize = 1_024;
/// Transactions in one batch: a checker is done with them in a hundredth of a second.
pub const BATCH_TRANSACTIONS: usize = 256;
/// Bytes of the largest batch.
pub const BATCH_BYTES: usize = BATCH_TRANSACTIONS * (4 + weft_tangle::limits::TRANSACTION_MAX_BYTES);
/// Readings, by transactions, in one page unless asked otherwise.
pub const READINGS_DEFAULT: usize = 100;
/// Readings, by transactions, in one page at most.
pub const READINGS_MOST: usize = 1_000;
/// A page ends behind the transaction that brings it to this many records.
pub const READINGS_RECORDS: usize = 10_000;
/// A page ends as well behind the transaction that brings it to this many bytes of content.
pub const READINGS_BYTES: usize = 1_024 * 1_024;
/// Enrolments, revocations and equivocations told of one device, each.
pub const DEVICE_ROWS: usize = 64;
/// Epochs told of one device.
pub const DEVICE_EPOCHS: usize = 16;
/// Gaps told of one epoch.
pub const DEVICE_GAPS: usize = 64;
/// Index rows read to tell of one device's counters.
pub const DEVICE_COUNTER_ROWS: usize = 65_536;

const _: () = {
    assert!(BATCH_BYTES <= HTTP_BODY_MEMORY / 8, "a few large batches do not lock out everybody else");
    assert!(READINGS_BYTES <= HTTP_ANSWER_MEMORY / 32, "nor do a few large pages");
};
