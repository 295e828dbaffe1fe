//! One connected peer: both directions of the link to it, and how it is doing.

use super::Tree;
use super::score::Score;
use super::tail::Tail;
use super::teller::Teller;
use super::trees::Branches;
use crate::replica::Source;
use crate::{DeviceId, Timestamp};
use std::collections::BTreeSet;

/// What has gone over a link since it began.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct PeerCounts {
    /// Transactions pushed to the peer.
    pub pushes_sent: u64,
    /// Transactions that came from the peer for the first time.
    pub bodies: u64,
    /// Transactions that came from the peer and were known.
    pub duplicates: u64,
    /// Trees that the peer grafted here.
    pub grafts: u64,
    /// Trees that the peer was asked not to push.
    pub prunes_sent: u64,
    /// Trees that the peer asked not to be pushed.
    pub prunes: u64,
    /// Requests sent to the peer.
    pub requests_sent: u64,
    /// Requests of the peer.
    pub requests: u64,
    /// Entries of its log that the peer has told.
    pub entries: u64,
}

/// How a link serves new transactions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkState {
    /// The peer has not asked for the log yet.
    Joining,
    /// The peer is far behind, or does not read as fast as it is written to: only the log goes there.
    CatchingUp,
    /// New transactions are pushed there, at least those of this node's own door.
    Eager,
    /// The peer gets all from others and has declined even those.
    Lazy,
}

impl LinkState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Joining, Self::CatchingUp, Self::Eager, Self::Lazy];

    /// A short stable name, for the API and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::CatchingUp => "catching-up",
            Self::Eager => "eager",
            Self::Lazy => "lazy",
        }
    }
}

/// A peer as seen from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerView {
    /// The connection.
    pub source: Source,
    /// Who it is.
    pub device: DeviceId,
    /// Since when it is connected.
    pub since: Timestamp,
    /// How the link serves new transactions.
    pub state: LinkState,
    /// Trees pushed to the peer.
    pub trees: u32,
    /// Points of fault.
    pub points: u32,
    /// Entries of this node's log that the peer has not settled; of all, before it has asked for any.
    pub lag: u64,
    /// Entries of the peer's log that are not settled here.
    pub behind: u64,
    /// Transactions asked of it that have not come.
    pub asked: usize,
    /// What has gone over the link.
    pub counts: PeerCounts,
}

/// A peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) device: DeviceId,
    pub(super) since: Timestamp,
    /// Whether this side of the link names transactions first.
    pub(super) leads: bool,
    /// What the peer tells.
    pub(super) tail: Tail,
    /// What the peer is told, once it has asked.
    pub(super) teller: Option<Teller>,
    pub(super) branches: Branches,
    /// The peer does not read as fast as it is written to.
    pub(super) is_congested: bool,
    /// Its requests that are being answered.
    pub(super) serving: BTreeSet<u32>,
    pub(super) score: Score,
    pub(super) counts: PeerCounts,
}

impl Peer {
    pub(super) fn new(device: DeviceId, own: DeviceId, cursor: &[u8], now: Timestamp) -> Self {
        Self {
            device,
            since: now,
            leads: leads(&own, &device),
            tail: Tail::new(cursor, now),
            teller: None,
            branches: Branches::of_origin(Tree::of(&own)),
            is_congested: false,
            serving: BTreeSet::new(),
            score: Score::default(),
            counts: PeerCounts::default(),
        }
    }

    pub(super) fn state(&self) -> LinkState {
        match &self.teller {
            None => LinkState::Joining,
            Some(teller) if self.is_congested || teller.is_lagging() => LinkState::CatchingUp,
            Some(_) if self.branches.count() > 0 => LinkState::Eager,
            Some(_) => LinkState::Lazy,
        }
    }

    /// Whether a new transaction of this tree goes there at once.
    pub(super) fn takes(&self, tree: Tree) -> bool {
        self.branches.pushes(tree) && self.state() == LinkState::Eager
    }
}

/// Whether `own` names transactions first on its link to `peer`, so that each is named in one direction only. Which of
/// two it is changes from link to link, so that no node always speaks last; both sides compute the same.
pub fn leads(own: &DeviceId, peer: &DeviceId) -> bool {
    let parity = own.as_bytes()[DeviceId::BYTES - 1] ^ peer.as_bytes()[DeviceId::BYTES - 1];
    (own < peer) == (parity & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_two_leads_and_nobody_always() {
        let devices: Vec<DeviceId> =
            (0..16u8).map(|n| DeviceId::from_bytes([n.wrapping_mul(91); 32])).collect();
        for one in &devices {
            let others = || devices.iter().filter(|other| *other != one);
            assert!(others().all(|other| leads(one, other) != leads(other, one)));
            let led = others().filter(|other| leads(one, other)).count();
            assert!((4..=11).contains(&led), "{led} of 15");
        }
    }
}
