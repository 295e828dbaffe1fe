//! Changing what is stored: a damaged transaction gets its bytes back.
//!
//! Always true: a row is written again with other bytes in some of its slots, in one durable commit; positions and other
//! slots stay as they are, as far as they can be told apart, and all other tables but for what they lack.

use super::layout::{ARRIVALS, ISSUED, decode_arrival, device_key, encode_issued};
use super::pack::{self, Entry, PACKS, ROW_MOST};
use super::wal::Log;
use super::{Reader, Store, StoreError, append, reader::next_position};
use redb::{ReadableTable, WriteTransaction};
use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use weft_tangle::limits::BODY_OFFSET;
use weft_tangle::{Position, Remains, TxId, Verified};

/// The bytes that are to stand at some positions.
pub(super) type Changes<'a> = BTreeMap<u64, Entry<'a>>;

impl Store {
    /// The transactions that were found damaged, to be fetched again, at most
    /// [`DAMAGED_MOST`](crate::limits::DAMAGED_MOST).
    pub fn damaged(&self) -> Vec<TxId> {
        self.damage.known()
    }

    /// How many are known to be damaged, and how many were found since the store was opened, healed ones included.
    pub fn damage(&self) -> (usize, u64) {
        (self.damage.count(), self.damage.found())
    }

    /// Whether a transaction is known to be damaged.
    pub fn is_damaged(&self, id: &TxId) -> bool {
        self.damage.contains(id)
    }

    /// How many damaged transactions have become whole again since the store was opened: whoever could not go on for one of them
    /// looks when it grows.
    pub fn healed(&self) -> u64 {
        self.damage.healed()
    }

    /// Gives a stored transaction its bytes back; they may bring another signature or nonce than the ones that were
    /// lost, for these are the same transaction. Of one that is sound nothing is written, so what is written is bounded by
    /// what is damaged. A body that was erased does not come back, though what was left of it be damaged.
    ///
    /// # Errors
    /// [`StoreError::NotStored`] when nothing of this id is stored; [`StoreError::Erased`] when its body was erased, which
    /// is for ever; [`StoreError::Damaged`] when it lies in no row; [`StoreError::NoRoom`] and [`StoreError::ReadOnly`].
    pub fn heal(&self, transaction: &Verified) -> Result<(), StoreError> {
        let id = transaction.id();
        let mut log = self.writing()?;
        self.check_room()?;
        let reader = self.reader()?;
        let position = reader.position(&id)?.ok_or(StoreError::NotStored(id))?;
        match reader.transaction(&id) {
            Err(StoreError::Damaged { .. }) => {}
            found => {
                self.damage.forget(&id);
                return found.map(drop);
            }
        }
        // All is read before anything is written: a page that makes the database panic must not leave a commit half made.
        let row = reader.healed(position, transaction)?;
        drop(reader);
        let header = transaction.transaction().header();
        let issued = encode_issued(header.counter, header.kind);
        self.commit(&mut log, |commit| {
            commit.open_table(PACKS)?.insert(&row.first.0.to_be_bytes(), &row.bytes[..])?;
            // It may be missing where the index was made anew from the damaged header.
            commit.open_table(ISSUED)?.insert(&device_key(&header.issuer, &id), &issued)?;
            Ok(())
        })?;
        row.whole.iter().for_each(|id| self.damage.forget(id));
        Ok(())
    }

    /// The right to write, unless a write has failed.
    pub(super) fn writing(&self) -> Result<MutexGuard<'_, Log>, StoreError> {
        let log = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match self.read_only() {
            Some(cause) => Err(StoreError::ReadOnly { cause }),
            None => Ok(log),
        }
    }

    /// One durable commit, whole or not at all.
    pub(super) fn commit<T>(
        &self,
        log: &mut Log,
        put: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = self.writable()?;
        let run = || {
            // Before, and not with it: nobody who wants it published is to wait for the disk.
            self.publish()?;
            let commit = append::begin(&database)?;
            let done = match put(&commit) {
                Ok(done) => done,
                Err(error @ StoreError::Database(_)) => return Err(error),
                Err(error) => {
                    commit.abort()?;
                    return Err(error);
                }
            };
            commit.commit()?;
            log.restart();
            Ok(done)
        };
        let done = run().map_err(|error| self.failing(error));
        self.shared.forget();
        done
    }
}

/// A row that is to be written again.
struct Healed {
    first: Position,
    bytes: Vec<u8>,
    /// What can be read in it then.
    whole: Vec<TxId>,
}

impl Reader {
    /// The row of a position with the bytes of this transaction there, and whatever of the others can still be told apart.
    fn healed(&self, position: Position, transaction: &Verified) -> Result<Healed, StoreError> {
        let network = self.network();
        let missing = || StoreError::Damaged { id: transaction.id(), cause: "it lies in no row".into() };
        let (packs, arrivals) = (self.snapshot.open_table(PACKS)?, self.snapshot.open_table(ARRIVALS)?);
        let (first, row) = pack::row_of(&packs, position)?.ok_or_else(missing)?;
        let end = packs.range::<&[u8; 8]>(&(first.0 + 1).to_be_bytes()..)?.next().transpose()?;
        let end = match end {
            Some((key, _)) => u64::from_be_bytes(*key.value()),
            None => next_position(&arrivals)?.0,
        };
        let rows = arrivals.range::<&[u8; 8]>(&first.0.to_be_bytes()..&end.to_be_bytes())?;
        // Rows that are too far apart are for a check to find: no row holds more.
        let ids = rows.take(ROW_MOST as usize).map(|row| Ok(decode_arrival(row?.1.value()).0));
        let ids = ids.collect::<Result<Vec<TxId>, StoreError>>()?;
        let is_whole = |slot: usize, entry: Entry<'_>| {
            pack::decode_entry(network, &ids[slot], Position(first.0 + slot as u64), entry).is_ok()
        };
        let (mut held, was_erased) = pack::salvage(row.value(), ids.len(), &is_whole);
        let slot = (position.0 - first.0) as usize;
        let wire = transaction.transaction().wire();
        let kind = transaction.transaction().header().kind;
        let remains = match was_erased.get(slot) {
            Some(true) if Remains::may_be_of(kind) => Remains::decode(network, &wire[..BODY_OFFSET]).ok(),
            _ => None,
        };
        let healed = match &remains {
            Some(remains) => Entry::of_remains(position, remains),
            None => Entry::new(position, transaction.transaction()),
        };
        *held.get_mut(slot).ok_or_else(missing)? = healed;
        let whole =
            (0..held.len()).filter(|slot| is_whole(*slot, held[*slot])).map(|slot| ids[slot]).collect();
        Ok(Healed { first, bytes: pack::encode(pack::state_of(row.value()), &held), whole })
    }
}

/// Writes the rows of these positions again, each once.
pub(super) fn put_slots(commit: &WriteTransaction, changes: &Changes<'_>) -> Result<(), StoreError> {
    let mut packs = commit.open_table(PACKS)?;
    let behind_all = next_position(&commit.open_table(ARRIVALS)?)?.0;
    let mut left = changes.iter().peekable();
    while let Some((position, _)) = left.peek() {
        let found = pack::row_of(&packs, Position(**position))?;
        let found = found.map(|(first, row)| (first, row.value().to_vec()));
        let Some((first, row)) = found else { break };
        let end = packs.range::<&[u8; 8]>(&(first.0 + 1).to_be_bytes()..)?.next().transpose()?;
        let end = end.map_or(behind_all, |(key, _)| u64::from_be_bytes(*key.value()));
        let mut slots = Vec::new();
        while let Some((position, entry)) = left.next_if(|(position, _)| **position < end) {
            slots.push(((position - first.0) as usize, *entry));
        }
        let count = (end - first.0) as usize;
        packs.insert(&first.0.to_be_bytes(), &pack::with_slots(&row, count, &slots)[..])?;
    }
    Ok(())
}
