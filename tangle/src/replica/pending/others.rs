//! What waiting transactions miss beside the one that each waits for.
//!
//! Always true: an id stands here with all those whose lists name it; a source's lists hold no more than
//! [`OTHERS_PER_SOURCE`] ids, and all lists together name no more than [`REFERENCES`].

use super::{Place, remove_from};
use crate::TxId;
use crate::limits::{OTHERS_PER_SOURCE, REFERENCES};
use crate::replica::Source;
use std::collections::{BTreeMap, BTreeSet};

/// References that are missing beside the ones that something waits for.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// Whose lists each stands in.
    places: BTreeMap<TxId, BTreeSet<Place>>,
    /// How many stand in the lists of what a source sent.
    held: BTreeMap<Source, usize>,
}

impl Others {
    /// Those whose lists name this one.
    pub(super) fn naming(&self, id: &TxId) -> impl Iterator<Item = &Place> {
        self.places.get(id).into_iter().flatten()
    }

    pub(super) fn contains(&self, id: &TxId) -> bool {
        self.places.contains_key(id)
    }

    /// Remembers the list of what waits at this place, as far as there is room; the rest is cut from it.
    pub(super) fn remember(&mut self, place: Place, others: &mut Vec<TxId>) {
        let held = self.held.get(&place.1).copied().unwrap_or(0);
        others.truncate(OTHERS_PER_SOURCE.saturating_sub(held));
        others.retain(|other| {
            let is_kept = self.places.len() < REFERENCES || self.places.contains_key(other);
            if is_kept {
                self.places.entry(*other).or_default().insert(place);
            }
            is_kept
        });
        if !others.is_empty() {
            *self.held.entry(place.1).or_default() += others.len();
        }
    }

    pub(super) fn forget(&mut self, place: Place, others: &[TxId]) {
        for other in others {
            remove_from(&mut self.places, other, &place);
        }
        if let Some(held) = self.held.get_mut(&place.1) {
            *held -= others.len();
            if *held == 0 {
                self.held.remove(&place.1);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.held.is_empty()
    }
}
