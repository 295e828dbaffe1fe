//! The steps of a life: what comes in, what is committed, what is asked.

use super::life::{Life, Step, World};
use super::truth::Truth;
use super::{MemoryDisk, Planted};
use crate::store::{Batch, Cursors, StoreError};
use crate::testing::MapHistory;
use std::panic::resume_unwind;
use std::sync::Arc;
use weft_tangle::finality::Handed;
use weft_tangle::replica::{Effect, Event, Source, Token};
use weft_tangle::{DeviceId, History, Position, Timestamp, Verified};

/// The peer that sends what the door would refuse, for its parents are not there yet.
const PEER: Source = Source::Peer(7);

/// Whose cursor is written now and then.
pub(super) const OWN: DeviceId = DeviceId::from_bytes([7; 32]);

/// From how many of the transactions that are not attached the next one is drawn.
const NEXT: usize = 12;

impl World<'_> {
    /// A transaction that is not attached, or now and then one that is.
    pub(super) fn hand_in_next(&mut self, life: &mut Life) {
        let again = self.dice.below(8) == 0;
        let candidates = self.pool.transactions.iter().filter(|one| self.truth.contains(&one.id()) == again);
        let candidates: Vec<&Verified> = candidates.take(if again { usize::MAX } else { NEXT }).collect();
        if let Some(chosen) = candidates.get(self.dice.below(candidates.len().max(1) as u64) as usize) {
            let parents = chosen.transaction().header().parents;
            let genesis = self.pool.network.genesis();
            let ready = parents.iter().all(|parent| *parent == genesis || self.truth.contains(parent));
            let source = if ready && self.dice.below(3) > 0 { Source::Door } else { PEER };
            self.hand_in(life, (*chosen).clone(), source);
        }
    }

    pub(super) fn hand_in(&mut self, life: &mut Life, transaction: Verified, source: Source) {
        self.tokens += 1;
        let token = Token(self.tokens);
        if source == Source::Door {
            life.asked.insert(token, transaction.id());
        }
        let token = (source == Source::Door).then_some(token);
        self.handle(life, Event::Received { transaction, source, token });
    }

    /// Stores some of what queues, as the writer does.
    pub(super) fn commit(&mut self, life: &mut Life, disk: &MemoryDisk) -> Step {
        let most = 1 + self.dice.below(12) as usize;
        let batch: Vec<_> = life.queue.drain(..most.min(life.queue.len())).collect();
        if let Some(last) = batch.last() {
            self.truth.handed = last.position().0 as usize + 1;
        }
        let commits = self.make_commits();
        if batch.is_empty() && commits.is_empty() {
            return Step::Done;
        }
        let position = Position(self.truth.handed as u64 - 1);
        if self.planted == Some(Planted::AcknowledgesEarly) {
            self.became_durable(life, position);
        }
        if self.dice.below(8) == 0 {
            // A commit by way of the log takes two operations, one past it some dozens.
            let most = 2 << self.dice.below(5);
            disk.fail_after(self.dice.below(most));
        }
        // Some batches say how far this node's own log is, as the first one of a life does.
        let mut cursors = Cursors::new();
        if self.dice.below(4) == 0 {
            self.truth.handed_cursor = self.truth.handed as u64;
            cursors.insert(OWN, self.truth.handed_cursor.to_be_bytes().to_vec());
        }
        let left_out = usize::from(self.planted == Some(Planted::DropsTheLast));
        let drops_commits = self.planted == Some(Planted::DropsCommits);
        let none = Cursors::new();
        let written = Batch {
            transactions: &batch[..batch.len().saturating_sub(left_out)],
            cursors: if self.planted == Some(Planted::DropsCursors) { &none } else { &cursors },
            commits: if drops_commits { &[] } else { &commits },
        };
        let some_are_pending = life.store.pending.bytes() > 0;
        match life.store.append_batch(&written) {
            Ok(()) => {
                self.truth.promised = self.truth.handed;
                self.truth.promised_commits = self.truth.chain.handed.len();
                self.truth.promised_cursor = self.truth.handed_cursor;
            }
            Err(_) if disk.is_dark() => {
                self.tally.pending += u64::from(some_are_pending);
                return Step::Dark;
            }
            Err(StoreError::ReadOnly { .. }) => return Step::ReadOnly,
            Err(error) => panic!("the store refused a commit: {error}"),
        }
        // Now and then somebody reads from a snapshot, which shows what is pending as well.
        if self.dice.below(4) == 0 {
            match life.store.reader() {
                Ok(reader) => {
                    let shown = reader.transactions().unwrap();
                    assert_eq!(shown, position.0 + 1, "a batch is shown whole or not at all");
                }
                Err(_) if disk.is_dark() => return Step::Dark,
                Err(error) => panic!("what was committed cannot be read: {error}"),
            }
        }
        if disk.is_dark() {
            // It went behind the commit: what the database had to write of its own, nobody waited for.
            return Step::Dark;
        }
        disk.mend();
        self.became_durable(life, position);
        self.relieve(life, disk)
    }

    /// Makes room in the log, as the writer does once it has told of a batch.
    fn relieve(&mut self, life: &Life, disk: &MemoryDisk) -> Step {
        if self.dice.below(8) == 0 {
            disk.fail_after(self.dice.below(64));
        }
        let before = disk.operations();
        let relieved = life.store.relieve();
        self.tally.relieved += u64::from(disk.operations() > before);
        let is_dark = disk.is_dark();
        disk.mend();
        match relieved {
            _ if is_dark => Step::Dark,
            Ok(_) => Step::Done,
            Err(StoreError::ReadOnly { .. }) => Step::ReadOnly,
            Err(error) => panic!("the log finds no way into the database: {error}"),
        }
    }

    /// Commits of what was handed over, as finality makes them; mostly none.
    fn make_commits(&mut self) -> Vec<Arc<Handed>> {
        let Truth { order, handed, chain, .. } = &mut self.truth;
        let there: Vec<_> = order[..*handed].iter().map(|attached| attached.transaction()).collect();
        let count = self.dice.below(6).saturating_sub(3);
        (0..count).filter_map(|_| chain.commit_some(&there, 12, &mut self.dice)).collect()
    }

    fn became_durable(&mut self, life: &mut Life, position: Position) {
        self.truth.promised = position.0 as usize + 1;
        self.handle(life, Event::Durable { position: Some(position), commit: None });
    }

    fn effects(&self, life: &mut Life, event: Event, now: Timestamp) -> Vec<Effect> {
        let nothing = MapHistory::default();
        let latest = life.store.latest();
        let history: &dyn History = match self.planted {
            Some(Planted::ForgetsCounters) => &nothing,
            _ => &latest,
        };
        match life.replica.handle(event, now, history) {
            Ok(effects) => effects,
            Err(_) if life.disk.is_dark() => resume_unwind(Box::new("there is no power")),
            Err(error) => panic!("a disk that has power can be read: {error}"),
        }
    }

    fn handle(&mut self, life: &mut Life, event: Event) {
        for effect in self.effects(life, event, self.pool.end) {
            match effect {
                Effect::Persist(attached) => {
                    self.truth.attach(Arc::clone(&attached));
                    life.queue.push_back(attached);
                }
                Effect::Answer(token, answer) => {
                    let id = life.asked.remove(&token).expect("each is answered once");
                    let taken = answer.unwrap_or_else(|refusal| panic!("{id} is refused: {refusal}"));
                    assert_eq!(taken.id, id);
                    assert!(self.truth.is_promised(&self.pool.network, &id), "{id} is answered too early");
                    assert!(!taken.is_new || self.told.insert(id), "{id} came for the first time twice");
                }
                other => panic!("nobody asked for {other:?}"),
            }
        }
    }

    pub(super) fn ask_for_ticket(&mut self, life: &mut Life) {
        let who = self.dice.below(self.pool.devices.len() as u64) as usize;
        self.check_ticket(life, who, self.pool.end);
    }

    /// A ticket has the device's next counter, and parents that are acknowledged.
    fn check_ticket(&mut self, life: &mut Life, who: usize, now: Timestamp) {
        let device = self.pool.devices[who].id();
        let entropy = std::array::from_fn(|_| self.dice.below(256) as u8);
        let count = 1 + self.dice.below(4) as usize;
        let event = Event::Ticket { device, count, entropy, token: Token(0) };
        let effects = self.effects(life, event, now);
        let [Effect::Ticket(_, ticket)] = &effects[..] else { panic!("{effects:?}") };
        let network = &self.pool.network;
        let expected = self.truth.next_counter(network, device, network.rules().epoch(now));
        assert_eq!(ticket.counter, expected, "the next counter of device {who}");
        assert_eq!(ticket.parents.len(), count);
        for parent in ticket.parents.as_flattened() {
            assert!(self.truth.is_promised(network, parent), "{parent} was handed out and is not durable");
        }
    }

    /// Of each device, in each epoch.
    pub(super) fn check_tickets(&mut self, life: &mut Life) {
        for epoch in self.pool.epochs() {
            let now = self.pool.network.rules().span(epoch).start;
            (0..self.pool.devices.len()).for_each(|who| self.check_ticket(life, who, now));
        }
    }
}
