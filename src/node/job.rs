//! What goes to the checkers and what comes from them, for both ways in: the door and the peers.
//!
//! Always true: a frame's share of its peer's allowance is held until the owner has dealt with all that was in it, so a
//! node that is slow stops reading whoever sends to it.

use super::intake::Answer;
use super::peering::Share;
use bytes::Bytes;
use futures_channel::oneshot;
use weft_tangle::gossip::Tree;
use weft_tangle::replica::{Event, Source};
use weft_tangle::{Screened, Verified};

/// Transactions to be checked.
#[derive(Debug)]
pub(super) enum Job {
    /// A client's.
    Door(DoorJob),
    /// A peer's.
    Peer(PeerJob),
}

impl Job {
    /// How many transactions are to be checked.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Door(job) => job.items.len(),
            Self::Peer(job) => job.len(),
        }
    }
}

/// Transactions in wire form, and where their answers go, which come in the same order.
#[derive(Debug)]
pub(super) struct DoorJob {
    pub(super) items: Vec<Bytes>,
    pub(super) answers: oneshot::Sender<Vec<Answer>>,
}

/// What a peer has sent.
#[derive(Debug)]
pub(super) struct PeerJob {
    pub(super) source: Source,
    /// That of a push.
    pub(super) tree: Option<Tree>,
    pub(super) work: Work,
    pub(super) share: Share,
}

impl PeerJob {
    /// How many transactions are to be checked.
    pub(super) fn len(&self) -> usize {
        self.work.len()
    }
}

/// What is to be checked of a peer's transactions.
#[derive(Debug)]
pub(super) enum Work {
    /// All, of each of these in wire form.
    Wires(Vec<Bytes>),
    /// Issuer and signature: when it was screened its issuer was not known.
    Again(Box<Screened>),
}

impl Work {
    fn len(&self) -> usize {
        match self {
            Self::Wires(wires) => wires.len(),
            Self::Again(_) => 1,
        }
    }
}

/// What has been checked.
#[derive(Debug)]
pub(super) enum Checked {
    /// A client's job.
    Door(Request),
    /// A peer's.
    Peer(PeerRequest),
}

impl Checked {
    /// How many transactions it speaks of.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Door(request) => request.items.len(),
            Self::Peer(request) => request.events.len(),
        }
    }
}

/// A client's job that was checked. What is to be attached is, in its order; when all of that is durable, all is answered.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) items: Vec<Item>,
    pub(super) answers: oneshot::Sender<Vec<Answer>>,
}

impl Request {
    /// Whether something of it is to be attached.
    pub(super) fn leaves_something(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Attach(..)))
    }
}

/// What has become of one transaction of a client's job.
#[derive(Debug)]
pub(super) enum Item {
    /// It is to be attached. Its bytes as they came hold their share of the memory for bodies until it is.
    Attach(Box<Verified>, Bytes),
    /// It needs nothing more.
    Answered(Answer),
}

/// What the checks have made of a peer's transactions, in their order.
#[derive(Debug)]
pub(super) struct PeerRequest {
    pub(super) source: Source,
    pub(super) events: Vec<Event>,
    pub(super) share: Share,
}
