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

#[cfg(test)]
mod tests {
    use super::super::Whereabouts;
    use super::*;
    use crate::replica::Source;

    fn id(n: u64) -> TxId {
        TxId::first_at(Timestamp::from_millis(n))
    }

    /// Storage that holds the log and nothing else.
    struct Stored(Vec<TxId>);

    impl Here for Stored {
        fn whereabouts(&self, _: &TxId) -> Result<Whereabouts, HistoryError> {
            Ok(Whereabouts::Unknown)
        }

        fn waiting_of(&self, _: Source) -> usize {
            0
        }

        fn is_missed(&self, _: &TxId) -> bool {
            false
        }

        fn has_room(&self) -> bool {
            true
        }

        fn log(&self, range: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
            self.0[range.start as usize..range.end as usize].iter().for_each(|id| visit(*id));
            Ok(())
        }
    }

    #[test]
    fn it_is_the_same_log_in_memory_and_read_back() {
        let count = LOG_RECENT as u64 + 100;
        let stored = Stored((0..count).map(id).collect());
        let mut grown = OwnLog::new(0);
        (0..count).for_each(|n| grown.push(id(n), Timestamp::from_millis(7)));
        let mut recovered = OwnLog::new(count);
        (count - 50..count).for_each(|n| recovered.recover(id(n)));
        for log in [grown, recovered, OwnLog::new(count)] {
            assert!(log.recent.len() <= LOG_RECENT);
            for range in [0..3, 98..103, count - 51..count - 49, count - 2..count + 5, count..count + 1] {
                let read = log.read(range.clone(), &stored).unwrap().into_iter().map(|(id, _)| id);
                assert!(read.eq((range.start..range.end.min(count)).map(id)), "{range:?}");
            }
            assert_eq!(log.id(count - 1, &stored).unwrap(), Some(id(count - 1)));
            assert_eq!(log.id(count, &stored).unwrap(), None);
            assert_eq!(log.id(u64::MAX, &stored).unwrap(), None);
        }
    }
}
