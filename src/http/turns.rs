//! Turns, of which there are few: who wants one when all are taken waits in line.
//!
//! Always true: while somebody waits, no turn is free; they are taken in the order in which they were asked for.

use crate::limits::HTTP_CONNECTIONS;
use futures_channel::oneshot;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The turns of one kind of work. Clones share them.
#[derive(Debug, Clone)]
pub(in crate::http) struct Turns(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    /// Whoever waits, those among them that have left.
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// A turn, which the next one in line has when it is dropped.
#[derive(Debug)]
pub(in crate::http) struct Turn(Option<Turns>);

impl Turns {
    /// So many at once, at least one.
    pub(in crate::http) fn new(at_once: usize) -> Self {
        Self(Arc::new(Mutex::new(State { free: at_once.max(1), waiting: VecDeque::new() })))
    }

    /// Waits for a turn.
    pub(in crate::http) async fn take(&self) -> Turn {
        let waited = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Turn(Some(self.clone()));
            }
            // Who comes and leaves again and again while a disk hangs must not lengthen the line.
            if state.waiting.len() >= HTTP_CONNECTIONS {
                state.waiting.retain(|waiting| !waiting.is_canceled());
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back(sender);
            receiver
        };
        waited.await.expect("these turns live as long as whoever waits here, and with them the line")
    }

    /// Gives a turn to the next in line who is still there, or back.
    fn pass_on(self) {
        loop {
            let next = {
                let mut state = self.lock();
                let Some(next) = state.waiting.pop_front() else {
                    state.free += 1;
                    return;
                };
                next
            };
            match next.send(Turn(Some(self.clone()))) {
                Ok(()) => return,
                // It is passed on here, not by being dropped.
                Err(mut turn) => turn.0 = None,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is complete before the lock is left.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Turns::pass_on);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::block_on;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn turns_are_taken_in_the_order_in_which_they_were_asked_for() {
        let turns = Turns::new(2);
        let [one, _two] = [(); 2].map(|()| block_on(turns.take()));
        let (mut third, mut fourth) = (pin!(turns.take()), pin!(turns.take()));
        assert!(poll(third.as_mut()).is_none() && poll(fourth.as_mut()).is_none());
        drop(one);
        assert!(poll(fourth.as_mut()).is_none(), "it came later");
        let third = poll(third.as_mut()).expect("its turn");
        drop(third);
        assert!(poll(fourth.as_mut()).is_some());
        assert_eq!(turns.lock().free, 1);
    }

    #[test]
    fn whoever_has_left_is_passed_over_and_costs_nothing() {
        let turns = Turns::new(1);
        let first = block_on(turns.take());
        let mut last = {
            let mut gone = Box::pin(turns.take());
            assert!(poll(gone.as_mut()).is_none());
            Box::pin(turns.take())
        };
        assert!(poll(last.as_mut()).is_none());
        for _ in 0..3 * HTTP_CONNECTIONS {
            assert!(poll(pin!(turns.take())).is_none());
        }
        assert!(turns.lock().waiting.len() <= HTTP_CONNECTIONS + 1);
        drop(first);
        // It was given its turn and never looked.
        drop(last);
        let state = turns.lock();
        assert_eq!((state.free, state.waiting.len()), (1, 0));
    }
}
