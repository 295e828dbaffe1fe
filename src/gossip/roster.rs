//! Who is connected: numbers, places, bans, and which of two connections with one peer remains.
//!
//! Always true: at most one connection with a device is in the roster, and at most as many as there are places; a
//! number is given once.

use super::event::PeerNumber;
use super::intro::{INSTANCE_BYTES, Side};
use super::limits::{BANS, slots};
use super::link::Link;
use super::reason::Reason;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use weft_tangle::DeviceId;

/// What tells two connections with one peer apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Path {
    /// This node's side.
    pub(super) side: Side,
    /// The peer's process.
    pub(super) instance: [u8; INSTANCE_BYTES],
}

/// Whether a new connection with `peer` takes the place of the one there is (`spec/15-transport.md`).
///
/// A peer that was started anew, or dials though it is connected, has lost the old one. Where both dialled, both
/// nodes keep the connection that the smaller id dialled.
pub(super) fn replaces(own: DeviceId, peer: DeviceId, old: Path, new: Path) -> bool {
    if old.instance != new.instance || old.side == new.side {
        return true;
    }
    match new.side {
        Side::Client => own < peer,
        Side::Server => peer < own,
    }
}

/// The peers of one shell.
#[derive(Debug)]
pub(super) struct Roster {
    own: DeviceId,
    places: usize,
    reserved: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u32,
    stopping: bool,
    slots: usize,
    links: BTreeMap<DeviceId, Arc<Link>>,
    numbers: BTreeMap<PeerNumber, DeviceId>,
    bans: BTreeMap<DeviceId, Instant>,
}

impl Roster {
    /// Places for `places` peers. Other members of the committee, of which there are `committee`, find as many of them kept
    /// free as there are members, where this node is one: newcomers cannot come between those who finalise, and who has no
    /// link with most of them makes no witness. Elsewhere they find up to half of them kept free.
    pub(super) fn new(own: DeviceId, places: usize, committee: usize, is_member: bool) -> Arc<Self> {
        let most = if is_member { places } else { places / 2 };
        Arc::new(Self { own, places, reserved: committee.min(most), state: Mutex::default() })
    }

    /// Whether this device would be let in now; what costs more than asking need not begin otherwise.
    pub(super) fn welcomes(&self, device: &DeviceId, is_committee: bool, now: Instant) -> Result<(), Reason> {
        self.lock().welcomes(self, device, is_committee, now)
    }

    /// Gives the new connection a number and a place, and says whose place it takes, for the caller to close.
    pub(super) fn enter(
        self: &Arc<Self>,
        device: DeviceId,
        is_committee: bool,
        path: Path,
        now: Instant,
        make: impl FnOnce(PeerNumber, Slot) -> Arc<Link>,
    ) -> Result<(Arc<Link>, Option<Arc<Link>>), Reason> {
        let mut state = self.lock();
        state.welcomes(self, &device, is_committee, now)?;
        if state.links.get(&device).is_some_and(|old| !replaces(self.own, device, old.path, path)) {
            return Err(Reason::Duplicate);
        }
        let number = PeerNumber(state.next);
        state.next = state.next.checked_add(1).ok_or(Reason::TooMany)?;
        state.slots += 1;
        let link = make(number, Slot(Arc::clone(self)));
        let old = state.links.insert(device, Arc::clone(&link));
        state.numbers.insert(number, device);
        if let Some(old) = &old {
            state.numbers.remove(&old.number);
        }
        Ok((link, old))
    }

    /// Takes a connection out, if it is still there.
    pub(super) fn leave(&self, link: &Link) {
        let mut state = self.lock();
        state.numbers.remove(&link.number);
        let device = link.member.device;
        let is_there = state.links.get(&device).is_some_and(|there| there.number == link.number);
        let removed = is_there.then(|| state.links.remove(&device));
        // What is dropped last gives its place back, which takes the lock.
        drop(state);
        drop(removed);
    }

    /// The connection of this number.
    pub(super) fn find(&self, number: PeerNumber) -> Option<Arc<Link>> {
        let state = self.lock();
        let device = state.numbers.get(&number)?;
        state.links.get(device).cloned()
    }

    /// Whether there is a connection with this device.
    pub(super) fn has(&self, device: &DeviceId) -> bool {
        self.lock().links.contains_key(device)
    }

    /// All connections.
    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        self.lock().links.values().cloned().collect()
    }

    /// Whether another peer would find a place.
    pub(super) fn has_room(&self) -> bool {
        let state = self.lock();
        state.links.len() < self.places && state.slots < slots(self.places)
    }

    /// Keeps a device out for a time.
    pub(super) fn ban(&self, device: DeviceId, time: Duration, now: Instant) {
        let bans = &mut self.lock().bans;
        bans.retain(|_, until| *until > now);
        if bans.len() >= BANS
            && let Some(first) = bans.iter().min_by_key(|(_, until)| **until).map(|(device, _)| *device)
        {
            bans.remove(&first);
        }
        bans.insert(device, now + time);
    }

    /// Whether nobody is let in any more.
    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Lets nobody in any more.
    pub(super) fn stop(&self) {
        self.lock().stopping = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn welcomes(
        &self,
        roster: &Roster,
        device: &DeviceId,
        is_committee: bool,
        now: Instant,
    ) -> Result<(), Reason> {
        if self.stopping {
            return Err(Reason::Stopping);
        }
        if *device == roster.own {
            return Err(Reason::Own);
        }
        if self.bans.get(device).is_some_and(|until| *until > now) {
            return Err(Reason::Banned);
        }
        let others = || self.links.values().filter(|link| link.member.device != *device);
        let newcomers = others().filter(|link| !link.member.is_committee).count();
        let is_full = others().count() >= roster.places
            || self.slots >= slots(roster.places)
            || (!is_committee && newcomers >= roster.places - roster.reserved);
        if is_full { Err(Reason::TooMany) } else { Ok(()) }
    }
}

/// A connection's place, kept until the owner has heard of its end.
#[derive(Debug)]
pub(super) struct Slot(Arc<Roster>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.lock().slots -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::{PEERS_DEFAULT, PEERS_MOST};
    use super::*;
    use weft_tangle::CommitteeSize;
    use weft_tangle::limits::COMMITTEE;

    #[test]
    fn a_member_keeps_a_place_for_every_other_and_so_hears_a_quorum() {
        let own = DeviceId::from_bytes([1; 32]);
        for size in (1..=COMMITTEE).filter_map(CommitteeSize::new) {
            let others = size.members() - 1;
            let places = PEERS_DEFAULT.max(others);
            assert!(places <= PEERS_MOST);
            assert_eq!(Roster::new(own, places, others, true).reserved, others, "{size:?}");
            assert!(others >= size.quorum() - 1, "{size:?}");
            let elsewhere = Roster::new(own, places, size.members(), false).reserved;
            assert_eq!(elsewhere, size.members().min(places / 2), "{size:?}");
        }
    }

    #[test]
    fn both_ends_keep_the_same_one_of_two() {
        let (small, large) = (DeviceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
        let path = |side, instance| Path { side, instance: [instance; 8] };
        for first in [Side::Client, Side::Server] {
            // What the small one sees as `first` its peer sees from the other side.
            let second = first.other();
            let at_small = replaces(small, large, path(first, 1), path(second, 1));
            let at_large = replaces(large, small, path(first.other(), 2), path(second.other(), 2));
            assert_eq!(at_small, at_large);
            assert_eq!(at_small, second == Side::Client, "what the small one dialled remains");
        }
    }

    #[test]
    fn a_peer_that_was_started_anew_is_believed() {
        let (own, peer) = (DeviceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
        for (old, new) in [(Side::Client, Side::Server), (Side::Server, Side::Client)] {
            let path = |side, instance| Path { side, instance: [instance; 8] };
            assert!(replaces(own, peer, path(old, 1), path(new, 2)));
            assert!(replaces(own, peer, path(old, 1), path(old, 1)), "who dials again has lost the old one");
        }
    }
}
