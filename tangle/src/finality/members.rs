//! Members of a committee and sets of them (`spec/17-finality.md`).
//!
//! What a quorum is made of is always a set of members, never a number of witnesses: a member that says a thing twice
//! stands in the set once.

use crate::limits::COMMITTEE;
use crate::{CommitteeSize, DeviceId, Network};
use std::fmt;

/// Which member of the committee: its place in the order of the members' DeviceIds, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member(u8);

impl Member {
    /// The member at this place, if a committee can have so many.
    pub const fn new(place: usize) -> Option<Self> {
        if place < COMMITTEE { Some(Self(place as u8)) } else { None }
    }

    /// Its place.
    pub const fn place(self) -> usize {
        self.0 as usize
    }

    const fn bit(self) -> u128 {
        1 << self.0
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {}", self.0)
    }
}

/// A set of members.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Members(u128);

impl Members {
    /// Nobody.
    pub const NONE: Self = Self(0);

    /// The whole committee.
    pub const fn all(size: CommitteeSize) -> Self {
        Self(u128::MAX >> (COMMITTEE - size.members()))
    }

    /// Adds a member; says whether it is new.
    pub const fn insert(&mut self, member: Member) -> bool {
        let is_new = !self.contains(member);
        self.0 |= member.bit();
        is_new
    }

    /// Whether the member is in the set.
    pub const fn contains(self, member: Member) -> bool {
        self.0 & member.bit() != 0
    }

    /// How many members are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether nobody is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the set is a quorum of its committee.
    pub const fn is_quorum(self, size: CommitteeSize) -> bool {
        self.len() >= size.quorum()
    }

    /// The members, ascending.
    pub fn iter(self) -> impl Iterator<Item = Member> {
        (0..COMMITTEE).filter_map(Member::new).filter(move |member| self.contains(*member))
    }
}

impl Extend<Member> for Members {
    fn extend<I: IntoIterator<Item = Member>>(&mut self, members: I) {
        for member in members {
            self.insert(member);
        }
    }
}

impl FromIterator<Member> for Members {
    fn from_iter<I: IntoIterator<Item = Member>>(members: I) -> Self {
        let mut set = Self::NONE;
        set.extend(members);
        set
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Member::place)).finish()
    }
}

/// Who the members of a network's committee are.
#[derive(Clone, Debug)]
pub struct Committee {
    devices: Vec<DeviceId>,
    size: CommitteeSize,
}

impl Committee {
    /// The committee of a network.
    pub fn of(network: &Network) -> Self {
        Self {
            devices: network.committee().map(|(device, _)| *device).collect(),
            size: network.committee_size(),
        }
    }

    /// How many members it has, and what follows from that.
    pub fn size(&self) -> CommitteeSize {
        self.size
    }

    /// Which member the device is, if it is one.
    pub fn member(&self, device: &DeviceId) -> Option<Member> {
        self.devices.binary_search(device).ok().and_then(Member::new)
    }

    /// The device of a member, if the committee has so many.
    pub fn device(&self, member: Member) -> Option<&DeviceId> {
        self.devices.get(member.place())
    }
}

const _: () = assert!(COMMITTEE == u128::BITS as usize, "a set of members is the bits of one number");

#[cfg(test)]
mod tests {
    use super::*;

    fn members(places: &[usize]) -> Members {
        places.iter().map(|place| Member::new(*place).unwrap()).collect()
    }

    #[test]
    fn a_member_that_says_it_twice_counts_once() {
        let three = CommitteeSize::new(4).unwrap();
        for (places, count, quorum) in [
            (&[][..], 0, false),
            (&[0, 0, 0, 0], 1, false),
            (&[0, 3, 3], 2, false),
            (&[0, 1, 3], 3, true),
            (&[0, 1, 2, 3], 4, true),
        ] {
            let set = members(places);
            assert_eq!((set.len(), set.is_quorum(three)), (count, quorum), "{places:?}");
        }
    }

    #[test]
    fn the_whole_committee_is_all_of_its_members() {
        for size in (1..=COMMITTEE).filter_map(CommitteeSize::new) {
            let all = Members::all(size);
            assert_eq!(all.len(), size.members());
            assert!(all.iter().map(Member::place).eq(0..size.members()));
            assert!(all.is_quorum(size));
        }
        assert_eq!(Member::new(COMMITTEE), None);
    }

    #[test]
    fn a_set_is_a_set() {
        let mut set = members(&[5, COMMITTEE - 1]);
        let [five, six] = [5, 6].map(|place| Member::new(place).unwrap());
        assert!(!set.insert(five) && set.insert(six) && !set.is_empty());
        assert!(set.iter().map(Member::place).eq([5, 6, COMMITTEE - 1]));
        assert!(Members::NONE.is_empty() && !Members::NONE.contains(five));
    }
}
