//! How long what was taken at the door takes to become final.
//!
//! Always true: so many are awaited at once at most; of others the time is not measured.

use crate::limits::DOOR_AWAITED;
use std::collections::HashMap;
use std::time::Instant;
use weft_tangle::TxId;
use weft_tangle::finality::Judged;

/// Transactions that were answered for at the door and that no durable commit has delivered, with the time of the answer.
#[derive(Debug, Default)]
pub(super) struct Awaited(HashMap<TxId, Instant>);

impl Awaited {
    /// The client was told that it is taken.
    pub(super) fn answered(&mut self, id: TxId, now: Instant) {
        if self.0.len() < DOOR_AWAITED {
            self.0.insert(id, now);
        }
    }

    /// These are final and durable, in the order of their ids. Calls `told` with the seconds of each that was awaited.
    pub(super) fn became_final(&mut self, judged: &[Judged], now: Instant, mut told: impl FnMut(f64)) {
        let mut tell = |since: Instant| told(now.saturating_duration_since(since).as_secs_f64());
        // Whichever is fewer is gone through: a commit that merges a day, or all that waits for a quorum to come back.
        if judged.len() <= self.0.len() {
            judged.iter().filter_map(|judged| self.0.remove(&judged.id)).for_each(tell);
            return;
        }
        self.0.retain(|id, since| {
            let is_final = judged.binary_search_by_key(id, |judged| judged.id).is_ok();
            if is_final {
                tell(*since);
            }
            !is_final
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::judged as judged_as_final;
    use std::time::Duration;
    use weft_tangle::Timestamp;

    fn id(number: usize) -> TxId {
        TxId::first_at(Timestamp::from_millis(number as u64))
    }

    fn judged(numbers: impl IntoIterator<Item = usize>) -> Vec<Judged> {
        numbers.into_iter().map(|number| judged_as_final(id(number))).collect()
    }

    fn told(awaited: &mut Awaited, judged: &[Judged], now: Instant) -> Vec<f64> {
        let mut seconds = Vec::new();
        awaited.became_final(judged, now, |time| seconds.push(time));
        seconds.sort_by(f64::total_cmp);
        seconds
    }

    #[test]
    fn each_is_told_once_whichever_are_more() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut awaited = Awaited::default();
        for number in 0..5 {
            awaited.answered(id(number), at(number as u64));
        }
        assert_eq!(told(&mut awaited, &judged([1, 9]), at(5)), [4.0]);
        assert_eq!(told(&mut awaited, &judged(1..9), at(5)), [1.0, 2.0, 3.0]);
        assert_eq!(told(&mut awaited, &judged(0..9), at(7)), [7.0]);
        assert!(told(&mut awaited, &judged(0..9), at(7)).is_empty());
    }

    #[test]
    fn while_nothing_becomes_final_no_more_are_remembered() {
        let now = Instant::now();
        let mut awaited = Awaited::default();
        (0..DOOR_AWAITED + 7).for_each(|number| awaited.answered(id(number), now));
        assert_eq!(told(&mut awaited, &judged(0..DOOR_AWAITED + 7), now).len(), DOOR_AWAITED);
    }
}
