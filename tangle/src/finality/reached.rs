//! What was met on the way down from a leader and is to be delivered: the smallest ids of it, as many as some commits deliver.
//!
//! Always true: what is left out is larger than all that is held. What was met in descending order came first and is larger than
//! what was not; that is sorted once all is met.

use crate::TxId;
use std::collections::{BinaryHeap, VecDeque};

/// The smallest of what was met.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// The next ones are at the end.
    descending: VecDeque<TxId>,
    /// Smaller ones. There are none when all is met.
    unsorted: BinaryHeap<TxId>,
    has_more: bool,
}

impl Reached {
    /// Takes one that was met; it is smaller than all before it if it `is_sorted`. Beyond `most` the largest is left out.
    pub(super) fn push(&mut self, id: TxId, is_sorted: bool, most: usize) {
        match is_sorted {
            true => self.descending.push_back(id),
            false => self.unsorted.push(id),
        }
        if self.len() > most {
            if self.descending.pop_front().is_none() {
                self.unsorted.pop();
            }
            self.has_more = true;
        }
    }

    /// All is met.
    pub(super) fn sort(&mut self) {
        self.descending.extend(std::mem::take(&mut self.unsorted).into_sorted_vec().into_iter().rev());
    }

    pub(super) fn len(&self) -> usize {
        self.descending.len() + self.unsorted.len()
    }

    /// The smallest, ascending, so many at most, when all is met.
    pub(super) fn first(&self, most: usize) -> impl ExactSizeIterator<Item = &TxId> {
        self.descending.range(self.descending.len().saturating_sub(most)..).rev()
    }

    /// Drops the smallest, so many at most. Whether none is left and larger ones were left out: all has to be met once more.
    pub(super) fn drop_first(&mut self, most: usize) -> bool {
        self.descending.truncate(self.descending.len().saturating_sub(most));
        self.descending.is_empty() && std::mem::take(&mut self.has_more)
    }
}
