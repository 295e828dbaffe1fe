//! Writing commits: the chain, the lists, the rulings, and from where on something is not delivered yet.

use super::layout::{
    COMMITS, DELIVERED, MOST_COMMITS, Noted, PART_PLACES, RESUME_KEY, ROW_BYTES, ROW_POSITIONS, RULINGS,
    SETTLED_KEY, WITNESSES, delivered_key, encode_list, encode_resume, noted_in, place_of, witness_key,
};
use super::read::newest_of;
use super::{Ruling, Settled};
use crate::limits::SETTLED_ROWS;
use crate::store::layout::META;
use crate::store::{Reader, StoreError};
use redb::{ReadableTable, Table, WriteTransaction};
use std::collections::BTreeMap;
use weft_tangle::body::Vote;
use weft_tangle::finality::{Commit, Member, Resume, Round};
use weft_tangle::{NetworkId, Position};

/// Puts commits behind those that are stored. What they deliver must be stored, or be put by the same transaction of the
/// database.
///
/// # Errors
/// [`StoreError::CommitGap`] and [`StoreError::BadCommit`]; the caller then drops all of it.
pub(in crate::store) fn put(
    transaction: &WriteTransaction,
    network: &NetworkId,
    settled: &[Settled],
) -> Result<(), StoreError> {
    if settled.is_empty() {
        return Ok(());
    }
    let mut commits = transaction.open_table(COMMITS)?;
    let mut delivered = transaction.open_table(DELIVERED)?;
    let mut rows = Rows { table: transaction.open_table(RULINGS)?, changed: BTreeMap::new() };
    rule(network, newest_of(&commits)?, &mut rows, settled)?;
    for Settled { commit, delivered: places, .. } in settled {
        commits.insert(&commit.index.to_be_bytes(), &commit.encode())?;
        for (part, places) in (0_u32..).zip(places.chunks(PART_PLACES)) {
            let list = encode_list(places.iter().map(|(position, ..)| *position));
            delivered.insert(&delivered_key(commit.index, part * PART_PLACES as u32), &list[..])?;
        }
    }
    let rulings = rows.write()?;
    let mut meta = transaction.open_table(META)?;
    let from = settled_before(&meta)?;
    let settled = advance(&rulings, from)?;
    if settled > from {
        meta.insert(SETTLED_KEY, &settled.to_be_bytes()[..])?;
    }
    Ok(())
}

/// Whether commits can be put behind those that a snapshot shows, which are all.
///
/// # Errors
/// Those of [`put`].
pub(in crate::store) fn check(reader: &Reader, settled: &[Settled]) -> Result<(), StoreError> {
    if settled.is_empty() {
        return Ok(());
    }
    let newest = newest_of(&reader.snapshot.open_table(COMMITS)?)?;
    let mut rows = Rows { table: reader.snapshot.open_table(RULINGS)?, changed: BTreeMap::new() };
    rule(reader.network().id(), newest, &mut rows, settled)
}

/// Changes the rulings to what commits make of them, which follow on the newest and on each other.
fn rule(
    network: &NetworkId,
    newest: Option<Commit>,
    rows: &mut Rows<impl RulingTable>,
    settled: &[Settled],
) -> Result<(), StoreError> {
    let mut last =
        newest.map_or(Vote::NONE, |commit| Vote { index: commit.index, digest: commit.digest(network) });
    for one in settled {
        let Commit { index, previous, .. } = one.commit;
        if index != last.index + 1 {
            return Err(StoreError::CommitGap { expected: last.index + 1, found: index });
        }
        if previous != last.digest {
            return Err(StoreError::BadCommit { index, problem: "it does not follow on the one before" });
        }
        rows.rule(one)?;
        last = Vote { index, digest: one.commit.digest(network) };
    }
    Ok(())
}

/// Notes that a witness stands at a position.
pub(in crate::store) fn put_witness(
    transaction: &WriteTransaction,
    round: Round,
    author: Member,
    position: Position,
) -> Result<(), StoreError> {
    transaction.open_table(WITNESSES)?.insert(&witness_key(round, author, position), ())?;
    let mut rows = Rows { table: transaction.open_table(RULINGS)?, changed: BTreeMap::new() };
    let noted = rows.get(position)?;
    rows.set(position, Noted { is_witness: true, ..noted })?;
    rows.write().map(drop)
}

/// Notes where finality goes on behind the newest commit.
pub(in crate::store) fn put_resume(
    transaction: &WriteTransaction,
    resume: &Resume,
) -> Result<(), StoreError> {
    transaction.open_table(META)?.insert(RESUME_KEY, &encode_resume(resume)[..])?;
    Ok(())
}

/// All positions before this one are delivered.
pub(in crate::store) fn settled_before(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<u64, StoreError> {
    let row = meta.get(SETTLED_KEY)?;
    Ok(row.and_then(|row| row.value().try_into().ok()).map_or(0, u64::from_be_bytes))
}

/// Rows of `rulings` that are changed, each read and written once.
struct Rows<T> {
    table: T,
    changed: BTreeMap<u64, Box<[u8; ROW_BYTES]>>,
}

/// The table of rulings, whether it can be written or not.
trait RulingTable: ReadableTable<&'static [u8; 8], &'static [u8; ROW_BYTES]> {}

impl<T: ReadableTable<&'static [u8; 8], &'static [u8; ROW_BYTES]>> RulingTable for T {}

impl<T: RulingTable> Rows<T> {
    fn row(&mut self, first: u64) -> Result<&mut [u8; ROW_BYTES], StoreError> {
        let row = match self.changed.remove(&first) {
            Some(row) => row,
            None => {
                let stored = self.table.get(&first.to_be_bytes())?;
                Box::new(stored.map_or([0; ROW_BYTES], |row| *row.value()))
            }
        };
        Ok(&mut **self.changed.entry(first).or_insert(row))
    }

    fn set(&mut self, position: Position, noted: Noted) -> Result<(), StoreError> {
        let (first, at) = place_of(position);
        let bytes = noted.encode();
        self.row(first)?[at..at + bytes.len()].copy_from_slice(&bytes);
        Ok(())
    }

    fn get(&mut self, position: Position) -> Result<Noted, StoreError> {
        Ok(noted_in(self.row(place_of(position).0)?, position))
    }

    fn rule(&mut self, settled: &Settled) -> Result<(), StoreError> {
        let commit = settled.commit.index;
        let bad = |problem| Err(StoreError::BadCommit { index: commit, problem });
        if commit > MOST_COMMITS {
            return bad("a store has no room for so many");
        }
        for (position, verdict, is_disputed) in &settled.delivered {
            let noted = self.get(*position)?;
            if noted.ruling.is_some() {
                return bad("it delivers what was delivered before");
            }
            let ruling = Ruling { commit, verdict: *verdict, is_disputed: *is_disputed };
            self.set(*position, Noted { ruling: Some(ruling), ..noted })?;
        }
        for position in &settled.disputed {
            let noted = self.get(*position)?;
            let Some(ruling) = noted.ruling else { return bad("it disputes what was not delivered") };
            self.set(*position, Noted { ruling: Some(Ruling { is_disputed: true, ..ruling }), ..noted })?;
        }
        Ok(())
    }
}

impl<'a> Rows<Table<'a, &'static [u8; 8], &'static [u8; ROW_BYTES]>> {
    fn write(mut self) -> Result<Table<'a, &'static [u8; 8], &'static [u8; ROW_BYTES]>, StoreError> {
        for (first, row) in &self.changed {
            self.table.insert(&first.to_be_bytes(), &**row)?;
        }
        Ok(self.table)
    }
}

/// The first position from `from` on that is not delivered, as far as one commit looks.
fn advance(
    rulings: &impl ReadableTable<&'static [u8; 8], &'static [u8; ROW_BYTES]>,
    from: u64,
) -> Result<u64, StoreError> {
    let mut position = from;
    for _ in 0..SETTLED_ROWS {
        let Some(row) = rulings.get(&place_of(Position(position)).0.to_be_bytes())? else { break };
        let end = place_of(Position(position)).0 + ROW_POSITIONS;
        while position < end && noted_in(row.value(), Position(position)).ruling.is_some() {
            position += 1;
        }
        if position < end {
            break;
        }
    }
    Ok(position)
}
