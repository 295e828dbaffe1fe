//! When what is wanted is to be looked at again.
//!
//! Always true: what only logs name and what others wait for lie apart, for there is room for the one when there is none for
//! the other, and logs name thousands.

use crate::{Timestamp, TxId};
use std::collections::BTreeSet;
use std::ops::Bound;

/// When, and what.
pub(super) type Turn = (Timestamp, TxId);

/// Of what there is room for more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sorts {
    pub(super) named: bool,
    pub(super) references: bool,
}

#[derive(Default, Debug)]
pub(super) struct Schedule {
    named: BTreeSet<Turn>,
    references: BTreeSet<Turn>,
}

impl Schedule {
    pub(super) fn insert(&mut self, turn: Turn, is_reference: bool) {
        self.part(is_reference).insert(turn);
    }

    pub(super) fn remove(&mut self, turn: Turn, is_reference: bool) {
        self.part(is_reference).remove(&turn);
    }

    /// When the first of all has its turn.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.named.first().into_iter().chain(self.references.first()).map(|(due, _)| *due).min()
    }

    /// The next whose time has come, in the order of their times.
    pub(super) fn due_behind(&self, last: Option<Turn>, sorts: Sorts, now: Timestamp) -> Option<Turn> {
        let behind = last.map_or(Bound::Unbounded, Bound::Excluded);
        let next = |part: &BTreeSet<Turn>| part.range((behind, Bound::Unbounded)).next().copied();
        let named = sorts.named.then(|| next(&self.named)).flatten();
        let reference = sorts.references.then(|| next(&self.references)).flatten();
        named.into_iter().chain(reference).min().filter(|(due, _)| *due <= now)
    }

    fn part(&mut self, is_reference: bool) -> &mut BTreeSet<Turn> {
        if is_reference { &mut self.references } else { &mut self.named }
    }

    /// All of one sort.
    #[cfg(test)]
    pub(super) fn all(&self, is_reference: bool) -> &BTreeSet<Turn> {
        if is_reference { &self.references } else { &self.named }
    }
}
