//! How fast rounds follow each other (`spec/17-finality.md`).
//!
//! A round costs each member a signature and a message, whatever it finalises. So rounds are bought: one for each
//! `slowest_ms` that pass, two in a small committee, and one for so many transactions as the size of the committee asks, of
//! which [`ROUNDS_SAVED`] can be saved up, and one is made in each slot at most. A lone reading finds enough saved to
//! become final at full pace, in a small committee one each second too; a denser trickle is finalised at leisure, and a
//! stream at full pace again.
//!
//! What all members did at once, everything else would wait for. So each has one slot in each `fastest_ms`, by the clock and
//! its place in the committee. Clocks that differ move slots, and nothing depends on it.

use super::Member;
use crate::limits::{PACE_MS, QUICK_MEMBERS, ROUNDS_SAVED};
use crate::{CommitteeSize, Timestamp};

/// Why numbers are no pace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a pace of {fastest_ms} to {slowest_ms} ms a round, {delta_ms} ms a message: each must be 1 to {PACE_MS}, the first at most the second"
)]
pub struct PaceError {
    /// What was asked for.
    pub fastest_ms: u64,
    /// What was asked for.
    pub slowest_ms: u64,
    /// What was asked for.
    pub delta_ms: u64,
}

/// The pace of a network's rounds. Nodes that differ in it agree all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    fastest_ms: u64,
    slowest_ms: u64,
    delta_ms: u64,
}

impl Pace {
    /// Milliseconds between rounds at full load and with next to nothing to do, and how long a message takes between
    /// members at most, while all is well: a leader is waited for twice as long.
    pub fn new(fastest_ms: u64, slowest_ms: u64, delta_ms: u64) -> Result<Self, PaceError> {
        let fits = |ms: u64| (1..=PACE_MS).contains(&ms);
        if fits(fastest_ms) && fits(slowest_ms) && fits(delta_ms) && fastest_ms <= slowest_ms {
            Ok(Self { fastest_ms, slowest_ms, delta_ms })
        } else {
            Err(PaceError { fastest_ms, slowest_ms, delta_ms })
        }
    }

    /// Milliseconds from slot to slot of a member, in each of which it makes one round at most unless others are ahead.
    pub const fn fastest_ms(&self) -> u64 {
        self.fastest_ms
    }

    /// Milliseconds that earn a round when nothing else does; in a small committee they earn two.
    pub const fn slowest_ms(&self) -> u64 {
        self.slowest_ms
    }

    /// Milliseconds between two rounds of a committee of this size with next to nothing to do.
    pub fn leisure_ms(&self, size: CommitteeSize) -> u64 {
        self.slowest_ms.div_ceil(rounds_a_slowest(size)).max(self.fastest_ms)
    }

    /// Milliseconds that a message between members takes at most, while all is well.
    pub const fn delta_ms(&self) -> u64 {
        self.delta_ms
    }

    /// How long a leader is waited for.
    pub const fn patience_ms(&self) -> u64 {
        2 * self.delta_ms
    }
}

impl Default for Pace {
    /// Twenty rounds a second at most; two at least, four in a small committee.
    fn default() -> Self {
        Self { fastest_ms: 50, slowest_ms: 500, delta_ms: 150 }
    }
}

/// How many transactions buy a round: as many as it has witnesses. So these never outnumber what they finalise but by what
/// time has earned.
fn transactions_per_round(size: CommitteeSize) -> u64 {
    size.members() as u64
}

/// How many rounds `slowest_ms` earns. Each member takes a witness of each other one: what a round costs a node grows with their
/// number.
fn rounds_a_slowest(size: CommitteeSize) -> u64 {
    if size.members() <= QUICK_MEMBERS { 2 } else { 1 }
}

/// Rounds that may be made, in shares of a round: `slowest_ms` times `per_round` of them are one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purse {
    pace: Pace,
    /// Transactions that buy a round.
    per_round: u64,
    /// Shares of a round that a millisecond earns.
    a_ms: u64,
    /// Where in each `fastest_ms` the own slot begins.
    slot_ms: u64,
    shares: u64,
    counted: Timestamp,
    /// Since when the purse holds a round, while it does.
    full: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Purse {
    pub(super) fn new(pace: Pace, size: CommitteeSize, me: Member) -> Self {
        let per_round = transactions_per_round(size);
        let slot_ms = pace.fastest_ms * me.place() as u64 / size.members() as u64;
        let mut purse = Self {
            pace,
            per_round,
            a_ms: rounds_a_slowest(size) * per_round,
            slot_ms,
            shares: 0,
            counted: Timestamp::default(),
            full: None,
            last: None,
        };
        purse.earn(ROUNDS_SAVED * purse.price());
        purse
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    fn price(&self) -> u64 {
        self.pace.slowest_ms * self.per_round
    }

    fn earn(&mut self, shares: u64) {
        self.shares = self.shares.saturating_add(shares).min(ROUNDS_SAVED * self.price());
        if self.shares >= self.price() {
            self.full.get_or_insert(self.counted);
        }
    }

    fn count(&mut self, now: Timestamp) {
        let whole = self.counted.plus(self.missing_ms());
        if whole <= now {
            self.full.get_or_insert(whole);
        }
        self.earn(now.since(self.counted).min(PACE_MS).saturating_mul(self.a_ms));
        self.counted = now.max(self.counted);
    }

    /// How long it takes to earn a round if nothing comes.
    fn missing_ms(&self) -> u64 {
        self.price().saturating_sub(self.shares).div_ceil(self.a_ms)
    }

    /// A transaction that is no witness has come.
    pub(super) fn transaction(&mut self) {
        self.earn(self.pace.slowest_ms);
    }

    /// When the next round may be made at the earliest: in the first own slot behind the last one's, in which the purse
    /// holds a round.
    pub(super) fn next(&mut self, now: Timestamp) -> Timestamp {
        self.count(now);
        let full = self.full.unwrap_or_else(|| now.plus(self.missing_ms()));
        // The last may have been early, because others were, or late, because a leader was: by less than half of the way.
        let apart = self.last.map_or(full, |last| last.plus(self.pace.fastest_ms.div_ceil(2)));
        self.slot(full.max(apart))
    }

    /// The first own slot that does not begin before this.
    fn slot(&self, from: Timestamp) -> Timestamp {
        let fastest_ms = self.pace.fastest_ms;
        let into = (from.as_millis() % fastest_ms + fastest_ms - self.slot_ms) % fastest_ms;
        from.plus((fastest_ms - into) % fastest_ms)
    }

    /// A round was made; one that others have made before may be made on credit.
    pub(super) fn spend(&mut self, now: Timestamp) {
        self.count(now);
        self.shares = self.shares.saturating_sub(self.price());
        self.full = self.full.filter(|_| self.shares >= self.price());
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(members: usize) -> CommitteeSize {
        CommitteeSize::new(members).unwrap()
    }

    fn purse(members: usize, place: usize) -> Purse {
        Purse::new(Pace::default(), size(members), Member::new(place).unwrap())
    }

    /// Rounds made in ten seconds with a transaction each so many milliseconds, after the savings are spent.
    fn rounds(members: usize, every_ms: Option<u64>) -> u64 {
        let mut purse = purse(members, members / 2);
        let mut rounds = 0;
        for ms in 0..20_000 {
            let now = Timestamp::from_millis(1_000_000 + ms);
            if every_ms.is_some_and(|every| ms.is_multiple_of(every)) {
                purse.transaction();
            }
            if purse.next(now) <= now {
                purse.spend(now);
                rounds += u64::from(ms >= 10_000);
            }
        }
        rounds
    }

    #[test]
    fn rounds_follow_the_load_between_two_or_four_and_twenty_a_second() {
        for (members, every_ms, expected) in [
            (4, None, 40..=40),
            (4, Some(1_000), 42..=43),
            (4, Some(100), 65..=65),
            (4, Some(10), 200..=200),
            (4, Some(1), 200..=200),
            (1, Some(100), 140..=140),
            (10, None, 40..=40),
            (11, None, 20..=20),
            (10, Some(10), 140..=140),
            (16, Some(100), 26..=26),
            (50, None, 20..=20),
            (50, Some(100), 22..=22),
            (50, Some(10), 40..=40),
            (50, Some(1), 200..=200),
        ] {
            let rounds = rounds(members, every_ms);
            assert!(expected.contains(&rounds), "{members}, one each {every_ms:?} ms: {rounds}");
        }
    }

    #[test]
    fn a_small_committee_with_nothing_to_do_takes_half_of_the_time() {
        let leisure =
            |fastest, slowest, members| Pace::new(fastest, slowest, 150).unwrap().leisure_ms(size(members));
        assert_eq!([1, 4, 10, 11, 128].map(|members| leisure(50, 500, members)), [250, 250, 250, 500, 500]);
        assert_eq!((leisure(1, 1, 4), leisure(400, 500, 4)), (1, 400), "never faster than the fastest");
    }

    #[test]
    fn witnesses_outnumber_transactions_by_what_time_earns_alone() {
        for members in [1, 2, 3, 4, 7, 10, 16, 50] {
            for every_ms in [1, 5, 20, 100, 500] {
                let (transactions, earned) =
                    (10_000 / every_ms, if members <= QUICK_MEMBERS { 41 } else { 21 });
                let witnesses = rounds(members, Some(every_ms)) * members as u64;
                assert!(
                    witnesses <= transactions + earned * members as u64,
                    "{members}, one each {every_ms} ms"
                );
            }
        }
    }

    #[test]
    fn a_lone_transaction_finds_rounds_saved() {
        let mut purse = purse(20, 0);
        let mut now = Timestamp::from_millis(1_000_000);
        purse.transaction();
        for number in 0..ROUNDS_SAVED {
            assert!(purse.next(now) <= now, "{number}");
            purse.spend(now);
            now = now.plus(50);
        }
        // 400 ms have earned most of another one.
        assert_eq!(purse.next(now), now.plus(100));
    }

    #[test]
    fn members_have_their_slots_one_after_the_other() {
        let from = Timestamp::from_millis(1_000_000);
        let slots = |members| {
            (0..members).map(move |place| purse(members, place).slot(from).since(from)).collect::<Vec<_>>()
        };
        assert_eq!(slots(1), [0]);
        assert_eq!(slots(4), [0, 12, 25, 37]);
        assert_eq!(slots(10), [0, 5, 10, 15, 20, 25, 30, 35, 40, 45]);
        let third = purse(4, 2);
        let next = |after: u64| third.slot(from.plus(after)).since(from);
        assert_eq!([0, 25, 26, 74, 75, 76].map(next), [25, 25, 75, 75, 75, 125]);
    }

    #[test]
    fn a_round_that_was_early_or_late_does_not_move_the_next() {
        let from = Timestamp::from_millis(1_000_000);
        for (made, expected) in [(0, 50), (13, 50), (25, 50), (26, 100), (40, 100), (50, 100), (70, 100)] {
            let mut purse = purse(4, 0);
            purse.spend(from.plus(made));
            assert_eq!(purse.next(from.plus(made)).since(from), expected, "{made}");
            assert_eq!(
                purse.next(from.plus(300)).since(from),
                expected,
                "{made}: missed slots are not waited for anew"
            );
        }
    }

    #[test]
    fn a_purse_that_was_empty_is_waited_for_to_the_slot_behind() {
        let mut now = Timestamp::from_millis(1_000_010);
        let mut purse = purse(20, 0);
        (0..ROUNDS_SAVED).for_each(|_| purse.spend(now));
        assert_eq!(purse.next(now).as_millis(), 1_000_550);
        now = now.plus(123);
        purse.count(now);
        (0..20).for_each(|_| purse.transaction());
        assert_eq!(purse.next(now).as_millis(), 1_000_150, "it holds a round since then");
        assert_eq!(purse.next(now.plus(200)).as_millis(), 1_000_150);
    }

    #[test]
    fn the_bounds_of_a_pace() {
        for (fastest, slowest, delta, fits) in [
            (1, 1, 1, true),
            (50, 500, 150, true),
            (PACE_MS, PACE_MS, PACE_MS, true),
            (0, 500, 150, false),
            (501, 500, 150, false),
            (50, PACE_MS + 1, 150, false),
            (50, 500, 0, false),
            (50, 500, PACE_MS + 1, false),
        ] {
            assert_eq!(Pace::new(fastest, slowest, delta).is_ok(), fits, "{fastest} {slowest} {delta}");
        }
        assert_eq!(Pace::new(50, 500, 150), Ok(Pace::default()));
    }
}
