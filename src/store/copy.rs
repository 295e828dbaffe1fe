//! Copying a store, slice by slice, for backups and restores.
//!
//! Always true: what is copied of a position is what all tables say of it, damaged bytes included as they are, so that a
//! copy is neither better nor worse than what it was made of; and a copy has its name only when all of it is on disk.

mod commits;
mod file;
mod record;

pub use commits::{CopiedCommit, MOST_BYTES, decode_end, encode_end};
pub use file::CopyFile;
pub use record::Copied;

use super::commits::{WITNESSES, decode_witness};
use super::layout::{
    ARRIVALS, DeviceTable, ENROLMENTS, EQUIVOCATIONS, ID_BOUNDS, ISSUED, ParentTag, REVOCATIONS,
    decode_arrival, decode_issued, equivocation_key, first_bytes, id_of,
};
use super::pack::{self, PACKS};
use super::{Kept, Reader, StoreError};
use crate::limits::COPY_SLICE_BYTES;
use redb::ReadableTable;
use std::ops::Range;
use weft_tangle::body::{Revocation, WitnessHead};
use weft_tangle::finality::{Committee, Member, Round};
use weft_tangle::{DeviceId, Epoch, Kind, Position, TxId};

/// No device has this id.
const NOBODY: DeviceId = DeviceId::from_bytes([0; DeviceId::BYTES]);

/// The kind's byte of a damaged transaction that `issued` does not list, which is of no kind. Whose it was is known of an
/// enrolment alone.
const UNLISTED_KIND: u8 = 0;

impl Reader {
    /// The transactions from a position on, as many as a slice holds, one at least; none at the end of the range.
    ///
    /// # Errors
    /// The store cannot be read, or [`StoreError::Torn`] where the tables contradict each other so that nothing can be
    /// copied.
    pub fn copy(&self, range: Range<u64>) -> Result<Vec<Copied>, StoreError> {
        let packs = self.snapshot.open_table(PACKS)?;
        let arrivals = self.snapshot.open_table(ARRIVALS)?;
        let (mut slice, mut bytes) = (Vec::new(), 0);
        let mut row: Option<(u64, Vec<u8>)> = None;
        let keys = range.start.to_be_bytes()..range.end.to_be_bytes();
        for (expected, arrival) in range.zip(arrivals.range::<&[u8; 8]>(&keys.start..&keys.end)?) {
            let (key, arrival) = arrival?;
            let position = Position(u64::from_be_bytes(*key.value()));
            if position.0 != expected {
                return Err(StoreError::Torn(Position(expected)));
            }
            let (id, parents) = decode_arrival(arrival.value());
            let entry = |row: &Option<(u64, Vec<u8>)>| {
                let (first, row) = row.as_ref()?;
                let slot = usize::try_from(position.0.checked_sub(*first)?).ok()?;
                let entry = *pack::entries(row)?.get(slot)?;
                Some((entry.check, entry.wire.to_vec()))
            };
            let mut found = entry(&row);
            if found.is_none() {
                row = pack::row_of(&packs, position)?.map(|(first, row)| (first.0, row.value().to_vec()));
                found = entry(&row);
            }
            let (check, wire) = found.unwrap_or_default();
            bytes += wire.len();
            slice.push(self.copied(position, id, parents, check, wire)?);
            if bytes >= COPY_SLICE_BYTES {
                break;
            }
        }
        Ok(slice)
    }

    fn copied(
        &self,
        position: Position,
        id: TxId,
        parents: [ParentTag; 2],
        check: pack::Check,
        wire: Vec<u8>,
    ) -> Result<Copied, StoreError> {
        let kept = match self.decode_entry(&id, position, pack::Entry { check, wire: &wire }) {
            Ok(kept) => Some(kept),
            Err(StoreError::Damaged { id, cause }) => {
                self.note_damage(&id, &cause);
                None
            }
            Err(error) => return Err(error),
        };
        let is_damaged = kept.is_none();
        let (issuer, counter, kind) = match &kept {
            Some(kept) => (kept.header().issuer, kept.header().counter, kept.header().kind.to_byte()),
            None => match self.listed(&id)? {
                Some(listed) => listed,
                None => (self.key_with(ENROLMENTS, &id)?.unwrap_or(NOBODY), 0, UNLISTED_KIND),
            },
        };
        let revoked = match &kept {
            _ if ![Kind::RevokeDevice.to_byte(), UNLISTED_KIND].contains(&kind) => None,
            Some(Kept::Whole(whole)) => Revocation::decode(whole.content()).ok().map(|one| one.device),
            _ => self.key_with(REVOCATIONS, &id)?,
        };
        let witness = match [Kind::Witness.to_byte(), UNLISTED_KIND].contains(&kind) {
            true => self.witness_at(position, &issuer, kept.as_ref())?,
            false => None,
        };
        let twin = self.earlier_twin(position, &id, &issuer, counter)?;
        Ok(Copied { id, parents, issuer, counter, kind, revoked, witness, twin, check, wire, is_damaged })
    }

    /// Issuer, counter and kind of a transaction whose own bytes do not say so any more; nothing where the index does not say
    /// so either, for it was made anew from damaged bytes. It takes a walk over the index, and damaged transactions are few.
    fn listed(&self, id: &TxId) -> Result<Option<(DeviceId, u32, u8)>, StoreError> {
        if let Some((key, row)) = self.tail.issued_of(id) {
            let (counter, kind) = decode_issued(&row);
            return Ok(Some((DeviceId::from_bytes(first_bytes(&key)), counter, kind)));
        }
        for row in self.snapshot.open_table(ISSUED)?.iter()? {
            let (key, value) = row?;
            if id_of(key.value()) == *id {
                let (counter, kind) = decode_issued(value.value());
                return Ok(Some((DeviceId::from_bytes(first_bytes(key.value())), counter, kind)));
            }
        }
        Ok(None)
    }

    /// Round and author of a witness. Where its own bytes do not say them any more it takes a walk too.
    fn witness_at(
        &self,
        position: Position,
        issuer: &DeviceId,
        kept: Option<&Kept>,
    ) -> Result<Option<(Round, Member)>, StoreError> {
        if let Some(Kept::Whole(whole)) = kept {
            let head = whole.content().first_chunk().and_then(|head| WitnessHead::decode(head).ok());
            let author = Committee::of(self.network()).member(issuer);
            return Ok(head.map(|head| head.round).zip(author));
        }
        for row in self.snapshot.open_table(WITNESSES)?.iter()? {
            if let Some((round, author, there)) = decode_witness(row?.0.value())
                && there == position
            {
                return Ok(Some((round, author)));
            }
        }
        Ok(None)
    }

    fn key_with(&self, table: DeviceTable, id: &TxId) -> Result<Option<DeviceId>, StoreError> {
        for row in self.snapshot.open_table(table)?.iter()? {
            let key = row?.0;
            if id_of(key.value()) == *id {
                return Ok(Some(DeviceId::from_bytes(first_bytes(key.value()))));
            }
        }
        Ok(None)
    }

    /// One that used the same counter before; with it the copy's list of equivocations becomes that of the original,
    /// as far as the copied positions reach.
    fn earlier_twin(
        &self,
        position: Position,
        id: &TxId,
        issuer: &DeviceId,
        counter: u32,
    ) -> Result<Option<(Epoch, TxId)>, StoreError> {
        let epoch = self.network().rules().epoch(id.timestamp());
        let [first, last] = ID_BOUNDS.map(|bound| equivocation_key(issuer, epoch, counter, &bound));
        for row in self.snapshot.open_table(EQUIVOCATIONS)?.range::<&_>(&first..=&last)? {
            let other = id_of(row?.0.value());
            if other != *id && self.position(&other)?.is_some_and(|there| there < position) {
                return Ok(Some((epoch, other)));
            }
        }
        Ok(None)
    }
}
