//! What a peer does wrong, what that costs it, and when it is dropped (`spec/14-gossip.md`).
//!
//! Points add up and are forgiven with time, one a second. What an honest peer may do when its clock, machine or
//! network is bad costs less than is forgiven meanwhile; what no honest peer does costs all at once.

use crate::limits::{BAN_MS, BANS, FAULT_POINTS};
use crate::planted::{self, Planted};
use crate::{DeviceId, Refusal, Timestamp};
use indexmap::IndexMap;

/// A peer's fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// A frame that is no message of the agreed version.
    Message,
    /// A log that contradicts itself: other positions than come next, an id twice, places that are not.
    Log,
    /// More than was granted or is allowed: entries, requests, a second tail.
    Budget,
    /// A transaction that is malformed or whose body is not the one of its header.
    Transaction,
    /// A transaction with too little work.
    Work,
    /// A transaction with a wrong signature.
    Signature,
    /// A transaction that its log names and that it does not send when asked.
    Undelivered,
    /// What nobody needs: a transaction that is known, was not asked for, and whose tree it was asked not to push; a
    /// message that changes nothing.
    Unasked,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Message,
        Self::Log,
        Self::Budget,
        Self::Transaction,
        Self::Work,
        Self::Signature,
        Self::Undelivered,
        Self::Unasked,
    ];

    /// Points that it costs.
    pub const fn points(self) -> u32 {
        match self {
            Self::Message | Self::Log => FAULT_POINTS,
            // A peer checks what it passes on, so once is too often; thrice is not a fault of memory.
            Self::Transaction | Self::Work | Self::Signature => FAULT_POINTS / 3 + 1,
            Self::Budget => FAULT_POINTS / 4,
            Self::Undelivered => FAULT_POINTS / 10,
            Self::Unasked => 1,
        }
    }

    /// A short stable name, for logs, metrics and the specification.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Log => "log",
            Self::Budget => "budget",
            Self::Transaction => "transaction",
            Self::Work => "work",
            Self::Signature => "signature",
            Self::Undelivered => "undelivered",
            Self::Unasked => "unasked",
        }
    }

    /// The fault of whoever sent a transaction that was refused; none where an honest peer may have.
    pub(super) fn of(refusal: &Refusal) -> Option<Self> {
        match refusal {
            Refusal::Malformed(_) | Refusal::BodyDigest | Refusal::Parents(_) | Refusal::Admission(_) => {
                Some(Self::Transaction)
            }
            Refusal::Work { .. } => Some(Self::Work),
            Refusal::Signature | Refusal::RegistrarSignature => Some(Self::Signature),
            // Another version processes other kinds, another replica has seen other variants, knows other enrolments
            // and has another clock.
            Refusal::KindNotYet(_)
            | Refusal::KindNotAtDoor(_)
            | Refusal::Ahead { .. }
            | Refusal::Behind { .. }
            | Refusal::NotEnrolled(_)
            | Refusal::NotEnrolledThen { .. }
            | Refusal::Role { .. }
            | Refusal::Equivocation { .. }
            | Refusal::Twins { .. }
            | Refusal::Overloaded
            | Refusal::PendingFull => None,
        }
    }
}

/// The points of one peer.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Score {
    points: u32,
    at: Timestamp,
}

impl Score {
    /// Points at this time.
    pub(super) fn points(&self, now: Timestamp) -> u32 {
        let forgiven = now.since(self.at) / 1_000;
        self.points.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }

    /// Adds a fault; says whether the peer is to be dropped.
    #[must_use]
    pub(super) fn add(&mut self, fault: Fault, now: Timestamp) -> bool {
        self.points = self.points(now).saturating_add(fault.points());
        self.at = self.at.max(now);
        self.points >= FAULT_POINTS || planted::is(Planted::NoPatience)
    }
}

/// Who is not let in, and until when. The oldest ban gives way when there are too many.
#[derive(Default, Debug)]
pub(super) struct Bans {
    until: IndexMap<DeviceId, (Timestamp, Fault)>,
}

impl Bans {
    pub(super) fn add(&mut self, device: DeviceId, fault: Fault, now: Timestamp) {
        self.until.shift_remove(&device);
        if self.until.len() >= BANS {
            self.until.shift_remove_index(0);
        }
        self.until.insert(device, (now.plus(BAN_MS), fault));
    }

    /// Until when a device is banned and for which fault.
    pub(super) fn find(&mut self, device: &DeviceId, now: Timestamp) -> Option<(Timestamp, Fault)> {
        let ban = self.until.get(device).copied()?;
        if ban.0 > now {
            return Some(ban);
        }
        self.until.shift_remove(device);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + 1_000 * seconds)
    }

    #[test]
    fn points_add_up_and_are_forgiven() {
        let mut score = Score::default();
        assert!(!score.add(Fault::Undelivered, at(0)));
        assert_eq!([score.points(at(0)), score.points(at(4)), score.points(at(60))], [10, 6, 0]);
        // One in ten seconds is forgiven for ever.
        assert!((1..1_000).all(|n| !score.add(Fault::Undelivered, at(10 * n))));
        // One a second is not.
        let dropped = (0..60).find(|n| score.add(Fault::Undelivered, at(20_000 + n)));
        assert_eq!(dropped, Some(10));
    }

    #[test]
    fn each_fault_drops_a_peer_after_its_number() {
        let times = |fault| {
            let mut score = Score::default();
            (1..=200).find(|_| score.add(fault, at(0))).unwrap()
        };
        assert_eq!(Fault::ALL.map(times), [1, 1, 4, 3, 3, 3, 10, 100]);
    }

    #[test]
    fn a_clock_that_goes_back_forgives_nothing_twice() {
        let mut score = Score::default();
        let _ = score.add(Fault::Budget, at(100));
        let _ = score.add(Fault::Budget, at(50));
        assert_eq!(score.points(at(100)), 50);
    }

    #[test]
    fn bans_end_and_are_bounded() {
        let mut bans = Bans::default();
        let device = |n: usize| {
            DeviceId::from_bytes(std::array::from_fn(|at| if at < 2 { (n >> (8 * at)) as u8 } else { 0 }))
        };
        for n in 0..=BANS {
            bans.add(device(n), Fault::Log, at(0));
        }
        assert_eq!(bans.until.len(), BANS);
        assert_eq!(bans.find(&device(0), at(1)), None, "the oldest gave way");
        assert_eq!(bans.find(&device(1), at(1)), Some((at(0).plus(BAN_MS), Fault::Log)));
        assert_eq!(bans.find(&device(1), at(0).plus(BAN_MS)), None);
    }
}
