//! What a peer has told of its log, and how far all of that is settled here.
//!
//! An entry is settled when its transaction is durable here, or refused for good. `settled` is the position of the first
//! that is not; only what lies before it is acknowledged and remembered. Positions `base..next` are in memory: the
//! open ones, at most [`TAIL_CREDIT`], and the last [`NAMES`] settled ones, by which the peer's places are known.

use super::checkpoints::Checkpoints;
use super::score::Fault;
use crate::limits::{ACK_ENTRIES, ACK_MS, NAMES, REMEMBER_ENTRIES, REMEMBER_MS, TAIL_CREDIT};
use crate::planted::{self, Planted};
use crate::{Timestamp, TxId};
use indexmap::IndexMap;
use std::collections::VecDeque;

#[derive(Debug)]
struct Slot {
    id: TxId,
    is_settled: bool,
}

/// The end of a peer's log as it is known here.
#[derive(Debug)]
pub(super) struct Tail {
    checkpoints: Checkpoints,
    is_open: bool,
    /// The life in which the peer tells.
    life: u64,
    base: u64,
    slots: VecDeque<Slot>,
    places: IndexMap<TxId, u64>,
    settled: u64,
    acked: u64,
    acked_at: Timestamp,
    remembered: u64,
    remembered_at: Timestamp,
    behind: u64,
    /// Entries told that are durable here.
    durable: u64,
    /// Where the log ended when the connection began.
    ended: u64,
}

impl Tail {
    /// Begins with what an earlier connection left.
    pub(super) fn new(cursor: &[u8], now: Timestamp) -> Self {
        Self {
            checkpoints: Checkpoints::decode(cursor),
            is_open: false,
            life: 0,
            base: 0,
            slots: VecDeque::new(),
            places: IndexMap::new(),
            settled: 0,
            acked: 0,
            acked_at: now,
            remembered: 0,
            remembered_at: now,
            behind: 0,
            durable: 0,
            ended: 0,
        }
    }

    pub(super) fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// The peer sends its log from here.
    ///
    /// # Errors
    /// It did so before, or begins where no checkpoint stands.
    pub(super) fn open(&mut self, position: u64, length: u64, life: u64) -> Result<(), Fault> {
        let after = |mark: &super::message::Checkpoint| mark.position.checked_add(1) == Some(position);
        let is_offered = position == 0 || self.checkpoints.marks().iter().any(after);
        if self.is_open || !is_offered || length < position {
            return Err(Fault::Log);
        }
        self.checkpoints.cut(position);
        (self.is_open, self.life) = (true, life);
        (self.base, self.settled, self.acked, self.remembered) = (position, position, position, position);
        (self.behind, self.ended) = (length - position, length);
        Ok(())
    }

    /// Whether all is settled that the peer's log held when the connection began.
    pub(super) fn is_read(&self) -> bool {
        self.is_open && self.settled >= self.ended
    }

    /// Whether so many entries from `first` on come next and are granted.
    pub(super) fn check(&self, first: u64, count: usize) -> Result<(), Fault> {
        let continues = self.is_open && first == self.next() && first.checked_add(count as u64).is_some();
        if !continues {
            return Err(Fault::Log);
        }
        if self.open_entries() + count > TAIL_CREDIT { Err(Fault::Budget) } else { Ok(()) }
    }

    /// The next entry.
    ///
    /// # Errors
    /// The same transaction stands at another of the last positions.
    pub(super) fn push(&mut self, id: TxId, is_settled: bool) -> Result<(), Fault> {
        let position = self.next();
        if self.places.contains_key(&id) {
            return Err(Fault::Log);
        }
        self.places.insert(id, position);
        self.slots.push_back(Slot { id, is_settled });
        Ok(())
    }

    /// What the peer said of entries behind these.
    pub(super) fn set_behind(&mut self, behind: u64) {
        self.behind = behind;
    }

    /// A transaction is settled, if it is one of these; says whether it is and was not.
    pub(super) fn settle(&mut self, id: &TxId) -> bool {
        let index = self.places.get(id).and_then(|position| self.index(*position));
        let slot = index.and_then(|index| self.slots.get_mut(index));
        slot.is_some_and(|slot| !std::mem::replace(&mut slot.is_settled, true))
    }

    /// An entry is found durable, or has become so.
    pub(super) fn count_durable(&mut self) {
        self.durable += 1;
    }

    /// Entries told in this connection that are durable here. A log names each transaction once, so these are no more than
    /// are durable here in all.
    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    /// Goes on over all that is settled.
    pub(super) fn advance(&mut self) {
        let is_settled = |slot: &Slot| slot.is_settled || planted::is(Planted::HastyCursor);
        while self.index(self.settled).and_then(|at| self.slots.get(at)).is_some_and(is_settled) {
            self.settled += 1;
        }
        while self.settled - self.base > NAMES as u64 {
            if let Some(slot) = self.slots.pop_front() {
                self.places.swap_remove(&slot.id);
            }
            self.base += 1;
        }
    }

    /// Where the peer has a transaction.
    pub(super) fn place(&self, id: &TxId) -> Option<u64> {
        self.places.get(id).copied()
    }

    /// Entries of the peer's log that are not settled here, told or not.
    pub(super) fn lag(&self) -> u64 {
        self.behind.saturating_add(self.open_entries() as u64)
    }

    /// Entries told and not settled.
    pub(super) fn open_entries(&self) -> usize {
        (self.next() - self.settled) as usize
    }

    /// When the peer is to be told how far this is; none when it knows.
    pub(super) fn ack_due(&self) -> Option<Timestamp> {
        due(self.settled - self.acked, ACK_ENTRIES, self.acked_at.plus(ACK_MS))
    }

    /// The position to acknowledge.
    pub(super) fn ack(&mut self, now: Timestamp) -> u64 {
        (self.acked, self.acked_at) = (self.settled, now);
        self.settled
    }

    /// When the place is to be written down; none when it is.
    pub(super) fn remember_due(&self) -> Option<Timestamp> {
        due(self.settled - self.remembered, REMEMBER_ENTRIES, self.remembered_at.plus(REMEMBER_MS))
    }

    /// The cursor to write down; none when nothing has become settled since.
    pub(super) fn remember(&mut self, now: Timestamp) -> Option<Vec<u8>> {
        let last = self.settled.checked_sub(1).filter(|_| self.settled > self.remembered)?;
        let id = self.slots.get(self.index(last)?)?.id;
        self.checkpoints.push(last, id, self.life);
        (self.remembered, self.remembered_at) = (self.settled, now);
        Some(self.checkpoints.encode())
    }

    fn next(&self) -> u64 {
        self.base + self.slots.len() as u64
    }

    fn index(&self, position: u64) -> Option<usize> {
        usize::try_from(position.checked_sub(self.base)?).ok()
    }
}

/// At once when enough have come together, later when some have.
fn due(count: u64, enough: u64, later: Timestamp) -> Option<Timestamp> {
    (count > 0).then(|| if count >= enough { Timestamp::default() } else { later })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> TxId {
        TxId::first_at(Timestamp::from_millis(n))
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    /// A tail of entries 0 to `count`, none settled.
    fn tail(count: u64) -> Tail {
        let mut tail = Tail::new(&[], at(0));
        tail.open(0, count, 7).unwrap();
        (0..count).for_each(|n| tail.push(id(n), false).unwrap());
        tail
    }

    #[test]
    fn it_advances_only_over_what_is_settled_without_a_gap() {
        let mut tail = tail(4);
        for (settled, reached) in [(1, 0), (2, 0), (0, 3), (9, 3), (3, 4)] {
            tail.settle(&id(settled));
            tail.advance();
            assert_eq!(tail.settled, reached);
        }
        assert_eq!(tail.open_entries(), 0);
    }

    #[test]
    fn what_a_peer_may_not_say_of_its_log() {
        let mut tail = Tail::new(&[], at(0));
        assert_eq!(tail.check(0, 1), Err(Fault::Log), "not opened");
        assert_eq!(tail.open(1, 5, 7), Err(Fault::Log), "never offered");
        assert_eq!(tail.open(0, 5, 7), Ok(()));
        assert_eq!(tail.open(0, 5, 7), Err(Fault::Log), "twice");
        assert_eq!(tail.check(1, 1), Err(Fault::Log), "a gap");
        assert_eq!(tail.check(0, TAIL_CREDIT + 1), Err(Fault::Budget));
        assert_eq!(tail.check(0, TAIL_CREDIT), Ok(()));
        tail.push(id(1), true).unwrap();
        assert_eq!(tail.push(id(1), true), Err(Fault::Log), "one transaction at two positions");
    }

    #[test]
    fn a_cursor_offers_where_it_was_and_is_cut_where_the_peer_begins() {
        let mut tail = tail(3_000);
        for n in 0..3_000 {
            tail.settle(&id(n));
            tail.advance();
            if n % 1_000 == 999 {
                tail.remember(at(n)).unwrap();
            }
        }
        assert_eq!(tail.remember(at(9_999)), None, "nothing new");
        let cursor = tail.checkpoints.encode();
        let again = || Tail::new(&cursor, at(0));
        assert_eq!(again().checkpoints().marks()[0].position, 2_999);
        assert_eq!(again().open(2_000, 9_000, 7), Ok(()));
        let mut restored = again();
        restored.open(1_000, 1_500, 7).unwrap();
        assert_eq!(restored.checkpoints().marks()[0].position, 999);
        assert_eq!((restored.lag(), restored.settled), (500, 1_000));
        assert_eq!(again().open(3_001, 9_000, 7), Err(Fault::Log));
        assert_eq!(again().open(3_000, 2_999, 7), Err(Fault::Log), "shorter than where it begins");
    }

    #[test]
    fn it_is_read_when_all_is_settled_that_was_there_when_it_began() {
        let mut tail = tail(3);
        tail.push(id(3), false).unwrap();
        for (settled, is_read) in [(1, false), (0, false), (2, true), (3, true)] {
            tail.settle(&id(settled));
            tail.advance();
            assert_eq!(tail.is_read(), is_read, "{settled}");
        }
        let mut empty = Tail::new(&[], at(0));
        assert!(!empty.is_read(), "nobody has said that it is empty");
        empty.open(0, 0, 7).unwrap();
        assert!(empty.is_read());
    }

    #[test]
    fn acknowledgements_come_by_number_or_by_time() {
        let mut tail = tail(1_000);
        assert_eq!(tail.ack_due(), None);
        tail.settle(&id(0));
        tail.advance();
        assert_eq!(tail.ack_due(), Some(at(ACK_MS)));
        assert!((1..ACK_ENTRIES).all(|n| tail.settle(&id(n))) && !tail.settle(&id(1)));
        tail.advance();
        assert_eq!(tail.ack_due(), Some(Timestamp::default()));
        assert_eq!(tail.ack(at(7)), ACK_ENTRIES);
        assert_eq!(tail.ack_due(), None);
    }

    #[test]
    fn memory_holds_the_last_names_and_the_open_entries() {
        let mut tail = Tail::new(&[], at(0));
        tail.open(0, 0, 7).unwrap();
        for n in 0..3 * NAMES as u64 {
            tail.push(id(n), true).unwrap();
            tail.advance();
        }
        assert_eq!((tail.slots.len(), tail.places.len()), (NAMES, NAMES));
        assert_eq!(tail.place(&id(3 * NAMES as u64 - 1)), Some(3 * NAMES as u64 - 1));
        assert_eq!(tail.place(&id(0)), None);
    }
}
