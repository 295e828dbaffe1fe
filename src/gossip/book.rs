//! Whom to dial, where, and when: addresses, failures, and waits that double and are drawn apart.
//!
//! Nothing here reads a clock or draws a number: both are arguments.

use super::limits::{ADDRESSES_PER_PEER, PEERS_FEW, PEERS_KNOWN};
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
    /// It is kept out until then.
    held_until: Option<Instant>,
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
    /// The longest one for whom this node needs.
    pub(super) near: Duration,
    pub(super) most: Duration,
    pub(super) stable: Duration,
}

impl Waits {
    /// The wait after `failures` in a row: doubled each time, then between half and all of it by the `draw`, so that
    /// nodes that lost each other at once do not come back at once.
    fn after(&self, failures: u32, is_near: bool, draw: u32) -> Duration {
        let most = if is_near { self.near } else { self.most };
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(most);
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
            held_until: None,
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
            .filter(|(_, entry)| entry.waits() && entry.ready_at().is_none_or(|at| at <= now))
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
        self.entries.values().filter(|entry| entry.waits()).map(|entry| entry.ready_at().unwrap_or(now)).min()
    }

    /// An attempt came to nothing.
    pub(super) fn failed(&mut self, device: &DeviceId, why: Departure, now: Instant, draw: u32) {
        let (waits, are_few) = (self.waits, self.are_few());
        let Some(entry) = self.entries.get_mut(device) else { return };
        entry.dialling = false;
        if entry.connected.is_some() {
            return;
        }
        entry.failures = entry.failures.saturating_add(1);
        entry.wait(why, waits, are_few, now, draw);
    }

    /// A connection with a node stands, whoever dialled.
    pub(super) fn connected(&mut self, device: &DeviceId, now: Instant) {
        if let Some(entry) = self.entries.get_mut(device) {
            entry.connected = Some(now);
            entry.dialling = false;
        }
    }

    /// The connection with a node has ended. When few are left, those who could not be reached are needed: nobody waits
    /// for long any more.
    pub(super) fn left(&mut self, device: &DeviceId, why: Departure, now: Instant, draw: u32) {
        let waits = self.waits;
        let Some(entry) = self.entries.get_mut(device) else { return };
        let Some(since) = entry.connected.take() else { return };
        let was_stable = now.saturating_duration_since(since) >= waits.stable;
        entry.failures = if was_stable { 1 } else { entry.failures.saturating_add(1) };
        let are_few = self.are_few();
        let soon = now + waits.after(u32::MAX, true, draw);
        for (other, entry) in &mut self.entries {
            if other == device {
                entry.wait(why.clone(), waits, are_few, now, draw);
            } else if are_few && entry.last.as_ref().is_some_and(Departure::may_pass) {
                entry.not_before = entry.not_before.min(Some(soon));
            }
        }
    }

    /// Makes no calls to a node before `until`.
    pub(super) fn hold_off(&mut self, device: &DeviceId, until: Instant) {
        if let Some(entry) = self.entries.get_mut(device) {
            entry.held_until = entry.held_until.max(Some(until));
        }
    }

    /// Whether so few are connected that each one counts.
    fn are_few(&self) -> bool {
        self.entries.values().filter(|entry| entry.connected.is_some()).count() < PEERS_FEW
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&DeviceId, &Entry)> {
        self.entries.iter()
    }
}

impl Entry {
    fn waits(&self) -> bool {
        !self.dialling && self.connected.is_none() && !self.addresses.is_empty()
    }

    /// Waits after what has happened. Short waits are for who may be back at any moment, in the network file or where few
    /// are connected; who said no is asked again after the long ones.
    fn wait(&mut self, why: Departure, waits: Waits, are_few: bool, now: Instant, draw: u32) {
        let is_near = why.may_pass() && (self.is_committee || are_few);
        let is_own = why.slug() == Reason::Own.slug();
        let wait = if is_own { waits.most } else { waits.after(self.failures, is_near, draw) };
        self.not_before = Some(now + wait);
        self.last = Some(why);
    }

    /// When it may be called.
    fn ready_at(&self) -> Option<Instant> {
        self.not_before.max(self.held_until)
    }

    /// Seconds until the next attempt.
    pub(super) fn retry_in(&self, now: Instant) -> Option<Duration> {
        let at = self.ready_at().filter(|_| self.waits())?;
        Some(at.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests;
