//! What everybody who looks at the peers shares: the shell, and what the owner last said of them.

use crate::gossip::{PeerNumber, PeerState, Reason, Shell};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use weft_tangle::gossip::{Fault, PeerCounts, PeerView};
use weft_tangle::replica::Source;

/// The connections with other fog nodes, as the rest of the node sees them.
#[derive(Debug)]
pub struct Link {
    /// The connections.
    pub shell: Shell,
    said: Mutex<Said>,
}

/// What the owner said last.
#[derive(Debug, Default)]
struct Said {
    views: Vec<PeerView>,
    totals: Totals,
    counted: BTreeMap<Source, PeerCounts>,
    /// Peers sent away, by fault.
    faults: BTreeMap<&'static str, u64>,
}

/// What has gone over all links since the process started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// What the replica has counted.
    pub counts: PeerCounts,
    /// Transactions sent because they were asked for.
    pub served: u64,
}

impl Link {
    /// The link over a shell.
    pub(super) fn new(shell: Shell) -> Self {
        Self { shell, said: Mutex::default() }
    }

    /// The connected peers as the replica sees them, some tenths of a second ago.
    pub fn views(&self) -> Vec<PeerView> {
        self.lock().views.clone()
    }

    /// The counts of all links together.
    pub fn totals(&self) -> Totals {
        self.lock().totals
    }

    /// How many peers were sent away, by their fault.
    pub fn faults(&self) -> Vec<(&'static str, u64)> {
        self.lock().faults.iter().map(|(fault, count)| (*fault, *count)).collect()
    }

    /// Counts a peer that is sent away.
    pub(super) fn count_fault(&self, fault: Fault) {
        *self.lock().faults.entry(fault.name()).or_default() += 1;
    }

    /// Counts transactions that were asked for and sent.
    pub(super) fn count_served(&self, transactions: usize) {
        self.lock().totals.served += transactions as u64;
    }

    /// Takes over what the replica says.
    pub(super) fn publish(&self, views: Vec<PeerView>) {
        let mut said = self.lock();
        let said = &mut *said;
        for view in &views {
            let before = said.counted.insert(view.source, view.counts).unwrap_or_default();
            add(&mut said.totals.counts, &before, &view.counts);
        }
        // Numbers are not used again, so what is not there any more will not come back.
        said.counted.retain(|source, _| views.iter().any(|view| view.source == *source));
        said.views = views;
    }

    /// Sends all peers away: nothing that they say can be taken now. They will try again.
    pub(in crate::node) fn send_away(&self) {
        for peer in self.shell.peers() {
            if let PeerState::Connected { number, .. } = peer.state {
                self.refuse(number);
            }
        }
        self.publish(Vec::new());
    }

    /// Sends a peer away that has come while nothing can be taken.
    pub(in crate::node) fn refuse(&self, peer: PeerNumber) {
        self.shell.disconnect(peer, Reason::Unavailable);
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        // Figures alone stand here.
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(total: &mut PeerCounts, before: &PeerCounts, now: &PeerCounts) {
    let fields = |counts: &PeerCounts| {
        [
            counts.pushes_sent,
            counts.bodies,
            counts.duplicates,
            counts.grafts,
            counts.prunes_sent,
            counts.prunes,
            counts.requests_sent,
            counts.requests,
            counts.entries,
        ]
    };
    let mut sums = fields(total);
    for ((sum, before), now) in sums.iter_mut().zip(fields(before)).zip(fields(now)) {
        *sum += now.saturating_sub(before);
    }
    let [pushes_sent, bodies, duplicates, grafts, prunes_sent, prunes, requests_sent, requests, entries] =
        sums;
    *total = PeerCounts {
        pushes_sent,
        bodies,
        duplicates,
        grafts,
        prunes_sent,
        prunes,
        requests_sent,
        requests,
        entries,
    };
}
