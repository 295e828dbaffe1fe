//! What goes into a replica and what comes out: [`Event`] and [`Effect`].
//!
//! A [`Token`] that came with an event goes out in exactly one effect, but for that of a peer's transaction that has
//! to wait: nobody is told of those.

use super::Attached;
use crate::finality::{Handed, Proposal};
use crate::gossip::{Class, Message, Reason, Stretch, Tree};
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
    /// A checked transaction came in that a peer pushed: it is passed on along the same tree.
    Pushed {
        /// The transaction.
        transaction: Verified,
        /// The peer.
        source: Source,
        /// The tree that the push names.
        tree: Tree,
    },
    /// A peer sent a transaction that is known here, so nothing of it was checked.
    Duplicate {
        /// Its id.
        id: TxId,
        /// The peer.
        source: Source,
        /// The tree, if it was pushed.
        tree: Option<Tree>,
    },
    /// A peer sent what is left of a transaction whose body was erased there. Where it was asked for, and enough of the
    /// committee have sent it, it is attached so.
    Remains {
        /// Its id.
        id: TxId,
        /// The peer.
        source: Source,
        /// It, checked ([`Transaction::is_whole`](crate::Transaction::is_whole) is no); none where no enrolment known here
        /// permits it.
        transaction: Option<Verified>,
    },
    /// A peer sent a transaction that the checks before the replica refused.
    Refused {
        /// Its id, if it has one.
        id: Option<TxId>,
        /// The peer.
        source: Source,
        /// Why.
        refusal: Refusal,
    },
    /// An authenticated peer is connected.
    Connected {
        /// Its source, whose number was not used before.
        source: Source,
        /// Who it is.
        device: DeviceId,
        /// The bytes of the newest [`Effect::Remember`] of this device that is durable; empty without one.
        cursor: Vec<u8>,
    },
    /// A peer has said something.
    Message {
        /// The peer.
        source: Source,
        /// What.
        message: Message,
    },
    /// A peer sent a frame that is none: [`Message::decode`] refused it, or it is too long, or the like.
    Garbled {
        /// The peer.
        source: Source,
    },
    /// What is to be sent to a peer waits for what was to be sent before. Nothing is pushed there until it has drained.
    Congested {
        /// The peer.
        source: Source,
    },
    /// All that was to be sent to a peer is on its way.
    Drained {
        /// The peer.
        source: Source,
    },
    /// All there is of a request is handed to the peer's bulk stream. Tell it before [`Message::Done`] goes out: the
    /// next request may come at once.
    Served {
        /// The peer.
        source: Source,
        /// The peer's number of the request.
        request: u32,
    },
    /// A peer's connection has ended; nothing more comes from this source.
    Left {
        /// The source, whose number is not used again.
        source: Source,
    },
    /// The witness of an [`Effect::Witness`], signed. To whom else it is sent is for the replica to say.
    Witness {
        /// The transaction.
        transaction: Verified,
    },
    /// Everything up to these is on disk, and [`History`](super::History) shows it.
    Durable {
        /// The last position that is; none when that is not news.
        position: Option<Position>,
        /// The index of the last commit that is; none when that is not news.
        commit: Option<u64>,
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
    /// What is stored of these is known not to be what was written, and of nothing else: peers are asked for them, and what
    /// comes is told as [`Event::Duplicate`], for it is here already.
    Damaged {
        /// All of them, or the first of very many.
        ids: Vec<TxId>,
    },
    /// Time has passed.
    Tick,
}

/// Something that the replica wants done.
#[derive(Debug)]
pub enum Effect {
    /// Write this to disk, in the order of positions.
    Persist(Arc<Attached>),
    /// Write a commit to disk, all of it at once, in the order of indices and no earlier than all that was to be written
    /// before it.
    Commit(Arc<Handed>),
    /// Sign this witness and hand it in with [`Event::Witness`]. No other is asked for before; one that cannot be signed
    /// is never asked for again in this life.
    Witness(Box<Proposal>),
    /// Check this again: its issuer may be enrolled by now.
    Verify(Screened, Source),
    /// The answer to a received transaction.
    Answer(Token, Result<Taken, Refusal>),
    /// The answer to a request for a ticket.
    Ticket(Token, Ticket),
    /// Send a message to a peer.
    Send {
        /// The peer.
        source: Source,
        /// The stream.
        class: Class,
        /// The message.
        message: Message,
    },
    /// Push a transaction. Where that would wait, leave it and say [`Event::Congested`]: the log names it.
    Relay {
        /// The peers.
        to: Vec<Source>,
        /// The tree, which goes with it.
        tree: Tree,
        /// The transaction.
        transaction: Arc<Attached>,
    },
    /// Send stored transactions to a peer on the bulk stream, in this order, and of those whose bodies were erased what is
    /// left, then say [`Event::Served`], then send [`Message::Done`] with the ids that are not stored, and those that are
    /// without their body.
    Serve {
        /// The peer.
        source: Source,
        /// The peer's number of the request.
        request: u32,
        /// Positions in the own log.
        ranges: Vec<Stretch>,
        /// Others by their ids.
        ids: Vec<TxId>,
    },
    /// Write down how far a peer's log is settled here, in the same storage as transactions and after those handed out
    /// before; what was written for that device before is of no use any more.
    Remember {
        /// The device.
        device: DeviceId,
        /// What to hand in with the next [`Event::Connected`].
        cursor: Vec<u8>,
    },
    /// Close the connection to a peer. Nothing more of this source is listened to; [`Event::Left`] may still be said.
    Disconnect {
        /// The peer.
        source: Source,
        /// Who it is.
        device: DeviceId,
        /// Why.
        reason: Reason,
    },
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
