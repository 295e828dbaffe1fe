//! Asking the socket for bytes only when it may have some.
//!
//! hyper looks for bytes each time that a connection is woken, also by the answer that it waits for; each such look is a
//! call of the kernel, and most find nothing. Always true: after a look that found nothing, the next one that reaches the
//! socket comes after the reactor has called for it, and the task that looked last is woken then.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Whether a look may find something.
pub(super) struct Readable {
    call: Arc<Call>,
    /// `call` as the reactor takes it.
    waker: Waker,
}

struct Call(Mutex<State>);

struct State {
    may_have: bool,
    task: Waker,
}

impl Call {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is complete before the lock is left.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        let task = {
            let mut state = self.lock();
            state.may_have = true;
            state.task.clone()
        };
        task.wake();
    }
}

impl Readable {
    pub(super) fn new() -> Self {
        let call = Arc::new(Call(Mutex::new(State { may_have: true, task: Waker::noop().clone() })));
        Self { waker: Waker::from(Arc::clone(&call)), call }
    }

    /// Calls `look` unless the last look found nothing and the reactor has not called since.
    pub(super) fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        look: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        {
            let mut state = self.call.lock();
            if !state.task.will_wake(cx.waker()) {
                state.task.clone_from(cx.waker());
            }
            // Cleared before the look: a call that comes during it counts for the next one.
            if !std::mem::replace(&mut state.may_have, false) {
                return Poll::Pending;
            }
        }
        let found = look(&mut Context::from_waker(&self.waker));
        if found.is_ready() {
            self.call.lock().may_have = true;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn nothing_is_looked_for_twice_until_the_reactor_calls() {
        let (readable, counts) = (Readable::new(), [(); 2].map(|()| Arc::new(Count::default())));
        let woken = || counts.each_ref().map(|count| count.0.load(Ordering::Relaxed));
        let tasks = counts.each_ref().map(|count| Waker::from(Arc::clone(count)));
        let mut looks = 0;
        let mut reactor = None;
        let mut nothing = |cx: &mut Context<'_>| -> Poll<()> {
            looks += 1;
            reactor = Some(cx.waker().clone());
            Poll::Pending
        };
        assert!(readable.poll(&mut Context::from_waker(&tasks[0]), &mut nothing).is_pending());
        assert!(readable.poll(&mut Context::from_waker(&tasks[1]), &mut nothing).is_pending());
        assert_eq!(looks, 1, "the second look did not reach the socket");
        let reactor = reactor.unwrap();
        reactor.wake_by_ref();
        assert_eq!(woken(), [0, 1], "the task that looked last is woken");
        for _ in 0..2 {
            let found = readable.poll(&mut Context::from_waker(&tasks[1]), |_| Poll::Ready(7));
            assert_eq!(found, Poll::Ready(7), "there may be more behind what was found");
        }
        // A call that comes while somebody looks is not lost.
        let late = |cx: &mut Context<'_>| -> Poll<u8> {
            cx.waker().wake_by_ref();
            Poll::Pending
        };
        assert!(readable.poll(&mut Context::from_waker(&tasks[0]), late).is_pending());
        assert_eq!(woken(), [1, 1]);
        assert_eq!(readable.poll(&mut Context::from_waker(&tasks[0]), |_| Poll::Ready(7)), Poll::Ready(7));
    }
}
