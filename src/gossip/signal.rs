//! Waking one task from anywhere: a flag that stays set until it is seen.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Something that happened, for one task to wait for.
#[derive(Debug, Default)]
pub(super) struct Signal(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_set: bool,
    waiter: Option<Waker>,
}

impl Signal {
    /// Lets the waiting task go on, or the next one that waits.
    pub(super) fn set(&self) {
        let mut state = self.lock();
        state.is_set = true;
        let waiter = state.waiter.take();
        drop(state);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// Waits until it is set, and takes it back.
    pub(super) async fn seen(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if std::mem::take(&mut state.is_set) {
                return Poll::Ready(());
            }
            state.waiter = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
