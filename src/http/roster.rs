//! Who is connected: the cap on connections, and the way to tell all of them to end.
//!
//! At most `most` places are taken at once. A place is left when it is dropped, whatever ends its connection.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::stats::ServerStats;

/// What connections are asked to do; it only ever goes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// Serve.
    Serve = 0,
    /// Finish the request in flight, then end.
    Drain = 1,
    /// End now.
    Drop = 2,
}

/// The number of a connection. The server gives it when it accepts, never twice in the life of a process, and puts it
/// in the extensions of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    /// The node itself, which no connection is numbered as.
    pub const NODE: Self = Self(u64::MAX);

    /// The connection with a peer. Connections of the API are counted from zero and will not come so far.
    pub const fn of_peer(number: u32) -> Self {
        Self((1 << 63) | number as u64)
    }
}

pub(super) struct Roster {
    most: usize,
    order: AtomicU8,
    places: Mutex<Places>,
    stats: Arc<ServerStats>,
}

#[derive(Default)]
struct Places {
    next: u64,
    taken: BTreeMap<u64, Option<Waker>>,
    emptied: Option<Waker>,
}

impl Roster {
    pub(super) fn new(most: usize, stats: Arc<ServerStats>) -> Arc<Self> {
        Arc::new(Self { most, order: AtomicU8::new(0), places: Mutex::default(), stats })
    }

    /// Takes a place, or counts a refusal when all are taken.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut places = self.lock();
        if places.taken.len() >= self.most {
            self.stats.count_refused();
            return None;
        }
        let id = places.next;
        places.next += 1;
        places.taken.insert(id, None);
        self.stats.count_opened();
        Some(Place { roster: Arc::clone(self), id, watched_by: None })
    }

    /// Gives an order and wakes every connection to see it.
    pub(super) fn announce(&self, order: Order) {
        self.order.store(order as u8, Ordering::SeqCst);
        let wakers: Vec<Waker> = self.lock().taken.values_mut().filter_map(Option::take).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until no place is taken.
    pub(super) async fn emptied(&self) {
        poll_fn(|cx| {
            let mut places = self.lock();
            if places.taken.is_empty() {
                return Poll::Ready(());
            }
            places.emptied = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn order(&self) -> Order {
        match self.order.load(Ordering::SeqCst) {
            0 => Order::Serve,
            1 => Order::Drain,
            _ => Order::Drop,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place.
pub(super) struct Place {
    roster: Arc<Roster>,
    id: u64,
    watched_by: Option<Waker>,
}

impl Place {
    /// The connection's number.
    pub(super) fn connection(&self) -> ConnectionId {
        ConnectionId(self.id)
    }

    /// The order in force. The task is woken when it changes.
    pub(super) fn watch(&mut self, cx: &Context<'_>) -> Order {
        let before = self.roster.order();
        let known = self.watched_by.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if known && before == Order::Serve {
            return before;
        }
        self.watched_by = Some(cx.waker().clone());
        if let Some(waker) = self.roster.lock().taken.get_mut(&self.id) {
            *waker = self.watched_by.clone();
        }
        // Read again: an order given between the first look and the registration woke nobody.
        self.roster.order()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.roster.lock();
        places.taken.remove(&self.id);
        self.roster.stats.count_closed();
        if places.taken.is_empty()
            && let Some(waker) = places.emptied.take()
        {
            waker.wake();
        }
    }
}
