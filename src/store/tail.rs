//! The newest rows of `transactions` and `issued`, in memory until there are enough to be written together.
//!
//! A row of `issued` lies beside others of its device, so a small commit would change a page for each of its rows, and
//! write them all. So a thousand are put in order, and leave with the commits that follow, a part with each, so that none waits
//! for all of them. Always true: what is stored is found in the tables or here; the tables hold the positions before
//! `indexed` of `meta`, and some behind; this holds all of those; and all of it follows from `arrivals` and `packs`, so what
//! a crash takes from here is made again when the file is opened.

mod merge;
mod recover;

pub(super) use merge::merge;
pub(super) use recover::recover;

use super::StoreError;
use super::layout::{DeviceKey, ISSUED, META, TRANSACTIONS, device_key, encode_issued, id_of};
use crate::limits::STORE_RESERVE_BYTES;
use redb::WriteTransaction;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use weft_tangle::{Header, Position, TxId};

/// Transactions whose rows wait here at most. Writing as many at once takes some tens of milliseconds; making them anew
/// when a crash took them takes no longer. In tests few, so that whatever happens to a store also happens while they are
/// written.
const TAIL_MOST: usize = if cfg!(test) { 16 } else { 2_048 };

/// From so many on they begin to leave.
const TAIL_PIECE: usize = TAIL_MOST / 2;

/// So many leave with a commit at least, and twice as many as it brings.
const PART_LEAST: usize = if cfg!(test) { 2 } else { 64 };

/// Behind the last position that the index tables hold, in `meta`.
const INDEXED_KEY: &str = "indexed";

/// What a row costs at most when it is written: a page of its own, and its part of the pages above.
const ROW_COST_BYTES: u64 = 6_144;

const _: () =
    assert!(TAIL_MOST as u64 * ROW_COST_BYTES <= STORE_RESERVE_BYTES, "there is room to write them");

/// A row of `issued`: counter and kind.
pub(super) type Issued = [u8; 5];

/// The rows of one transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct IndexRow {
    pub(super) id: TxId,
    pub(super) position: Position,
    /// Missing where the header cannot be read any more.
    pub(super) issued: Option<(DeviceKey, Issued)>,
}

impl IndexRow {
    pub(super) fn new(id: TxId, position: Position, header: &Header) -> Self {
        let issued = (device_key(&header.issuer, &id), encode_issued(header.counter, header.kind));
        Self { id, position, issued: Some(issued) }
    }
}

/// The rows that wait.
#[derive(Debug, Default)]
pub(super) struct Tail(RwLock<Rows>);

#[derive(Debug, Default)]
struct Rows {
    by_id: BTreeMap<TxId, Position>,
    issued: BTreeMap<DeviceKey, (Position, Issued)>,
    /// Behind the last position that is in the tables or here.
    end: u64,
    /// No id in the table is greater that is not here too. Ids begin with the time, so most that are looked for in vain are.
    newest_written: Option<TxId>,
    /// Those of the rows that are on their way into the tables.
    leaving: Option<Leaving>,
}

/// Rows in the order of their keys, of which those before `written` are in the tables.
#[derive(Debug)]
struct Leaving {
    ids: Vec<(TxId, Position)>,
    issued: Vec<(DeviceKey, Issued)>,
    written: usize,
    /// They are the rows of all positions before this one that are not indexed.
    end: u64,
}

impl Leaving {
    fn is_done(&self) -> bool {
        self.written >= self.ids.len()
    }
}

/// How many rows a commit has taken with it, which is to be told when it is done.
#[derive(Debug)]
#[must_use]
pub(super) struct Part(usize);

/// Where an id is to be looked for.
pub(super) enum Whereabouts {
    Here(Position),
    InTable,
    Nowhere,
}

impl Tail {
    /// Nothing waits; the tables hold all before a position, with ids up to this one.
    fn behind(end: u64, newest_written: Option<TxId>) -> Self {
        Self(RwLock::new(Rows { newest_written, end, ..Rows::default() }))
    }

    /// Behind the last position that is in the tables or here.
    pub(super) fn end(&self) -> Position {
        Position(self.rows().end)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.rows().by_id.is_empty()
    }

    /// Where the row of this id is, if it is anywhere and does not stand at `end` or behind.
    pub(super) fn find(&self, id: &TxId, end: Position) -> Whereabouts {
        let rows = self.rows();
        match rows.by_id.get(id).filter(|position| **position < end) {
            Some(position) => Whereabouts::Here(*position),
            None if rows.newest_written.is_some_and(|newest| *id <= newest) => Whereabouts::InTable,
            None => Whereabouts::Nowhere,
        }
    }

    /// The rows of `issued` that wait with keys in this range, in their order, of positions before `end`.
    pub(super) fn issued(&self, keys: &Range<DeviceKey>, end: Position) -> Vec<(DeviceKey, Issued)> {
        if keys.start >= keys.end {
            return Vec::new();
        }
        let rows = self.rows();
        let rows = rows.issued.range(keys.start..keys.end).filter(|(_, (position, _))| *position < end);
        rows.map(|(key, (_, row))| (*key, *row)).collect()
    }

    /// The row of `issued` of this id, if it waits here. A walk over all of them.
    pub(super) fn issued_of(&self, id: &TxId) -> Option<(DeviceKey, Issued)> {
        let rows = self.rows();
        rows.issued.iter().find(|(key, _)| id_of(key) == *id).map(|(key, (_, row))| (*key, *row))
    }

    /// Whether so many more would be too many.
    pub(super) fn is_full_with(&self, more: usize) -> bool {
        self.rows().by_id.len() + more > TAIL_MOST
    }

    /// Takes the rows of a batch that is on disk.
    pub(super) fn extend(&self, batch: &[IndexRow]) {
        let mut rows = self.0.write().unwrap_or_else(PoisonError::into_inner);
        rows.by_id.extend(batch.iter().map(|row| (row.id, row.position)));
        let issued = |row: &IndexRow| row.issued.map(|(key, value)| (key, (row.position, value)));
        rows.issued.extend(batch.iter().filter_map(issued));
        rows.end += batch.len() as u64;
        if rows.leaving.is_none() && rows.by_id.len() >= TAIL_PIECE {
            let ids = rows.by_id.iter().map(|(id, position)| (*id, *position)).collect();
            let issued = rows.issued.iter().map(|(key, (_, row))| (*key, *row)).collect();
            rows.leaving = Some(Leaving { ids, issued, written: 0, end: rows.end });
        }
    }

    /// Puts some of what is leaving into the tables, in a commit that brings `more` transactions.
    pub(super) fn write_part(&self, commit: &WriteTransaction, more: usize) -> Result<Part, StoreError> {
        let rows = self.rows();
        let Some(leaving) = &rows.leaving else { return Ok(Part(0)) };
        let until = leaving.ids.len().min(leaving.written + PART_LEAST.max(2 * more));
        let part = |length: usize| leaving.written.min(length)..until.min(length);
        put(commit, &leaving.ids[part(leaving.ids.len())], &leaving.issued[part(leaving.issued.len())])?;
        if until == leaving.ids.len() {
            note_indexed(commit, leaving.end)?;
        }
        Ok(Part(until - leaving.written))
    }

    /// The commit that took this part is seen by readers to come. What waits from then on, when all that was leaving has
    /// left: readers of before go on with this.
    pub(super) fn left(&self, part: &Part) -> Option<Self> {
        let mut rows = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let leaving = rows.leaving.as_mut()?;
        leaving.written += part.0;
        if !leaving.is_done() {
            return None;
        }
        let (end, newest) = (Position(leaving.end), leaving.ids.last().map(|(id, _)| *id));
        let by_id = rows.by_id.iter().filter(|(_, position)| **position >= end);
        let issued = rows.issued.iter().filter(|(_, (position, _))| *position >= end);
        Some(Self(RwLock::new(Rows {
            by_id: by_id.map(|(id, position)| (*id, *position)).collect(),
            issued: issued.map(|(key, row)| (*key, *row)).collect(),
            end: rows.end,
            newest_written: rows.newest_written.max(newest),
            leaving: None,
        })))
    }

    /// Puts all that waits, and a batch beside it, into the tables. What waits here from then on.
    pub(super) fn write(&self, commit: &WriteTransaction, batch: &[IndexRow]) -> Result<Self, StoreError> {
        let rows = self.rows();
        let waiting = rows.by_id.iter().map(|(id, position)| (*id, *position));
        let mut ids: Vec<_> = waiting.chain(batch.iter().map(|row| (row.id, row.position))).collect();
        ids.sort_unstable();
        let issued = rows.issued.iter().map(|(key, (_, row))| (*key, *row));
        let mut issued: Vec<_> = issued.chain(batch.iter().filter_map(|row| row.issued)).collect();
        issued.sort_unstable();
        put(commit, &ids, &issued)?;
        let end = rows.end + batch.len() as u64;
        note_indexed(commit, end)?;
        Ok(Self::behind(end, rows.newest_written.max(ids.last().map(|(id, _)| *id))))
    }

    fn rows(&self) -> RwLockReadGuard<'_, Rows> {
        // What a panic leaves half done is made again when the file is opened.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts rows that come in the order of their keys, so that each page is touched once and ids fill pages from left to right.
/// They may be there already, from before a crash.
fn put(
    commit: &WriteTransaction,
    ids: &[(TxId, Position)],
    issued: &[(DeviceKey, Issued)],
) -> Result<(), StoreError> {
    let mut transactions = commit.open_table(TRANSACTIONS)?;
    for (id, position) in ids {
        let position = position.0.to_be_bytes();
        let before = transactions.insert(id.as_bytes(), &position)?.map(|before| *before.value());
        if before.is_some_and(|before| before != position) {
            return Err(StoreError::Twice(*id));
        }
    }
    let mut table = commit.open_table(ISSUED)?;
    for (key, row) in issued {
        table.insert(key, row)?;
    }
    Ok(())
}

/// Notes that the index tables hold all positions before `end`.
pub(super) fn note_indexed(commit: &WriteTransaction, end: u64) -> Result<(), StoreError> {
    commit.open_table(META)?.insert(INDEXED_KEY, &end.to_be_bytes()[..])?;
    Ok(())
}
