//! Finality within the replica: what is committed is handed out, and a member's next witness is asked for.
//!
//! After each event, in this order: members whose logs were read are heard, commits are handed out as long as there is
//! room for them, what had no room among the uncovered is handed in again, and the next witness is asked for. Where the
//! history cannot be read nothing of that step has changed; whatever happens next tries it again. Where what one of these
//! steps needs is damaged, none of them is made any more.

use super::handed::HandedOut;
use super::ledger::Overlay;
use super::{Effect, History, HistoryError, Replica};
use crate::body::Witness;
use crate::finality::{Ledger, Next, Plan, Proposal, Round};
use crate::limits::COVERED_AGAIN;
use crate::{Kind, Timestamp, Verified};
use std::sync::Arc;

/// What a replica has under way for finality's sake.
#[derive(Debug, Default)]
pub(super) struct Finalising {
    /// Commits on their way to disk.
    pub(super) handed: HandedOut,
    /// The position from which on what is uncovered is handed in again.
    pub(super) again: Option<u64>,
    /// The witness to be made, while its counter could not be read.
    plan: Option<Box<Plan>>,
    /// The round of the witness that was asked for and has not come.
    asked: Option<Round>,
    /// When to look after the next witness, if nothing happens before. In the replica's own time.
    due: Option<Timestamp>,
}

impl Finalising {
    /// Nothing of what is under way goes on, but for commits on their way to disk.
    pub(super) fn stand_still(&mut self) {
        let handed = std::mem::take(&mut self.handed);
        *self = Self { handed, ..Self::default() };
    }

    /// When there is something to do, if nothing happens before. In the replica's own time.
    pub(super) fn due(&self, now: Timestamp, is_delivering: bool) -> Option<Timestamp> {
        let goes_on = self.again.is_some() || (is_delivering && self.handed.has_room());
        if goes_on { Some(now) } else { self.due }
    }
}

impl Replica {
    /// The ledger that finality reads.
    pub(super) fn overlay<'a>(&'a self, history: &'a dyn History) -> Overlay<'a> {
        let genesis = self.network.genesis();
        Overlay { genesis, flight: &self.flight, handed: &self.finalising.handed, history }
    }

    /// Does what finality has to do behind an event.
    ///
    /// # Errors
    /// The history cannot be read. What is in `effects` then is to be done all the same; the rest is tried again.
    pub(super) fn finalise(
        &mut self,
        now: Timestamp,
        history: &dyn History,
        effects: &mut Vec<Effect>,
    ) -> Result<(), HistoryError> {
        if self.finality.is_listening() {
            self.gossip.read_to_the_end().for_each(|device| self.finality.heard(&device));
        }
        if self.finality.illegible().is_some() {
            return Ok(());
        }
        let done = self.hand_out(history, effects);
        let done = done.and_then(|()| self.cover_again(history));
        match done.and_then(|()| self.propose(now, history, effects)) {
            // A node that ended for it would end again for the same, whenever it starts.
            Err(HistoryError::Damaged { id, .. }) => {
                self.finality.stand_still(id);
                self.finalising.stand_still();
                Ok(())
            }
            other => other,
        }
    }

    fn hand_out(&mut self, history: &dyn History, effects: &mut Vec<Effect>) -> Result<(), HistoryError> {
        let genesis = self.network.genesis();
        while self.finalising.handed.has_room() {
            let (flight, handed) = (&self.flight, &self.finalising.handed);
            let ledger = Overlay { genesis, flight, handed, history };
            let Some(commit) = self.finality.next_commit(&ledger)? else { break };
            commit.delivered.transactions.iter().for_each(|judged| self.graph.finish(&judged.id));
            let commit = Arc::new(commit);
            self.finalising.handed.push(Arc::clone(&commit));
            effects.push(Effect::Commit(commit));
        }
        Ok(())
    }

    /// Hands in again, a piece at a time, what was attached while there was no room among the uncovered.
    fn cover_again(&mut self, history: &dyn History) -> Result<(), HistoryError> {
        let Some(from) = self.finalising.again.or_else(|| self.finality.wants_from()) else { return Ok(()) };
        self.finalising.again = Some(from);
        let end = self.next.0.min(from + COVERED_AGAIN);
        let mut ids = Vec::new();
        let stored = self.flight.iter().next().map_or(self.next, |oldest| oldest.position()).0;
        if from < stored {
            history.log(from..end.min(stored), &mut |id| ids.push(id))?;
        }
        let in_flight = self.flight.iter().filter(|attached| (from..end).contains(&attached.position().0));
        ids.extend(in_flight.map(|attached| attached.id()));
        let ledger = self.overlay(history);
        let mut entries = Vec::with_capacity(ids.len());
        for (position, id) in (from..).zip(ids) {
            if !ledger.is_delivered(&id)? {
                entries.push((position, id, ledger.entry(&id)?));
            }
        }
        self.finalising.again = Some(end).filter(|end| *end < self.next.0);
        for (position, id, entry) in entries {
            if !self.finality.again(position, id, &entry) {
                // There is no room again. It has said from where on, and will ask when there is.
                self.finalising.again = None;
                break;
            }
        }
        Ok(())
    }

    /// Asks for the next own witness when it is due. A witness has no room when nothing else has: storage is behind.
    fn propose(
        &mut self,
        now: Timestamp,
        history: &dyn History,
        effects: &mut Vec<Effect>,
    ) -> Result<(), HistoryError> {
        self.finalising.due = None;
        let Some(device) = self.device.filter(|_| self.has_room()) else { return Ok(()) };
        // A peer may have given back a witness of that round that a disk before this one has lost.
        let own = self.finality.own_round();
        self.finalising.plan.take_if(|plan| Some(plan.witness.head().round) <= own);
        if self.finalising.plan.is_none() {
            match self.finality.next_witness(self.steady.now()) {
                Next::Rest => return Ok(()),
                Next::Wake(at) => {
                    self.finalising.due = Some(at);
                    return Ok(());
                }
                Next::Witness(plan) => self.finalising.plan = Some(plan),
            }
        }
        let Some(after) = self.finalising.plan.as_ref().map(|plan| plan.after) else { return Ok(()) };
        let timestamp = now.max(after.plus(1));
        let counter = self.next_counter(device, self.network.rules().epoch(timestamp), history)?;
        if let Some(Plan { witness, parents, .. }) = self.finalising.plan.take().map(|plan| *plan) {
            let (round, content) = (witness.head().round, witness.encode());
            self.finalising.asked = Some(round);
            let proposal = Proposal { round, content, parents, timestamp, counter };
            effects.push(Effect::Witness(Box::new(proposal)));
        }
        Ok(())
    }

    /// Takes the own witness that was asked for, unless a peer has given back one of its round or a later one meanwhile.
    /// Nobody else gets it before it is durable: who has sent one and has lost it must never make another one of its round.
    pub(super) fn take_own_witness(
        &mut self,
        transaction: Verified,
        history: &dyn History,
        effects: &mut Vec<Effect>,
    ) -> Result<(), HistoryError> {
        let (header, content) = (transaction.transaction().header(), transaction.transaction().content());
        let round = Witness::decode(content).ok().map(|witness| witness.head().round);
        let is_own = header.kind == Kind::Witness && Some(header.issuer) == self.device;
        if !is_own || round.is_none() || round != self.finalising.asked {
            return Ok(());
        }
        if round <= self.finality.own_round() {
            self.finalising.asked = None;
            return Ok(());
        }
        let twin = self.variants(header, history)?.first().copied();
        self.enter(&transaction, history)?;
        self.finalising.asked = None;
        self.attach(transaction, twin, None, None, effects);
        Ok(())
    }
}
