//! Queues between threads, several of which one thread takes from.
//!
//! A thread that takes from five queues waits for one [`Bell`], which whoever puts something into any of them rings. A
//! `select` over channels writes itself into each of them and out again every time, and spins and yields before it
//! sleeps: on two cores that are shared with other nodes that was a quarter of what the ledger's owner cost them.
//!
//! Always true: whoever waits after something was put into a queue of its bell, or after its last sender has gone, and
//! before it has looked there, does not wait.

use crossbeam_channel::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};
use std::mem::take;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What wakes the one thread that waits for it.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<Clapper>);

#[derive(Debug, Default)]
struct Clapper {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    has_rung: bool,
    /// Somebody waits. Waking nobody would cost a call of the system.
    is_awaited: bool,
}

impl Bell {
    /// Wakes whoever waits, or keeps whoever is about to wait from it.
    pub fn ring(&self) {
        let mut state = self.lock();
        if state.has_rung {
            return;
        }
        state.has_rung = true;
        let is_awaited = state.is_awaited;
        drop(state);
        if is_awaited {
            self.0.rung.notify_one();
        }
    }

    /// Waits until it is rung, or was since it was waited for last, at most for `time`; whether it was.
    pub fn wait(&self, time: Duration) -> bool {
        let mut state = self.lock();
        state.is_awaited = true;
        let waited = self.0.rung.wait_timeout_while(state, time, |state| !state.has_rung);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_awaited = false;
        take(&mut state.has_rung)
    }

    fn wait_for_ever(&self) {
        let mut state = self.lock();
        state.is_awaited = true;
        let waited = self.0.rung.wait_while(state, |state| !state.has_rung);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        (state.has_rung, state.is_awaited) = (false, false);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every value of the two is a whole state.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue of at most `most` with a bell of its own.
pub fn bounded<T>(most: usize) -> (Sender<T>, Receiver<T>) {
    bounded_with(most, &Bell::default())
}

/// A queue of at most `most` that rings this bell. Only one thread may wait for what has the same bell.
pub fn bounded_with<T>(most: usize, bell: &Bell) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = crossbeam_channel::bounded(most);
    (Sender { queue: sender, rope: Rope(bell.clone()) }, Receiver { queue: receiver, bell: bell.clone() })
}

/// A queue into which nobody ever puts anything.
pub fn never<T>() -> Receiver<T> {
    Receiver { queue: crossbeam_channel::never(), bell: Bell::default() }
}

/// The end that puts in.
#[derive(Debug)]
pub struct Sender<T> {
    queue: crossbeam_channel::Sender<T>,
    /// Dropped behind the queue's end: whoever is woken then finds that this sender is gone.
    rope: Rope,
}

#[derive(Clone, Debug)]
struct Rope(Bell);

impl Drop for Rope {
    fn drop(&mut self) {
        self.0.ring();
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), rope: self.rope.clone() }
    }
}

impl<T> Sender<T> {
    /// Puts something in, and waits for room where there is none.
    ///
    /// # Errors
    /// Nobody takes anything any more.
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.queue.send(item)?;
        self.rope.0.ring();
        Ok(())
    }

    /// Puts something in where there is room.
    ///
    /// # Errors
    /// There is none, or nobody takes anything any more.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.queue.try_send(item)?;
        self.rope.0.ring();
        Ok(())
    }

    /// How much waits to be taken.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing does.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// The end that takes.
#[derive(Debug)]
pub struct Receiver<T> {
    queue: crossbeam_channel::Receiver<T>,
    bell: Bell,
}

impl<T> Receiver<T> {
    /// Takes what is there.
    ///
    /// # Errors
    /// There is nothing, or can be nothing any more.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.queue.try_recv()
    }

    /// Takes the next, and waits for it where there is none. For who waits for nothing else by the same bell.
    ///
    /// # Errors
    /// There can be nothing any more.
    pub fn recv(&self) -> Result<T, RecvError> {
        loop {
            match self.queue.try_recv() {
                Ok(item) => return Ok(item),
                Err(TryRecvError::Disconnected) => return Err(RecvError),
                Err(TryRecvError::Empty) => self.bell.wait_for_ever(),
            }
        }
    }

    /// How much waits to be taken.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing does.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes the next, and waits for it so long where there is none. For who waits for nothing else by the same bell.
    ///
    /// # Errors
    /// Nothing has come, or there can be nothing any more.
    pub fn recv_timeout(&self, time: Duration) -> Result<T, RecvTimeoutError> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.queue.try_recv() {
                Ok(item) => return Ok(item),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) if left.is_zero() => return Err(RecvTimeoutError::Timeout),
                Err(TryRecvError::Empty) => self.bell.wait(left),
            };
        }
    }

    /// What is there, and comes while it is taken.
    pub fn try_iter(&self) -> impl Iterator<Item = T> + '_ {
        self.queue.try_iter()
    }

    /// All that comes until there can be nothing any more. For who waits for nothing else by the same bell.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.recv().ok())
    }

    /// What is rung when there is something to take, or there can be nothing any more.
    pub fn bell(&self) -> &Bell {
        &self.bell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn what_is_rung_before_it_is_waited_for_is_not_missed_and_counts_once() {
        let bell = Bell::default();
        assert!(!bell.wait(Duration::ZERO));
        bell.ring();
        bell.ring();
        assert!(bell.wait(LONG));
        assert!(!bell.wait(Duration::ZERO));
    }

    /// Each of two senders waits until what it has put in is taken, so that the taker sleeps again and again.
    #[test]
    fn nothing_is_missed_by_who_takes_from_two_queues() {
        const EACH: u32 = 5_000;
        let bell = Bell::default();
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..2).map(|_| bounded_with::<crossbeam_channel::Sender<()>>(1, &bell)).unzip();
        let put_in = |sender: Sender<crossbeam_channel::Sender<()>>| {
            for _ in 0..EACH {
                let (taken, told) = crossbeam_channel::bounded(1);
                sender.send(taken).unwrap();
                told.recv().unwrap();
            }
        };
        let threads: Vec<_> =
            senders.into_iter().map(|sender| thread::spawn(move || put_in(sender))).collect();
        let (mut taken, mut open) = (0, 2);
        while open > 0 {
            assert!(bell.wait(LONG), "something was put in, or a sender has gone, and it was not told");
            open = 0;
            for receiver in &receivers {
                open += u32::from(loop {
                    match receiver.try_recv() {
                        Ok(told) => told.send(()).unwrap(),
                        Err(error) => break error == TryRecvError::Empty,
                    }
                    taken += 1;
                });
            }
        }
        assert_eq!(taken, 2 * EACH);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn who_takes_from_one_queue_gets_all_in_order_and_learns_of_its_end() {
        let (sender, receiver) = bounded(3);
        let thread = thread::spawn(move || (0..1_000).for_each(|number| sender.send(number).unwrap()));
        assert!(receiver.iter().eq(0..1_000));
        assert!(receiver.recv().is_err());
        thread.join().unwrap();
    }

    #[test]
    fn a_full_queue_is_told_and_one_of_which_nobody_takes() {
        let (sender, receiver) = bounded(1);
        sender.try_send(1).unwrap();
        assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
        assert_eq!((sender.len(), sender.is_empty()), (1, false));
        drop(receiver);
        assert_eq!(sender.try_send(3), Err(TrySendError::Disconnected(3)));
        assert_eq!(sender.send(3), Err(SendError(3)));
    }
}
