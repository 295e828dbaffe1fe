//! Every bound of the gossip shell, by name, with the reason beside it.
//!
//! What a stranger can make longer, later or more has its limit here, and so has what a peer can that has proved who
//! it is. The assertions at the end hold them together.

use std::time::Duration;
use weft_tangle::limits::{ADDRESS_BYTES, BODY_OFFSET, COMMITTEE, SALT_BYTES, TRANSACTION_MAX_BYTES};

/// Peers at once unless the configuration says otherwise.
pub const PEERS_DEFAULT: usize = 64;
/// Peers at once that the configuration may ask for: as many as the replica listens to.
pub const PEERS_MOST: usize = weft_tangle::limits::PEERS;
/// Fog nodes whose addresses are remembered. A registrar that enrols more has its newest ones left out.
pub const PEERS_KNOWN: usize = 1_024;
/// Addresses remembered of one fog node: the network file's and that of its newest enrolment.
pub const ADDRESSES_PER_PEER: usize = 2;
/// Socket addresses that one name is taken to stand for.
pub const ADDRESSES_PER_NAME: usize = 8;
/// Devices that are kept out at once. The one whose time is up first makes room: only enrolled keys stand here.
pub const BANS: usize = 1_024;

/// Incoming connections that have not proved who they are, at once.
pub const HANDSHAKES: usize = 64;
/// One in so many of these, and of [`HANDSHAKE_RATE`], is kept for addresses at which known nodes were found: four hosts can
/// hold all that strangers may have, for as long as they like.
pub const HANDSHAKES_KEPT: usize = 2;
/// Of the kept ones, from one address: several nodes of one house, and no fog node that turns against the others has all.
pub const HANDSHAKES_KEPT_PER_ADDRESS: usize = 4;
/// Addresses of one member of the committee that are known: all that its names stand for.
pub const KNOWN_ADDRESSES: usize = ADDRESSES_PER_PEER * ADDRESSES_PER_NAME;
/// Of these, from one address: a host with several nodes, or a hospital behind one address.
pub const HANDSHAKES_PER_ADDRESS: usize = 16;
/// From this many on, a client first shows that it receives at the address it sends from (QUIC's retry).
pub const HANDSHAKES_UNVALIDATED: usize = 16;
/// Incoming connections begun a second, and how many may come at once. Each costs a key exchange, 0.2 ms.
pub const HANDSHAKE_RATE: u32 = 128;
/// See [`HANDSHAKE_RATE`].
pub const HANDSHAKE_BURST: u32 = 256;
/// The same from one address.
pub const HANDSHAKE_RATE_PER_ADDRESS: u32 = 8;
/// See [`HANDSHAKE_RATE_PER_ADDRESS`].
pub const HANDSHAKE_BURST_PER_ADDRESS: u32 = 64;
/// Addresses whose rate is remembered; full ones are forgotten, so no more than this can be in use.
pub const HANDSHAKE_ADDRESSES: usize = 4_096;
/// From the end of the key exchange to the last proof.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// For each message of the handshake, and for the key exchange before it.
pub const HANDSHAKE_STEP_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of the credential: the longest enrolment is 7,890.
pub const CREDENTIAL_BYTES: usize = 8_192;
/// Bytes that a stranger may send before it is read: one introduction and one proof fit.
pub const STRANGER_WINDOW: u32 = 16 * 1_024;
/// Bytes of a TLS handshake message in memory; a certificate of ours has 400.
pub const CRYPTO_BUFFER: usize = 16 * 1_024;
/// Connections that quinn holds before the shell looks at them, and bytes it keeps of each and of all.
pub const INCOMING: usize = 256;
/// See [`INCOMING`].
pub const INCOMING_BYTES: u64 = 16 * 1_024;
/// See [`INCOMING`].
pub const INCOMING_BYTES_ALL: u64 = 1_024 * 1_024;

/// Bytes of a control frame.
pub const CONTROL_FRAME_BYTES: usize = 64 * 1_024;
/// Bytes of a frame of live transactions: some twenty usual ones, so that none waits long for the others.
pub const LIVE_FRAME_BYTES: usize = 64 * 1_024;
/// Bytes of a frame of asked-for transactions.
pub const BULK_FRAME_BYTES: usize = 256 * 1_024;
/// A frame's declared length is believed up to here; beyond, memory grows with what has come.
pub const FRAME_TRUSTED_BYTES: usize = 16 * 1_024;
/// While a frame is unfinished its connection must bring [`STALL_PROGRESS`] bytes in this time; and a peer that takes
/// nothing of its control stream for so long is not there to talk to.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes in [`STALL_TIMEOUT`], all streams together: a frame may starve behind more urgent ones. 34 bytes a second,
/// less than any link that gossip could live on.
pub const STALL_PROGRESS: u64 = 2_048;

/// Frames handed to the owner and not yet done with, of one peer and class: control.
pub const CONTROL_FRAMES_HELD: usize = 32;
/// The same of live frames: one transaction each when traffic is thin.
pub const LIVE_FRAMES_HELD: usize = 128;
/// The same of bulk frames.
pub const BULK_FRAMES_HELD: usize = 32;
/// Bytes in those frames, for each class; one frame may go beyond it.
pub const BYTES_HELD: usize = 512 * 1_024;

/// Bytes that wait to be sent to one peer, for each class.
pub const SEND_QUEUE_BYTES: usize = 1_024 * 1_024;
/// Frames that wait, for each class: what they cost beside their bytes.
pub const SEND_QUEUE_FRAMES: usize = 4_096;
/// From here on a queue counts as congested, in bytes.
pub const CONGESTED_BYTES: usize = SEND_QUEUE_BYTES / 2;
/// From here on a queue counts as congested, in frames.
pub const CONGESTED_FRAMES: usize = SEND_QUEUE_FRAMES / 2;
/// Down to here a congested queue must drain before it counts as free, in bytes; frames in proportion.
pub const DRAINED_BYTES: usize = SEND_QUEUE_BYTES / 8;
/// See [`DRAINED_BYTES`].
pub const DRAINED_FRAMES: usize = SEND_QUEUE_FRAMES / 8;
/// Bytes that a writer takes from its queue at a time.
pub const WRITE_BATCH_BYTES: usize = 64 * 1_024;
/// Frames that a writer takes at a time.
pub const WRITE_BATCH_FRAMES: usize = 64;
/// The smallest bandwidth that the configuration may cap a peer to, in KiB a second.
pub const BANDWIDTH_LEAST_KIB: u64 = 16;
/// The largest one: 16 GiB a second, more than a socket takes.
pub const BANDWIDTH_MOST_KIB: u64 = 16 * 1_024 * 1_024;

/// Bytes of one stream that a peer may send before they are read. On a path of 50 ms this is 20 MB/s.
pub const STREAM_WINDOW: u32 = 1_024 * 1_024;
/// Bytes of all streams of a peer that may wait to be read.
pub const RECEIVE_WINDOW: u32 = 4 * STREAM_WINDOW;
/// Bytes sent to a peer and not acknowledged, all streams together.
pub const SEND_WINDOW: u64 = 4 * STREAM_WINDOW as u64;
/// A connection that is silent for so long is lost.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(12);
/// A connection with nothing to say shows so often that it lives; losing two in a row does no harm.
pub const KEEP_ALIVE: Duration = Duration::from_secs(4);

/// Attempts to connect at once.
pub const DIALS: usize = 16;
/// The wait after a first failed attempt; it doubles with each further one.
pub const DIAL_BACKOFF: Duration = Duration::from_millis(500);
/// The longest such wait for who may be back at any moment and is needed: a member of the committee, or anybody while fewer
/// than [`PEERS_FEW`] are connected. With [`HANDSHAKE_STEP_TIMEOUT`] for an attempt, a link that has healed is found in
/// eight seconds at most, and one that has not costs some three datagrams in seven.
pub const DIAL_BACKOFF_NEAR: Duration = Duration::from_secs(3);
/// Peers connected from which on the others can wait.
pub const PEERS_FEW: usize = 4;
/// The longest such wait for everybody else.
pub const DIAL_BACKOFF_MOST: Duration = Duration::from_secs(60);
/// A connection that held for so long was a success: its peer's waits begin anew.
pub const DIAL_STABLE: Duration = Duration::from_secs(10);
/// How often the dialler looks round at least.
pub const DIAL_TICK: Duration = Duration::from_secs(1);
/// How often connected peers' enrolments are looked at again, for they expire and are revoked.
pub const RECHECK: Duration = Duration::from_secs(30);
/// For a name to be resolved.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Names being resolved at once. The system's resolver cannot be interrupted, so one that hangs keeps its thread.
pub const RESOLVERS: usize = 4;

/// How often the log says of a reason that somebody was not let in for it.
pub const NOTICE_EVERY: Duration = Duration::from_secs(60);
/// Bytes of a reason in words, ours or a peer's.
pub const REASON_BYTES: usize = 128;
/// How long saying goodbye may take when the node stops.
pub const GOODBYE: Duration = Duration::from_millis(500);

/// Live connections and those whose end the owner has not heard of: a peer that comes and goes makes no queue grow.
pub const fn slots(peers: usize) -> usize {
    2 * peers
}

/// Events that can wait for the owner at once, by construction: each connection's frames held, its beginning, its
/// end, and one for each queue that drained.
pub const fn event_queue(peers: usize) -> usize {
    slots(peers) * (CONTROL_FRAMES_HELD + LIVE_FRAMES_HELD + BULK_FRAMES_HELD + 2 + 3)
}

const ENROLMENT_MOST: usize =
    BODY_OFFSET + SALT_BYTES + 1 + 8 + 8 + 32 + 1_312 + 2 + 1_216 + 1 + ADDRESS_BYTES + 32 + 2_420;

const _: () = {
    assert!(
        COMMITTEE <= PEERS_MOST + 1 && PEERS_DEFAULT <= PEERS_MOST,
        "a member has a place for every other"
    );
    assert!(ENROLMENT_MOST <= CREDENTIAL_BYTES, "every enrolment can be shown");
    assert!(
        CREDENTIAL_BYTES + 2 * 2_420 + 1_400 <= STRANGER_WINDOW as usize,
        "a handshake needs no more window"
    );
    assert!(PEERS_DEFAULT <= PEERS_MOST && PEERS_MOST <= PEERS_KNOWN);
    // Who has not shown where it is takes no place that is kept, nor all that are not.
    assert!(HANDSHAKES_UNVALIDATED < HANDSHAKES - HANDSHAKES / HANDSHAKES_KEPT);
    assert!(HANDSHAKES_PER_ADDRESS < HANDSHAKES - HANDSHAKES / HANDSHAKES_KEPT);
    assert!(HANDSHAKES_KEPT_PER_ADDRESS < HANDSHAKES / HANDSHAKES_KEPT);
    assert!(HANDSHAKE_RATE_PER_ADDRESS < HANDSHAKE_RATE && HANDSHAKE_BURST_PER_ADDRESS < HANDSHAKE_BURST);
    // An address is remembered until its bucket is full again, and the common bucket bounds how many are not.
    let refill = HANDSHAKE_BURST_PER_ADDRESS / HANDSHAKE_RATE_PER_ADDRESS + 1;
    assert!((HANDSHAKE_BURST + HANDSHAKE_RATE * refill) as usize <= HANDSHAKE_ADDRESSES);
    assert!(HANDSHAKE_STEP_TIMEOUT.as_millis() <= HANDSHAKE_TIMEOUT.as_millis());
    assert!(4 + TRANSACTION_MAX_BYTES <= LIVE_FRAME_BYTES, "the longest transaction can be relayed");
    assert!(LIVE_FRAME_BYTES <= BULK_FRAME_BYTES && BULK_FRAME_BYTES <= BYTES_HELD);
    assert!(
        BULK_FRAME_BYTES + CONGESTED_BYTES <= SEND_QUEUE_BYTES,
        "a queue that is not congested takes a frame"
    );
    assert!(DRAINED_BYTES < CONGESTED_BYTES && DRAINED_FRAMES < CONGESTED_FRAMES);
    assert!(WRITE_BATCH_BYTES <= DRAINED_BYTES);
    // No stream can take the windows of the others: each has its own, and a fourth part is left.
    assert!(RECEIVE_WINDOW >= 4 * STREAM_WINDOW && SEND_WINDOW >= 4 * STREAM_WINDOW as u64);
    assert!(2 * KEEP_ALIVE.as_millis() < IDLE_TIMEOUT.as_millis());
    assert!(IDLE_TIMEOUT.as_millis() < STALL_TIMEOUT.as_millis());
    assert!(DIAL_BACKOFF.as_millis() < DIAL_BACKOFF_NEAR.as_millis());
    assert!(DIAL_BACKOFF_NEAR.as_millis() < DIAL_BACKOFF_MOST.as_millis());
    assert!(HANDSHAKE_TIMEOUT.as_millis() <= DIAL_BACKOFF_MOST.as_millis());
    // What the events of the most peers hold, frames aside, stays below 32 MiB at 256 bytes each.
    assert!(event_queue(PEERS_MOST) * 256 <= 32 * 1_024 * 1_024);
};
