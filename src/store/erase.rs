//! Erasing bodies, so that their bytes are nowhere in the file any more.
//!
//! redb writes a changed page to a new place, and the old bytes stay where they were. So what was erased is overwritten
//! by overwriting every block that is not in use, whatever stands in it: also the rests of pages that were used again in
//! part, which nobody could recognise. Always true: from the commit that erases until nothing is left, the positions
//! stand in the table `erasing`, so that a crash in between leaves work and not bytes.

use super::disk::BLOCK_BYTES;
use super::pack::{self, Entry, PACKS};
use super::rewrite::{Changes, put_slots};
use super::trace::{Blocks, blocks_in_use};
use super::wal::Log;
use super::{Reader, Store, StoreError};
use crate::limits::ERASE_MOST;
use redb::{ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use weft_tangle::limits::BODY_OFFSET;
use weft_tangle::{Position, Remains, TxId};

/// Positions whose bodies are erased, while their bytes may still stand somewhere in the file.
const ERASING: TableDefinition<'static, &'static [u8; 8], ()> = TableDefinition::new("erasing");

/// Bytes that are looked at in one read.
const STRETCH_BYTES: usize = 1 << 20;

/// How far an erasure has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Erasure {
    /// Nothing is left of the bodies; so many bytes were overwritten.
    Done {
        /// Bytes in blocks that were not in use and held anything.
        overwritten: u64,
    },
    /// The bodies are not served any more, but readers that were made before may still look at their bytes. Drop those
    /// and call [`Store::finish_erasures`] again.
    Waiting,
}

impl Store {
    /// Erases the bodies of these transactions for ever, and overwrites their bytes in the file. Header, signature and
    /// nonce stay. Those that are erased already are passed over.
    ///
    /// # Errors
    /// Nothing was erased: [`StoreError::TooMany`], [`StoreError::NotStored`], [`StoreError::NotErasable`],
    /// [`StoreError::Damaged`] when header, signature or nonce are not what was written, [`StoreError::ReadOnly`].
    /// [`StoreError::Untraceable`]: they are erased, and their bytes still in the file.
    pub fn erase(&self, ids: &[TxId]) -> Result<Erasure, StoreError> {
        if ids.len() > ERASE_MOST {
            return Err(StoreError::TooMany { found: ids.len(), most: ERASE_MOST });
        }
        let mut log = self.writing()?;
        let reader = self.reader()?;
        let mut remains = Vec::new();
        for id in ids {
            remains.extend(reader.remains(id)?);
        }
        drop(reader);
        let changes: Changes<'_> = remains
            .iter()
            .map(|(position, remains)| (position.0, Entry::of_remains(*position, remains)))
            .collect();
        if !changes.is_empty() {
            self.commit(&mut log, |commit| {
                let mut erasing = commit.open_table(ERASING)?;
                changes.keys().try_for_each(|at| erasing.insert(&at.to_be_bytes(), ()).map(drop))?;
                put_slots(commit, &changes)
            })?;
            self.erasures.fetch_add(changes.len() as u64, Ordering::SeqCst);
            ids.iter().for_each(|id| self.damage.forget(id));
        }
        self.overwrite(&mut log)
    }

    /// Goes on with erasures that a crash or a reader has kept from ending; does nothing when there are none.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Untraceable`].
    pub fn finish_erasures(&self) -> Result<Erasure, StoreError> {
        let mut log = self.writing()?;
        self.overwrite(&mut log)
    }

    /// How many bodies were erased since the store was opened.
    pub fn erasures(&self) -> u64 {
        self.erasures.load(Ordering::SeqCst)
    }

    fn overwrite(&self, log: &mut Log) -> Result<Erasure, StoreError> {
        let positions = self.erasing()?;
        if positions.is_empty() {
            return Ok(Erasure::Done { overwritten: 0 });
        }
        // Rows of one page that are written in one commit may leave bytes of their older form between them. Written
        // once more, at the same length, they do not.
        self.commit(log, |commit| rewrite_rows(commit, &positions))?;
        if self.has_older_readers() {
            return Ok(Erasure::Waiting);
        }
        let in_use = blocks_in_use(&self.disk)?;
        // All of the log is in the commits above.
        let cleared = log.front().clear().and_then(|()| self.clear(&in_use));
        let overwritten = cleared.map_err(|error| self.fail(error.to_string()))?;
        self.commit(log, |commit| {
            let mut erasing = commit.open_table(ERASING)?;
            positions.iter().try_for_each(|at| erasing.remove(&at.0.to_be_bytes()).map(drop))?;
            Ok(())
        })?;
        Ok(Erasure::Done { overwritten })
    }

    fn erasing(&self) -> Result<Vec<Position>, StoreError> {
        match self.writable()?.begin_read()?.open_table(ERASING) {
            Ok(table) => {
                let rows = table.iter()?;
                rows.map(|row| Ok(Position(u64::from_be_bytes(*row?.0.value())))).collect()
            }
            Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a reader is left that was made before now. Those made from now on have another lease.
    fn has_older_readers(&self) -> bool {
        self.shared.forget();
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        let mut older = self.older_leases.lock().unwrap_or_else(PoisonError::into_inner);
        older.push(Arc::downgrade(&std::mem::take(&mut *lease)));
        older.retain(|lease| lease.strong_count() > 0);
        !older.is_empty()
    }

    /// Overwrites every block that is not in use and holds anything, and waits until that is on disk.
    fn clear(&self, in_use: &Blocks) -> std::io::Result<u64> {
        let file = self.disk.file();
        let (mut overwritten, mut at, end) = (0, 0, file.len()?);
        let mut stretch = vec![0; STRETCH_BYTES];
        let zeros = [0; BLOCK_BYTES];
        while at < end {
            let length = (end - at).min(STRETCH_BYTES as u64) as usize;
            let blocks = (at / BLOCK_BYTES as u64)..(at + length as u64).div_ceil(BLOCK_BYTES as u64);
            if !blocks.clone().all(|block| in_use.contains(block)) {
                file.read(at, &mut stretch[..length])?;
                for (block, bytes) in blocks.zip(stretch[..length].chunks(BLOCK_BYTES)) {
                    if !in_use.contains(block) && bytes.iter().any(|byte| *byte != 0) {
                        file.write(block * BLOCK_BYTES as u64, &zeros[..bytes.len()])?;
                        overwritten += bytes.len() as u64;
                    }
                }
            }
            at += length as u64;
        }
        file.sync_data()?;
        Ok(overwritten)
    }
}

impl Reader {
    /// What stays of a transaction when its body is erased; nothing when that has been done.
    fn remains(&self, id: &TxId) -> Result<Option<(Position, Remains)>, StoreError> {
        let position = self.position(id)?.ok_or(StoreError::NotStored(*id))?;
        let damaged = |cause: String| StoreError::Damaged { id: *id, cause };
        let packs = self.snapshot.open_table(PACKS)?;
        let row = pack::row_of(&packs, position)?;
        let (first, row) = row.ok_or_else(|| damaged("it lies in no row".into()))?;
        let entries = pack::entries(row.value());
        let entries = entries.ok_or_else(|| damaged("the lengths in its row do not add up".into()))?;
        let entry = entries.get((position.0 - first.0) as usize);
        let entry = entry.ok_or_else(|| damaged("its row ends before it".into()))?;
        if entry.wire.len() == BODY_OFFSET {
            return Ok(None);
        }
        let kept = entry.wire.get(..BODY_OFFSET).unwrap_or_default();
        let header = Remains::kind_of(kept).map_err(|refusal| damaged(refusal.to_string()))?;
        if !Remains::may_be_of(header) {
            return Err(StoreError::NotErasable { id: *id, kind: header.name() });
        }
        // A body that is damaged can be erased like any other, so only what stays is checked.
        self.decode_entry(id, position, Entry { check: entry.check, wire: kept })?;
        let remains = Remains::decode(self.network(), kept);
        Ok(Some((position, remains.map_err(|refusal| damaged(refusal.to_string()))?)))
    }
}

/// Writes the rows of these positions again as they are.
fn rewrite_rows(commit: &WriteTransaction, positions: &[Position]) -> Result<(), StoreError> {
    let mut packs = commit.open_table(PACKS)?;
    for position in positions {
        let row = pack::row_of(&packs, *position)?.map(|(first, row)| (first, row.value().to_vec()));
        if let Some((first, row)) = row {
            packs.insert(&first.0.to_be_bytes(), &row[..])?;
        }
    }
    Ok(())
}
