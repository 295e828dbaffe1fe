//! What is durable, in a map; it can be told to fail.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use weft_tangle::{Attached, DeviceId, History, HistoryError, Position, Standing, Timestamp, TxId};

/// A history in memory.
#[derive(Default)]
pub(crate) struct MapHistory {
    transactions: BTreeMap<TxId, Arc<Attached>>,
    log: Vec<TxId>,
    /// Reads that still succeed; none when all do.
    reads_left: Cell<Option<u32>>,
}

impl MapHistory {
    pub(crate) fn store(&mut self, attached: Arc<Attached>) {
        assert_eq!(attached.position(), Position(self.log.len() as u64), "a gap in the log");
        self.log.push(attached.id());
        assert!(self.transactions.insert(attached.id(), attached).is_none(), "stored twice");
    }

    /// Lets this many reads succeed and fails all after them; `None` mends it.
    pub(crate) fn fail_after(&self, reads: Option<u32>) {
        self.reads_left.set(reads);
    }

    fn read(&self) -> Result<(), HistoryError> {
        match self.reads_left.get() {
            Some(0) => Err(HistoryError("the disk is gone".into())),
            left => {
                self.reads_left.set(left.map(|left| left - 1));
                Ok(())
            }
        }
    }
}

impl History for MapHistory {
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError> {
        self.read()?;
        Ok(self.transactions.contains_key(id))
    }

    fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        self.read()?;
        let range = TxId::first_at(range.start)..TxId::first_at(range.end);
        for (id, attached) in self.transactions.range(range) {
            let header = attached.transaction().header();
            if header.issuer == *issuer {
                visit(*id, header.counter);
            }
        }
        Ok(())
    }

    fn standings(&self, device: &DeviceId) -> Result<Vec<Standing>, HistoryError> {
        self.read()?;
        let all =
            self.transactions.values().filter(|attached| attached.transaction().header().issuer == *device);
        Ok(all.filter_map(|attached| Some(attached.verified().enrolment()?.standing())).collect())
    }

    fn log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        self.read()?;
        let end = positions.end.min(self.log.len() as u64);
        (positions.start..end).for_each(|position| visit(self.log[position as usize]));
        Ok(())
    }
}
