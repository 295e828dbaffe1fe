//! The checks that need the replica's knowledge, and attaching itself.

use super::ledger::Overlay;
use super::pending::{Missing, Released, Waiting};
use super::{
    Attached, CounterSet, Effect, History, HistoryError, Origin, Position, Replica, Source, Taken, Token,
};
use crate::limits::{AHEAD_MS, RETRIES, VARIANTS_PER_COUNTER};
use crate::planted::{self, Planted};
use crate::{DeviceId, Epoch, Header, Kind, Refusal, Timestamp, TxId, Verified};
use std::collections::VecDeque;
use std::sync::Arc;

/// What waits for this is tried at the next tick, whatever the clock says.
const NEXT_TICK: Missing = Missing::Time(Timestamp::from_millis(0));

/// What waits for this has its turn behind other events; a tick is due at once.
const NEXT_TURN: Missing = Missing::Time(Timestamp::from_millis(1));

/// What is to become of a transaction.
pub(super) enum Judgement {
    Attach {
        twin: Option<TxId>,
    },
    /// For the first; these others are missing as well.
    Wait(Missing, Vec<TxId>),
    Known,
    Refuse(Refusal),
}

impl Replica {
    pub(super) fn receive(
        &mut self,
        transaction: Verified,
        origin: Origin,
        token: Option<Token>,
        now: Timestamp,
        history: &dyn History,
        effects: &mut Vec<Effect>,
    ) -> Result<(), HistoryError> {
        let id = transaction.id();
        let source = origin.source;
        let judgement = self.judge(&transaction, source, now, history)?;
        let steady = self.steady.now();
        if self.rechecked.remove(&(source, id)) {
            self.gossip.waits(&id, source, steady);
        } else if matches!(judgement, Judgement::Known) {
            self.gossip.duplicate(&id, source, origin.tree, steady, effects);
        } else {
            self.gossip.arrived(&id, source, origin.tree, steady, effects);
        }
        let answer = match judgement {
            Judgement::Attach { twin } => {
                self.attach(transaction, twin, Some(source), token, effects);
                let children = self.pending.release(Missing::Reference(id));
                return self.retry(children, now, history, effects);
            }
            Judgement::Known => match token {
                Some(token) if self.flight.wait(&id, token) => None,
                _ if self.flight.contains(&id) => Some(Err(Refusal::Overloaded)),
                _ => Some(Ok(Taken { id, is_new: false, disputed: false })),
            },
            Judgement::Wait(missing, others) => {
                let refused = self.pending.insert(Waiting::Verified(transaction), source, missing).err();
                match &refused {
                    Some(refusal) => self.gossip.refused(Some(id), source, refusal, steady, effects),
                    None => self.look_for(id, missing, others, source),
                }
                refused.map(Err)
            }
            Judgement::Refuse(refusal) => {
                self.gossip.refused(Some(id), source, &refusal, steady, effects);
                self.forsake(id, &refusal, effects);
                Some(Err(refusal))
            }
        };
        effects.extend(token.zip(answer).map(|(token, answer)| Effect::Answer(token, answer)));
        Ok(())
    }

    /// The next counter of a device in an epoch, as far as this node knows.
    pub(super) fn next_counter(
        &self,
        device: DeviceId,
        epoch: Epoch,
        history: &dyn History,
    ) -> Result<u32, HistoryError> {
        match self.counters.peek(&(device, epoch)) {
            Some(set) => Ok(set.next()),
            None => Ok(self.rebuild_counters(device, epoch, history)?.next()),
        }
    }

    /// The counters that a device has used in an epoch, read from what is stored and what is in flight.
    pub(super) fn rebuild_counters(
        &self,
        device: DeviceId,
        epoch: Epoch,
        history: &dyn History,
    ) -> Result<CounterSet, HistoryError> {
        let span = self.network.rules().span(epoch);
        let mut set = CounterSet::default();
        history.issued(&device, span.clone(), &mut |_, counter| {
            set.insert(counter);
        })?;
        for (_, counter) in self.flight.issued(&device, span) {
            set.insert(counter);
        }
        Ok(set)
    }

    fn judge(
        &mut self,
        transaction: &Verified,
        source: Source,
        now: Timestamp,
        history: &dyn History,
    ) -> Result<Judgement, HistoryError> {
        let id = transaction.id();
        let header = transaction.transaction().header();
        if self.is_attached(&id, history)? {
            return Ok(Judgement::Known);
        }
        if !self.has_room() {
            return Ok(Judgement::Refuse(Refusal::Overloaded));
        }
        let due = header.timestamp.minus(AHEAD_MS);
        if due > now {
            return Ok(match source {
                Source::Door => Judgement::Refuse(Refusal::Ahead { ahead_ms: header.timestamp.since(now) }),
                Source::Peer(_) => Judgement::Wait(Missing::Time(due), Vec::new()),
            });
        }
        if let Some(judgement) = self.judge_references(transaction.transaction(), source, now, history)? {
            return Ok(judgement);
        }
        let judgement = self.judge_counter(id, header, source, history)?;
        if matches!(judgement, Judgement::Attach { .. }) {
            self.enter(transaction, history)?;
        }
        Ok(judgement)
    }

    /// Two transactions of one issuer with the same epoch and counter are an equivocation. At the door a second one
    /// of a control kind is refused, for it could not count; of readings two are taken, which prove the fault, and
    /// more only where something that waits references them.
    fn judge_counter(
        &mut self,
        id: TxId,
        header: &Header,
        source: Source,
        history: &dyn History,
    ) -> Result<Judgement, HistoryError> {
        let variants = self.variants(header, history)?;
        let Some(first) = variants.first().copied() else { return Ok(Judgement::Attach { twin: None }) };
        let refused_at_door = source == Source::Door && header.kind.is_control();
        let one_too_many = variants.len() >= VARIANTS_PER_COUNTER && !self.pending.wants(&id);
        if refused_at_door || one_too_many {
            return Ok(Judgement::Refuse(Refusal::Equivocation { counter: header.counter, first }));
        }
        Ok(Judgement::Attach { twin: Some(first).filter(|_| !planted::is(Planted::UnseenTwin)) })
    }

    /// Attaches what was judged and entered. One that has no source is this node's own witness, of which its peers are
    /// not told before it is durable.
    pub(super) fn attach(
        &mut self,
        verified: Verified,
        twin: Option<TxId>,
        source: Option<Source>,
        token: Option<Token>,
        effects: &mut Vec<Effect>,
    ) {
        let header = verified.transaction().header();
        let key = (header.issuer, self.network.rules().epoch(header.timestamp));
        if !planted::is(Planted::ForgottenCounter) {
            self.counters.insert(&key, header.counter);
            self.firsts.insert(&key, header.counter, verified.id());
        }
        let is_witness = header.kind == Kind::Witness;
        self.graph.insert(self.next.0, verified.id(), header.parents, is_witness);
        self.pending.forget_id(&verified.id());
        let attached =
            Arc::new(Attached { position: self.next, verified, twin, is_made_here: source.is_none() });
        self.next = Position(self.next.0 + 1);
        self.flight.push(Arc::clone(&attached), token, source.is_none());
        if let Some(source) = source {
            self.gossip.attached(&attached, source, effects);
        }
        if planted::is(Planted::ToldBeforeDurable) {
            let taken = Taken { id: attached.id(), is_new: true, disputed: false };
            effects.extend(token.map(|token| Effect::Answer(token, Ok(taken))));
        }
        effects.push(Effect::Persist(attached));
    }

    /// Tries again what waited, then what waited for that, and so on: a queue, for a chain can be long. After
    /// [`RETRIES`] other events have their turn. What cannot be judged now, because storage is behind or unreadable,
    /// waits for the next tick.
    ///
    /// # Errors
    /// The history could not be read and there is no effect yet that would be lost with the error.
    pub(super) fn retry(
        &mut self,
        released: Vec<Released>,
        now: Timestamp,
        history: &dyn History,
        effects: &mut Vec<Effect>,
    ) -> Result<(), HistoryError> {
        let mut ready = VecDeque::from(released);
        for _ in 0..RETRIES {
            let Some(mut released) = ready.pop_front() else { return Ok(()) };
            let source = released.source;
            let transaction = match released.waiting {
                Waiting::Verified(transaction) => transaction,
                Waiting::Screened(screened) => {
                    // The issuer may have enrolled meanwhile; whoever checks it again finds out.
                    self.recheck(screened, source, effects);
                    continue;
                }
            };
            let id = transaction.id();
            let judgement = match self.misses_still(transaction.transaction(), released.looked, history) {
                Ok(Some(reference)) => {
                    released.waiting = Waiting::Verified(transaction);
                    self.pending.restore(released, Missing::Reference(reference));
                    self.seek(&reference, source);
                    continue;
                }
                Ok(None) => self.judge(&transaction, source, now, history),
                Err(error) => Err(error),
            };
            match judgement {
                Ok(Judgement::Attach { twin }) => {
                    self.attach(transaction, twin, Some(source), None, effects);
                    ready.extend(self.pending.release(Missing::Reference(id)));
                }
                Ok(Judgement::Wait(missing, others)) => {
                    released.waiting = Waiting::Verified(transaction);
                    self.pending.restore(released, missing);
                    self.look_for(id, missing, others, source);
                }
                Ok(Judgement::Refuse(Refusal::Overloaded)) => {
                    released.waiting = Waiting::Verified(transaction);
                    self.pending.restore(released, NEXT_TICK);
                }
                Ok(Judgement::Refuse(refusal)) => {
                    let steady = self.steady.now();
                    self.gossip.refused(Some(id), source, &refusal, steady, effects);
                    self.forsake(id, &refusal, effects);
                }
                Ok(Judgement::Known) => {}
                Err(error) => {
                    released.waiting = Waiting::Verified(transaction);
                    ready.push_front(released);
                    ready.into_iter().for_each(|released| self.pending.restore(released, NEXT_TICK));
                    return if effects.is_empty() { Err(error) } else { Ok(()) };
                }
            }
        }
        ready.into_iter().for_each(|released| self.pending.restore(released, NEXT_TURN));
        Ok(())
    }

    /// Drops what waits for a witness that is one too many, and what waits for that: nothing of it calls for the witness, so
    /// all of it is its author's, or one too many itself, or no witness and references one. Something that is taken and
    /// references any of it has it fetched again.
    fn forsake(&mut self, id: TxId, refusal: &Refusal, effects: &mut Vec<Effect>) {
        if !matches!(refusal, Refusal::Twins { .. }) {
            return;
        }
        let (steady, mut open) = (self.steady.now(), vec![id]);
        while let Some(id) = open.pop() {
            let wanting: Vec<(TxId, Source)> =
                self.pending.wanting(&id).map(|(waiting, source)| (waiting.id(), source)).collect();
            for (id, source) in wanting {
                self.pending.forget_copy(&id, source);
                self.gossip.refused(Some(id), source, refusal, steady, effects);
                open.push(id);
            }
        }
    }

    /// Lets gossip look for what a transaction that waits here references, but for what waits here itself.
    fn look_for(&mut self, id: TxId, missing: Missing, others: Vec<TxId>, source: Source) {
        let Missing::Reference(first) = missing else { return };
        let others = self.pending.misses_too(&id, source, others);
        std::iter::once(&first).chain(&others).for_each(|reference| self.seek(reference, source));
    }

    fn seek(&mut self, reference: &TxId, source: Source) {
        if !self.pending.contains(reference) {
            self.gossip.misses(*reference, source, self.steady.now());
        }
    }

    /// Lets finality take note of what is attached next.
    ///
    /// # Errors
    /// The history cannot be read, and nothing has changed.
    pub(super) fn enter(
        &mut self,
        transaction: &Verified,
        history: &dyn History,
    ) -> Result<(), HistoryError> {
        let genesis = self.network.genesis();
        let ledger = Overlay { genesis, flight: &self.flight, handed: &self.finalising.handed, history };
        self.finality.attached(self.next.0, transaction.transaction(), false, &ledger)
    }
}
