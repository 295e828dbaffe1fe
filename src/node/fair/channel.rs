//! The fair queue between threads: many hand in without ever waiting, many take and wait for work.
//!
//! Always true: when the last sender is gone, what waits is still taken; when the last receiver is gone, what waits is
//! dropped, so that whoever waits for an answer learns that there will be none.

use super::{Bounds, Fair, Origin};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Why a job was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum PushError {
    /// There is no room for a job of this origin.
    Full,
    /// Nobody takes jobs any more.
    Disconnected,
}

/// A queue of these bounds and its two ends.
pub(in crate::node) fn queue<T>(bounds: Bounds) -> (Sender<T>, Receiver<T>) {
    let state = State { waiting: Fair::new(bounds), senders: 1, receivers: 1, idle: 0 };
    let shared = Arc::new(Shared { state: Mutex::new(state), handed_in: Condvar::new() });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    handed_in: Condvar,
}

#[derive(Debug)]
struct State<T> {
    waiting: Fair<T>,
    senders: usize,
    receivers: usize,
    /// Receivers that wait. Waking nobody costs a call of the system each time.
    idle: usize,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that can panic runs under the lock but the queue itself, which holds no other's data half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that hands in.
#[derive(Debug)]
pub(in crate::node) struct Sender<T>(Arc<Shared<T>>);

impl<T> Sender<T> {
    /// Hands a job in, never waiting.
    ///
    /// # Errors
    /// [`PushError`]; the job is dropped.
    pub(in crate::node) fn push(&self, origin: Origin, weight: usize, job: T) -> Result<(), PushError> {
        // A job is dropped outside the lock, for it wakes whoever waits for its answer.
        self.offer(origin, weight, job).map_err(|(error, _)| error)
    }

    /// Hands a job in, never waiting.
    ///
    /// # Errors
    /// [`PushError`], and the job.
    pub(in crate::node) fn offer(&self, origin: Origin, weight: usize, job: T) -> Result<(), (PushError, T)> {
        let mut state = self.0.lock();
        if state.receivers == 0 {
            return Err((PushError::Disconnected, job));
        }
        let refused = state.waiting.push(origin, weight, job);
        let is_awaited = state.idle > 0;
        drop(state);
        refused.map_err(|job| (PushError::Full, job))?;
        if is_awaited {
            self.0.handed_in.notify_one();
        }
        Ok(())
    }

    /// Jobs that wait.
    pub(in crate::node) fn len(&self) -> usize {
        self.0.lock().waiting.len()
    }

    /// Whether none does.
    pub(in crate::node) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.senders -= 1;
        if state.senders == 0 {
            self.0.handed_in.notify_all();
        }
    }
}

/// The end that takes.
#[derive(Debug)]
pub(in crate::node) struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
    /// Waits for the job whose turn it is; none when there is none and can be none.
    pub(in crate::node) fn pop(&self) -> Option<T> {
        let mut state = self.0.lock();
        loop {
            if let Some(job) = state.waiting.pop() {
                return Some(job);
            }
            if state.senders == 0 {
                return None;
            }
            state.idle += 1;
            state = self.0.handed_in.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }
}

impl<T> Receiver<T> {
    /// The job whose turn it is, if one waits.
    pub(in crate::node) fn try_pop(&self) -> Option<T> {
        self.0.lock().waiting.pop()
    }

    /// Jobs that wait.
    pub(in crate::node) fn len(&self) -> usize {
        self.0.lock().waiting.len()
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.lock().receivers += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.receivers -= 1;
        if state.receivers > 0 {
            return;
        }
        let left: Vec<T> = std::iter::from_fn(|| state.waiting.pop()).collect();
        drop(state);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::ConnectionId;
    use crossbeam_channel::bounded;
    use std::thread;
    use weft_tangle::DeviceId;

    fn origin(number: u8) -> Origin {
        Origin { issuer: DeviceId::from_bytes([number; 32]), connection: ConnectionId(number.into()) }
    }

    #[test]
    fn every_job_of_many_threads_is_taken_once() {
        let (sender, receiver) = queue(Bounds::default());
        let takers: Vec<_> = (0..4)
            .map(|_| {
                let receiver = receiver.clone();
                thread::spawn(move || std::iter::from_fn(|| receiver.pop()).collect::<Vec<u32>>())
            })
            .collect();
        drop(receiver);
        thread::scope(|scope| {
            for giver in 0..4_u8 {
                let sender = sender.clone();
                scope.spawn(move || {
                    for number in 0..5_000 {
                        while sender.push(origin(giver), 1, u32::from(giver) * 5_000 + number).is_err() {
                            thread::yield_now();
                        }
                    }
                });
            }
        });
        drop(sender);
        let mut taken: Vec<u32> = takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
        taken.sort_unstable();
        assert_eq!(taken, (0..20_000).collect::<Vec<_>>());
    }

    #[test]
    fn what_waits_is_taken_when_the_senders_are_gone() {
        let (sender, receiver) = queue(Bounds::default());
        sender.push(origin(1), 1, 'a').unwrap();
        drop(sender);
        assert_eq!((receiver.pop(), receiver.pop()), (Some('a'), None));
    }

    #[test]
    fn who_waits_for_work_is_let_go() {
        let (sender, receiver) = queue::<()>(Bounds::default());
        let taker = thread::spawn(move || receiver.pop());
        drop(sender);
        assert_eq!(taker.join().unwrap(), None);
    }

    #[test]
    fn without_receivers_jobs_are_dropped_and_no_more_let_in() {
        let (sender, receiver) = queue(Bounds::default());
        let (job, dropped) = bounded::<()>(0);
        sender.push(origin(1), 1, job.clone()).unwrap();
        drop(receiver);
        assert_eq!(sender.push(origin(1), 1, job), Err(PushError::Disconnected));
        assert!(dropped.recv().is_err(), "the waiting job is gone");
        assert_eq!(sender.len(), 0);
    }

    #[test]
    fn what_has_no_room_is_refused_at_once() {
        let (sender, _receiver) = queue(Bounds { jobs: 2, ..Bounds::default() });
        sender.push(origin(1), 1, ()).unwrap();
        sender.push(origin(1), 1, ()).unwrap_err();
        sender.push(origin(2), 1, ()).unwrap();
        assert_eq!(sender.push(origin(2), 1, ()), Err(PushError::Full));
        assert_eq!(sender.push(origin(2), usize::MAX / 2, ()), Err(PushError::Full));
        assert_eq!(sender.len(), 2);
    }
}
