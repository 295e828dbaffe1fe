//! What happens on this node, for whoever listens: each thing once, in its order, and only once it is durable.
//!
//! Always true: whoever tells never waits for whoever listens. What waits is held once, however many wait for it, and
//! has a bound: a listener that lets more than that wait is told how much it has missed, and nothing else any more.

mod happening;
mod subscription;

pub use happening::{Filter, Happening, PeerChange, What};
pub use subscription::{Heard, Subscription};

use crate::limits::SUBSCRIBERS;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use subscription::Line;

/// As many listen as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{SUBSCRIBERS} listen to this node's events, which is as many as may; try again later, or at another node"
)]
pub struct Full;

/// Where what happens is told.
#[derive(Debug, Default)]
pub struct Bus {
    lines: Mutex<Lines>,
    /// How many listen, for a look without the lock.
    listening: AtomicUsize,
    lagged: AtomicU64,
}

#[derive(Debug, Default)]
struct Lines {
    open: Vec<Arc<Line>>,
    is_closed: bool,
}

impl Bus {
    /// Listens from now on. Dropping the subscription ends it.
    ///
    /// # Errors
    /// [`Full`] when [`SUBSCRIBERS`] listen.
    pub fn subscribe(self: &Arc<Self>, filter: Filter) -> Result<Subscription, Full> {
        let mut lines = self.lock();
        if lines.open.len() >= SUBSCRIBERS {
            return Err(Full);
        }
        let line = Arc::new(Line::new(filter));
        if lines.is_closed {
            line.end(Heard::Closed);
        } else {
            lines.open.push(Arc::clone(&line));
            self.listening.store(lines.open.len(), Ordering::Relaxed);
        }
        Ok(Subscription::new(line, Arc::clone(self)))
    }

    /// How many listen.
    pub fn subscribers(&self) -> usize {
        self.listening.load(Ordering::Relaxed)
    }

    /// How many listeners were too slow since the start.
    pub fn lagged(&self) -> u64 {
        self.lagged.load(Ordering::Relaxed)
    }

    /// Whether somebody wants to hear of such things. What nobody wants need not be put together.
    pub(super) fn wants(&self, what: &[What]) -> bool {
        self.subscribers() > 0
            && self.lock().open.iter().any(|line| what.iter().any(|what| line.filter().wants(*what)))
    }

    /// Tells all that listen of what has happened, in this order. It never waits for them.
    pub(super) fn tell(&self, happenings: Vec<Happening>) {
        if happenings.is_empty() || self.subscribers() == 0 {
            return;
        }
        let happenings: Arc<[Happening]> = happenings.into();
        let mut lines = self.lock();
        let before = lines.open.len();
        lines.open.retain(|line| line.push(&happenings));
        self.lagged.fetch_add((before - lines.open.len()) as u64, Ordering::Relaxed);
        self.listening.store(lines.open.len(), Ordering::Relaxed);
    }

    /// Ends all subscriptions, those to come as well, behind what was told: the node stops.
    pub fn close(&self) {
        let mut lines = self.lock();
        lines.is_closed = true;
        self.end_all(&mut lines, Heard::Closed);
    }

    /// Ends the subscriptions that there are, behind what was told, for the store may hold what was not: whoever listens
    /// reads it there and subscribes again.
    pub(super) fn interrupt(&self) {
        self.end_all(&mut self.lock(), Heard::Interrupted);
    }

    fn end_all(&self, lines: &mut Lines, with: Heard) {
        std::mem::take(&mut lines.open).into_iter().for_each(|line| line.end(with));
        self.listening.store(0, Ordering::Relaxed);
    }

    fn leave(&self, line: &Arc<Line>) {
        let mut lines = self.lock();
        lines.open.retain(|open| !Arc::ptr_eq(open, line));
        self.listening.store(lines.open.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        // Every change is one call of a list.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
