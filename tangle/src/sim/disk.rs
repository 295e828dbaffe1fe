//! A node's disk: its log as numbers, the cursors in the logs of others, older states of both.
//!
//! Always true: `order[..durable]` is what a crash leaves, and `durable` grows by what commits; a backup is a length
//! that the log had, and a cursor is never older than the part of the log that it stands for.

use super::catalogue::{Catalogue, Number};
use super::random::mix;
use crate::finality::{Entry, Outcome, Round};
use crate::{DeviceId, Digest, History, HistoryError, Kind, Standing, Timestamp, Transaction, TxId};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// Where a number stands that has no place.
const NOWHERE: u32 = u32::MAX;

/// Older states that are kept.
const BACKUPS: usize = 16;

pub(super) type Cursors = BTreeMap<DeviceId, Vec<u8>>;

/// What a node has written, and what it is about to write.
#[derive(Default, Debug)]
pub(super) struct Disk {
    order: Vec<Number>,
    /// The place in `order` of each number.
    places: Vec<u32>,
    durable: usize,
    pub(super) cursors: Cursors,
    /// Those to be written with the next commit.
    pub(super) cursors_to_come: Cursors,
    /// What is known to contradict another of its issuer's.
    twins: BTreeMap<Number, TxId>,
    /// The sum of what stands in the log, whatever its order.
    print: u64,
    backups: VecDeque<(usize, Cursors)>,
}

impl Disk {
    /// Puts what is attached behind all else, to be written.
    pub(super) fn push(&mut self, number: Number, twin: Option<TxId>) {
        let place = self.order.len();
        if self.places.len() <= number as usize {
            self.places.resize(number as usize + 1, NOWHERE);
        }
        self.places[number as usize] = place as u32;
        self.order.push(number);
        self.print = self.print.wrapping_add(mix(u64::from(number) + 1));
        self.twins.extend(twin.map(|twin| (number, twin)));
    }

    /// What is attached.
    pub(super) fn order(&self) -> &[Number] {
        &self.order
    }

    /// What is attached and durable.
    pub(super) fn durable(&self) -> &[Number] {
        &self.order[..self.durable]
    }

    pub(super) fn unsaved(&self) -> usize {
        self.order.len() - self.durable
    }

    /// The sum of what is attached: two logs of one length and one sum hold the same.
    pub(super) fn print(&self) -> u64 {
        self.print
    }

    pub(super) fn has(&self, number: Number) -> bool {
        self.place(number).is_some()
    }

    pub(super) fn has_durable(&self, number: Number) -> bool {
        self.place(number).is_some_and(|place| place < self.durable)
    }

    /// What contradicts another of its issuer's, with that.
    pub(super) fn twins(&self) -> &BTreeMap<Number, TxId> {
        &self.twins
    }

    /// So many more are on disk, with these cursors.
    pub(super) fn commit(&mut self, count: usize, cursors: Cursors) {
        self.durable += count;
        self.cursors.extend(cursors);
    }

    /// The process ends: what is not durable is gone.
    pub(super) fn crash(&mut self) {
        self.cut(self.durable);
        self.cursors_to_come.clear();
    }

    /// Keeps the durable state as it is now.
    pub(super) fn back_up(&mut self) {
        if self.backups.len() >= BACKUPS {
            self.backups.pop_front();
        }
        self.backups.push_back((self.durable, self.cursors.clone()));
    }

    /// Puts an older state in place of this one, counted back from the newest; returns what it lacks. Nothing happens
    /// where no state is kept.
    pub(super) fn restore(&mut self, back: usize) -> Vec<Number> {
        let index = self.backups.len().saturating_sub(1 + back);
        self.backups.truncate(index + 1);
        let Some((length, cursors)) = self.backups.back().cloned() else { return Vec::new() };
        let lost = self.order[length..self.durable].to_vec();
        self.durable = length;
        self.cut(length);
        self.cursors = cursors;
        lost
    }

    fn place(&self, number: Number) -> Option<usize> {
        self.places
            .get(number as usize)
            .copied()
            .filter(|place| *place != NOWHERE)
            .map(|place| place as usize)
    }

    fn cut(&mut self, length: usize) {
        for number in self.order.drain(length..) {
            self.places[number as usize] = NOWHERE;
            self.twins.remove(&number);
            self.print = self.print.wrapping_sub(mix(u64::from(number) + 1));
        }
    }
}

/// What is durable, as a replica reads it.
pub(super) struct View<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) disk: &'a Disk,
}

impl View<'_> {
    fn stored(&self, id: &TxId) -> Option<&Transaction> {
        let number = self.catalogue.number(id).filter(|number| self.disk.has_durable(*number))?;
        Some(self.catalogue.get(number))
    }
}

impl History for View<'_> {
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError> {
        Ok(self.catalogue.number(id).is_some_and(|number| self.disk.has_durable(number)))
    }

    fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        let stored =
            self.catalogue.issued(issuer, range).filter(|(_, number)| self.disk.has_durable(*number));
        stored.for_each(|(id, number)| visit(id, self.catalogue.get(number).header().counter));
        Ok(())
    }

    fn standings(&self, device: &DeviceId) -> Result<Vec<Standing>, HistoryError> {
        let all = self.catalogue.enrolments(device).iter();
        let stored = all.filter(|(number, _)| self.disk.has_durable(*number));
        Ok(stored.flat_map(|(_, issuer)| issuer.standings().to_vec()).collect())
    }

    fn log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        let durable = self.disk.durable();
        let end = positions.end.min(durable.len() as u64) as usize;
        let begin = (positions.start as usize).min(end);
        durable[begin..end].iter().for_each(|number| visit(self.catalogue.id(*number)));
        Ok(())
    }

    fn is_witness(&self, id: &TxId) -> Result<Option<bool>, HistoryError> {
        Ok(self.stored(id).map(|transaction| transaction.header().kind == Kind::Witness))
    }

    fn entry(&self, id: &TxId) -> Result<Option<Entry>, HistoryError> {
        let genesis = self.catalogue.network.genesis();
        Ok(self.stored(id).map(|transaction| Entry::of(transaction, genesis)))
    }

    fn witnesses(&self, _: &DeviceId, _: Round, _: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        Ok(())
    }

    fn outcome(&self, _: &TxId) -> Result<Option<Outcome>, HistoryError> {
        Ok(None)
    }

    fn delivered(
        &self,
        _: &DeviceId,
        _: Range<Timestamp>,
        _: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        Ok(())
    }

    fn is_revoked(&self, _: &DeviceId) -> Result<bool, HistoryError> {
        Ok(false)
    }

    fn commit_digest(&self, _: u64) -> Result<Option<Digest>, HistoryError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> Disk {
        let mut disk = Disk::default();
        for number in [4, 2, 7] {
            disk.push(number, (number == 2).then(|| TxId::first_at(Timestamp::from_millis(9))));
        }
        disk
    }

    #[test]
    fn a_crash_leaves_what_was_committed() {
        let mut disk = disk();
        assert_eq!((disk.unsaved(), disk.has(7), disk.has_durable(4)), (3, true, false));
        disk.commit(1, Cursors::new());
        disk.crash();
        assert_eq!((disk.order(), disk.has(2), disk.has_durable(4)), (&[4][..], false, true));
        assert!(disk.twins().is_empty());
        let mut other = Disk::default();
        other.push(4, None);
        assert_eq!(disk.print(), other.print());
    }

    #[test]
    fn a_backup_brings_back_what_was_and_those_after_it_are_void() {
        let mut disk = disk();
        disk.commit(1, Cursors::new());
        disk.back_up();
        disk.commit(2, Cursors::new());
        disk.back_up();
        assert_eq!(disk.restore(1), [2, 7]);
        assert_eq!(disk.order(), [4]);
        disk.push(9, None);
        assert_eq!(disk.restore(0), Vec::<Number>::new(), "what was not durable is no loss");
        assert_eq!(disk.order(), [4]);
        assert_eq!(Disk::default().restore(3), Vec::<Number>::new());
    }

    #[test]
    fn a_sum_does_not_depend_on_order() {
        let sum = |numbers: &[Number]| {
            let mut disk = Disk::default();
            numbers.iter().for_each(|number| disk.push(*number, None));
            disk.print()
        };
        assert_eq!(sum(&[1, 2, 3]), sum(&[3, 1, 2]));
        assert_ne!(sum(&[1, 2, 3]), sum(&[1, 2, 4]));
    }
}
