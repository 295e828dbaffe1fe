//! Telling apart what stands in a row whose lengths do not add up, so that one healed transaction does not cost its neighbours.
//!
//! Always true: nothing is taken for whole that is not what was written, whatever the lengths have become.

use super::{CHECK_BYTES, Entry, PREFIX_BYTES, SLOT_BYTES, entries};
use crate::store::layout::first_bytes;
use std::ops::Range;
use weft_tangle::limits::{BODY_OFFSET, TRANSACTION_MAX_BYTES};

/// What stands in a row of `count` transactions, as far as it can be told apart although lengths in it do not add up; the
/// other slots are empty. `is_whole` says whether bytes are what was written to a slot. And of each whether it has the length
/// of one whose body was erased.
///
/// A slot whose bytes are whole shows where the one before it ends and the next one begins: they are looked for from both
/// ends, and what lies between two that are whole is what stood there, whatever its own length has become.
pub(in crate::store) fn salvage<'a>(
    row: &'a [u8],
    count: usize,
    is_whole: &dyn Fn(usize, Entry<'a>) -> bool,
) -> (Vec<Entry<'a>>, Vec<bool>) {
    let missing = Entry { check: [0; CHECK_BYTES], wire: &[] };
    if let Some(held) = entries(row).filter(|held| held.len() == count) {
        let was_erased = held.iter().map(|entry| entry.wire.len() == BODY_OFFSET).collect();
        return (held, was_erased);
    }
    let rest = row.get(PREFIX_BYTES..).unwrap_or_default();
    let Some((slots, wires)) = rest.split_at_checked(count * SLOT_BYTES) else {
        return (vec![missing; count], vec![false; count]);
    };
    let slots: Vec<&[u8]> = slots.chunks_exact(SLOT_BYTES).collect();
    let length = |slot: usize| usize::from(u16::from_be_bytes(first_bytes(slots[slot])));
    let entry = |slot: usize, place: Range<usize>| {
        Some(Entry { check: first_bytes(&slots[slot][2..]), wire: wires.get(place)? })
    };
    let mut places: Vec<Option<Range<usize>>> = vec![None; count];
    let try_at = |slot: usize, place: &Range<usize>| {
        entry(slot, place.clone()).is_some_and(|entry| is_whole(slot, entry))
    };
    let mut begin = 0;
    for (slot, found) in places.iter_mut().enumerate() {
        let place = begin..begin + length(slot);
        begin = place.end;
        *found = Some(place).filter(|place| try_at(slot, place));
    }
    let mut end = wires.len();
    for (slot, found) in places.iter_mut().enumerate().rev() {
        if found.is_none() {
            let place = end.saturating_sub(length(slot))..end;
            end = place.start;
            *found = Some(place).filter(|place| try_at(slot, place));
        }
        end = found.as_ref().map_or(end, |place| place.start);
    }
    for slot in 0..count {
        let begin =
            slot.checked_sub(1).map_or(Some(0), |before| places[before].as_ref().map(|place| place.end));
        let behind =
            places.get(slot + 1).map_or(Some(wires.len()), |next| next.as_ref().map(|place| place.start));
        if let (None, Some(begin), Some(end)) = (&places[slot], begin, behind) {
            let fits = begin <= end && end - begin <= TRANSACTION_MAX_BYTES;
            places[slot] = fits.then_some(begin..end);
        }
    }
    let held = places.into_iter().enumerate().map(|(slot, place)| entry(slot, place?));
    let held: Vec<_> = held.map(|entry| entry.unwrap_or(missing)).collect();
    // Where a slot is not known to begin and end, its own length is all that speaks.
    let is_erased = |(slot, entry): (usize, &Entry<'_>)| match entry.wire.len() {
        0 => length(slot) == BODY_OFFSET,
        found => found == BODY_OFFSET,
    };
    let was_erased = held.iter().enumerate().map(is_erased).collect();
    (held, was_erased)
}
