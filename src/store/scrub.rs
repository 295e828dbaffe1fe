//! One step of the scrub: a row is read, and every hash in it checked.

use super::caught::caught;
use super::layout::{ARRIVALS, decode_arrival};
use super::pack::{self, PACKS, ROW_MOST};
use super::run::{READ_TOGETHER, Run, named_in};
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
        let (mut named, mut run) = (named_in(&arrivals, from.0..next.0)?, Run::new(self, &packs));
        loop {
            let wanted = named.by_ref().take(READ_TOGETHER).collect::<Result<Vec<_>, _>>()?;
            if wanted.is_empty() {
                break;
            }
            // What is damaged is remembered where it is read.
            let other = |error: &StoreError| !matches!(error, StoreError::Damaged { .. });
            if let Some(error) = run.read_together(&wanted)?.into_iter().filter_map(Result::err).find(other) {
                return Err(error);
            }
        }
        Ok(Some(Scrubbed { next, bytes: found.map_or(0, |(_, row)| row.value().len()) }))
    }
}
