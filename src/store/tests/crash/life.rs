//! A world: lives of a node on one disk, each from its start to a loss of power, until all its transactions are stored.
//!
//! A life is what the node's threads do, in one loop and by dice: transactions reach the replica from the door and
//! from a peer, what it attaches queues, a commit takes some of the queue, and the replica hears that they are durable.

use super::campaign::Tally;
use super::pool::Pool;
use super::truth::Truth;
use super::{MemoryDisk, Planted, open_on};
use crate::node::recover;
use crate::store::{Reader, Store};
use crate::testing::{Dice, MapHistory};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use weft_tangle::replica::{Effect, Event, Source, Token};
use weft_tangle::{Attached, History, Position, Replica, Timestamp, TxId, Verified};

/// The peer that sends what the door would refuse, for its parents are not there yet.
const PEER: Source = Source::Peer(7);

/// From how many of the transactions that are not attached the next one is drawn.
const NEXT: usize = 12;

/// One world.
pub(super) struct World<'a> {
    pool: &'a Pool,
    dice: Dice,
    planted: Option<Planted>,
    truth: Truth,
    /// What a client was told is new.
    told: BTreeSet<TxId>,
    tokens: u64,
    tally: Tally,
}

/// How a life ended.
#[derive(PartialEq, Eq)]
enum End {
    Dark,
    Stopped,
    Complete,
}

/// A running node.
struct Life {
    store: Store,
    replica: Replica,
    reader: Reader,
    queue: VecDeque<Arc<Attached>>,
    asked: BTreeMap<Token, TxId>,
}

impl<'a> World<'a> {
    pub(super) fn new(pool: &'a Pool, dice: Dice, planted: Option<Planted>) -> Self {
        let (truth, told) = (Truth::default(), BTreeSet::new());
        Self { pool, dice, planted, truth, told, tokens: 0, tally: Tally::default() }
    }

    /// Lives until all is stored.
    pub(super) fn run(&mut self) -> Tally {
        let mut image = Vec::new();
        loop {
            let disk = MemoryDisk::with_image(image);
            if let Some(Planted::Lie(lie)) = self.planted {
                disk.lie(lie);
            }
            // As many crashes in the first operations, which open the store, as in the hundreds that follow.
            let most = 4 << self.dice.below(8);
            disk.lose_power_after(self.dice.below(most));
            let end = self.live(&disk);
            self.tally.crashes += u64::from(disk.is_dark());
            image = disk.crash(&mut self.dice);
            if end == End::Complete {
                break;
            }
        }
        let disk = MemoryDisk::with_image(image);
        let life = self.begin(&disk).expect("there is power");
        assert_eq!(self.truth.order.len(), self.pool.transactions.len(), "all is stored at the end");
        self.truth.check_every_table(&life.store, self.pool, &mut self.dice);
        self.tally
    }

    fn live(&mut self, disk: &MemoryDisk) -> End {
        let Some(mut life) = self.begin(disk) else { return End::Dark };
        loop {
            let alive = match self.dice.below(64) {
                0 => {
                    while !life.queue.is_empty() {
                        if !self.commit(&mut life, disk) {
                            return End::Dark;
                        }
                    }
                    return End::Stopped;
                }
                1..5 => self.ask_for_ticket(&mut life),
                5..50 => self.hand_in_next(&mut life),
                _ => self.commit(&mut life, disk),
            };
            if !alive {
                return End::Dark;
            }
            let all = self.truth.promised == self.pool.transactions.len();
            if all {
                assert!(life.asked.is_empty(), "what is durable is answered");
                return End::Complete;
            }
        }
    }

    /// Opens store and replica as a node does, and compares both with the truth. None when the power went.
    fn begin(&mut self, disk: &MemoryDisk) -> Option<Life> {
        let begun = open_on(disk.clone(), &self.pool.network).and_then(|store| {
            let replica = self.recover(&store)?;
            let reader = store.reader()?;
            Ok((store, replica, reader))
        });
        let (store, replica, reader) = match begun {
            Ok(begun) => begun,
            Err(_) if disk.is_dark() => {
                self.tally.opening += 1;
                return None;
            }
            Err(error) => panic!("the store cannot be opened any more: {error}"),
        };
        let (answered, unsure) = (self.truth.promised, self.truth.handed > self.truth.promised);
        self.truth.settle(store.next_position().unwrap().0 as usize);
        self.tally.kept += u64::from(unsure && self.truth.promised > answered);
        self.tally.lost += u64::from(unsure && self.truth.promised == answered);
        self.truth.check_store(&store, self.pool);
        self.truth.check_window(&replica, self.pool);
        if self.dice.below(16) == 0 {
            self.truth.check_every_table(&store, self.pool, &mut self.dice);
        }
        let mut life = Life { store, replica, reader, queue: VecDeque::new(), asked: BTreeMap::new() };
        self.check_tickets(&mut life);
        // Clients whose transactions were stored and not acknowledged hand them in again.
        for place in answered..self.truth.order.len() {
            let verified = self.truth.order[place].verified().clone();
            self.hand_in(&mut life, verified, Source::Door);
        }
        assert!(life.asked.is_empty() && life.queue.is_empty(), "what is stored is answered at once");
        Some(life)
    }

    fn recover(&self, store: &Store) -> Result<Replica, crate::store::StoreError> {
        if self.planted != Some(Planted::ForgetsTheNewest) {
            return recover::replica(&self.pool.network, store);
        }
        let next = store.next_position()?;
        let mut replica = Replica::new(Arc::clone(&self.pool.network), next);
        let mut left = next.0.saturating_sub(1);
        store.recover(usize::MAX, &mut |id, parents| {
            if left > 0 {
                replica.recover(id, parents);
                left -= 1;
            }
        })?;
        Ok(replica)
    }

    /// A transaction that is not attached, or now and then one that is.
    fn hand_in_next(&mut self, life: &mut Life) -> bool {
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
        true
    }

    fn hand_in(&mut self, life: &mut Life, transaction: Verified, source: Source) {
        self.tokens += 1;
        let token = Token(self.tokens);
        if source == Source::Door {
            life.asked.insert(token, transaction.id());
        }
        let token = (source == Source::Door).then_some(token);
        self.handle(life, Event::Received { transaction, source, token });
    }

    /// Stores some of what queues, as the writer does. False when the power went.
    fn commit(&mut self, life: &mut Life, disk: &MemoryDisk) -> bool {
        let most = 1 + self.dice.below(12) as usize;
        let batch: Vec<_> = life.queue.drain(..most.min(life.queue.len())).collect();
        let Some(position) = batch.last().map(|attached| attached.position()) else { return true };
        self.truth.handed = position.0 as usize + 1;
        if self.planted == Some(Planted::AcknowledgesEarly) {
            self.became_durable(life, position);
        }
        let left_out = usize::from(self.planted == Some(Planted::DropsTheLast));
        if let Err(error) = life.store.append(&batch[..batch.len() - left_out]) {
            assert!(disk.is_dark(), "the store refused a commit: {error}");
            return false;
        }
        let Ok(reader) = life.store.reader() else { return false };
        life.reader = reader;
        self.became_durable(life, position);
        true
    }

    fn became_durable(&mut self, life: &mut Life, position: Position) {
        self.truth.promised = position.0 as usize + 1;
        self.handle(life, Event::Durable { position });
    }

    fn effects(&self, life: &mut Life, event: Event, now: Timestamp) -> Vec<Effect> {
        let nothing = MapHistory::default();
        let history: &dyn History = match self.planted {
            Some(Planted::ForgetsCounters) => &nothing,
            _ => &life.reader,
        };
        life.replica.handle(event, now, history).expect("a snapshot of a disk that has power can be read")
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

    fn ask_for_ticket(&mut self, life: &mut Life) -> bool {
        let who = self.dice.below(self.pool.devices.len() as u64) as usize;
        self.check_ticket(life, who, self.pool.end);
        true
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
    fn check_tickets(&mut self, life: &mut Life) {
        for epoch in self.pool.epochs() {
            let now = self.pool.network.rules().span(epoch).start;
            (0..self.pool.devices.len()).for_each(|who| self.check_ticket(life, who, now));
        }
    }
}
