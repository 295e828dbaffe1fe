//! Every bound of the sensor side, each with its reason.

use std::time::Duration;
use weft_tangle::limits::{BODY_MAX_BYTES, DIFFICULTY_BASE_BITS, SALT_BYTES, TICKET_PAIRS};

/// Bytes of a key file; one has under two hundred.
pub const KEY_FILE_BYTES: u64 = 4_096;

/// Bytes of an admission request or of an admission: the largest enrolment is 5,287 bytes, 8,460 characters as text.
pub const ADMISSION_FILE_BYTES: u64 = 16_384;

/// Counters that are reserved on disk at once: a crash leaves a gap of at most this many, a write to disk serves as many.
pub const COUNTER_BLOCK: u32 = 64;

/// Epochs whose counters a state file remembers for each network; a clock may fall back this far without a wait.
pub const EPOCHS_KEPT: usize = 8;

/// Networks that one state file holds.
pub const STATE_NETWORKS: usize = 64;

/// Bytes of a state file: all networks with all epochs take some 20 KiB.
pub const STATE_FILE_BYTES: u64 = 65_536;

/// A node may move a device's counter ahead by at most this much; more would be a node that lies or a key that leaked.
pub const COUNTER_JUMP: u32 = 65_536;

/// Pairs of parents that are kept for later.
pub const PAIRS_KEPT: usize = TICKET_PAIRS;

/// Pairs older than this are given up for fresh ones, which serve the tangle better.
pub const PAIRS_AGE_MS: u64 = 10 * 60 * 1000;

/// A clock that differs from the node's by more is corrected: what the door tolerates ahead.
pub const CLOCK_TOLERANCE_MS: u64 = weft_tangle::limits::AHEAD_MS;

/// Zero bits of work that a node may ask for; beyond it a request would keep this device busy for hours.
pub const WORK_BITS: u8 = DIFFICULTY_BASE_BITS;

/// Bytes of an answer's body: a batch's 256 results and a transaction's JSON are far below.
pub const ANSWER_BYTES: u64 = 1 << 20;

/// Characters of a foreign text (a problem's detail, an answer that is no JSON) that are shown.
pub const SHOWN_CHARACTERS: usize = 400;

/// Transactions in one batch request.
pub const BATCH_TRANSACTIONS: usize = 256;

/// Time to connect to a node.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for a whole exchange: a node answers when its disk has, a busy one some seconds later.
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a node is asked whether a transaction is final.
pub const FINAL_LOOK: Duration = Duration::from_millis(100);

/// A stream of events that is silent for so long is lost: a node says something every 15 seconds.
pub const STREAM_SILENCE: Duration = Duration::from_secs(60);

/// Bytes of a line of such a stream; a node's have some three hundred.
pub const STREAM_LINE_BYTES: u64 = 16_384;

/// Events that were read and wait for whoever follows them.
pub const STREAM_WAITING: usize = 256;

/// How long a lost stream is left alone before it is opened anew.
pub const STREAM_RETRY: Duration = Duration::from_secs(2);

/// How often a transaction is made anew when the node finds its ticket stale.
pub const REMAKES: u32 = 3;

/// Content of a reading: the body without its salt.
pub const CONTENT_BYTES: usize = BODY_MAX_BYTES - SALT_BYTES;

/// Rows of a recording in one transaction.
pub const BATCH_ROWS: usize = crate::content::MAX_READING_RECORDS;

/// Days that an enrolment may hold.
pub const VALID_DAYS: u32 = 36_500;

/// Devices of one load: a connection each, of which a node takes 1,024.
pub const LOAD_DEVICES: usize = 1_000;

/// Transactions that a load signs beforehand: 2.8 KB each, so 1.4 GB of memory.
pub const LOAD_PRESIGNED: u64 = 500_000;

/// Transactions of one load, so that rates and counters stay far from the ends of their types.
pub const LOAD_TRANSACTIONS: u64 = 1_000_000_000;

/// Bytes of an answer's head, as a load reads it; a node's has two hundred.
pub const ANSWER_HEAD_BYTES: usize = 16_384;

/// Requests without an answer, one after another, after which a load's device gives up.
pub const LOAD_FAILURES: u32 = 6;

/// How often a load hands in a transaction again that the node had no room for.
pub const LOAD_BUSY: u32 = 600;

const _: () = assert!(COUNTER_BLOCK <= COUNTER_JUMP, "a restart's gap is not taken for a lie");
const _: () = assert!(WORK_BITS < 64, "a nonce has 64 bits");
