//! What a leader reaches and what is not looked at yet on the way down from it: by ids while they are few, beyond that a bit
//! for each position.
//!
//! With F what was put in and not taken out, always true:
//! - of F the largest id is next; from when F has grown beyond its bound until it is empty, the highest position is. By either
//!   order what references comes before what is referenced, so each is met once;
//! - as many ids as the bound and one transaction's references are held at most, and of the rest a bit each, in pieces of
//!   [`PIECE`] positions. However much waits that a leader reaches, that is a byte for some of it where it came together, and
//!   less than its id where it is scattered.

use super::ledger::Ledger;
use crate::{HistoryError, TxId};
use std::collections::{BTreeMap, BTreeSet};

/// Positions in a piece.
const PIECE: u64 = u128::BITS as u64;

/// What is next, ahead of what it references.
#[derive(Debug)]
pub(super) enum Frontier {
    /// By their ids.
    Few(BTreeSet<TxId>),
    /// By their positions.
    Many(Marks),
}

/// A set of positions.
#[derive(Debug, Default)]
pub(super) struct Marks(BTreeMap<u64, u128>);

/// One that is next: its id, and where it stands when that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    pub(super) id: TxId,
    position: Option<u64>,
}

impl Frontier {
    pub(super) fn of(leader: TxId) -> Self {
        Self::Few(BTreeSet::from([leader]))
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(ids) => ids.is_empty(),
            Self::Many(marks) => marks.0.is_empty(),
        }
    }

    /// Whether what comes next is larger than all that comes after it.
    pub(super) fn is_sorted(&self) -> bool {
        matches!(self, Self::Few(_))
    }

    /// Whether this one is certainly in it.
    pub(super) fn holds(&self, id: &TxId) -> bool {
        matches!(self, Self::Few(ids) if ids.contains(id))
    }

    /// The next one, which stays in it.
    pub(super) fn next(&self, ledger: &dyn Ledger) -> Result<Option<Next>, HistoryError> {
        match self {
            Self::Few(ids) => Ok(ids.last().map(|id| Next { id: *id, position: None })),
            Self::Many(marks) => {
                let Some(position) = marks.last() else { return Ok(None) };
                Ok(Some(Next { id: ledger.at(position)?, position: Some(position) }))
            }
        }
    }

    /// Takes out what was next and puts in what it references, all of it attached. Beyond `few` ids each becomes a bit.
    ///
    /// # Errors
    /// The ledger cannot be read, and nothing has changed.
    pub(super) fn go_on(
        &mut self,
        Next { id, position }: Next,
        below: Vec<TxId>,
        few: usize,
        ledger: &dyn Ledger,
    ) -> Result<(), HistoryError> {
        match self {
            Self::Few(ids) if ids.len() + below.len() <= few + 1 => {
                ids.remove(&id);
                ids.extend(below);
            }
            Self::Few(ids) => {
                let mut marks = Marks::default();
                for id in ids.iter().filter(|other| **other != id).chain(&below) {
                    marks.insert(ledger.position(id)?);
                }
                *self = Self::Many(marks);
            }
            Self::Many(marks) => {
                let below = below.iter().map(|id| ledger.position(id)).collect::<Result<Vec<_>, _>>()?;
                position.into_iter().for_each(|position| marks.remove(position));
                below.into_iter().for_each(|position| marks.insert(position));
            }
        }
        Ok(())
    }

    /// How many ids and how many pieces are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        match self {
            Self::Few(ids) => (ids.len(), 0),
            Self::Many(marks) => (0, marks.0.len()),
        }
    }
}

impl Marks {
    fn insert(&mut self, position: u64) {
        *self.0.entry(position / PIECE).or_default() |= 1 << (position % PIECE);
    }

    fn remove(&mut self, position: u64) {
        let piece = position / PIECE;
        if let Some(bits) = self.0.get_mut(&piece) {
            *bits &= !(1 << (position % PIECE));
            if *bits == 0 {
                self.0.remove(&piece);
            }
        }
    }

    fn last(&self) -> Option<u64> {
        let (piece, bits) = self.0.last_key_value()?;
        Some(piece * PIECE + u64::from(bits.checked_ilog2()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finality::tests::universe::Dice;

    #[test]
    fn marks_are_a_set_of_positions() {
        let mut dice = Dice::new(7);
        let (mut marks, mut plain) = (Marks::default(), BTreeSet::new());
        for step in 0..20_000 {
            let position = [0, 1 << 40, u64::MAX - 999][dice.below(3)] + dice.below(1_000) as u64;
            if dice.percent(60) {
                marks.insert(position);
                plain.insert(position);
            } else {
                let position = plain.last().copied().filter(|_| dice.percent(80)).unwrap_or(position);
                marks.remove(position);
                plain.remove(&position);
            }
            assert_eq!(marks.last(), plain.last().copied(), "step {step}");
        }
        plain.iter().for_each(|position| marks.remove(*position));
        assert!(marks.0.is_empty(), "nothing is held of what was taken out");
    }
}
