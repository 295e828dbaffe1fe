//! Reading transactions one after the other, with the row at hand in which the last one stood.

use super::pack::{self, Row};
use super::{Kept, Reader, StoreError};
use redb::ReadOnlyTable;
use weft_tangle::limits::BODY_OFFSET;
use weft_tangle::{Position, Remains, TxId};

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
        let holds = |(first, count, _): &(u64, u64, Row<'_>)| {
            position.0.checked_sub(*first).is_some_and(|slot| slot < *count)
        };
        if !self.row.as_ref().is_some_and(holds) {
            self.row = pack::row_of(self.packs, position)?.map(|(first, row)| {
                let count = pack::entries(row.value()).map_or(1, |entries| entries.len());
                (first.0, count as u64, row)
            });
        }
        let kept = match &self.row {
            Some((first, _, row)) => self.reader.decode(id, position, position.0 - first, row.value()),
            None => Err(StoreError::Damaged { id: *id, cause: "it lies in no row".into() }),
        };
        if let Err(StoreError::Damaged { id, cause }) = &kept {
            self.reader.note_damage(id, cause);
        }
        kept
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
