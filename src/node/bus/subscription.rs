//! One listener: what waits for it, and how it hears of it.

use super::{Bus, Filter, Happening};
use crate::limits::EVENTS_WAITING;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What a listener hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// This has happened.
    Happened(Happening),
    /// It was too slow: so many things that it had not taken are lost, those among them that it did not want to hear.
    /// Nothing but the end follows.
    Lagged(u64),
    /// It is over, and something may have happened that was not told: storage had failed. Disk says what.
    Interrupted,
    /// It is over.
    Closed,
}

/// What waits for one listener.
#[derive(Debug)]
pub(super) struct Line {
    filter: Filter,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Shared with all others that wait for them.
    told: VecDeque<Arc<[Happening]>>,
    /// How many of the first are dealt with.
    taken: usize,
    /// How many are in all of them.
    length: usize,
    lost: Option<u64>,
    /// What is heard behind all of them, again and again.
    end: Option<Heard>,
    waker: Option<Waker>,
}

impl Line {
    pub(super) fn new(filter: Filter) -> Self {
        Self { filter, waiting: Mutex::default() }
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Adds what has happened; false when that was too much, and nothing will be added any more.
    pub(super) fn push(&self, happenings: &Arc<[Happening]>) -> bool {
        let mut waiting = self.lock();
        waiting.length += happenings.len();
        let fits = waiting.length - waiting.taken <= EVENTS_WAITING;
        if fits {
            waiting.told.push_back(Arc::clone(happenings));
        } else {
            let lost = (waiting.length - waiting.taken) as u64;
            *waiting = Waiting { lost: Some(lost), waker: waiting.waker.take(), ..Waiting::default() };
        }
        let waker = waiting.waker.take();
        drop(waiting);
        waker.into_iter().for_each(Waker::wake);
        fits
    }

    /// Nothing is added any more; this is heard behind what was.
    pub(super) fn end(&self, with: Heard) {
        let mut waiting = self.lock();
        waiting.end = Some(with);
        let waker = waiting.waker.take();
        drop(waiting);
        waker.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Heard> {
        let mut waiting = self.lock();
        if let Some(next) = waiting.next(&self.filter) {
            return Poll::Ready(next);
        }
        waiting.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every change is complete before the lock is left.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn next(&mut self, filter: &Filter) -> Option<Heard> {
        while let Some(first) = self.told.front() {
            let rest = &first[self.taken..];
            if let Some(at) = rest.iter().position(|happening| filter.passes(happening)) {
                let happening = rest[at];
                self.taken += at + 1;
                return Some(Heard::Happened(happening));
            }
            self.length -= first.len();
            self.taken = 0;
            self.told.pop_front();
        }
        if let Some(lost) = self.lost.take() {
            self.end = Some(Heard::Closed);
            return Some(Heard::Lagged(lost));
        }
        self.end
    }
}

/// The listener's end.
#[derive(Debug)]
pub struct Subscription {
    line: Arc<Line>,
    bus: Arc<Bus>,
}

impl Subscription {
    pub(super) fn new(line: Arc<Line>, bus: Arc<Bus>) -> Self {
        Self { line, bus }
    }

    /// The next thing, once there is one. After the end it is the end again.
    pub async fn next(&mut self) -> Heard {
        poll_fn(|context| self.line.poll(context)).await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.bus.leave(&self.line);
    }
}
