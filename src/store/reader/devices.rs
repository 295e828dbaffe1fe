//! What the index tables say of devices: who is enrolled and revoked, what each has issued, and with which counters.
//!
//! Always true: rows that still wait in memory (`tail`) are among what is found, each once.

use super::Reader;
use crate::store::layout::{
    DeviceKey, DeviceTable, ENROLMENTS, EQUIVOCATIONS, ID_BOUNDS, ISSUED, REVOCATIONS, decode_issued,
    device_key, device_keys, equivocation_key, id_of, slot_of,
};
use crate::store::tail::{Issued, merge};
use crate::store::{Equivocation, Page, StoreError};
use std::ops::{Bound, Range};
use weft_tangle::body::Enrolment;
use weft_tangle::replica::CounterSet;
use weft_tangle::{DeviceId, Epoch, Header, Kind, Timestamp, Transaction, TxId};

/// Rows of the issuer index that one call for readings looks at: a device that issued a million anchors must not
/// hold up whoever asks for its readings.
const PAGE_ROWS: usize = 16_384;

impl Reader {
    /// Whether an enrolment of the device is stored. Registrars and committee need none and are not found here.
    pub fn contains_device(&self, device: &DeviceId) -> Result<bool, StoreError> {
        Ok(!self.ids(ENROLMENTS, device, 1)?.is_empty())
    }

    /// The first `limit` enrolments of a device, in id order.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when one of them is not what was written.
    pub fn enrolments(&self, device: &DeviceId, limit: usize) -> Result<Vec<Transaction>, StoreError> {
        self.indexed(ENROLMENTS, device, limit)
    }

    /// The newest `limit` enrolments of a device, the oldest of them first.
    ///
    /// # Errors
    /// As [`Reader::enrolments`].
    pub fn newest_enrolments(&self, device: &DeviceId, limit: usize) -> Result<Vec<Transaction>, StoreError> {
        let [first, last] = ID_BOUNDS.map(|id| device_key(device, &id));
        let table = self.snapshot.open_table(ENROLMENTS)?;
        let rows = table.range::<&_>(&first..=&last)?.rev().take(limit);
        let mut ids = rows.map(|row| Ok(id_of(row?.0.value()))).collect::<Result<Vec<_>, StoreError>>()?;
        ids.reverse();
        self.load(ids)
    }

    /// The first `limit` enrolments of all devices behind the one named, by device and id.
    ///
    /// # Errors
    /// As [`Reader::enrolments`].
    pub fn all_enrolments(
        &self,
        after: Option<(DeviceId, TxId)>,
        limit: usize,
    ) -> Result<Vec<Transaction>, StoreError> {
        let behind = after.map(|(device, id)| device_key(&device, &id));
        let start = behind.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let table = self.snapshot.open_table(ENROLMENTS)?;
        let rows = table.range::<&_>((start, Bound::Unbounded))?.take(limit);
        self.load(rows.map(|row| Ok(id_of(row?.0.value()))).collect::<Result<Vec<_>, StoreError>>()?)
    }

    /// The first `limit` transactions that revoke a device, in id order.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when one of them is not what was written.
    pub fn revocations(&self, device: &DeviceId, limit: usize) -> Result<Vec<Transaction>, StoreError> {
        self.indexed(REVOCATIONS, device, limit)
    }

    /// Ids of a device's readings with timestamps in `from..to`, in id order, those behind `after`, at most `limit`.
    /// The page says where to go on; it may hold fewer than `limit`, even none, and yet not be the last.
    pub fn readings(
        &self,
        device: &DeviceId,
        from: Timestamp,
        to: Timestamp,
        after: Option<TxId>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let keys = device_keys(device, &(from..to));
        let behind = after.map(|id| device_key(device, &id));
        let start = behind.map_or(keys.start, |key| key.max(keys.start)).min(keys.end);
        let mut page = Page::default();
        for (looked_at, row) in self.issued_rows(&(start..keys.end))?.enumerate() {
            let (key, value) = row?;
            if Some(&key) == behind.as_ref() {
                continue;
            }
            if page.ids.len() == limit || looked_at >= PAGE_ROWS {
                page.is_last = false;
                break;
            }
            let id = id_of(&key);
            page.resume = Some(id);
            if decode_issued(&value).1 == Kind::Reading.to_byte() {
                page.ids.push(id);
            }
        }
        Ok(page)
    }

    /// The newest transaction of a device before a time.
    pub fn newest(&self, device: &DeviceId, before: Timestamp) -> Result<Option<TxId>, StoreError> {
        let keys = device_keys(device, &(Timestamp::default()..before));
        let table = self.snapshot.open_table(ISSUED)?;
        let last = table.range::<&_>(&keys.start..&keys.end)?.next_back().transpose()?;
        let waiting = self.tail.issued(&keys, self.end).last().map(|(key, _)| id_of(key));
        Ok(waiting.max(last.map(|(key, _)| id_of(key.value()))))
    }

    /// The counters that a device used in a range of time, and in how many transactions; reads at most `limit` rows.
    pub fn counters(
        &self,
        device: &DeviceId,
        range: Range<Timestamp>,
        limit: usize,
    ) -> Result<(CounterSet, usize), StoreError> {
        let keys = device_keys(device, &range);
        let mut counters = CounterSet::default();
        let mut rows = 0;
        for row in self.issued_rows(&keys)?.take(limit) {
            counters.insert(decode_issued(&row?.1).0);
            rows += 1;
        }
        Ok((counters, rows))
    }

    /// A device's equivocations, by epoch and counter, until `limit` ids are named; the last may then be incomplete.
    pub fn twins(&self, device: &DeviceId, limit: usize) -> Result<Vec<Equivocation>, StoreError> {
        let [first, last] = ID_BOUNDS;
        let table = self.snapshot.open_table(EQUIVOCATIONS)?;
        let keys = equivocation_key(device, Epoch(0), 0, &first)
            ..=equivocation_key(device, Epoch(u64::MAX), u32::MAX, &last);
        let mut found: Vec<Equivocation> = Vec::new();
        for row in table.range::<&_>(keys.start()..=keys.end())?.take(limit) {
            let (key, _) = row?;
            let (epoch, counter) = slot_of(key.value());
            let id = id_of(key.value());
            match found.last_mut() {
                Some(same) if (same.epoch, same.counter) == (epoch, counter) => same.ids.push(id),
                _ => found.push(Equivocation { epoch, counter, ids: vec![id] }),
            }
        }
        Ok(found)
    }

    /// Whether another stored transaction has the same issuer, epoch and counter as this one.
    pub fn is_disputed(&self, id: &TxId, header: &Header) -> Result<bool, StoreError> {
        // Two rows settle it: at most one of them is the transaction's own.
        Ok(!self.twins_of(id, header, 2)?.is_empty())
    }

    /// The other stored transactions with the issuer, epoch and counter of this one, in id order; reads at most `limit`
    /// rows, of which one can be its own.
    pub fn twins_of(&self, id: &TxId, header: &Header, limit: usize) -> Result<Vec<TxId>, StoreError> {
        let epoch = self.network.rules().epoch(header.timestamp);
        let [first, last] = ID_BOUNDS.map(|id| equivocation_key(&header.issuer, epoch, header.counter, &id));
        let table = self.snapshot.open_table(EQUIVOCATIONS)?;
        let mut twins = Vec::new();
        for row in table.range::<&_>(&first..=&last)?.take(limit) {
            twins.extend(Some(id_of(row?.0.value())).filter(|twin| twin != id));
        }
        Ok(twins)
    }

    /// All enrolments of a device but the damaged ones, in id order: what cannot be read makes others wait, and fails
    /// nobody who has another.
    pub(crate) fn legible_enrolments(&self, device: &DeviceId) -> Result<Vec<Enrolment>, StoreError> {
        let mut found = Vec::new();
        for id in self.ids(ENROLMENTS, device, usize::MAX)? {
            match self.transaction(&id) {
                Ok(Some(stored)) => found.extend(Enrolment::decode(stored.transaction.content())),
                Ok(None) | Err(StoreError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn indexed(
        &self,
        index: DeviceTable,
        device: &DeviceId,
        limit: usize,
    ) -> Result<Vec<Transaction>, StoreError> {
        self.load(self.ids(index, device, limit)?)
    }

    pub(in crate::store) fn ids(
        &self,
        index: DeviceTable,
        device: &DeviceId,
        limit: usize,
    ) -> Result<Vec<TxId>, StoreError> {
        let [first, last] = ID_BOUNDS.map(|id| device_key(device, &id));
        let table = self.snapshot.open_table(index)?;
        let rows = table.range::<&_>(&first..=&last)?.take(limit);
        rows.map(|row| Ok(id_of(row?.0.value()))).collect()
    }

    pub(in crate::store) fn visit_issued(
        &self,
        issuer: &DeviceId,
        range: &Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), StoreError> {
        let keys = device_keys(issuer, range);
        for row in self.issued_rows(&keys)? {
            let (key, value) = row?;
            visit(id_of(&key), decode_issued(&value).0);
        }
        Ok(())
    }

    /// The rows of `issued` with keys in this range, those that still wait in memory among them, each once.
    pub(in crate::store) fn issued_rows(
        &self,
        keys: &Range<DeviceKey>,
    ) -> Result<impl Iterator<Item = Result<(DeviceKey, Issued), StoreError>>, StoreError> {
        self.issued_rows_and(keys, self.tail.issued(keys, self.end))
    }

    /// The same, with these among them for those that wait.
    pub(in crate::store) fn issued_rows_and(
        &self,
        keys: &Range<DeviceKey>,
        waiting: Vec<(DeviceKey, Issued)>,
    ) -> Result<impl Iterator<Item = Result<(DeviceKey, Issued), StoreError>>, StoreError> {
        let table = self.snapshot.open_table(ISSUED)?;
        let written = table.range::<&_>(&keys.start..&keys.end)?.map(|row| {
            let (key, value) = row?;
            Ok((*key.value(), *value.value()))
        });
        Ok(merge(written, waiting))
    }
}
