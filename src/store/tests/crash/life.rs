//! A world: lives of a node on one disk, each from its start to a loss of power, until all its transactions are stored.
//!
//! A life is what the node's threads do, in one loop and by dice: transactions reach the replica from the door and
//! from a peer, what it attaches queues, a commit takes some of the queue, and the replica hears that they are durable.
//! Now and then the disk fails in a commit, and the store is opened again in the same life; or the node stops cleanly.

use super::campaign::Tally;
use super::pool::Pool;
use super::steps::OWN;
use super::truth::Truth;
use super::{MemoryDisk, Planted, open_with};
use crate::node::recover;
use crate::store::Store;
use crate::testing::Dice;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use weft_tangle::replica::{Source, Token};
use weft_tangle::{Attached, Replica, TxId};

/// One world.
pub(super) struct World<'a> {
    pub(super) pool: &'a Pool,
    pub(super) dice: Dice,
    pub(super) planted: Option<Planted>,
    pub(super) truth: Truth,
    /// What a client was told is new.
    pub(super) told: BTreeSet<TxId>,
    pub(super) tokens: u64,
    pub(super) tally: Tally,
}

/// What has come of a step.
pub(super) enum Step {
    Done,
    Dark,
    /// The disk has failed, and the store with it.
    ReadOnly,
}

/// How a life ended.
#[derive(PartialEq, Eq)]
enum End {
    Dark,
    Stopped,
    Complete,
}

/// A running node.
pub(super) struct Life {
    pub(super) store: Store,
    pub(super) replica: Replica,
    pub(super) queue: VecDeque<Arc<Attached>>,
    pub(super) disk: MemoryDisk,
    /// Who waits for what at the door.
    pub(super) asked: BTreeMap<Token, TxId>,
}

impl<'a> World<'a> {
    pub(super) fn new(pool: &'a Pool, dice: Dice, planted: Option<Planted>) -> Self {
        let (truth, told) = (Truth::new(&pool.network), BTreeSet::new());
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
            if self.dice.below(2) == 0 {
                disk.forget_on_failure();
            }
            // As many crashes in the first operations, which open the store, as in the hundreds that follow.
            let most = 4 << self.dice.below(8);
            disk.lose_power_after(self.dice.below(most));
            // The database writes what its cache has no room for whenever it reads, so the power can go in a read too.
            let end = catch_unwind(AssertUnwindSafe(|| self.live(&disk)))
                .unwrap_or_else(|panic| if disk.is_dark() { End::Dark } else { resume_unwind(panic) });
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
            let stops = self.dice.below(64) == 0;
            let step = if stops { self.drain(&mut life, disk) } else { self.step(&mut life, disk) };
            life = match step {
                Step::Done if stops => return End::Stopped,
                Step::Done => life,
                Step::Dark => return End::Dark,
                Step::ReadOnly => match self.reopen(life, disk) {
                    Some(life) => life,
                    None => return End::Dark,
                },
            };
            if self.truth.promised == self.pool.transactions.len() {
                assert!(life.asked.is_empty(), "what is durable is answered");
                return End::Complete;
            }
        }
    }

    fn step(&mut self, life: &mut Life, disk: &MemoryDisk) -> Step {
        match self.dice.below(16) {
            0 => self.ask_for_ticket(life),
            1..12 => self.hand_in_next(life),
            _ => return self.commit(life, disk),
        }
        Step::Done
    }

    /// Stores all that queues, as before a clean stop.
    fn drain(&mut self, life: &mut Life, disk: &MemoryDisk) -> Step {
        while !life.queue.is_empty() {
            match self.commit(life, disk) {
                Step::Done => {}
                other => return other,
            }
        }
        Step::Done
    }

    /// Opens the store as a node does at its start. None when the power went.
    fn begin(&mut self, disk: &MemoryDisk) -> Option<Life> {
        match open_with(disk, &self.pool.network) {
            Ok(store) => self.take_up(store, disk),
            Err(_) if disk.is_dark() => {
                self.tally.opening += 1;
                None
            }
            Err(error) => panic!("the store cannot be opened any more: {error}"),
        }
    }

    /// Opens the store again as a node does whose disk has failed, and works again after some attempts.
    fn reopen(&mut self, life: Life, disk: &MemoryDisk) -> Option<Life> {
        let Life { store, .. } = life;
        for _ in 0..self.dice.below(3) {
            disk.fail_after(self.dice.below(6));
            if store.try_reopen().is_ok() {
                break;
            }
        }
        disk.mend();
        match store.try_reopen() {
            Ok(()) => {
                self.tally.reopened += 1;
                self.take_up(store, disk)
            }
            Err(_) if disk.is_dark() => None,
            Err(error) => panic!("the store is not opened again: {error}"),
        }
    }

    /// Rebuilds the replica above a store that was opened, and compares both with the truth.
    fn take_up(&mut self, store: Store, disk: &MemoryDisk) -> Option<Life> {
        let rebuilt = self.recover(&store).and_then(|replica| Ok((replica, store.reader()?)));
        let (replica, reader) = match rebuilt {
            Ok(rebuilt) => rebuilt,
            Err(_) if disk.is_dark() => return None,
            Err(error) => panic!("the replica cannot be rebuilt: {error}"),
        };
        let before = (self.truth.promised, self.truth.promised_commits);
        let unsure = (self.truth.handed, self.truth.chain.handed.len()) != before;
        let commits = reader.newest_index().unwrap() as usize;
        let cursor = reader.cursor(&OWN).unwrap().try_into().map_or(0, u64::from_be_bytes);
        self.truth.settle(store.next_position().unwrap().0 as usize, commits, cursor);
        let after = (self.truth.promised, self.truth.promised_commits);
        self.tally.kept += u64::from(unsure && after != before);
        self.tally.lost += u64::from(unsure && after == before);
        let answered = before.0;
        self.truth.check_store(&store, self.pool);
        self.truth.check_commits(&store, &mut self.dice);
        self.truth.check_window(&replica);
        if self.dice.below(16) == 0 {
            self.truth.check_every_table(&store, self.pool, &mut self.dice);
        }
        let (disk, queue, asked) = (disk.clone(), VecDeque::new(), BTreeMap::new());
        drop(reader);
        let mut life = Life { store, replica, queue, disk, asked };
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
        let mut told = recover::Told::default();
        store.recover(usize::MAX, &mut |arrived| {
            if left > 0 {
                replica.recover(&told.arrival(&arrived));
                left -= 1;
            }
        })?;
        Ok(replica)
    }
}
