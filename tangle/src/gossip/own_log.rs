//! The newest part of the own log in memory, and older parts read back.
//!
//! Position *p* holds the *p*-th transaction that became durable here. Nothing else is ever told.

use super::Here;
use crate::limits::LOG_RECENT;
use crate::{HistoryError, Timestamp, TxId};
use std::collections::VecDeque;
use std::ops::Range;

/// A durable transaction and since when it is one; those from before the start were always.
pub(super) type Logged = (TxId, Timestamp);

#[derive(Debug)]
pub(super) struct OwnLog {
    recent: VecDeque<Logged>,
    end: u64,
}

impl OwnLog {
    /// A log of `end` entries, none of them in memory.
    pub(super) fn new(end: u64) -> Self {
        Self { recent: VecDeque::new(), end }
    }

    /// Takes the newest entries back into memory, in their order.
    pub(super) fn recover(&mut self, id: TxId) {
        self.keep((id, Timestamp::default()));
        // More than were stored there cannot be.
        self.recent.truncate(usize::try_from(self.end).unwrap_or(usize::MAX));
    }

    /// A transaction has become durable.
    pub(super) fn push(&mut self, id: TxId, now: Timestamp) {
        self.keep((id, now));
        self.end += 1;
    }

    /// Entries in the log; the position of the next.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The entry at a position, if it is in memory.
    pub(super) fn recent(&self, position: u64) -> Option<&Logged> {
        let begin = self.end - self.recent.len() as u64;
        self.recent.get(usize::try_from(position.checked_sub(begin)?).ok()?)
    }

    /// The entries at the positions of the range that there are.
    pub(super) fn read(&self, range: Range<u64>, here: &dyn Here) -> Result<Vec<Logged>, HistoryError> {
        let range = range.start..range.end.min(self.end);
        if range.clone().all(|position| self.recent(position).is_some()) {
            return Ok(range.filter_map(|position| self.recent(position).copied()).collect());
        }
        let mut entries = Vec::new();
        here.log(range, &mut |id| entries.push((id, Timestamp::default())))?;
        Ok(entries)
    }

    /// The transaction at a position.
    pub(super) fn id(&self, position: u64, here: &dyn Here) -> Result<Option<TxId>, HistoryError> {
        let end = position.saturating_add(1);
        Ok(self.read(position..end, here)?.first().map(|(id, _)| *id))
    }

    fn keep(&mut self, logged: Logged) {
        if self.recent.len() >= LOG_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(logged);
    }
}
