//! What goes into a replica and what comes out: [`Event`] and [`Effect`].
//!
//! A [`Token`] that came with an event goes out in exactly one effect, but for that of a peer's transaction that has
//! to wait: nobody is told of those.

use super::Attached;
use crate::{DeviceId, Epoch, Refusal, Screened, Timestamp, TxId, Verified};
use std::sync::Arc;
use weft_pow::Difficulty;

/// Where a transaction stands in this node's order of arrival, from zero, without gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position(pub u64);

/// Names a request, so that its answer finds back. The replica only hands it on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token(pub u64);

/// Where a transaction came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Source {
    /// A client of this node's API; it is told at once what is missing, nothing of it waits.
    Door,
    /// A peer, by the number of its connection.
    Peer(u32),
}

/// Something that happened to the replica.
#[derive(Debug)]
pub enum Event {
    /// A checked transaction came in.
    Received {
        /// The transaction.
        transaction: Verified,
        /// Where from.
        source: Source,
        /// Who waits for the answer.
        token: Option<Token>,
    },
    /// A transaction came in that no enrolment known here permits. One from the door does not wait: its client is
    /// told at once.
    Unpermitted {
        /// The transaction.
        transaction: Screened,
        /// Where from.
        source: Source,
    },
    /// A peer's connection has ended; nothing more comes from this source.
    Left {
        /// The source, whose number is not used again.
        source: Source,
    },
    /// Everything up to this position is on disk, and [`History`](super::History) shows it.
    Durable {
        /// The last position that is.
        position: Position,
    },
    /// Somebody asks for parents.
    Ticket {
        /// Who will issue.
        device: DeviceId,
        /// How many pairs, 1 to [`crate::limits::TICKET_PAIRS`]; more are cut.
        count: usize,
        /// Fresh entropy, which decides the draw.
        entropy: [u8; 32],
        /// Who waits for the answer.
        token: Token,
    },
    /// Time has passed.
    Tick,
}

/// Something that the replica wants done.
#[derive(Debug)]
pub enum Effect {
    /// Write this to disk, in the order of positions.
    Persist(Arc<Attached>),
    /// Check this again: its issuer may be enrolled by now.
    Verify(Screened, Source),
    /// The answer to a received transaction.
    Answer(Token, Result<Taken, Refusal>),
    /// The answer to a request for a ticket.
    Ticket(Token, Ticket),
}

/// A transaction is attached and durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// Its id.
    pub id: TxId,
    /// Whether it came for the first time.
    pub is_new: bool,
    /// Whether it is known to contradict another of its issuer's; only told of one that came for the first time.
    pub disputed: bool,
}

/// Parents for transactions to come, and what else their issuer needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// This node's time.
    pub time: Timestamp,
    /// The epoch of that time.
    pub epoch: Epoch,
    /// The device's next counter in that epoch, as far as this node knows.
    pub counter: u32,
    /// The work for a transaction with that counter.
    pub difficulty: Difficulty,
    /// The work for an enrolment with that counter.
    pub enrolment_difficulty: Difficulty,
    /// Pairs of parents.
    pub parents: Vec<[TxId; 2]>,
}
