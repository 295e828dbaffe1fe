//! What the owner works with, listens to, and says.

use super::outgoing::Batch;
use crate::bell::{Bell, Receiver, Sender};
use crate::metrics::Metrics;
use crate::node::finality::FinalityView;
use crate::node::health::Health;
use crate::node::intake::Fault;
use crate::node::job::Checked;
use crate::node::peering::{PeerEvent, Post, Share};
use crate::node::progress::Progress;
use crate::node::room::Room;
use crate::node::signer::Signed;
use crate::store::Store;
use bytes::Bytes;
use futures_channel::oneshot;
use std::sync::Arc;
use weft_tangle::finality::Proposal;
use weft_tangle::replica::{Event, Source, Ticket, Token};
use weft_tangle::{DeviceId, Position, Verified};

/// Parents for a device.
#[derive(Debug)]
pub(in crate::node) struct TicketRequest {
    pub(in crate::node) device: DeviceId,
    pub(in crate::node) count: usize,
    pub(in crate::node) answer: oneshot::Sender<Result<Ticket, Fault>>,
}

/// What the writer says.
#[derive(Debug)]
pub(in crate::node) enum Written {
    /// The batch is on disk; its last position and the index of its last commit, if it had any.
    UpTo(Option<Position>, Option<u64>),
    /// Nothing more will be.
    Failed,
}

/// Why an owner has ended, with all that was attached durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::node) enum Ended {
    /// Nobody can ask any more.
    Served,
    /// What finality stood still for is whole again, and a replica recovered from the store goes on with it.
    Healed,
}

/// What the owner works with.
pub(in crate::node) struct Surroundings {
    pub(in crate::node) store: Arc<Store>,
    /// What [`Store::healed`] said before the replica was recovered, or when it was last looked at.
    pub(in crate::node) healed: u64,
    pub(in crate::node) writer: Sender<Batch>,
    /// Where own witnesses are signed, in a node that makes any.
    pub(in crate::node) signer: Option<Sender<Box<Proposal>>>,
    pub(in crate::node) progress: Arc<Progress>,
    pub(in crate::node) room: Arc<Room>,
    pub(in crate::node) metrics: Arc<Metrics>,
    pub(in crate::node) health: Arc<Health>,
    pub(in crate::node) finality: Arc<FinalityView>,
    /// The way to the peers, in a node that has any.
    pub(in crate::node) post: Option<Post>,
}

/// What the owner listens to, and the bell that all of it rings.
pub(in crate::node) struct Queues<'a> {
    pub(in crate::node) bell: &'a Bell,
    pub(in crate::node) requests: &'a Receiver<Checked>,
    pub(in crate::node) tickets: &'a Receiver<TicketRequest>,
    pub(in crate::node) peers: &'a Receiver<PeerEvent>,
    pub(in crate::node) written: &'a Receiver<Written>,
    pub(in crate::node) signed: &'a Receiver<Signed>,
}

/// Something that was taken from the queue and found no room in the replica yet.
pub(super) enum Waits {
    /// A client's, with the bytes as they came.
    Door(Token, Box<Verified>, Bytes),
    /// What the checks have made of a peer's.
    Peer(Source, Box<Event>, Share),
}
