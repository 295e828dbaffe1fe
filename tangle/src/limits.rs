//! Every bound of the ledger and the replica, each with its reason, related to the others where they depend.

use crate::body::WITNESS_HEAD_BYTES;
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

/// Transactions that have waited and are tried again between two other events: a millisecond, or some ten where their
/// references are read back.
pub const RETRIES: usize = 256;

/// Signatures remembered as valid, and as many as wrong: under 12 MiB in all, for an entry of 32 bytes takes at most 90.
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

/// Members of a committee: a set of them is the bits of one number, and the witnesses that one witness builds on fit
/// its body beside its sweeps.
pub const COMMITTEE: usize = 128;

/// Transactions that a witness takes along beside its witness parents.
pub const SWEEPS: usize = 256;

/// Bytes of the longest witness's body: salt, head, both counts, and ids of 40 bytes.
pub const WITNESS_BODY_BYTES: usize = SALT_BYTES + WITNESS_HEAD_BYTES + 3 + 40 * (COMMITTEE + SWEEPS);

/// Transactions of a commit: its leaves and verdicts stay under 8 MiB, and one that merges a day's worth does not hold up
/// the ledger at once. A leader that reaches more gives several commits.
pub const COMMIT_TRANSACTIONS: usize = 65_536;

/// Attached transactions that wait in memory to be delivered; more wait on disk alone.
pub const UNDELIVERED: usize = 65_536;

/// Transactions that are held of what a leader reaches, the oldest of them: those of 16 full commits, 42 MiB. A leader that
/// reaches more is gone down from again for the next ones.
pub const REACHED: usize = 16 * COMMIT_TRANSACTIONS;

/// Ids that are held of what a leader reaches and is not looked at yet, 5 MB; when there are more each is a bit among those of
/// its neighbours.
pub const FRONTIER: usize = 65_536;

/// Transactions that are looked at on the way down from a leader between two other events: some milliseconds, or a tenth
/// of a second where all of them are read back.
pub const REACH_STEPS: usize = 8_192;

/// Devices of which it is remembered whether they are revoked; others are looked up.
pub const REVOKED_DEVICES: usize = 65_536;

/// Digests of this node's own commits held in memory, to compare votes with; older ones are read back.
pub const OWN_DIGESTS: usize = 1_024;

/// Counters of which it is remembered that commits have delivered them twice; others are looked up.
pub const REPEATED_COUNTERS: usize = 65_536;

/// First uses of counters that are held for devices that repeat one: each counter takes its device a signature and, beyond
/// its quota, growing work, so what is read again where more than these are repeated costs its sender more.
pub const FIRST_USES: usize = 131_072;

/// Votes of one member that are held, so that a member that votes for what will never be costs no more.
pub const VOTES_PER_MEMBER: usize = 64;

/// Transactions that no witness covers, held in memory to be swept; more are found again once these are covered.
pub const UNCOVERED: usize = 65_536;

/// Witnesses of one author and round that are taken though nothing by another author calls for them: two prove that it
/// lies. So of a member that lies alone there are at most so many for each honest member.
pub const WITNESSES_PER_ROUND: usize = 2;

/// Positions of the log in which what is uncovered is looked for again between two other events.
pub const COVERED_AGAIN: u64 = 64;

/// Commits that are handed out and not yet durable: three seconds of them at full pace.
pub const COMMITS_IN_FLIGHT: usize = 64;

/// Transactions of such commits after which no other is handed out. With those of the last one, what is remembered of
/// them stays under 32 MiB.
pub const DELIVERED_IN_FLIGHT: usize = 65_536;

/// Milliseconds of a round or of a message's way at most.
pub const PACE_MS: u64 = 60_000;

/// The members of the largest committee in which half of `slowest_ms` pays for a round: at one reading a second that pays for the
/// rounds of each. In a larger one these would cost a node more than 100 kB/s of witnesses.
pub const QUICK_MEMBERS: usize = 10;

/// Rounds that can be saved up: those that a lone reading needs to become final, to be voted for, and three more.
pub const ROUNDS_SAVED: u64 = 8;

/// A member this many rounds behind leaves out those between.
pub const JUMP_ROUNDS: u64 = 8;

/// Commits after which the members that lead are chosen anew, when the index is divisible by it.
pub const ROTATION_COMMITS: u64 = 64;

/// Rounds, up to that of the commit's leader, in which a member must have been seen to lead from then on.
pub const ACTIVE_ROUNDS: u64 = 64;

/// Zero bits that a network may ask for at the first counter; a gateway needs hours for more.
pub const DIFFICULTY_BASE_BITS: u8 = 40;

/// Bytes of a fog node's address in its enrolment.
pub const ADDRESS_BYTES: usize = 255;

/// Bytes of an anchored document's media type (RFC 6838 §4.2 allows 127 for each of its two names).
pub const MEDIA_TYPE_BYTES: usize = 255;

/// Peers connected at once: a member of the largest committee is linked with all others, or it could not ask them what it
/// has signed and would make no witness.
pub const PEERS: usize = 128;

/// Bytes of a gossip message: the longest has 256 log entries of 44 bytes.
pub const MESSAGE_BYTES: usize = 16_384;

/// Bytes of a frame of transactions: three of the largest, two dozen usual ones.
pub const FRAME_BYTES: usize = 65_536;

/// Checkpoints of a peer's log that are kept, each about twice as far back as the one before.
pub const CHECKPOINTS: usize = 32;

/// Lives of the own process that are remembered: a peer that was away for more hears the log from further back.
pub const LIVES: usize = 64;

/// Entries in one log message: enough that its head costs nothing beside them.
pub const LOG_ENTRIES: usize = 256;

/// Log messages to one peer at a time: a thousand rows are read between two other events, no more.
pub const TELL_MESSAGES: usize = 4;

/// Entries of a peer's log that may be announced and not settled here; at 20,000 a second, 200 ms of way.
pub const TAIL_CREDIT: usize = 4_096;

/// Settled entries of a peer's log that are remembered, to name them by their place there: at 4,000 a second, those
/// of [`LOG_HOLD_MS`]. With less than that only bytes are lost.
pub const NAMES: usize = 1_024;

/// Newest entries of the own log held in memory for those who tail it; older ones are read back.
pub const LOG_RECENT: usize = 8_192;

/// Milliseconds for which log entries are collected into one message.
pub const LOG_BATCH_MS: u64 = 80;

/// Milliseconds for which the side of a link that speaks second waits to hear the other name a transaction: the
/// other's batch, its way, and the difference of two commits.
pub const LOG_HOLD_MS: u64 = 240;

/// Settled entries after which a peer is told.
pub const ACK_ENTRIES: u64 = 256;

/// Milliseconds after which a peer is told of fewer.
pub const ACK_MS: u64 = 500;

/// A peer this many entries behind is catching up: what is new would only wait there for what is old.
pub const LAGGING: u64 = 2_048;

/// A peer that catches up is live again when it is this close.
pub const CAUGHT_UP: u64 = 1_024;

/// Entries behind those just told from which on the teller's log is fetched without waiting for pushes.
pub const LIVE_ENTRIES: u64 = 512;

/// Transactions in one request.
pub const WANT_IDS: usize = 128;

/// Ranges of positions in one request.
pub const WANT_RANGES: usize = 32;

/// Milliseconds between two looks at what is to be asked for.
pub const SCAN_MS: u64 = 10;

/// Transactions looked at that postpone the next look by a millisecond: looking takes a tenth of that at most.
pub const SCANNED_PER_MS: u64 = 512;

/// Requests to or of one peer that are not answered.
pub const REQUESTS_PER_PEER: usize = 8;

/// Transactions asked of one peer and not here, or here and waiting.
pub const ASKED_PER_PEER: usize = 1_024;

/// Transactions asked for and not here, over all peers: at most 39 MiB of the largest.
pub const ASKED: usize = 2_048;

/// References that are missing and looked for, beyond what logs announce.
pub const REFERENCES: usize = 4_096;

/// Missing references of what one peer sent that are looked for though nothing waits for them yet: those of two witnesses,
/// so that no member makes a node look for nothing but what it made up.
pub const OTHERS_PER_SOURCE: usize = 2 * SWEEPS;

/// Milliseconds from the announcement of a transaction, while live, to asking for it. A push has this and the
/// announcer's commit and batch as its start.
pub const REPAIR_MS: u64 = 100;

/// Milliseconds from noticing a missing reference to asking for it.
pub const REFERENCE_MS: u64 = 100;

/// Milliseconds without any asked transaction from a peer, after which another one is asked.
pub const ANSWER_MS: u64 = 3_000;

/// Milliseconds after which another one is asked in any case.
pub const ANSWER_LONGEST_MS: u64 = 60_000;

/// Milliseconds between two events beyond which a node itself was not there: it looks at its clock five times a second.
pub const LEAP_MS: u64 = 1_000;

/// Milliseconds after which it is looked up what became of a transaction that came and is not attached.
pub const HELD_MS: u64 = 1_000;

/// Milliseconds before all are asked again for what none of them had.
pub const AGAIN_MS: u64 = 1_000;

/// The longest wait before all are asked again for what some have without its body.
pub const WITHHELD_MS: u64 = 60_000;

/// Damaged transactions that peers are asked for: as many as a store remembers.
pub const MENDED: usize = 4_096;

/// Damaged transactions that one peer is asked for at once: with the longest bodies 600 KB, which a link bears beside its work.
pub const MEND_IDS: usize = 32;

/// Milliseconds between two such requests.
pub const MEND_MS: u64 = 2_000;

/// The longest wait before all are asked again for what none of them had.
pub const MEND_LONGEST_MS: u64 = 600_000;

/// How often a peer is asked in vain for a transaction that it names before others are believed that it is erased.
pub const SILENT_TIMES: u8 = 3;

/// Rounds, in each of which all were asked, before they are believed whoever names it: a quarter of an hour.
pub const ERASED_ROUNDS: u32 = 16;

/// Rounds, in each of which all were asked in vain, after which an operator is told: half a minute.
pub const TOLD_ROUNDS: u32 = 4;

/// Milliseconds for which a transaction waits for a reference or an issuer.
pub const PENDING_MS: u64 = 60_000;

/// Milliseconds between two grafts of one tree, and between two prunes: pushes under way say nothing of the new tree.
pub const TREE_QUIET_MS: u64 = 1_000;

/// Trees that are pushed along one link, trees declined on it, and trees pruned just now: as many as a node keeps addresses
/// of fog nodes. Who passes on chooses a transaction's tree, so the oldest gives way; a genuine one is grafted again.
pub const TREES: usize = 1_024;

/// Trees that may be declined on one link within [`TREE_DECLINES_MS`]: only what was grafted there is pushed there, so
/// that more of them are made up.
pub const TREE_DECLINES: u32 = 256;

/// See [`TREE_DECLINES`].
pub const TREE_DECLINES_MS: u64 = 2 * TREE_QUIET_MS;

/// Transactions whose tree is remembered, of those pushed last.
pub const PUSHED: usize = 16_384;

/// Ids remembered as refused for good.
pub const REFUSED_IDS: usize = 16_384;

/// Settled entries of a peer's log after which the place in it is written down, and with it that in all others.
pub const REMEMBER_ENTRIES: u64 = 1_024;

/// Milliseconds after which it is written down in any case.
pub const REMEMBER_MS: u64 = 5_000;

/// Points of fault at which a peer is dropped; one point is forgiven each second.
pub const FAULT_POINTS: u32 = 100;

/// References that nobody had, in what one peer sent and at one time, that are one fault more.
pub const ORPHANS_PER_FAULT: usize = 64;

/// Milliseconds for which a peer dropped for its faults is not let in again.
pub const BAN_MS: u64 = 600_000;

/// Bans that are remembered.
pub const BANS: usize = 1_024;

/// Milliseconds after a request in which its transactions may still come in without having been asked for.
pub const UNASKED_GRACE_MS: u64 = 120_000;

const _: () = assert!(WITNESS_BODY_BYTES <= BODY_MAX_BYTES, "every witness fits a body");
const _: () = assert!(BODY_OFFSET == 2588, "the layout of spec/03-transaction.md");
const _: () = assert!(TICKET_PAIRS * 2 <= TIP_RESERVE, "a dry pool still serves a whole ticket");
const _: () = assert!(TIP_POOL <= WINDOW, "what is a tip is mostly in the window");
const _: () = assert!(IN_FLIGHT <= WINDOW, "what is not durable is in the window");
const _: () = assert!(PENDING_PER_SOURCE * 2 <= PENDING, "one source never fills the whole");
const _: () = assert!(IN_FLIGHT + PENDING <= VERDICTS / 2, "what is not durable yet is remembered");
const _: () = assert!(TIP_SAMPLE <= TIP_RESERVE, "a draw is never larger than what it draws from");
const _: () = assert!(HANDED_OUT >= TIP_POOL + TIP_RESERVE, "all that can be handed out can be remembered");
const _: () = assert!(LOG_ENTRIES * 44 + 32 <= MESSAGE_BYTES, "a full log message fits");
const _: () = assert!(4 + 2 + TRANSACTION_MAX_BYTES <= FRAME_BYTES, "every transaction fits a frame");
const _: () = assert!(WANT_IDS * 40 + 32 <= MESSAGE_BYTES, "a full request fits");
const _: () = assert!(MEND_IDS <= WANT_IDS, "one request for what is damaged is one that others answer");
const _: () = assert!(CHECKPOINTS * 60 + 32 <= MESSAGE_BYTES, "all checkpoints fit");
const _: () = assert!(LOG_ENTRIES * 2 <= TAIL_CREDIT, "credit never stalls a message");
const _: () =
    assert!(ACK_ENTRIES * 4 <= TAIL_CREDIT as u64, "the teller hears long before credit is used up");
const _: () =
    assert!(LAGGING > CAUGHT_UP && LAGGING >= 2 * ACK_ENTRIES, "what is not acknowledged yet is no lag");
const _: () = assert!(LAGGING as usize <= TAIL_CREDIT, "a lag is seen before credit is used up");
const _: () = assert!(ASKED_PER_PEER <= PENDING_PER_SOURCE, "all that is asked of a peer may wait");
const _: () =
    assert!(WANT_IDS * REQUESTS_PER_PEER >= ASKED_PER_PEER, "requests suffice for all that may be asked");
const _: () = assert!(ASKED <= PENDING && ASKED <= IN_FLIGHT, "all that is asked for has room");
const _: () = assert!(OTHERS_PER_SOURCE * 4 <= REFERENCES, "no peer takes the room of all");
const _: () =
    assert!(REACHED.is_multiple_of(COMMIT_TRANSACTIONS), "commits are the same however little is held");
const _: () = assert!(LEAP_MS < ANSWER_MS, "who is silent is noticed however seldom a node wakes");
const _: () = assert!(LOG_RECENT >= TAIL_CREDIT, "live tails read memory");
const _: () = assert!(LOG_HOLD_MS > LOG_BATCH_MS, "a hold shorter than the other's batch is for nothing");
const _: () =
    assert!(PENDING_MS > AHEAD_MS && PENDING_MS > ANSWER_MS, "waiting ends after what it waits for");
const _: () = assert!(COMMITTEE <= PEERS + 1, "a member has room for links with all others");
const _: () = assert!(UNASKED_GRACE_MS >= ANSWER_LONGEST_MS, "a late answer is no fault");
