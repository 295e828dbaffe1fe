//! What the shell counts: bytes and frames by class and direction, and connections that came to nothing, by reason.

use super::class::{Class, PerClass};
use super::reason::Departure;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Frames and their bytes, lengths included, of one class in one direction.
#[derive(Debug, Default)]
pub struct Flow {
    frames: AtomicU64,
    bytes: AtomicU64,
}

impl Flow {
    /// Whole frames.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Bytes on the stream, parts of frames included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn count_frames(&self, frames: usize) {
        self.frames.fetch_add(frames as u64, Ordering::Relaxed);
    }

    pub(super) fn count_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Both directions of all classes.
#[derive(Debug, Default)]
pub struct Traffic {
    /// What was handed to QUIC.
    pub sent: PerClass<Flow>,
    /// What was read from it.
    pub received: PerClass<Flow>,
}

impl Traffic {
    /// Bytes of all classes that were received.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.received.iter().map(|(_, flow)| flow.bytes()).sum()
    }

    /// Bytes of all classes that were sent.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        self.sent.iter().map(|(_, flow)| flow.bytes()).sum()
    }
}

/// Who ended an attempt to connect.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum By {
    /// This node.
    Own,
    /// The other one.
    Peer,
    /// Nobody: it did not come about.
    Nobody,
}

impl By {
    /// The name as a metric's label value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "self",
            Self::Peer => "peer",
            Self::Nobody => "nobody",
        }
    }
}

/// The shell's counters.
#[derive(Debug, Default)]
pub struct ShellStats {
    /// All connections together.
    pub traffic: Traffic,
    failures: Mutex<BTreeMap<(&'static str, By), u64>>,
}

impl ShellStats {
    /// Attempts to connect, either way, that came to nothing: reason, who ended them, how many.
    #[must_use]
    pub fn failures(&self) -> Vec<(&'static str, By, u64)> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.iter().map(|((slug, by), count)| (*slug, *by, *count)).collect()
    }

    pub(super) fn count_failure(&self, departure: &Departure) {
        let by = match departure {
            Departure::Closed(_) => By::Own,
            Departure::ClosedByPeer { .. } | Departure::Crowded => By::Peer,
            _ => By::Nobody,
        };
        // Slugs and who are of fixed lists, so this does not grow.
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        *failures.entry((departure.slug(), by)).or_default() += 1;
    }

    pub(super) fn count_refused_at_the_gate(&self) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        *failures.entry((Departure::Crowded.slug(), By::Own)).or_default() += 1;
    }

    pub(super) fn sent(&self, class: Class) -> &Flow {
        &self.traffic.sent[class]
    }

    pub(super) fn received(&self, class: Class) -> &Flow {
        &self.traffic.received[class]
    }
}
