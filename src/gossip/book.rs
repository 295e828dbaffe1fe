//! Whom to dial, where, and when: addresses, failures, and waits that double and are drawn apart.
//!
//! Nothing here reads a clock or draws a number: both are arguments.

use super::limits::{ADDRESSES_PER_PEER, PEERS_KNOWN};
use super::reason::{Departure, Reason};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use weft_tangle::DeviceId;

/// What is known of one fog node.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) is_committee: bool,
    /// From the network file first, then from its enrolment.
    pub(super) addresses: Vec<String>,
    pub(super) dialling: bool,
    pub(super) connected: Option<Instant>,
    pub(super) failures: u32,
    pub(super) last: Option<Departure>,
    attempts: u32,
    not_before: Option<Instant>,
}

/// A call to make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Call {
    pub(super) device: DeviceId,
    pub(super) address: String,
    /// Counts up, so that a name with several addresses has each of them tried.
    pub(super) attempt: u32,
}

/// The waits between attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    pub(super) first: Duration,
    pub(super) most: Duration,
    pub(super) stable: Duration,
}

impl Waits {
    /// The wait after `failures` in a row: doubled each time, then between half and all of it by the `draw`, so that
    /// nodes that lost each other at once do not come back at once.
    fn after(&self, failures: u32, draw: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.most);
        let half = doubled / 2;
        half + half.mul_f64(f64::from(draw) / f64::from(u32::MAX))
    }
}

/// The fog nodes that are known, but for this one.
#[derive(Debug)]
pub(super) struct Book {
    own: DeviceId,
    waits: Waits,
    entries: BTreeMap<DeviceId, Entry>,
}

impl Book {
    pub(super) fn new(own: DeviceId, waits: Waits) -> Self {
        Self { own, waits, entries: BTreeMap::new() }
    }

    /// Takes down where a node listens; `is_committee` when the network file says it. Says whether it is new.
    pub(super) fn learn(&mut self, device: DeviceId, address: &str, is_committee: bool) -> bool {
        let is_full = self.entries.len() >= PEERS_KNOWN && !self.entries.contains_key(&device);
        if device == self.own || (is_full && !is_committee) {
            return false;
        }
        let entry = self.entries.entry(device).or_insert_with(|| Entry {
            is_committee,
            addresses: Vec::new(),
            dialling: false,
            connected: None,
            failures: 0,
            last: None,
            attempts: 0,
            not_before: None,
        });
        entry.is_committee |= is_committee;
        if entry.addresses.iter().any(|known| known == address) {
            return false;
        }
        if is_committee {
            entry.addresses.insert(0, address.to_owned());
        } else {
            // The newest enrolment's; what the network file says stays.
            entry.addresses.truncate(ADDRESSES_PER_PEER - 1);
            entry.addresses.push(address.to_owned());
        }
        entry.addresses.truncate(ADDRESSES_PER_PEER);
        entry.not_before = None;
        true
    }

    /// Calls that are due, at most `most`, the committee first and then whoever has waited longest; each counts as
    /// being made until it [`failed`](Book::failed) or [`connected`](Book::connected).
    pub(super) fn due(&mut self, now: Instant, most: usize) -> Vec<Call> {
        let mut due: Vec<_> = self
            .entries
            .iter_mut()
            .filter(|(_, entry)| entry.waits() && entry.not_before.is_none_or(|at| at <= now))
            .collect();
        due.sort_by_key(|(_, entry)| (!entry.is_committee, entry.not_before));
        let calls = due.into_iter().take(most).filter_map(|(device, entry)| {
            let attempt = entry.attempts;
            let address = entry.addresses.get(attempt as usize % entry.addresses.len().max(1))?.clone();
            entry.attempts = attempt.wrapping_add(1);
            entry.dialling = true;
            Some(Call { device: *device, address, attempt })
        });
        calls.collect()
    }

    /// When the next call is due; nothing when none is waited for.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        self.entries.values().filter(|entry| entry.waits()).map(|entry| entry.not_before.unwrap_or(now)).min()
    }

    /// An attempt came to nothing.
    pub(super) fn failed(&mut self, device: &DeviceId, why: Departure, now: Instant, draw: u32) {
        let waits = self.waits;
        let Some(entry) = self.entries.get_mut(device) else { return };
        entry.dialling = false;
        if entry.connected.is_some() {
            return;
        }
        entry.failures = entry.failures.saturating_add(1);
        let is_own = why.slug() == Reason::Own.slug();
        let wait = if is_own { waits.most } else { waits.after(entry.failures, draw) };
        entry.wait_until(now + wait);
        entry.last = Some(why);
    }

    /// A connection with a node stands, whoever dialled.
    pub(super) fn connected(&mut self, device: &DeviceId, now: Instant) {
        if let Some(entry) = self.entries.get_mut(device) {
            entry.connected = Some(now);
            entry.dialling = false;
        }
    }

    /// The connection with a node has ended.
    pub(super) fn left(&mut self, device: &DeviceId, why: Departure, now: Instant, draw: u32) {
        let waits = self.waits;
        let Some(entry) = self.entries.get_mut(device) else { return };
        let Some(since) = entry.connected.take() else { return };
        let was_stable = now.saturating_duration_since(since) >= waits.stable;
        entry.failures = if was_stable { 1 } else { entry.failures.saturating_add(1) };
        entry.wait_until(now + waits.after(entry.failures, draw));
        entry.last = Some(why);
    }

    /// Makes no calls to a node before `until`.
    pub(super) fn hold_off(&mut self, device: &DeviceId, until: Instant) {
        if let Some(entry) = self.entries.get_mut(device) {
            entry.wait_until(until);
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&DeviceId, &Entry)> {
        self.entries.iter()
    }
}

impl Entry {
    fn waits(&self) -> bool {
        !self.dialling && self.connected.is_none() && !self.addresses.is_empty()
    }

    fn wait_until(&mut self, at: Instant) {
        self.not_before = self.not_before.max(Some(at));
    }

    /// Seconds until the next attempt.
    pub(super) fn retry_in(&self, now: Instant) -> Option<Duration> {
        let at = self.not_before.filter(|_| self.waits())?;
        Some(at.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: Waits = Waits {
        first: Duration::from_millis(500),
        most: Duration::from_secs(60),
        stable: Duration::from_secs(10),
    };

    fn device(number: u16) -> DeviceId {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        DeviceId::from_bytes(bytes)
    }

    fn book() -> (Book, Instant) {
        (Book::new(device(0), WAITS), Instant::now())
    }

    fn called(book: &mut Book, now: Instant) -> Vec<DeviceId> {
        book.due(now, 99).into_iter().map(|call| call.device).collect()
    }

    #[test]
    fn waits_double_up_to_the_longest_and_are_drawn_apart() {
        let waits =
            |draw| (1..=10).map(|failures| WAITS.after(failures, draw).as_millis()).collect::<Vec<_>>();
        assert_eq!(
            waits(u32::MAX),
            [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]
        );
        assert_eq!(waits(0)[..3], [250, 500, 1_000]);
        assert_eq!(WAITS.after(u32::MAX, u32::MAX), WAITS.most);
    }

    #[test]
    fn nobody_is_called_twice_at_once_nor_before_the_time() {
        let (mut book, now) = book();
        assert!(book.learn(device(1), "a:1", true) && !book.learn(device(1), "a:1", true));
        assert_eq!(called(&mut book, now), [device(1)]);
        assert_eq!((called(&mut book, now), book.next(now)), (vec![], None));
        book.failed(&device(1), Departure::Silent, now, u32::MAX);
        assert_eq!(book.next(now), Some(now + WAITS.first));
        assert_eq!(called(&mut book, now + WAITS.first / 2), []);
        assert_eq!(called(&mut book, now + WAITS.first), [device(1)]);
        book.connected(&device(1), now);
        book.failed(&device(1), Departure::Closed(Reason::Duplicate), now, 0);
        assert_eq!(called(&mut book, now + WAITS.most), [], "a second connection that failed harms nothing");
        book.left(&device(1), Departure::Silent, now + WAITS.stable, u32::MAX);
        assert_eq!(book.next(now), Some(now + WAITS.stable + WAITS.first), "waits begin anew");
    }

    #[test]
    fn a_peer_that_sends_us_away_is_not_called_ever_faster() {
        let (mut book, mut now) = book();
        book.learn(device(1), "a:1", false);
        for _ in 0..9 {
            let at = book.next(now).unwrap();
            assert_eq!(called(&mut book, at), [device(1)]);
            book.connected(&device(1), at);
            book.left(&device(1), Departure::Closed(Reason::Fault), at, u32::MAX);
            now = at;
        }
        assert_eq!(book.next(now), Some(now + WAITS.most));
        book.hold_off(&device(1), now + 2 * WAITS.most);
        assert_eq!(book.next(now), Some(now + 2 * WAITS.most));
    }

    #[test]
    fn every_address_of_a_node_is_tried_and_the_newest_is_kept() {
        let (mut book, mut now) = book();
        book.learn(device(1), "file:1", true);
        book.learn(device(1), "old:1", false);
        assert!(book.learn(device(1), "new:1", false));
        let mut tried = Vec::new();
        for _ in 0..4 {
            now += WAITS.most;
            tried.extend(book.due(now, 9).into_iter().map(|call| call.address));
            book.failed(&device(1), Departure::Silent, now, 0);
        }
        assert_eq!(tried, ["file:1", "new:1", "file:1", "new:1"]);
    }

    #[test]
    fn the_book_is_bounded_and_this_node_is_not_in_it() {
        let (mut book, now) = book();
        assert!(!book.learn(device(0), "own:1", true), "an own key is dropped");
        for number in 1..2_000 {
            book.learn(device(number), "a:1", false);
        }
        assert_eq!(book.entries().count(), PEERS_KNOWN);
        assert!(book.learn(device(3_000), "a:1", true), "the committee always fits");
        assert_eq!(book.due(now, 1)[0].device, device(3_000), "and is called first");
    }
}
