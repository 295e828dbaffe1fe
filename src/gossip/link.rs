//! One connection with a peer that has proved who it is: its queues, its counters, and how it is closed.

use super::bucket::Bucket;
use super::class::{Class, PerClass};
use super::credential::Member;
use super::event::PeerNumber;
use super::meter::Meter;
use super::outbox::Outbox;
use super::reason::{Departure, Reason};
use super::roster::{Path, Slot};
use super::stats::Traffic;
use quinn::Connection;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) number: PeerNumber,
    pub(super) member: Member,
    pub(super) path: Path,
    pub(super) address: SocketAddr,
    pub(super) since: Instant,
    pub(super) connection: Connection,
    pub(super) outbox: Outbox,
    pub(super) meters: PerClass<Arc<Meter>>,
    pub(super) traffic: Traffic,
    pub(super) progress: PerClass<Progress>,
    pub(super) writing: Progress,
    pub(super) drained: PerClass<Arc<AtomicBool>>,
    pacer: Option<Mutex<Pacer>>,
    slot: Mutex<Option<Slot>>,
    closed_for: Mutex<Option<Reason>>,
}

/// What a link is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) number: PeerNumber,
    pub(super) member: Member,
    pub(super) path: Path,
    pub(super) connection: Connection,
    pub(super) bandwidth: Option<u64>,
    pub(super) slot: Slot,
}

impl Link {
    pub(super) fn new(parts: Parts, now: Instant) -> Arc<Self> {
        let Parts { number, member, path, connection, bandwidth, slot } = parts;
        Arc::new(Self {
            number,
            member,
            path,
            address: connection.remote_address(),
            since: now,
            connection,
            outbox: Outbox::default(),
            meters: PerClass::new(|class| Meter::new(class.frames_held())),
            traffic: Traffic::default(),
            progress: PerClass::default(),
            writing: Progress::default(),
            drained: PerClass::default(),
            pacer: bandwidth.map(|rate| Mutex::new(Pacer::new(rate, now))),
            slot: Mutex::new(Some(slot)),
            closed_for: Mutex::new(None),
        })
    }

    /// Closes the connection; the first reason stands.
    pub(super) fn close(&self, reason: Reason) {
        let mut closed_for = self.closed_for.lock().unwrap_or_else(PoisonError::into_inner);
        closed_for.get_or_insert(reason).close(&self.connection);
    }

    /// Why the connection ended.
    pub(super) fn departure(&self, error: quinn::ConnectionError) -> Departure {
        let own = *self.closed_for.lock().unwrap_or_else(PoisonError::into_inner);
        match (own, error) {
            (Some(reason), quinn::ConnectionError::LocallyClosed) => Departure::Closed(reason),
            (_, error) => error.into(),
        }
    }

    /// The connection's place, to go out with the news of its end.
    pub(super) fn take_slot(&self) -> Option<Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How long to wait before `bytes` of a class may be sent; once it is nothing they count as sent.
    pub(super) fn pace(&self, class: Class, bytes: usize, now: Instant) -> Duration {
        let Some(pacer) = &self.pacer else { return Duration::ZERO };
        pacer.lock().unwrap_or_else(PoisonError::into_inner).pace(class, bytes as u64, now)
    }
}

/// Whether something that has begun goes on; written by one task, looked at by the one that watches.
#[derive(Debug, Default)]
pub(super) struct Progress {
    begun: AtomicBool,
    steps: AtomicU64,
}

impl Progress {
    /// Something has begun, or not, and is waited for.
    pub(super) fn waits(&self, begun: bool) {
        self.begun.store(begun, Ordering::Relaxed);
    }

    /// It went on.
    pub(super) fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// What to compare with later: the same twice means that nothing went on in between.
    pub(super) fn mark(&self) -> Option<u64> {
        self.begun.load(Ordering::Relaxed).then(|| self.steps.load(Ordering::Relaxed))
    }
}

/// The bandwidth cap of one peer. Control never waits; live waits for control and live; bulk for all three.
#[derive(Debug)]
struct Pacer {
    urgent: Bucket,
    all: Bucket,
}

impl Pacer {
    fn new(rate: u64, now: Instant) -> Self {
        // A tenth of a second's worth at once: less would send single packets, more would be felt on a thin link.
        let burst = (rate / 10).max(1);
        Self { urgent: Bucket::new(rate, burst, now), all: Bucket::new(rate, burst, now) }
    }

    fn pace(&mut self, class: Class, bytes: u64, now: Instant) -> Duration {
        let wait = match class {
            Class::Control => Duration::ZERO,
            Class::Live => self.urgent.debt(now),
            Class::Bulk => self.all.debt(now),
        };
        if wait.is_zero() {
            self.all.charge(bytes, now);
            if class != Class::Bulk {
                self.urgent.charge(bytes, now);
            }
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as much as the cap lets through in `seconds`, and says how much of each class it was.
    fn sent(wanted: &[Class], seconds: u64) -> PerClass<u64> {
        let begin = Instant::now();
        let (mut pacer, mut sent) = (Pacer::new(100_000, begin), PerClass::default());
        for millis in 0..seconds * 1_000 {
            for class in wanted {
                while sent[*class] < 10_000_000
                    && pacer.pace(*class, 1_000, begin + Duration::from_millis(millis)).is_zero()
                {
                    sent[*class] += 1_000;
                }
            }
        }
        sent
    }

    #[test]
    fn a_cap_holds_and_the_urgent_goes_first() {
        let alone = sent(&[Class::Bulk], 10);
        assert!((1_000_000..=1_020_000).contains(&alone[Class::Bulk]), "{alone:?}");
        let both = sent(&[Class::Live, Class::Bulk], 10);
        assert!((1_000_000..=1_020_000).contains(&both[Class::Live]), "{both:?}");
        assert!(both[Class::Bulk] <= 20_000, "live takes what there is: {both:?}");
        assert_eq!(sent(&[Class::Control], 1)[Class::Control], 10_000_000, "control never waits");
    }

    #[test]
    fn progress_is_seen_only_while_something_is_waited_for() {
        let progress = Progress::default();
        assert_eq!(progress.mark(), None);
        progress.waits(true);
        let mark = progress.mark();
        assert!(mark.is_some() && mark == progress.mark());
        progress.step();
        assert_ne!(progress.mark(), mark);
        progress.waits(false);
        assert_eq!(progress.mark(), None);
    }
}
