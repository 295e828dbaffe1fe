//! Every bound of the ledger and the replica, each with its reason, related to the others where they depend.

use crate::header::HEADER_BYTES;
use crate::signing::SIGNATURE_BYTES;

/// Bytes of the proof of work's nonce.
pub const NONCE_BYTES: usize = 8;

/// Bytes of the salt that begins every body.
pub const SALT_BYTES: usize = 16;

/// Bytes before the body.
pub const BODY_OFFSET: usize = HEADER_BYTES + SIGNATURE_BYTES + NONCE_BYTES;

/// A body holds at least its salt.
pub const BODY_MIN_BYTES: usize = SALT_BYTES;

/// A body is at most this long: an hour of one signal at 1 Hz in compact CBOR, and small enough to relay whole.
pub const BODY_MAX_BYTES: usize = 16_384;

/// The shortest transaction.
pub const TRANSACTION_MIN_BYTES: usize = BODY_OFFSET + BODY_MIN_BYTES;

/// The longest transaction.
pub const TRANSACTION_MAX_BYTES: usize = BODY_OFFSET + BODY_MAX_BYTES;

/// A transaction this far ahead of the clock waits; honest clocks differ by less.
pub const AHEAD_MS: u64 = 10_000;

/// At the door a transaction may be this old: a sensor that was out of reach for a day hands in all it has.
pub const DOOR_BEHIND_MS: u64 = 24 * 60 * 60 * 1000;

/// At the door a parent may be this old without further excuse.
pub const DOOR_PARENT_AGE_MS: u64 = 24 * 60 * 60 * 1000;

/// The newest transactions whose graph is held in memory: 26 ns each to maintain, under 32 MiB in all.
pub const WINDOW: usize = 65_536;

/// Tips held for tickets. Two approvals a transaction shrink the pool, so only a flood that never approves tips fills it.
pub const TIP_POOL: usize = 16_384;

/// Tips approved last, which serve again when the pool runs dry.
pub const TIP_RESERVE: usize = 256;

/// Tips drawn to choose the least leased of.
pub const TIP_SAMPLE: usize = 4;

/// Ids remembered as handed out, so that a parent that aged in a sleeping sensor still passes the door.
pub const HANDED_OUT: usize = 131_072;

/// Pairs of parents in one ticket.
pub const TICKET_PAIRS: usize = 64;

/// Attached transactions that are not yet durable. Beyond it the node stops taking more until storage follows. Whoever
/// comes next waits for all of them, so that these are no more than two large commits.
pub const IN_FLIGHT: usize = 2_048;

/// Transactions of one source that wait for something.
pub const PENDING_PER_SOURCE: usize = 1_024;

/// Transactions that wait for something in all: at most 77 MiB.
pub const PENDING: usize = 4_096;

/// Signatures remembered as valid, and as many as wrong: under 10 MiB in all, for an entry of 32 bytes takes at most 74.
pub const VERDICTS: usize = 65_536;

/// Waiting requests told about one transaction's durability; retries of one device come one at a time.
pub const WAITERS_PER_TRANSACTION: usize = 64;

/// Sets of counters, one a device and epoch, held in memory; others are read back when they are needed.
pub const COUNTER_SETS: usize = 65_536;

/// Ranges in all those sets: a device that skips every other counter must not make memory grow.
pub const COUNTER_RANGES: usize = 524_288;

/// Transactions of one issuer, epoch and counter that are taken: two prove the fault, more prove nothing.
pub const VARIANTS_PER_COUNTER: usize = 2;

/// Bytes of a network's name.
pub const NETWORK_NAME_BYTES: usize = 64;

/// Registrars of a network.
pub const REGISTRARS: usize = 256;

/// Members of a committee.
pub const COMMITTEE: usize = 256;

/// Zero bits that a network may ask for at the first counter; a gateway needs hours for more.
pub const DIFFICULTY_BASE_BITS: u8 = 40;

/// Bytes of a fog node's address in its enrolment.
pub const ADDRESS_BYTES: usize = 255;

/// Bytes of an anchored document's media type (RFC 6838 §4.2 allows 127 for each of its two names).
pub const MEDIA_TYPE_BYTES: usize = 255;

const _: () = assert!(BODY_OFFSET == 2588, "the layout of spec/03-transaction.md");
const _: () = assert!(TICKET_PAIRS * 2 <= TIP_RESERVE, "a dry pool still serves a whole ticket");
const _: () = assert!(TIP_POOL <= WINDOW, "what is a tip is mostly in the window");
const _: () = assert!(IN_FLIGHT <= WINDOW, "what is not durable is in the window");
const _: () = assert!(PENDING_PER_SOURCE * 2 <= PENDING, "one source never fills the whole");
const _: () = assert!(IN_FLIGHT + PENDING <= VERDICTS / 2, "what is not durable yet is remembered");
const _: () = assert!(TIP_SAMPLE <= TIP_RESERVE, "a draw is never larger than what it draws from");
const _: () = assert!(HANDED_OUT >= TIP_POOL + TIP_RESERVE, "all that can be handed out can be remembered");
