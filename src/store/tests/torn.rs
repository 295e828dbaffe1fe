//! What becomes of a change that was not synced when the power went away.
//!
//! Always true: of each change any part may be kept, whole sectors or single bytes, whatever became of those before and
//! after it, so a later one may outlive an earlier one. Nothing is kept that was not written.

use crate::testing::Dice;

/// What a disk writes whole or not at all, if it is a good one.
const SECTOR_BYTES: usize = 512;

/// Something that was asked of a disk.
#[derive(Debug)]
pub(super) enum Change {
    /// Bytes from here on.
    Write(usize, Vec<u8>),
    /// A file of this length.
    Length(usize),
}

impl Change {
    /// Makes the change, as far as the file reaches.
    pub(super) fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Length(length) => image.resize(*length, 0),
            Self::Write(offset, data) => put(image, *offset, data),
        }
    }

    /// Makes as much of the change as chance will have.
    pub(super) fn tear(&self, image: &mut Vec<u8>, dice: &mut Dice) {
        match (dice.below(4), self) {
            (0, _) => {}
            (1, _) => self.apply(image),
            (_, Self::Length(_)) if dice.below(2) == 0 => {}
            (_, Self::Length(_)) => self.apply(image),
            (2, Self::Write(offset, data)) => {
                tear(image, *offset, data, dice, |at, _| SECTOR_BYTES - at % SECTOR_BYTES);
            }
            // A quarter of the runs are short, for what a write changes is often a byte or two.
            (_, Self::Write(offset, data)) => tear(image, *offset, data, dice, |_, dice| {
                let longest = if dice.below(4) == 0 { 8 } else { data.len() as u64 };
                1 + dice.below(longest) as usize
            }),
        }
    }
}

fn put(image: &mut [u8], offset: usize, data: &[u8]) {
    let there = image.len().saturating_sub(offset).min(data.len());
    if there > 0 {
        image[offset..offset + there].copy_from_slice(&data[..there]);
    }
}

/// Cuts a write into pieces and writes those that chance keeps.
fn tear(
    image: &mut [u8],
    offset: usize,
    data: &[u8],
    dice: &mut Dice,
    piece: impl Fn(usize, &mut Dice) -> usize,
) {
    let mut done = 0;
    while done < data.len() {
        let length = piece(offset + done, dice).min(data.len() - done);
        if dice.below(2) == 0 {
            put(image, offset + done, &data[done..done + length]);
        }
        done += length;
    }
}
