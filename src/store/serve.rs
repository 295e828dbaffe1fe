//! Reading stored transactions in their order of arrival, row by row, for who asks for stretches of it.

use super::layout::ARRIVALS;
use super::pack::PACKS;
use super::run::{READ_TOGETHER, Run, named_in};
use super::{Kept, Reader, StoreError};
use std::ops::Range;
use weft_tangle::TxId;
use weft_tangle::limits::BODY_OFFSET;

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
        let mut named = named_in(&arrivals, range.start..range.end.max(range.start))?;
        let mut run = Run::new(self, &packs);
        loop {
            // No more than may still fit; the one that does not is read to see that.
            let count = ((most - served.bytes) / (2 + BODY_OFFSET)).clamp(1, READ_TOGETHER);
            let wanted = named.by_ref().take(count).collect::<Result<Vec<_>, _>>()?;
            if wanted.is_empty() {
                return Ok(served);
            }
            for ((id, position), kept) in wanted.iter().zip(run.read_together(&wanted)?) {
                match kept {
                    Ok(kept) => {
                        let bytes = 2 + kept.wire().len();
                        if served.bytes + bytes > most {
                            served.next = position.0;
                            return Ok(served);
                        }
                        served.bytes += bytes;
                        served.withheld.extend(kept.is_erased().then_some(*id));
                        served.found.push(kept);
                    }
                    Err(StoreError::Damaged { id, .. }) => served.withheld.push(id),
                    Err(error) => return Err(error),
                }
            }
        }
    }
}
