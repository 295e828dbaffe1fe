//! Reading transactions one after the other, with the row at hand in which the last one stood.

use super::layout::{ARRIVAL_BYTES, decode_arrival};
use super::pack::{self, Row};
use super::{Kept, Reader, StoreError};
use redb::{ReadOnlyTable, ReadableTable};
use std::ops::Range;
use weft_tangle::limits::BODY_OFFSET;
use weft_tangle::{Position, Remains, TxId};

/// Transactions that are read at once: as many as vectors have lanes for the hashes of.
pub(super) const READ_TOGETHER: usize = 8;

/// What stands at these positions of the order of arrival.
pub(super) fn named_in<'a>(
    arrivals: &'a impl ReadableTable<&'static [u8; 8], &'static [u8; ARRIVAL_BYTES]>,
    positions: Range<u64>,
) -> Result<impl Iterator<Item = Result<(TxId, Position), StoreError>> + 'a, StoreError> {
    let keys = positions.start.to_be_bytes()..positions.end.to_be_bytes();
    Ok(arrivals.range::<&[u8; 8]>(&keys.start..&keys.end)?.map(|arrival| {
        let (key, arrival) = arrival?;
        Ok((decode_arrival(arrival.value()).0, Position(u64::from_be_bytes(*key.value()))))
    }))
}

/// Rows of transactions, read in any order and best in ascending positions.
pub(super) struct Run<'a> {
    reader: &'a Reader,
    packs: &'a ReadOnlyTable<&'static [u8; 8], &'static [u8]>,
    /// The row, its first position, and how many stand in it.
    row: Option<(u64, u64, Row<'a>)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(reader: &'a Reader, packs: &'a ReadOnlyTable<&'static [u8; 8], &'static [u8]>) -> Self {
        Self { reader, packs, row: None }
    }

    /// Reads the transaction at a position, and checks it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], which is remembered as such; the store cannot be read.
    pub(super) fn read(&mut self, id: &TxId, position: Position) -> Result<Kept, StoreError> {
        let mut read = self.read_together(&[(*id, position)])?;
        read.pop().unwrap_or_else(|| Err(lies_in_no_row(id)))
    }

    /// Reads and checks transactions, as many, with the hashes of those that stand in one row side by side.
    ///
    /// # Errors
    /// The store cannot be read. Of each: [`StoreError::Damaged`], which is remembered as such.
    pub(super) fn read_together(
        &mut self,
        wanted: &[(TxId, Position)],
    ) -> Result<Vec<Result<Kept, StoreError>>, StoreError> {
        let mut all = Vec::with_capacity(wanted.len());
        while let Some((id, position)) = wanted.get(all.len()) {
            self.turn_to(*position)?;
            match &self.row {
                Some((first, count, row)) => {
                    let is_in_row = |(_, position): &&(TxId, Position)| holds(*first, *count, *position);
                    let in_row = wanted[all.len()..].iter().take_while(is_in_row).count().max(1);
                    let of_row = &wanted[all.len()..][..in_row];
                    all.extend(self.reader.decode_together(of_row, Position(*first), row.value()));
                }
                None => all.push(Err(lies_in_no_row(id))),
            }
        }
        for kept in &all {
            if let Err(StoreError::Damaged { id, cause }) = kept {
                self.reader.note_damage(id, cause);
            }
        }
        Ok(all)
    }

    /// Has the row at hand that a position is in.
    fn turn_to(&mut self, position: Position) -> Result<(), StoreError> {
        if !self.row.as_ref().is_some_and(|(first, count, _)| holds(*first, *count, position)) {
            self.row = pack::row_of(self.packs, position)?.map(|(first, row)| {
                let count = pack::entries(row.value()).map_or(1, |entries| entries.len());
                (first.0, count as u64, row)
            });
        }
        Ok(())
    }

    /// As [`Run::read`], but of a transaction whose body alone is damaged, and of a kind of which finality needs the header
    /// alone, what is before the body: the header is the one that was written, for the id is its hash.
    ///
    /// # Errors
    /// Those of [`Run::read`].
    pub(super) fn read_for_its_header(&mut self, id: &TxId, position: Position) -> Result<Kept, StoreError> {
        let read = self.read(id, position);
        let Err(StoreError::Damaged { .. }) = &read else { return read };
        self.remains(id, position).map_or(read, |remains| Ok(Kept::Erased(remains)))
    }

    fn remains(&self, id: &TxId, position: Position) -> Option<Remains> {
        let (first, _, row) = self.row.as_ref()?;
        let slot = usize::try_from(position.0 - first).ok()?;
        let wire = pack::entries(row.value())?.get(slot)?.wire;
        let remains = Remains::before_damage(self.reader.network(), wire.get(..BODY_OFFSET)?).ok()?;
        (remains.id() == *id).then_some(remains)
    }
}

/// Whether a row of so many transactions holds a position.
fn holds(first: u64, count: u64, position: Position) -> bool {
    position.0.checked_sub(first).is_some_and(|slot| slot < count)
}

fn lies_in_no_row(id: &TxId) -> StoreError {
    StoreError::Damaged { id: *id, cause: "it lies in no row".into() }
}
