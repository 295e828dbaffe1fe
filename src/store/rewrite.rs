//! Changing what is stored: a damaged transaction gets its bytes back.
//!
//! Always true: a row is written again with other bytes in some of its slots, in one durable commit; positions, other
//! slots and all other tables stay as they are.

use super::layout::ARRIVALS;
use super::pack::{self, Entry, PACKS};
use super::wal::Log;
use super::{Store, StoreError, append, reader::next_position};
use redb::{ReadableTable, WriteTransaction};
use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use weft_tangle::{Position, TxId, Verified};

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

    /// Gives a stored transaction its bytes back; they may bring another signature or nonce than the ones that were
    /// lost, for these are the same transaction. Its row is written again also when it was sound.
    ///
    /// # Errors
    /// [`StoreError::NotStored`] when nothing of this id is stored; [`StoreError::Erased`] when its body was erased, which
    /// is for ever; [`StoreError::ReadOnly`].
    pub fn heal(&self, transaction: &Verified) -> Result<(), StoreError> {
        let id = transaction.id();
        let mut log = self.writing()?;
        let reader = self.reader()?;
        let position = reader.position(&id)?.ok_or(StoreError::NotStored(id))?;
        match reader.transaction(&id) {
            Ok(_) | Err(StoreError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        drop(reader);
        let entry = Entry::new(position, transaction.transaction());
        self.commit(&mut log, |commit| put_slots(commit, &Changes::from([(position.0, entry)])))?;
        self.damage.forget(&id);
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
