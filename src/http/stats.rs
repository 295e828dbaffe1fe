//! What the HTTP server counts, for the metrics to read.
//!
//! Counters only grow; `open` is a gauge.

use super::streams::StreamStats;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Why the server ended a connection that its client did not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The head of a request did not arrive in time.
    Head,
    /// No further request came on a kept-alive connection. Nothing is wrong with that.
    Idle,
    /// The body did not arrive in time; the client was answered 408.
    Body,
    /// The handler did not answer in time; the client was answered 503.
    Answer,
    /// The client did not read its answer.
    Write,
    /// The request was not finished when the time to drain was up.
    Drain,
}

impl Cut {
    /// All causes, in the order of their counters.
    pub const ALL: [Self; 6] = [Self::Head, Self::Idle, Self::Body, Self::Answer, Self::Write, Self::Drain];

    /// The cause as a metric's label value.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Head => "cut-head",
            Self::Idle => "cut-idle",
            Self::Body => "cut-body",
            Self::Answer => "cut-answer",
            Self::Write => "cut-write",
            Self::Drain => "cut-drain",
        }
    }
}

/// Hears of every answer that was begun: the request's path, the status, and the time since its head came.
type Listener = dyn Fn(&str, u16, Duration) + Send + Sync;

/// Shown as whether anybody hears them.
#[derive(Default)]
struct Answers(Option<Box<Listener>>);

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.is_some(), f)
    }
}

/// The server's counters. Cheap to update from any thread.
#[derive(Debug, Default)]
pub struct ServerStats {
    accepted: AtomicU64,
    refused: AtomicU64,
    open: AtomicU64,
    accept_errors: AtomicU64,
    malformed: AtomicU64,
    panics: AtomicU64,
    cuts: [AtomicU64; Cut::ALL.len()],
    streams: Arc<StreamStats>,
    answers: Answers,
}

impl ServerStats {
    /// Counters of a server of which `listener` hears every answer, whoever gives it: a filter, or the server itself where
    /// that is overdue or has panicked.
    pub fn heard_by(listener: impl Fn(&str, u16, Duration) + Send + Sync + 'static) -> Self {
        Self { answers: Answers(Some(Box::new(listener))), ..Self::default() }
    }

    pub(super) fn tell_answer(&self, path: &str, status: u16, time: Duration) {
        if let Some(listener) = &self.answers.0 {
            listener(path, status, time);
        }
    }

    /// Connections that were served.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Connections that were closed at once because too many were open.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Failures of accept(), such as too few file descriptors.
    #[must_use]
    pub fn accept_errors(&self) -> u64 {
        self.accept_errors.load(Ordering::Relaxed)
    }

    /// Connections that ended because what came was not HTTP.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }

    /// Handlers that panicked; their clients were answered 500.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// How often a deadline ended a request or connection, by cause.
    #[must_use]
    pub fn cuts(&self, cut: Cut) -> u64 {
        self.cuts[cut as usize].load(Ordering::Relaxed)
    }

    /// What is counted of streams of events.
    #[must_use]
    pub fn streams(&self) -> &Arc<StreamStats> {
        &self.streams
    }

    pub(super) fn count_opened(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_accept_error(&self) {
        self.accept_errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_malformed(&self) {
        self.malformed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_cut(&self, cut: Cut) {
        self.cuts[cut as usize].fetch_add(1, Ordering::Relaxed);
    }
}
