//! Reading what is final.

use super::layout::{
    COMMITS, DELIVERED, PART_PLACES, RESUME_KEY, ROW_BYTES, RULINGS, WITNESSES, WitnessKey, decode_list,
    delivered_key, place_of, position_in, witness_key,
};
use super::{Noted, Order, Parts, Ruled, Ruling, Rulings, Settled, StoredCommit, decode_resume, noted_in};
use crate::store::layout::{
    ARRIVALS, META, REVOCATIONS, decode_arrival, decode_issued, device_keys, first_bytes, id_of,
};
use crate::store::{Reader, StoreError};
use redb::{AccessGuard, ReadTransaction, ReadableTable, ReadableTableMetadata};
use std::ops::Range;
use weft_tangle::body::Vote;
use weft_tangle::finality::{COMMIT_BYTES, Commit, Committee, FinalVerdict, Resume, Round};
use weft_tangle::limits::OWN_DIGESTS;
use weft_tangle::{DeviceId, Digest, Position, Timestamp, TxId};

impl Reader {
    /// What has become of a transaction; nothing while no commit has delivered it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn outcome(&self, id: &TxId) -> Result<Option<Ruling>, StoreError> {
        match self.position(id)? {
            Some(position) => Ok(self.noted_at(position)?.ruling),
            None => Ok(None),
        }
    }

    /// Whether a transaction is a witness; nothing when it is not stored.
    pub(in crate::store) fn is_stored_witness(&self, id: &TxId) -> Result<Option<bool>, StoreError> {
        match self.position(id)? {
            Some(position) => Ok(Some(self.noted_at(position)?.is_witness)),
            None => Ok(None),
        }
    }

    /// How many witnesses are stored.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn witness_count(&self) -> Result<u64, StoreError> {
        Ok(self.snapshot.open_table(WITNESSES)?.len()?)
    }

    /// The commit with this index, if it is stored.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn commit(&self, index: u64) -> Result<Option<StoredCommit>, StoreError> {
        let row = self.snapshot.open_table(COMMITS)?.get(&index.to_be_bytes())?;
        row.map(|row| self.stored(decode(row.value())?)).transpose()
    }

    /// The newest commit, with what finality needs to go on behind it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn newest_commit(&self) -> Result<Option<Resume>, StoreError> {
        resume_of(&self.snapshot)
    }

    /// The index of the newest commit; 0 while there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn newest_index(&self) -> Result<u64, StoreError> {
        newest_index(&self.snapshot.open_table(COMMITS)?)
    }

    /// At most `limit` of the commits with these indexes, from the end that the order begins with.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn commits(
        &self,
        indexes: Range<u64>,
        limit: usize,
        order: Order,
    ) -> Result<Vec<StoredCommit>, StoreError> {
        let keys = indexes.start.to_be_bytes()..indexes.end.max(indexes.start).to_be_bytes();
        let table = self.snapshot.open_table(COMMITS)?;
        let mut rows = table.range::<&_>(&keys.start..&keys.end)?;
        let next = std::iter::from_fn(|| match order {
            Order::Ascending => rows.next(),
            Order::Descending => rows.next_back(),
        });
        next.take(limit).map(|row| self.stored(decode(row?.1.value())?)).collect()
    }

    /// What a commit has delivered, in the final order from the place `from` on, at most `limit`. Nothing when it is
    /// not stored, or delivers no more.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn delivered_by(&self, index: u64, from: u32, limit: usize) -> Result<Vec<Ruled>, StoreError> {
        let arrivals = self.snapshot.open_table(ARRIVALS)?;
        let (positions, mut notes) = (self.places(index, from, limit)?, self.notes()?);
        let ruled = |position: Position| {
            let (row, ruling) = (arrivals.get(&position.0.to_be_bytes())?, notes.at(position)?.ruling);
            let (Some(row), Some(ruling)) = (row, ruling) else { return Err(StoreError::Torn(position)) };
            Ok(Ruled { id: decode_arrival(row.value()).0, ruling })
        };
        positions.into_iter().map(ruled).collect()
    }

    /// The newest commits, as many as finality compares votes with, ascending.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn own_digests(&self) -> Result<Vec<Vote>, StoreError> {
        let newest = self.newest_index()?;
        let first = (newest + 1).saturating_sub(OWN_DIGESTS as u64);
        let commits = self.commits(first..newest + 1, OWN_DIGESTS, Order::Ascending)?;
        Ok(commits.iter().map(|one| Vote { index: one.commit.index, digest: one.digest }).collect())
    }

    /// The digest of a commit, if it is stored.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn commit_digest(&self, index: u64) -> Result<Option<Digest>, StoreError> {
        Ok(self.commit(index)?.map(|stored| stored.digest))
    }

    /// What is noted of a position.
    pub(in crate::store) fn noted_at(&self, position: Position) -> Result<Noted, StoreError> {
        self.notes()?.at(position)
    }

    /// What is noted of many positions, best in an order in which neighbours follow each other.
    pub(in crate::store) fn notes(&self) -> Result<Notes<'_>, StoreError> {
        Ok(Notes { table: self.rulings()?, row: None })
    }

    /// A commit with the positions of what it delivers, and how these stand now.
    pub(in crate::store) fn settled(&self, commit: Commit) -> Result<Settled, StoreError> {
        let positions = self.places(commit.index, 0, commit.count as usize)?;
        let mut notes = self.notes()?;
        let place = |position: Position| {
            let ruling = notes.at(position)?.ruling.ok_or(StoreError::Torn(position))?;
            Ok((position, ruling.verdict, ruling.is_disputed))
        };
        let delivered = positions.into_iter().map(place).collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Settled { commit, delivered, disputed: Vec::new() })
    }

    /// Positions of what a commit has delivered, from a place on.
    fn places(&self, index: u64, from: u32, limit: usize) -> Result<Vec<Position>, StoreError> {
        let parts = self.snapshot.open_table(DELIVERED)?;
        let skipped = from as usize % PART_PLACES;
        let first = from - skipped as u32;
        let wanted = limit.saturating_add(skipped);
        let mut places = places_from(&parts, index, first, wanted)?;
        places.truncate(wanted);
        Ok(places.split_off(skipped.min(places.len())))
    }

    /// Opened at the first look, for opening costs more than looking.
    pub(super) fn rulings(&self) -> Result<&Rulings, StoreError> {
        match self.rulings.get() {
            Some(table) => Ok(table),
            None => {
                let opened = self.snapshot.open_table(RULINGS)?;
                Ok(self.rulings.get_or_init(|| opened))
            }
        }
    }

    fn stored(&self, commit: Commit) -> Result<StoredCommit, StoreError> {
        Ok(StoredCommit { commit, digest: commit.digest(self.network().id()) })
    }

    /// Calls `visit` with id and counter of every delivered transaction of `issuer` in a range of time that was not judged
    /// to be of a revoked device, in id order.
    pub(in crate::store) fn visit_delivered(
        &self,
        issuer: &DeviceId,
        range: &Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), StoreError> {
        for row in self.issued_rows(&device_keys(issuer, range))? {
            let (key, value) = row?;
            let id = id_of(&key);
            if self.outcome(&id)?.is_some_and(|ruling| ruling.verdict != FinalVerdict::Revoked) {
                visit(id, decode_issued(&value).0);
            }
        }
        Ok(())
    }

    /// Calls `visit` with the ids of the stored witnesses that a member has made of a round, in the order of arrival.
    pub(in crate::store) fn visit_witnesses(
        &self,
        author: &DeviceId,
        round: Round,
        visit: &mut dyn FnMut(TxId),
    ) -> Result<(), StoreError> {
        let Some(author) = Committee::of(self.network()).member(author) else { return Ok(()) };
        let [first, last] = [0, u64::MAX].map(|bound| witness_key(round, author, Position(bound)));
        let arrivals = self.snapshot.open_table(ARRIVALS)?;
        for row in self.snapshot.open_table(WITNESSES)?.range::<&WitnessKey>(&first..=&last)? {
            let position = position_in(row?.0.value());
            let row = arrivals.get(&position.0.to_be_bytes())?.ok_or(StoreError::Torn(position))?;
            visit(decode_arrival(row.value()).0);
        }
        Ok(())
    }

    /// Whether a delivered revocation of the device counts.
    pub(in crate::store) fn has_counting_revocation(&self, device: &DeviceId) -> Result<bool, StoreError> {
        for id in self.ids(REVOCATIONS, device, usize::MAX)? {
            if self.outcome(&id)?.is_some_and(|ruling| ruling.verdict == FinalVerdict::Counts) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What is noted of positions, with the row at hand in which the last one stood.
pub(in crate::store) struct Notes<'a> {
    table: &'a Rulings,
    /// The first position of the row, and the row, where there is one.
    row: Option<(u64, Option<AccessGuard<'a, &'static [u8; ROW_BYTES]>>)>,
}

impl Notes<'_> {
    /// What is noted of a position.
    pub(in crate::store) fn at(&mut self, position: Position) -> Result<Noted, StoreError> {
        let (first, _) = place_of(position);
        let row = match self.row.take().filter(|(at_hand, _)| *at_hand == first) {
            Some((_, row)) => row,
            None => self.table.get(&first.to_be_bytes())?,
        };
        let noted = row.as_ref().map_or_else(Noted::default, |row| noted_in(row.value(), position));
        self.row = Some((first, row));
        Ok(noted)
    }
}

/// Positions in the rows of a commit from the one that begins at `first` on, until there are as many as wanted.
fn places_from(parts: &Parts, index: u64, first: u32, wanted: usize) -> Result<Vec<Position>, StoreError> {
    let mut places = Vec::new();
    for row in parts.range::<&[u8; 12]>(&delivered_key(index, first)..=&delivered_key(index, u32::MAX))? {
        if places.len() >= wanted {
            break;
        }
        places.extend(decode_list(row?.1.value()).ok_or(StoreError::TornCommit(index))?);
    }
    Ok(places)
}

fn decode(row: &[u8; COMMIT_BYTES]) -> Result<Commit, StoreError> {
    Commit::decode(row).map_err(|_| StoreError::TornCommit(u64::from_be_bytes(first_bytes(row))))
}

/// The newest commit.
pub(super) fn newest_of(
    commits: &impl ReadableTable<&'static [u8; 8], &'static [u8; COMMIT_BYTES]>,
) -> Result<Option<Commit>, StoreError> {
    commits.last()?.map(|(_, row)| decode(row.value())).transpose()
}

/// The index of the newest commit; 0 while there is none.
pub(in crate::store) fn newest_index(
    commits: &impl ReadableTable<&'static [u8; 8], &'static [u8; COMMIT_BYTES]>,
) -> Result<u64, StoreError> {
    Ok(commits.last()?.map_or(0, |(key, _)| u64::from_be_bytes(*key.value())))
}

/// The newest commit, with what finality needs to go on behind it.
pub(in crate::store) fn resume_of(snapshot: &ReadTransaction) -> Result<Option<Resume>, StoreError> {
    let Some(commit) = newest_of(&snapshot.open_table(COMMITS)?)? else { return Ok(None) };
    let row = snapshot.open_table(META)?.get(RESUME_KEY)?;
    let resume = row.and_then(|row| decode_resume(row.value(), commit));
    resume.map(Some).ok_or(StoreError::TornCommit(commit.index))
}
