//! One step of the scrub: a row is read, and every hash in it checked.

use super::caught::caught;
use super::layout::{ARRIVALS, decode_arrival};
use super::pack::{self, PACKS, ROW_MOST};
use super::{Reader, StoreError, reader::next_position};
use weft_tangle::Position;

/// What a step has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scrubbed {
    /// Where the next step begins.
    pub next: Position,
    /// Bytes that were read.
    pub bytes: usize,
}

impl Reader {
    /// Re-hashes what stands in the row of `from`, from there on. What is damaged is remembered as such, and so is what makes
    /// the database panic, as many as fit in a row; nothing when the end of the store is reached.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn scrub(&self, from: Position) -> Result<Option<Scrubbed>, StoreError> {
        if let Some(scrubbed) = caught(|| self.scrub_row(from)) {
            return scrubbed;
        }
        // Where the row ends cannot be read either.
        let next = Position(from.0.saturating_add(ROW_MOST));
        if caught(|| self.note_unreadable(from, next)).is_none() {
            tracing::error!(first = from.0, behind = next.0, "positions cannot be read: run weft db check");
        }
        Ok(Some(Scrubbed { next, bytes: pack::ROW_BYTES }))
    }

    fn note_unreadable(&self, from: Position, next: Position) -> Result<(), StoreError> {
        let arrivals = self.snapshot.open_table(ARRIVALS)?;
        for arrival in arrivals.range::<&[u8; 8]>(&from.0.to_be_bytes()..&next.0.to_be_bytes())? {
            let (id, _) = decode_arrival(arrival?.1.value());
            let is_unreadable = caught(|| self.kept(&id).is_err()).unwrap_or(true);
            if is_unreadable {
                self.note_damage(&id, "a page that leads to it makes the database panic");
            }
        }
        Ok(())
    }

    fn scrub_row(&self, from: Position) -> Result<Option<Scrubbed>, StoreError> {
        let arrivals = self.snapshot.open_table(ARRIVALS)?;
        let total = next_position(&arrivals)?;
        if from >= total {
            return Ok(None);
        }
        let packs = self.snapshot.open_table(PACKS)?;
        let found = pack::row_of(&packs, from)?;
        let behind = packs.range::<&[u8; 8]>(&(from.0 + 1).to_be_bytes()..)?.next().transpose()?;
        let next = behind.map_or(total, |(key, _)| Position(u64::from_be_bytes(*key.value())));
        let row = found.as_ref().map(|(first, row)| (*first, row.value()));
        for arrival in arrivals.range::<&[u8; 8]>(&from.0.to_be_bytes()..&next.0.to_be_bytes())? {
            let (key, arrival) = arrival?;
            let position = Position(u64::from_be_bytes(*key.value()));
            let (id, _) = decode_arrival(arrival.value());
            let kept = match row {
                Some((first, row)) => self.decode(&id, position, position.0 - first.0, row),
                None => Err(StoreError::Damaged { id, cause: "it lies in no row".into() }),
            };
            match kept {
                Ok(_) => {}
                Err(StoreError::Damaged { id, cause }) => self.note_damage(&id, &cause),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(Scrubbed { next, bytes: row.map_or(0, |(_, row)| row.len()) }))
    }
}
