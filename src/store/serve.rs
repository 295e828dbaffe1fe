//! Reading stored transactions in their order of arrival, row by row, for who asks for stretches of it.

use super::layout::{ARRIVALS, decode_arrival};
use super::pack::PACKS;
use super::run::Run;
use super::{Kept, Reader, StoreError};
use std::ops::Range;
use weft_tangle::{Position, TxId};

/// What was read of a range.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Served {
    /// The transactions, in their order; of those whose bodies were erased, what is left.
    pub found: Vec<Kept>,
    /// Those whose bodies were erased, or that are damaged.
    pub withheld: Vec<TxId>,
    /// Bytes of those found, with two more for each one's length.
    pub bytes: usize,
    /// Where to go on; the end of the range when all of it was read.
    pub next: u64,
}

impl Reader {
    /// Reads transactions of a range of positions until the next one would bring them to more than `most` bytes. What
    /// lies behind the last one stored is left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn serve(&self, range: Range<u64>, most: usize) -> Result<Served, StoreError> {
        let packs = self.snapshot.open_table(PACKS)?;
        let arrivals = self.snapshot.open_table(ARRIVALS)?;
        let mut served = Served { next: range.end, ..Served::default() };
        let keys = range.start.to_be_bytes()..range.end.max(range.start).to_be_bytes();
        let mut run = Run::new(self, &packs);
        for arrival in arrivals.range::<&[u8; 8]>(&keys.start..&keys.end)? {
            let (key, arrival) = arrival?;
            let position = Position(u64::from_be_bytes(*key.value()));
            let (id, _) = decode_arrival(arrival.value());
            match run.read(&id, position) {
                Ok(kept) => {
                    let bytes = 2 + kept.wire().len();
                    if served.bytes + bytes > most {
                        served.next = position.0;
                        return Ok(served);
                    }
                    served.bytes += bytes;
                    served.withheld.extend(kept.is_erased().then_some(id));
                    served.found.push(kept);
                }
                Err(StoreError::Damaged { id, .. }) => served.withheld.push(id),
                Err(error) => return Err(error),
            }
        }
        Ok(served)
    }
}
