//! Looking things up in whatever is stored at the moment of each question.
//!
//! A snapshot shows what is pending only after a commit of the database. Most questions need none: the index in memory
//! knows where a transaction stands, and what is pending is in memory. Always true: what was stored when a question was asked
//! is in the answer; two questions may be answered from different states, of which the later holds all of the earlier.

use super::layout::{decode_issued, device_keys, id_of};
use super::pending::{Held, Waiting};
use super::tail::Whereabouts;
use super::{Kept, Reader, Store, StoreError};
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, MutexGuard};
use weft_tangle::finality::{Entry, Outcome, Round};
use weft_tangle::limits::BODY_OFFSET;
use weft_tangle::{
    DeviceId, Digest, History, HistoryError, Kind, Position, Standing, Timestamp, Transaction, TxId,
};

/// What is stored, as a history that grows.
#[derive(Clone, Copy, Debug)]
pub struct Latest<'a>(&'a Store);

impl Store {
    /// What is stored at the moment of each question; holds no snapshot in between.
    pub fn latest(&self) -> Latest<'_> {
        Latest(self)
    }

    /// Where the transaction with this id stands, if it is stored. The database is asked only for what is not among the
    /// newest, and need not have taken what is pending: of that the index is in memory.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn position(&self, id: &TxId) -> Result<Option<Position>, StoreError> {
        // Rows leave the tail when they are in the tables, so it comes first, and the snapshot is no older.
        if let Some(tail) = self.live_tail() {
            match tail.find(id, tail.end()) {
                Whereabouts::Here(position) => return Ok(Some(position)),
                Whereabouts::Nowhere => return Ok(None),
                Whereabouts::InTable => {}
            }
        }
        self.published_reader()?.position(id)
    }

    /// Whether the transaction with this id is stored.
    ///
    /// # Errors
    /// As [`Store::position`].
    pub fn contains(&self, id: &TxId) -> Result<bool, StoreError> {
        Ok(self.position(id)?.is_some())
    }

    /// What is pending, if anything is and the store has not failed: then the log says what was stored.
    fn waiting(&self) -> Option<MutexGuard<'_, Held>> {
        if self.pending.bytes() == 0 || self.live_tail().is_none() {
            return None;
        }
        Some(self.pending.lock()).filter(|held| held.first().is_some())
    }
}

impl Latest<'_> {
    /// What is stored under this id, its body or not.
    ///
    /// # Errors
    /// As [`Reader::kept`].
    pub fn kept(&self, id: &TxId) -> Result<Option<Kept>, StoreError> {
        let kept = match self.pending(id)? {
            Some(whole) if whole.wire().len() > BODY_OFFSET => return Ok(Some(Kept::Whole(whole))),
            Some(_) => self.0.shared_reader()?.kept(id)?,
            None => self.0.published_reader()?.kept(id)?,
        };
        Ok(kept.map(|(kept, _)| kept))
    }

    /// A shared snapshot that shows also the pending transactions that are asked for.
    fn showing(&self, is_asked_for: impl Fn(&Waiting) -> bool) -> Result<Arc<Reader>, StoreError> {
        let is_pending = self.0.waiting().is_some_and(|held| held.transactions().iter().any(is_asked_for));
        if is_pending { self.0.shared_reader() } else { self.0.published_reader() }
    }

    /// The transaction with this id, if it is pending.
    fn pending(&self, id: &TxId) -> Result<Option<Transaction>, StoreError> {
        let Some(position) = self.0.position(id)? else { return Ok(None) };
        Ok(self.0.waiting().and_then(|held| held.at(position).map(|waiting| waiting.transaction.clone())))
    }

    fn visit_issued(
        &self,
        issuer: &DeviceId,
        range: &Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), StoreError> {
        let keys = device_keys(issuer, range);
        // The tail comes first, as for positions.
        let waiting = self.0.live_tail().map(|tail| tail.issued(&keys, tail.end()));
        let reader = self.0.published_reader()?;
        let Some(waiting) = waiting else { return reader.visit_issued(issuer, range, visit) };
        for row in reader.issued_rows_and(&keys, waiting)? {
            let (key, value) = row?;
            visit(id_of(&key), decode_issued(&value).0);
        }
        Ok(())
    }

    fn visit_log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), StoreError> {
        let (mut end, mut ids) = (positions.end, Vec::new());
        if let Some(held) = self.0.waiting() {
            end = end.min(held.first().map_or(end, |first| first.0));
            let asked_for = held.transactions().iter().filter(|one| positions.contains(&one.position.0));
            ids.extend(asked_for.map(|one| one.transaction.id()));
        }
        // The database had all before the first one that was pending, and may have taken that since.
        if positions.start < end {
            self.0.published_reader()?.visit_log(positions.start..end, visit)?;
        }
        ids.into_iter().for_each(visit);
        Ok(())
    }
}

impl History for Latest<'_> {
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError> {
        Ok(self.0.contains(id)?)
    }

    fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        Ok(self.visit_issued(issuer, &range, visit)?)
    }

    fn same_counter(
        &self,
        issuer: &DeviceId,
        epoch: Range<Timestamp>,
        counter: u32,
        visit: &mut dyn FnMut(TxId) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        let is_twin = |one: &Waiting| {
            let header = one.transaction.header();
            one.twin.is_some() && (header.issuer, header.counter) == (*issuer, counter)
        };
        History::same_counter(&*self.showing(is_twin)?, issuer, epoch, counter, visit)
    }

    fn kind(&self, issuer: &DeviceId, id: &TxId) -> Result<Option<Kind>, HistoryError> {
        match self.pending(id)? {
            Some(transaction) => Ok(Some(transaction.header().kind)),
            None => History::kind(&*self.0.published_reader()?, issuer, id),
        }
    }

    fn standings(&self, device: &DeviceId) -> Result<Vec<Standing>, HistoryError> {
        let is_enrolment = |one: &Waiting| {
            let header = one.transaction.header();
            (header.kind, header.issuer) == (Kind::Enrol, *device)
        };
        self.showing(is_enrolment)?.standings(device)
    }

    fn log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        Ok(self.visit_log(positions, visit)?)
    }

    fn position(&self, id: &TxId) -> Result<Option<u64>, HistoryError> {
        Ok(self.0.position(id)?.map(|position| position.0))
    }

    fn is_witness(&self, id: &TxId) -> Result<Option<bool>, HistoryError> {
        match self.pending(id)? {
            Some(transaction) => Ok(Some(transaction.header().kind == Kind::Witness)),
            None => self.0.published_reader()?.is_witness(id),
        }
    }

    fn entry(&self, id: &TxId) -> Result<Option<Entry>, HistoryError> {
        match self.pending(id)? {
            // One that came without its body is read as it will be from the file.
            Some(whole) if whole.wire().len() > BODY_OFFSET => {
                Ok(Some(Entry::of(&whole, self.0.network.genesis())))
            }
            Some(_) => self.0.shared_reader()?.entry(id),
            None => self.0.published_reader()?.entry(id),
        }
    }

    fn witnesses(
        &self,
        author: &DeviceId,
        round: Round,
        visit: &mut dyn FnMut(TxId),
    ) -> Result<(), HistoryError> {
        let is_witness = |one: &Waiting| {
            let header = one.transaction.header();
            (header.kind, header.issuer) == (Kind::Witness, *author)
        };
        self.showing(is_witness)?.witnesses(author, round, visit)
    }

    // Of commits nothing is pending once they are told of, and what is pending is not delivered.

    fn outcome(&self, id: &TxId) -> Result<Option<Outcome>, HistoryError> {
        History::outcome(&*self.0.published_reader()?, id)
    }

    fn delivered(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        self.0.published_reader()?.delivered(issuer, range, visit)
    }

    fn is_revoked(&self, device: &DeviceId) -> Result<bool, HistoryError> {
        self.0.published_reader()?.is_revoked(device)
    }

    fn commit_digest(&self, index: u64) -> Result<Option<Digest>, HistoryError> {
        History::commit_digest(&*self.0.published_reader()?, index)
    }
}
