//! Reading: one snapshot, checked against its hashes.
//!
//! Always true: a transaction that is served is, byte for byte, the one that was stored. What the index tables say
//! is used to find transactions, never instead of one.

use super::damage::Damage;
use super::layout::{
    ARRIVAL_BYTES, ARRIVALS, DeviceKey, DeviceTable, ENROLMENTS, EQUIVOCATIONS, ID_BOUNDS, ISSUED,
    REVOCATIONS, TRANSACTIONS, decode_arrival, decode_issued, device_key, device_keys, equivocation_key,
    id_of, slot_of,
};
use super::pack::{self, PACKS};
use super::reopen::Snapshot;
use super::tail::{Issued, Tail, Whereabouts, merge};
use super::{Equivocation, Kept, Page, StoreError, Stored};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable};
use std::ops::{Bound, Range};
use std::sync::{Arc, OnceLock};
use weft_tangle::body::Enrolment;
use weft_tangle::finality::{Entry, Outcome, Round};
use weft_tangle::replica::CounterSet;
use weft_tangle::{
    DeviceId, Digest, Epoch, History, HistoryError, Kind, Network, Position, Standing, Timestamp,
    Transaction, TxId,
};

/// Rows of the issuer index that one call for readings looks at: a device that issued a million anchors must not
/// hold up whoever asks for its readings.
const PAGE_ROWS: usize = 16_384;

/// The store as it was when the reader was made. While it lives the file keeps that state, so hold it briefly.
pub struct Reader {
    pub(super) snapshot: ReadTransaction,
    pub(super) tail: Arc<Tail>,
    /// Of what waits there, this reader sees what stands before.
    end: Position,
    network: Arc<Network>,
    damage: Arc<Damage>,
    /// Opened at the first look, for opening costs more than looking.
    transactions: OnceLock<ReadOnlyTable<&'static [u8; TxId::BYTES], &'static [u8; 8]>>,
    /// Dropped last, for the file is not opened again, nor what was erased overwritten, while somebody reads it.
    _held: [Arc<()>; 2],
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("network", self.network.id()).finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn new(snapshot: Snapshot, network: Arc<Network>, damage: Arc<Damage>) -> Self {
        let Snapshot { rows, tail, end, held } = snapshot;
        Self { snapshot: rows, tail, end, network, damage, transactions: OnceLock::new(), _held: held }
    }

    /// The transaction with this id, if it is stored.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the row is not what was written, [`StoreError::Erased`] when the body was erased.
    pub fn transaction(&self, id: &TxId) -> Result<Option<Stored>, StoreError> {
        match self.kept(id)? {
            Some((Kept::Whole(transaction), position)) => Ok(Some(Stored { transaction, position })),
            Some((Kept::Erased(_), _)) => Err(StoreError::Erased(*id)),
            None => Ok(None),
        }
    }

    /// What is stored under this id, its body or not, and its position.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the row is not what was written; it is remembered as such.
    pub fn kept(&self, id: &TxId) -> Result<Option<(Kept, Position)>, StoreError> {
        let Some(position) = self.position(id)? else { return Ok(None) };
        let kept = pack::get(&self.snapshot.open_table(PACKS)?, &self.network, id, position);
        if let Err(StoreError::Damaged { id, cause }) = &kept {
            self.damage.note(id, cause);
        }
        Ok(Some((kept?, position)))
    }

    /// Where the transaction with this id stands in this node's order of arrival, if it is stored.
    pub fn position(&self, id: &TxId) -> Result<Option<Position>, StoreError> {
        match self.tail.find(id, self.end) {
            Whereabouts::Here(position) => return Ok(Some(position)),
            Whereabouts::Nowhere => return Ok(None),
            Whereabouts::InTable => {}
        }
        let table = match self.transactions.get() {
            Some(table) => table,
            None => {
                let opened = self.snapshot.open_table(TRANSACTIONS)?;
                self.transactions.get_or_init(|| opened)
            }
        };
        Ok(table.get(id.as_bytes())?.map(|position| Position(u64::from_be_bytes(*position.value()))))
    }

    /// How many transactions are stored; equally the position of the next.
    pub fn transactions(&self) -> Result<u64, StoreError> {
        Ok(next_position(&self.snapshot.open_table(ARRIVALS)?)?.0)
    }

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
    pub fn is_disputed(&self, transaction: &Transaction) -> Result<bool, StoreError> {
        let header = transaction.header();
        let epoch = self.network.rules().epoch(header.timestamp);
        let [first, last] = ID_BOUNDS.map(|id| equivocation_key(&header.issuer, epoch, header.counter, &id));
        let table = self.snapshot.open_table(EQUIVOCATIONS)?;
        // Two rows settle it: at most one of them is the transaction's own.
        for row in table.range::<&_>(&first..=&last)?.take(2) {
            if id_of(row?.0.value()) != transaction.id() {
                return Ok(true);
            }
        }
        Ok(false)
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

    /// Reads what stands in a slot of a row.
    pub(super) fn decode(
        &self,
        id: &TxId,
        position: Position,
        slot: u64,
        row: &[u8],
    ) -> Result<Kept, StoreError> {
        pack::decode_kept(&self.network, id, position, slot, row)
    }

    /// Reads what stands in a slot.
    pub(super) fn decode_entry(
        &self,
        id: &TxId,
        position: Position,
        entry: pack::Entry<'_>,
    ) -> Result<Kept, StoreError> {
        pack::decode_entry(&self.network, id, position, entry)
    }

    pub(super) fn note_damage(&self, id: &TxId, cause: &str) {
        self.damage.note(id, cause);
    }

    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    fn indexed(
        &self,
        index: DeviceTable,
        device: &DeviceId,
        limit: usize,
    ) -> Result<Vec<Transaction>, StoreError> {
        self.load(self.ids(index, device, limit)?)
    }

    fn load(&self, ids: Vec<TxId>) -> Result<Vec<Transaction>, StoreError> {
        let missing =
            |id| StoreError::Damaged { id, cause: "the index names it but it is not stored".into() };
        let load = |id| Ok(self.transaction(&id)?.ok_or_else(|| missing(id))?.transaction);
        ids.into_iter().map(load).collect()
    }

    fn ids(&self, index: DeviceTable, device: &DeviceId, limit: usize) -> Result<Vec<TxId>, StoreError> {
        let [first, last] = ID_BOUNDS.map(|id| device_key(device, &id));
        let table = self.snapshot.open_table(index)?;
        let rows = table.range::<&_>(&first..=&last)?.take(limit);
        rows.map(|row| Ok(id_of(row?.0.value()))).collect()
    }

    fn visit_issued(
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
    fn issued_rows(
        &self,
        keys: &Range<DeviceKey>,
    ) -> Result<impl Iterator<Item = Result<(DeviceKey, Issued), StoreError>>, StoreError> {
        let table = self.snapshot.open_table(ISSUED)?;
        let written = table.range::<&_>(&keys.start..&keys.end)?.map(|row| {
            let (key, value) = row?;
            Ok((*key.value(), *value.value()))
        });
        Ok(merge(written, self.tail.issued(keys, self.end)))
    }
}

impl Reader {
    fn visit_log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), StoreError> {
        let keys = positions.start.to_be_bytes()..positions.end.max(positions.start).to_be_bytes();
        let table = self.snapshot.open_table(ARRIVALS)?;
        for row in table.range::<&_>(&keys.start..&keys.end)? {
            visit(decode_arrival(row?.1.value()).0);
        }
        Ok(())
    }
}

impl History for Reader {
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError> {
        Ok(self.position(id)?.is_some())
    }

    fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        Ok(self.visit_issued(issuer, &range, visit)?)
    }

    fn standings(&self, device: &DeviceId) -> Result<Vec<Standing>, HistoryError> {
        Ok(self.legible_enrolments(device)?.iter().map(Enrolment::standing).collect())
    }

    fn log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        Ok(self.visit_log(positions, visit)?)
    }

    fn is_witness(&self, id: &TxId) -> Result<Option<bool>, HistoryError> {
        Ok(self.kept(id)?.map(|(kept, _)| kept.header().kind == Kind::Witness))
    }

    fn entry(&self, id: &TxId) -> Result<Option<Entry>, HistoryError> {
        let genesis = self.network.genesis();
        Ok(self.kept(id)?.map(|(kept, _)| match kept {
            Kept::Whole(transaction) => Entry::of(&transaction, genesis),
            Kept::Erased(remains) => Entry::of_remains(&remains, genesis),
        }))
    }

    // No commit is stored yet, nor is any witness.

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

/// The position behind the last one of the arrival log.
pub(super) fn next_position(
    arrivals: &impl ReadableTable<&'static [u8; 8], &'static [u8; ARRIVAL_BYTES]>,
) -> Result<Position, StoreError> {
    let last = arrivals.last()?.map(|(key, _)| u64::from_be_bytes(*key.value()));
    Ok(Position(last.map_or(0, |last| last.saturating_add(1))))
}
