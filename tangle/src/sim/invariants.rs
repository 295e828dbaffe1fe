//! What must hold at every moment, looked at where it could be violated, so that looking costs a few comparisons.
//!
//! Always true: the first violation stays. What liars hold or say is not looked at.

use super::Micros;
use super::catalogue::Number;
use super::invariant::{Invariant, Violation};
use super::net::Net;
use super::trace::name;
use crate::gossip::Reason;
use crate::limits::{
    ASKED_PER_PEER, COMMITS_IN_FLIGHT, IN_FLIGHT, PEERS, PENDING, REFERENCES, REQUESTS_PER_PEER, TAIL_CREDIT,
    TIP_POOL, VERDICTS, WANT_IDS, WINDOW, WITNESSES_PER_ROUND,
};
use crate::replica::Ticket;
use crate::{Position, Transaction, TxId};
use std::collections::{BTreeMap, BTreeSet};

/// Events between two looks at the bounds of single peers.
const LOOK_AT_PEERS: u64 = 64;

/// When and where a client was told first that a transaction is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) at: Micros,
    pub(super) node: usize,
}

/// What was promised, and the first promise that was broken.
#[derive(Default, Debug)]
pub(super) struct Judge {
    violation: Option<Violation>,
    /// How often an older disk took the place of a node's.
    restored: usize,
    /// What was acknowledged, and by whom first.
    acknowledged: BTreeMap<Number, Taken>,
    /// Acknowledged, and gone with the only disk that had it when an older one took its place.
    excused: BTreeSet<Number>,
}

impl Judge {
    pub(super) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// What was acknowledged and must be there.
    pub(super) fn promised(&self) -> impl Iterator<Item = Number> {
        self.acknowledged.keys().filter(|number| !self.excused.contains(number)).copied()
    }

    /// Who told a client first that it is taken.
    pub(super) fn taken(&self, number: Number) -> Option<Taken> {
        self.acknowledged.get(&number).copied()
    }

    /// How many clients were told that theirs is taken.
    pub(super) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }
}

impl Net {
    /// A transaction is being attached. No honest node takes what nobody has signed, or what has lost its body on the way: here
    /// none is erased.
    pub(super) fn look_at_genuine(&mut self, number: usize, transaction: &Transaction) {
        if self.nodes[number].is_honest() && !self.catalogue.is_genuine(transaction) {
            let id = transaction.id();
            self.violated(Invariant::Genuine, number, |_| {
                format!("{id} is attached and is not as it was signed")
            });
        }
    }

    pub(super) fn violated(&mut self, invariant: Invariant, node: usize, what: impl FnOnce(&Self) -> String) {
        if self.judge.violation.is_none() {
            let what = what(self);
            self.judge.violation = Some(Violation { invariant, at: self.now, node, what });
        }
    }

    /// A transaction is being attached.
    pub(super) fn look_at_attached(&mut self, number: usize, transaction: Number, position: Position) {
        let disk = &self.nodes[number].disk;
        if !self.nodes[number].is_honest() {
            return;
        }
        let is_gapless = position.0 == disk.order().len() as u64 && !disk.has(transaction);
        let content = self.catalogue.get(transaction);
        let id = content.id();
        let is_known =
            |reference: TxId| self.catalogue.number(&reference).is_some_and(|number| disk.has(number));
        let is_complete = self.catalogue.references(transaction).all(is_known);
        let is_causal = self.catalogue.references(transaction).all(|reference| reference < id);
        if !is_gapless {
            self.violated(Invariant::Order, number, |net| {
                format!(
                    "{} is attached at {}, which does not come next",
                    name(transaction, &net.catalogue),
                    position.0
                )
            });
        }
        if !is_complete {
            self.violated(Invariant::Order, number, |net| {
                format!("{} is attached before what it references", name(transaction, &net.catalogue))
            });
        }
        self.look_at_twins(number, transaction);
        if !is_causal {
            self.violated(Invariant::Causal, number, |net| {
                format!(
                    "{} has an id below that of something it references",
                    name(transaction, &net.catalogue)
                )
            });
        }
    }

    /// Witnesses of one author and round that a node holds at most: so many of its own accord and so many for each honest
    /// member that may have taken others, once more for each that has lost its disk. Where several lie together nothing but
    /// what they send is a bound; they are not known to do so here, and one for each is looked for.
    fn most_twins(&self) -> usize {
        let honest = self.settings.members().filter(|member| self.nodes[*member].is_honest()).count();
        let lying = self.settings.members().len() - honest;
        let callers = if lying > 1 { honest + lying } else { honest };
        WITNESSES_PER_ROUND * (callers + 1 + self.judge.restored)
    }

    /// No member makes others hold more twins than members have taken by themselves.
    fn look_at_twins(&mut self, number: usize, transaction: Number) {
        let Some(witness) = self.catalogue.witness(transaction) else { return };
        let (round, author, most) = (witness.round, witness.author, self.most_twins());
        let twins = self.catalogue.of_round(round, author);
        if twins.len() > most {
            let disk = &self.nodes[number].disk;
            let held = twins.iter().filter(|twin| **twin == transaction || disk.has(**twin)).count();
            if held > most {
                self.violated(Invariant::Bounds, number, |_| {
                    format!("{held} witnesses of {author:?} and {round}, where {most} are allowed")
                });
            }
        }
    }

    /// A client is told that a transaction is taken.
    pub(super) fn look_at_acknowledged(&mut self, number: usize, transaction: Number) {
        if !self.nodes[number].is_honest() {
            return;
        }
        let taken = Taken { at: self.now, node: number };
        self.judge.acknowledged.entry(transaction).or_insert(taken);
        self.judge.excused.remove(&transaction);
        if !self.nodes[number].disk.has_durable(transaction) {
            self.violated(Invariant::Kept, number, |net| {
                format!("{} is acknowledged and not on disk", name(transaction, &net.catalogue))
            });
        }
    }

    /// Parents are handed out.
    pub(super) fn look_at_ticket(&mut self, number: usize, ticket: &Ticket) {
        let disk = &self.nodes[number].disk;
        let genesis = self.catalogue.network.genesis();
        let is_durable = |id: &TxId| self.catalogue.number(id).is_some_and(|parent| disk.has_durable(parent));
        let mut parents = ticket.parents.iter().flatten().copied();
        let unsaved = parents.find(|id| *id != genesis && !is_durable(id));
        if let Some(id) = unsaved {
            self.violated(Invariant::Kept, number, |_| {
                format!("{id} is handed out as a parent and not on disk")
            });
        }
    }

    /// Signatures have been checked.
    pub(super) fn look_at_checks(&mut self, number: usize) {
        let node = &self.nodes[number];
        let (again, remembered) = (node.memory.take_again(), node.memory.len());
        // One that was forgotten for want of room may be checked again.
        if again && remembered < VERDICTS / 2 && node.is_honest() {
            self.violated(Invariant::Once, number, |_| "a signature is checked a second time".into());
        }
        if remembered > 2 * VERDICTS {
            self.violated(Invariant::Bounds, number, |_| format!("{remembered} verdicts are remembered"));
        }
    }

    /// A replica has handled an event.
    pub(super) fn look_at_bounds(&mut self, number: usize) {
        let node = &self.nodes[number];
        let held = node.replica.occupancy();
        let bounds = [
            ("tips", held.tips, TIP_POOL),
            ("pending", held.pending, PENDING),
            ("window", held.window, WINDOW),
            ("in flight", held.in_flight, IN_FLIGHT + 1),
            ("commits in flight", held.commits_in_flight, COMMITS_IN_FLIGHT),
            ("witnesses", held.witnesses, held.rounds * self.settings.members().len() * self.most_twins()),
            ("candidates", held.candidates, held.rounds * self.most_twins()),
            ("wanted", held.wanted, PEERS * TAIL_CREDIT + REFERENCES),
            ("connected", node.ends.len(), self.nodes.len().min(PEERS + 1)),
        ];
        let exceeded = bounds.into_iter().find(|(_, held, bound)| held > bound);
        if let Some((what, held, bound)) = exceeded {
            self.violated(Invariant::Bounds, number, |_| format!("{held} {what}, where {bound} are allowed"));
        }
        if self.events().is_multiple_of(LOOK_AT_PEERS) {
            self.look_at_peers(number);
        }
    }

    fn look_at_peers(&mut self, number: usize) {
        let views = self.nodes[number].replica.peers();
        let most = ASKED_PER_PEER.min(REQUESTS_PER_PEER * WANT_IDS);
        let asked = views.iter().map(|view| view.asked).max().unwrap_or(0);
        if asked > most || views.len() > PEERS {
            let peers = views.len();
            self.violated(Invariant::Bounds, number, |_| format!("{asked} asked of one of {peers} peers"));
        }
    }

    /// A node sends another one away.
    pub(super) fn look_at_trust(&mut self, number: usize, peer: usize, reason: Reason) {
        let are_honest = [number, peer].iter().all(|node| self.nodes[*node].is_honest());
        if are_honest && matches!(reason, Reason::Fault(..)) {
            self.violated(Invariant::Trust, number, |_| {
                format!("it sends node {peer} away, which is honest: {reason:?}")
            });
        }
    }

    /// An older disk takes the place of a node's. What was on no other disk is lost, and nobody's fault.
    pub(super) fn excuse(&mut self, number: usize, lost: &[Number]) {
        self.judge.restored += 1;
        let others =
            || self.nodes.iter().enumerate().filter(|(other, node)| *other != number && node.is_honest());
        let is_gone = |transaction: &&Number| !others().any(|(_, node)| node.disk.has_durable(**transaction));
        let gone: Vec<Number> = lost.iter().filter(is_gone).copied().collect();
        self.judge.excused.extend(gone);
    }

    /// Clients that were told that theirs is taken.
    pub fn acknowledged(&self) -> usize {
        self.judge.acknowledged()
    }
}
