//! How many checked transactions may wait for the owner: checkers wait for room, however large their jobs are.
//!
//! Always true: what waits is at most the bound, or one job; room is taken in the order in which it was asked for, so that
//! small jobs do not keep a large one out; and nobody waits for room once the owner is gone.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The room, shared by the checkers.
#[derive(Debug)]
pub(super) struct Room {
    most: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    waiting: usize,
    /// How many have asked for room.
    asked: u64,
    /// How many have taken it: the number of whose turn it is.
    served: u64,
    is_closed: bool,
}

impl Room {
    /// Room for `most` transactions, or for one job that has more.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, state: Mutex::default(), freed: Condvar::new() })
    }

    /// Waits until it is one's turn and there is room for a job of so many transactions, and takes it.
    pub(super) fn take(&self, transactions: usize) {
        let mut state = self.lock();
        let turn = state.asked;
        let must_wait = |state: &mut State| {
            let is_full = state.taken > 0 && state.taken + transactions > self.most;
            !state.is_closed && (state.served != turn || is_full)
        };
        state.asked += 1;
        state.waiting += 1;
        let mut state = self.freed.wait_while(state, must_wait).unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.served += 1;
        state.taken += transactions;
        // There may be room for the next one too.
        if state.waiting > 0 {
            self.freed.notify_all();
        }
    }

    /// Whether nothing waits for the owner, nor for room before it.
    pub(super) fn is_free(&self) -> bool {
        let state = self.lock();
        state.taken == 0 && state.waiting == 0
    }

    /// Gives back the room of a job that waits no more.
    pub(super) fn give(&self, transactions: usize) {
        let mut state = self.lock();
        state.taken -= transactions;
        // Waking nobody costs a call of the system as well.
        if state.waiting > 0 {
            self.freed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment, so a panic elsewhere has spoilt nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the owner's thread holds: when that ends, however it does, nobody waits for room any more.
#[derive(Debug)]
pub(super) struct RoomGiver(pub(super) Arc<Room>);

impl Drop for RoomGiver {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::bounded;
    use std::thread;

    /// A thread that takes room for each of `jobs` and says so.
    fn taker(room: &Arc<Room>, jobs: &'static [usize]) -> crossbeam_channel::Receiver<usize> {
        let (said, heard) = bounded(jobs.len());
        let room = Arc::clone(room);
        thread::spawn(move || {
            for job in jobs {
                room.take(*job);
                said.send(*job).unwrap();
            }
        });
        heard
    }

    #[test]
    fn what_waits_is_bounded_in_transactions_and_a_large_job_waits_alone() {
        let room = Room::new(10);
        let heard = taker(&room, &[4, 6, 1, 200, 1]);
        assert_eq!((heard.recv(), heard.recv()), (Ok(4), Ok(6)));
        room.give(4);
        assert_eq!(heard.recv(), Ok(1), "there is room for it now");
        room.give(6);
        room.give(1);
        assert_eq!(heard.recv(), Ok(200), "larger than the bound, but alone");
        assert_eq!(room.lock().taken, 200);
        assert!(heard.try_recv().is_err());
        room.give(200);
        assert_eq!(heard.recv(), Ok(1));
    }

    #[test]
    fn a_small_job_does_not_pass_a_large_one_that_waits() {
        let room = Room::new(10);
        room.take(5);
        let large = taker(&room, &[10]);
        while room.lock().asked < 2 {
            thread::yield_now();
        }
        let small = taker(&room, &[5]);
        while room.lock().asked < 3 {
            thread::yield_now();
        }
        room.give(5);
        crossbeam_channel::select! {
            recv(large) -> job => assert_eq!(job, Ok(10)),
            recv(small) -> _ => panic!("it has passed the one that came before"),
        }
        assert!(small.try_recv().is_err(), "all room is taken");
        room.give(10);
        assert_eq!(small.recv(), Ok(5));
    }

    #[test]
    fn nobody_waits_once_the_owner_is_gone() {
        let room = Room::new(10);
        let giver = RoomGiver(Arc::clone(&room));
        room.take(10);
        let heard = taker(&room, &[10, 10]);
        drop(giver);
        assert_eq!((heard.recv(), heard.recv()), (Ok(10), Ok(10)));
    }
}
