//! Gossip between replicas, without I/O (`spec/14-gossip.md`).
//!
//! Each node has a log: its durable transactions in their order of arrival. Every peer's log is tailed, so nothing can
//! be missed, and being new, having been away and repairing a loss are one thing. On top of that new transactions are
//! pushed along trees; the logs announce what a tree did not bring.
//!
//! What always holds:
//! - a cursor in a peer's log advances only over what is durable here or refused for good;
//! - a transaction is asked of one peer at a time, and of another one when that does not answer;
//! - what a peer can make this node hold or do is bounded by limits of its own; beyond them it is at fault;
//! - no message, push or order depends on anything but events and their times.

mod checkpoints;
mod feed;
mod frame;
mod lives;
mod mending;
mod message;
mod messages;
mod own_log;
mod peer;
mod pump;
mod runs;
mod score;
mod tail;
mod teller;
mod trees;
mod wants;
mod wire;

pub use frame::Frame;
pub use message::{Checkpoint, Message, MessageError, PROTOCOL_VERSION, Stretch};
pub use peer::{LinkState, PeerCounts, PeerView, leads};
pub use runs::{Fresh, Run};
pub use score::Fault;

use crate::limits::{PEERS, REFUSED_IDS, TAIL_CREDIT};
use crate::replica::{Effect, Source};
use crate::{DeviceId, HistoryError, Timestamp, TxId};
use indexmap::IndexMap;
use lives::Lives;
use mending::Mending;
use own_log::OwnLog;
use peer::Peer;
use score::Bans;
use std::collections::BTreeMap;
use std::ops::Range;
use trees::Trees;
use wants::Wants;

/// The tree that a new transaction is pushed along: the first four bytes of the [`DeviceId`] of the node that took it in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tree(pub u32);

impl Tree {
    /// The tree of what a node takes in.
    pub const fn of(device: &DeviceId) -> Self {
        let [a, b, c, d, ..] = *device.as_bytes();
        Self(u32::from_be_bytes([a, b, c, d]))
    }
}

/// The stream that something goes on. Each keeps its order; none waits for another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// Messages.
    Control,
    /// Pushed transactions.
    Live,
    /// Transactions that were asked for, and [`Message::Done`].
    Bulk,
}

/// Why a peer is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It did what no honest peer does, this last, and is banned until then.
    Fault(Fault, Timestamp),
    /// It was dropped for this before and is banned until then.
    Banned(Fault, Timestamp),
    /// There are as many peers as can be.
    Full,
}

/// What has become of a transaction here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whereabouts {
    Unknown,
    /// It waits for something.
    Waiting,
    /// It is attached and not yet durable.
    Attached,
    Durable,
}

/// The rest of the replica, as gossip sees it.
pub(crate) trait Here {
    fn whereabouts(&self, id: &TxId) -> Result<Whereabouts, HistoryError>;

    /// How many transactions of a source wait.
    fn waiting_of(&self, source: Source) -> usize;

    /// Whether something that waits references this transaction.
    fn is_missed(&self, id: &TxId) -> bool;

    /// Whether attaching has room.
    fn has_room(&self) -> bool;

    /// The ids at these positions of the stored log, in order.
    fn log(&self, range: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError>;
}

/// The state of gossip. [`crate::Replica`] owns it.
#[derive(Debug)]
pub(crate) struct Gossip {
    own: DeviceId,
    /// Whether this life has a number, and whether that is being written down.
    has_begun: bool,
    is_remembered: bool,
    lives: Lives,
    log: OwnLog,
    peers: BTreeMap<Source, Peer>,
    wants: Wants,
    mending: Mending,
    trees: Trees,
    bans: Bans,
    /// Ids refused for good, in two generations, and whether a node of another version may have attached them.
    refused: [IndexMap<TxId, bool>; 2],
    /// Peers dropped for their faults, whose waiting transactions are to be forgotten.
    dropped: Vec<Source>,
    /// When there is something to do.
    due: Option<Timestamp>,
    /// When that was looked at last, and whether nothing could be attached then.
    pumped: Timestamp,
    was_full: bool,
}

impl Gossip {
    /// Gossip of a node with nobody connected, whose log has `end` entries.
    pub(crate) fn new(end: u64) -> Self {
        Self {
            own: DeviceId::from_bytes([0; DeviceId::BYTES]),
            // A node that nobody has named has no peers either.
            has_begun: true,
            is_remembered: true,
            lives: Lives::default(),
            log: OwnLog::new(end),
            peers: BTreeMap::new(),
            wants: Wants::default(),
            mending: Mending::default(),
            trees: Trees::default(),
            bans: Bans::default(),
            refused: Default::default(),
            dropped: Vec::new(),
            due: None,
            pumped: Timestamp::default(),
            was_full: false,
        }
    }

    pub(crate) fn set_device(&mut self, own: DeviceId, lives: &[u8]) {
        (self.own, self.lives) = (own, Lives::decode(lives));
        (self.has_begun, self.is_remembered) = (false, false);
    }

    /// A life begins with its first event.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.lives.begin(now.as_millis(), self.log.end());
        }
    }

    /// Has the life written down, with whatever is attached in it or before.
    pub(crate) fn remember_life(&mut self, effects: &mut Vec<Effect>) {
        if !std::mem::replace(&mut self.is_remembered, true) {
            effects.insert(0, Effect::Remember { device: self.own, cursor: self.lives.encode() });
        }
    }

    /// Takes the newest entry of the log back into memory.
    pub(crate) fn recover(&mut self, id: TxId) {
        self.log.recover(id);
    }

    /// A peer has been let in.
    pub(crate) fn connected(
        &mut self,
        source: Source,
        device: DeviceId,
        cursor: &[u8],
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let banned = self.bans.find(&device, now).map(|(until, fault)| Reason::Banned(fault, until));
        // A peer's new connection may come before the end of its old one is told.
        let others = self.peers.values().filter(|peer| peer.device != device).count();
        let full = (others >= PEERS).then_some(Reason::Full);
        if let Some(reason) = banned.or(full) {
            effects.push(Effect::Disconnect { source, device, reason });
            return;
        }
        let peer = Peer::new(device, self.own, cursor, now);
        let checkpoints = peer.tail.checkpoints().marks().to_vec();
        self.peers.insert(source, peer);
        let message = Message::Tail { checkpoints, credit: TAIL_CREDIT as u32 };
        effects.push(Effect::Send { source, class: Class::Control, message });
    }

    /// A peer's connection has ended.
    pub(crate) fn left(&mut self, source: Source, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(mut peer) = self.peers.remove(&source) else { return };
        if let Some(cursor) = peer.tail.remember(now) {
            effects.push(Effect::Remember { device: peer.device, cursor });
        }
        self.wants.forget(source, now);
    }

    /// A peer's queue of what is sent is full, or empty again.
    pub(crate) fn set_congested(&mut self, source: Source, is_congested: bool) {
        if let Some(peer) = self.peers.get_mut(&source) {
            peer.is_congested = is_congested;
        }
    }

    /// A peer did something wrong. It is dropped when that was too much.
    pub(crate) fn fault(&mut self, source: Source, fault: Fault, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(peer) = self.peers.get_mut(&source) else { return };
        if !peer.score.add(fault, now) {
            return;
        }
        let device = peer.device;
        self.bans.add(device, fault, now);
        let until = now.plus(crate::limits::BAN_MS);
        effects.push(Effect::Disconnect { source, device, reason: Reason::Fault(fault, until) });
        self.left(source, now, effects);
        self.dropped.push(source);
    }

    /// Peers dropped since this was asked last.
    pub(crate) fn take_dropped(&mut self) -> Vec<Source> {
        std::mem::take(&mut self.dropped)
    }

    /// The peers, by connection.
    pub(crate) fn views(&self, now: Timestamp) -> Vec<PeerView> {
        let view = |(source, peer): (&Source, &Peer)| PeerView {
            source: *source,
            device: peer.device,
            since: peer.since,
            state: peer.state(),
            trees: peer.branches.count(),
            points: peer.score.points(now),
            lag: peer.teller.as_ref().map_or(self.log.end(), |teller| teller.lag(self.log.end())),
            behind: peer.tail.lag(),
            asked: self.wants.asked_of(source).0,
            counts: peer.counts,
        };
        self.peers.iter().map(view).collect()
    }

    /// The peers whose logs are read up to where they ended when the connection began.
    pub(crate) fn read_to_the_end(&self) -> impl Iterator<Item = DeviceId> {
        self.peers.values().filter(|peer| peer.tail.is_read()).map(|peer| peer.device)
    }

    /// Transactions known of and not here.
    pub(crate) fn wanted(&self) -> usize {
        self.wants.len()
    }

    /// Those of them that somebody who was asked has without their bodies.
    pub(crate) fn withheld(&self) -> usize {
        self.wants.len_withheld()
    }

    /// The oldest of these that was asked for again and again.
    pub(crate) fn oldest_withheld(&self) -> Option<TxId> {
        self.wants.oldest_withheld()
    }

    fn is_refused(&self, id: &TxId) -> bool {
        self.refused.iter().any(|generation| generation.contains_key(id))
    }

    /// Whether it was refused for what only this version does not process.
    fn is_of_another_version(&self, id: &TxId) -> bool {
        self.refused.iter().any(|generation| generation.get(id) == Some(&true))
    }

    fn remember_refused(&mut self, id: TxId, is_of_another_version: bool) {
        if self.refused[0].len() >= REFUSED_IDS / 2 {
            self.refused.swap(0, 1);
            self.refused[0].clear();
        }
        self.refused[0].insert(id, is_of_another_version);
    }
}
