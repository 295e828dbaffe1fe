//! How much of one peer's and class' frames the owner holds. When it is enough, the stream is not read on.
//!
//! QUIC's flow control does the rest: the peer fills its window and stops. So what a peer can make this node hold is
//! bounded whatever the owner does, and no peer's frames wait behind more than a share of another's.

use super::limits::BYTES_HELD;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Counts what is held of one stream.
#[derive(Debug)]
pub(super) struct Meter {
    most_frames: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    frames: usize,
    bytes: usize,
    closed: bool,
    reader: Option<Waker>,
}

impl Meter {
    /// Lets `most_frames` be held at once, and [`BYTES_HELD`] bytes.
    pub(super) fn new(most_frames: usize) -> Arc<Self> {
        Arc::new(Self { most_frames, held: Mutex::default() })
    }

    /// Waits until there is room and takes it; nothing once the meter is closed. One frame may go beyond the bytes,
    /// so that every frame fits at some time.
    pub(super) async fn hold(self: &Arc<Self>, bytes: usize) -> Option<Hold> {
        poll_fn(|cx| {
            let mut held = self.lock();
            if held.closed {
                return Poll::Ready(None);
            }
            if held.frames < self.most_frames && held.bytes < BYTES_HELD {
                held.frames += 1;
                held.bytes += bytes;
                return Poll::Ready(Some(Hold { meter: Arc::clone(self), bytes }));
            }
            held.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Ends the waiting: the connection is gone.
    pub(super) fn close(&self) {
        let mut held = self.lock();
        held.closed = true;
        wake(held);
    }

    /// Frames and bytes held.
    pub(super) fn held(&self) -> (usize, usize) {
        let held = self.lock();
        (held.frames, held.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut held: MutexGuard<'_, Held>) {
    let reader = held.reader.take();
    drop(held);
    if let Some(reader) = reader {
        reader.wake();
    }
}

/// A frame's share of its meter, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    meter: Arc<Meter>,
    bytes: usize,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.meter.lock();
        held.frames -= 1;
        held.bytes -= self.bytes;
        wake(held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{First, block_on, first, yield_now};

    async fn is_full(meter: &Arc<Meter>) -> bool {
        matches!(first(meter.hold(1), yield_now()).await, First::Right(()))
    }

    #[test]
    fn what_is_held_is_bounded_by_frames_and_by_bytes() {
        block_on(async {
            let meter = Meter::new(2);
            let [a, b] = [meter.hold(1).await, meter.hold(1).await];
            assert!(is_full(&meter).await && meter.held() == (2, 2));
            drop(a);
            assert!(!is_full(&meter).await);
            drop(b);
            let large = meter.hold(BYTES_HELD + 7).await;
            assert!(is_full(&meter).await, "the bytes are used up");
            drop(large);
            assert!(meter.held() == (0, 0) && !is_full(&meter).await);
        });
    }

    #[test]
    fn closing_ends_the_waiting() {
        block_on(async {
            let meter = Meter::new(1);
            let _kept = meter.hold(1).await;
            let waiting = meter.hold(1);
            let closing = async {
                yield_now().await;
                meter.close();
                std::future::pending::<()>().await;
            };
            assert!(matches!(first(waiting, closing).await, First::Left(None)));
        });
    }
}
