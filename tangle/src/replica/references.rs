//! The checks of what a transaction references, which only who holds all of it can make (`spec/03-transaction.md`,
//! `spec/17-finality.md`).
//!
//! Witnesses are a layer above: nothing but a witness has one as a parent. What is asked of references follows from their
//! ids, so every node that can judge them judges them alike; how many witnesses of one author and round are taken is no
//! judgement (`super::twins`).

use super::attach::Judgement;
use super::pending::Missing;
use super::{History, HistoryError, Replica, Source};
use crate::body::Witness;
use crate::finality::{Known, Ledger, Shape};
use crate::limits::DOOR_PARENT_AGE_MS;
use crate::planted::{self, Planted};
use crate::{Kind, Malformed, ParentsFault, Refusal, Timestamp, Transaction, TxId};
use std::collections::BTreeMap;

impl Replica {
    /// What becomes of a transaction by what it references; nothing when nothing of that stands against attaching it.
    pub(super) fn judge_references(
        &self,
        transaction: &Transaction,
        source: Source,
        now: Timestamp,
        history: &dyn History,
    ) -> Result<Option<Judgement>, HistoryError> {
        if transaction.header().kind == Kind::Witness {
            return self.judge_witness(transaction, source, history);
        }
        for parent in transaction.header().parents {
            match self.is_witness(&parent, history)? {
                None if !planted::is(Planted::MissingParent) => return Ok(Some(lacks(source, vec![parent]))),
                Some(true) => {
                    let problem = "is a witness; only witnesses have such parents, take others from a ticket";
                    return Ok(Some(malformed(Malformed::Field { field: "parent", problem })));
                }
                _ => {}
            }
            if source == Source::Door && self.is_too_old(&parent, now) {
                return Ok(Some(Judgement::Refuse(ParentsFault::TooOld(parent).into())));
            }
        }
        Ok(None)
    }

    /// A witness needs all that it references, sweeps too.
    fn judge_witness(
        &self,
        transaction: &Transaction,
        source: Source,
        history: &dyn History,
    ) -> Result<Option<Judgement>, HistoryError> {
        let (header, committee) = (transaction.header(), self.finality.committee());
        let witness = match Witness::decode(transaction.content()) {
            Ok(witness) => witness,
            Err(fault) => return Ok(Some(malformed(fault))),
        };
        let Some(author) = committee.member(&header.issuer) else {
            return Ok(Some(malformed(Malformed::NO_MEMBER)));
        };
        let round = witness.head().round;
        // Before it waits: what is not taken in the end has no place here meanwhile.
        if let Some(refusal) = self.judge_twins(&transaction.id(), Known { author, round }, history)? {
            return Ok(Some(Judgement::Refuse(refusal)));
        }
        let previous = Some(header.parents[0]).filter(|parent| *parent != self.network.genesis());
        let missing = self.missing(witness.references().copied().chain(previous).collect(), history)?;
        if !missing.is_empty() {
            return Ok(Some(lacks(source, missing)));
        }
        let mut known = BTreeMap::new();
        for id in witness.parents().iter().chain(&previous) {
            match self.known(id, history) {
                Ok(found) => known.extend(found.map(|known| (*id, known))),
                // It cannot be judged before that one is whole again, and is no reason to stop.
                Err(HistoryError::Damaged { .. }) => {
                    return Ok(Some(Judgement::Refuse(Refusal::Overloaded)));
                }
                Err(error) => return Err(error),
            }
        }
        let shape = Shape { author, round, parents: witness.parents(), previous };
        Ok(shape.check(committee.size(), &|id| known.get(id).copied()).err().map(malformed))
    }

    /// What of these is not attached, the newest first: who waits for that finds most of the others here when it comes.
    fn missing(&self, mut references: Vec<TxId>, history: &dyn History) -> Result<Vec<TxId>, HistoryError> {
        references.sort_unstable_by(|a, b| b.cmp(a));
        references.dedup();
        let mut missing = Vec::new();
        for reference in references {
            if !self.is_attached(&reference, history)? {
                missing.push(reference);
            }
        }
        Ok(missing)
    }

    /// The newest reference of a witness that has waited which is not attached, where all above `looked` are: what is
    /// attached stays so. Nothing for what is no witness or was not looked at.
    pub(super) fn misses_still(
        &self,
        transaction: &Transaction,
        looked: Option<TxId>,
        history: &dyn History,
    ) -> Result<Option<TxId>, HistoryError> {
        let header = transaction.header();
        let lists = Witness::lists(transaction.content()).filter(|_| header.kind == Kind::Witness);
        let (Some([mut parents, mut sweeps]), Some(looked)) = (lists, looked) else { return Ok(None) };
        let mut below = looked.as_bytes();
        let previous = header.parents[0];
        loop {
            parents = &parents[..parents.partition_point(|id| id < below)];
            sweeps = &sweeps[..sweeps.partition_point(|id| id < below)];
            let previous = Some(previous.as_bytes()).filter(|previous| *previous < below);
            let newest = [parents.last(), sweeps.last(), previous].into_iter().flatten().max();
            let Some(next) = newest else { return Ok(None) };
            let id = TxId::from_bytes(*next);
            if !self.is_attached(&id, history)? {
                return Ok(Some(id));
            }
            below = next;
        }
    }

    /// Author and round of an attached transaction, if it is a witness.
    fn known(&self, id: &TxId, history: &dyn History) -> Result<Option<Known>, HistoryError> {
        if let Some(known) = self.finality.known(id) {
            return Ok(Some(known));
        }
        if self.is_witness(id, history)? != Some(true) {
            return Ok(None);
        }
        let entry = self.overlay(history).entry(id)?;
        let author = self.finality.committee().member(&entry.issuer);
        Ok(author.zip(entry.round).map(|(author, round)| Known { author, round }))
    }

    /// Whether an attached transaction is a witness; nothing when it is not attached.
    fn is_witness(&self, id: &TxId, history: &dyn History) -> Result<Option<bool>, HistoryError> {
        if *id == self.network.genesis() {
            return Ok(Some(false));
        }
        if let Some(is_witness) = self.graph.is_witness(id) {
            return Ok(Some(is_witness));
        }
        match self.flight.get(id) {
            Some(attached) => Ok(Some(attached.transaction().header().kind == Kind::Witness)),
            None => history.is_witness(id),
        }
    }

    pub(super) fn is_attached(&self, id: &TxId, history: &dyn History) -> Result<bool, HistoryError> {
        if *id == self.network.genesis() || self.graph.contains(id) || self.flight.contains(id) {
            return Ok(true);
        }
        history.contains(id)
    }

    fn is_too_old(&self, parent: &TxId, now: Timestamp) -> bool {
        let old = now.since(parent.timestamp()) > DOOR_PARENT_AGE_MS;
        let excused = *parent == self.network.genesis()
            || self.tips.contains(parent)
            || self.tips.was_handed_out(parent);
        old && !excused
    }
}

/// From a client nothing waits.
fn lacks(source: Source, mut missing: Vec<TxId>) -> Judgement {
    let first = missing.remove(0);
    match source {
        Source::Door => Judgement::Refuse(ParentsFault::Unknown(first).into()),
        Source::Peer(_) => Judgement::Wait(Missing::Reference(first), missing),
    }
}

fn malformed(fault: Malformed) -> Judgement {
    Judgement::Refuse(fault.into())
}
