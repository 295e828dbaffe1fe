//! What the rest of the replica tells gossip: what came in, and what became of it.

use super::{Class, Fault, Gossip, Message, Tree};
use crate::finality::Committee;
use crate::limits::{ORPHANS_PER_FAULT, REFERENCE_MS};
use crate::planted::{self, Planted};
use crate::replica::{Attached, Effect, Source};
use crate::{Malformed, Refusal, Timestamp, TxId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Gossip {
    /// A checked copy of a transaction came in that is not known yet. `tree` is that of a push.
    pub(crate) fn arrived(
        &mut self,
        id: &TxId,
        source: Source,
        tree: Option<Tree>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(peer) = self.peers.get_mut(&source) else { return };
        peer.counts.bodies += 1;
        let was_asked = self.wants.arrived(id, source, now);
        match tree {
            Some(tree) => self.trees.remember(*id, tree),
            None if was_asked || self.wants.is_answering(&source, now) => {}
            None => self.fault(source, Fault::Unasked, now, effects),
        }
    }

    /// A peer sent what is left of a transaction. Says whether it is to be attached without its body: a member of the
    /// committee is believed that it has erased it, as soon as one of those who say so must be honest, and nobody who may
    /// have it whole is left to be asked.
    pub(crate) fn remains(
        &mut self,
        id: &TxId,
        source: Source,
        is_checked: bool,
        committee: &Committee,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Some(peer) = self.peers.get(&source) else { return false };
        let member = committee.member(&peer.device);
        if !self.wants.copied(id, source, now) {
            if !self.wants.is_answering(&source, now) {
                self.fault(source, Fault::Unasked, now, effects);
            }
            return false;
        }
        is_checked && self.wants.remains(id, source, member, committee.size().faulty() + 1)
    }

    /// A copy waits here, or did until now.
    pub(crate) fn waits(&mut self, id: &TxId, source: Source, now: Timestamp) {
        self.wants.arrived(id, source, now);
    }

    /// A copy came in of what is known. A push of it shows a cycle in its tree, which is cut here.
    pub(crate) fn duplicate(
        &mut self,
        id: &TxId,
        source: Source,
        tree: Option<Tree>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(peer) = self.peers.get_mut(&source) else { return };
        peer.counts.duplicates += 1;
        let was_asked = self.wants.copied(id, source, now);
        let Some(tree) = tree else {
            if !was_asked && !self.wants.is_answering(&source, now) {
                self.fault(source, Fault::Unasked, now, effects);
            }
            return;
        };
        if peer.branches.was_declined(tree, now) {
            self.fault(source, Fault::Unasked, now, effects);
        } else if self.trees.may_prune(tree, now) {
            peer.counts.prunes_sent += 1;
            let is_flood = !peer.branches.decline(tree, now);
            let message = Message::Prune { tree: tree.0 };
            effects.push(Effect::Send { source, class: Class::Control, message });
            if is_flood {
                self.fault(source, Fault::Unasked, now, effects);
            }
        }
    }

    /// What a peer sent was refused. What is refused for good, whoever sends it, is settled.
    pub(crate) fn refused(
        &mut self,
        id: Option<TxId>,
        source: Source,
        refusal: &Refusal,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        // At the door other rules hold: what is refused there may be taken from a peer.
        if !self.peers.contains_key(&source) {
            return;
        }
        match id {
            Some(id) if is_final(refusal) => {
                self.settle_refused(id, matches!(refusal, Refusal::KindNotYet(_)))
            }
            Some(id) if matches!(refusal, Refusal::Overloaded | Refusal::PendingFull) => {
                self.wants.arrived(&id, source, now);
                self.wants.put_off(&id, now);
            }
            Some(id) => {
                self.wants.arrived(&id, source, now);
                self.wants.refuse(&id, source, now);
            }
            None => {}
        }
        if let Some(fault) = Fault::of(refusal) {
            self.fault(source, fault, now, effects);
        }
    }

    /// A transaction will not be attached: no later copy is wanted, unless something references it. Whether a node of
    /// another version may have attached it.
    fn settle_refused(&mut self, id: TxId, is_of_another_version: bool) {
        self.wants.remove(&id);
        self.remember_refused(id, is_of_another_version);
        for peer in self.peers.values_mut() {
            peer.tail.settle(&id);
            peer.tail.advance();
        }
    }

    /// A transaction waits for one that it references and that is not here.
    pub(crate) fn misses(&mut self, reference: TxId, source: Source, now: Timestamp) {
        if self.peers.contains_key(&source) {
            self.wants.reference(reference, source, now.plus(REFERENCE_MS));
        }
    }

    /// These references were waited for in vain. Who sent what has them is at fault, unless it has said that their bodies
    /// are gone or its version may process what this one does not: once for a few, which may be bad luck, and once more for every [`ORPHANS_PER_FAULT`], which is a flood.
    pub(crate) fn gave_up(
        &mut self,
        missed: &BTreeSet<(Source, TxId)>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let mut orphans = BTreeMap::<Source, usize>::new();
        let is_excused = |source: &Source, id: &TxId| {
            self.wants.is_withheld(id, *source) || self.is_of_another_version(id)
        };
        for (source, _) in missed.iter().filter(|(source, id)| !is_excused(source, id)) {
            *orphans.entry(*source).or_default() += 1;
        }
        for (source, count) in orphans {
            for _ in 0..=count / ORPHANS_PER_FAULT {
                self.fault(source, Fault::Undelivered, now, effects);
            }
        }
    }

    /// A transaction is attached: it is pushed on before it is durable, for whoever gets it checks it.
    pub(crate) fn attached(&mut self, attached: &Arc<Attached>, source: Source, effects: &mut Vec<Effect>) {
        let id = attached.id();
        if !planted::is(Planted::LastingWants) {
            self.wants.remove(&id);
        }
        if self.peers.is_empty() {
            return;
        }
        if source == Source::Door {
            self.trees.remember(id, Tree::of(&self.own));
        }
        // What is left of one is sent to who asks, and taken from nobody else.
        let tree = self.trees.find(&id).filter(|_| attached.transaction().is_whole());
        let Some(tree) = tree else { return };
        // The own tree begins here and with the door. Whoever names another's transaction as of it has a copy of each sent to
        // all, and their prunes would cut what is new here off from them.
        if source != Source::Door && tree == Tree::of(&self.own) {
            return;
        }
        let mut to = Vec::new();
        for (peer_source, peer) in &mut self.peers {
            if *peer_source != source && peer.takes(tree) && peer.tail.place(&id).is_none() {
                peer.counts.pushes_sent += 1;
                to.push(*peer_source);
            }
        }
        if !to.is_empty() {
            effects.push(Effect::Relay { to, tree, transaction: Arc::clone(attached) });
        }
    }

    /// A transaction is durable: it stands in the log and is settled in those of all peers.
    pub(crate) fn durable(&mut self, id: TxId, now: Timestamp) {
        self.log.push(id, now);
        let end = self.log.end();
        for peer in self.peers.values_mut() {
            if peer.tail.settle(&id) {
                peer.tail.count_durable();
            }
            peer.tail.advance();
            if let Some(teller) = &mut peer.teller {
                teller.look_at_lag(end);
            }
        }
    }
}

/// Whether a refusal follows from what the id covers, so that no copy will ever pass; or is one of a variant too many,
/// which is taken only if something that is taken references it.
fn is_final(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Malformed(Malformed::Length { .. }) => false,
        Refusal::Malformed(_)
        | Refusal::Parents(_)
        | Refusal::Admission(_)
        | Refusal::RegistrarSignature
        | Refusal::KindNotYet(_)
        | Refusal::Equivocation { .. }
        | Refusal::Twins { .. } => true,
        _ => false,
    }
}
