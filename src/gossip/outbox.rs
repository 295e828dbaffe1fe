//! What waits to be sent to one peer: a bounded queue for each class, which says when it is congested and when it
//! has drained.
//!
//! Nothing is ever dropped silently: a frame that does not fit is given back to whoever sends it.

use super::class::{Class, PerClass};
use super::limits::{
    CONGESTED_BYTES, CONGESTED_FRAMES, DRAINED_BYTES, DRAINED_FRAMES, SEND_QUEUE_BYTES, SEND_QUEUE_FRAMES,
    WRITE_BATCH_BYTES, WRITE_BATCH_FRAMES,
};
use bytes::Bytes;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// What became of a frame that was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// It waits to be sent, and more may.
    Queued,
    /// It waits to be sent, and no more should be handed in before the queue has drained.
    Congested,
}

/// Why a frame was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SendError {
    /// The queue is full. The frame comes back.
    #[error("the peer's queue is full; wait until it has drained")]
    Full(Bytes),
    /// The peer is gone.
    #[error("the peer is not connected")]
    Gone,
    /// The frame is longer than its class allows, or empty. The sender is at fault.
    #[error("a frame of this class has 1 to {most} bytes, not {length}")]
    Length {
        /// Its length.
        length: usize,
        /// What is allowed.
        most: usize,
    },
}

/// Frames that a writer takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) frames: Vec<Bytes>,
    /// Whether the queue was congested and no longer is.
    pub(super) drained: bool,
}

/// The queues of one peer.
#[derive(Debug, Default)]
pub(super) struct Outbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    closed: bool,
    lanes: PerClass<Lane>,
}

#[derive(Debug, Default)]
struct Lane {
    frames: VecDeque<Bytes>,
    bytes: usize,
    congested: bool,
    writer: Option<Waker>,
}

impl Outbox {
    /// Takes a frame to be sent.
    ///
    /// # Errors
    /// [`SendError`]; the frame was not taken.
    pub(super) fn push(&self, class: Class, frame: Bytes) -> Result<Sent, SendError> {
        let (length, most) = (frame.len(), class.frame_bytes());
        if !(1..=most).contains(&length) {
            return Err(SendError::Length { length, most });
        }
        let mut state = self.lock();
        if state.closed {
            return Err(SendError::Gone);
        }
        let lane = &mut state.lanes[class];
        if lane.bytes + length > SEND_QUEUE_BYTES || lane.frames.len() >= SEND_QUEUE_FRAMES {
            lane.congested = true;
            return Err(SendError::Full(frame));
        }
        lane.bytes += length;
        lane.frames.push_back(frame);
        lane.congested |= lane.bytes >= CONGESTED_BYTES || lane.frames.len() >= CONGESTED_FRAMES;
        let sent = if lane.congested { Sent::Congested } else { Sent::Queued };
        let writer = lane.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        Ok(sent)
    }

    /// Waits for frames of a class and takes some of them; nothing once the outbox is closed.
    pub(super) async fn take(&self, class: Class) -> Option<Batch> {
        poll_fn(|cx| {
            let mut state = self.lock();
            if state.closed {
                return Poll::Ready(None);
            }
            let lane = &mut state.lanes[class];
            if lane.frames.is_empty() {
                lane.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(Some(lane.take()))
        })
        .await
    }

    /// Gives up what waits: the connection is gone.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let lanes = std::mem::take(&mut state.lanes);
        drop(state);
        lanes.iter().filter_map(|(_, lane)| lane.writer.as_ref()).for_each(Waker::wake_by_ref);
    }

    /// Bytes that wait.
    pub(super) fn queued(&self) -> usize {
        self.lock().lanes.iter().map(|(_, lane)| lane.bytes).sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    fn take(&mut self) -> Batch {
        let (mut frames, mut bytes) = (Vec::new(), 0);
        while frames.len() < WRITE_BATCH_FRAMES {
            let fits = |frame: &mut Bytes| bytes == 0 || bytes + frame.len() <= WRITE_BATCH_BYTES;
            let Some(frame) = self.frames.pop_front_if(fits) else { break };
            bytes += frame.len();
            frames.push(frame);
        }
        self.bytes -= bytes;
        let is_low = self.bytes <= DRAINED_BYTES && self.frames.len() <= DRAINED_FRAMES;
        let drained = self.congested && is_low;
        self.congested &= !drained;
        Batch { frames, drained }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::block_on;

    fn frame(length: usize) -> Bytes {
        Bytes::from(vec![7; length])
    }

    #[test]
    fn a_queue_that_nobody_reads_is_bounded_and_says_so() {
        let outbox = Outbox::default();
        let mut said = Vec::new();
        let refused = loop {
            match outbox.push(Class::Live, frame(10_000)) {
                Ok(sent) => said.push(sent),
                Err(error) => break error,
            }
        };
        assert_eq!(refused, SendError::Full(frame(10_000)), "the frame comes back");
        assert!(outbox.queued() <= SEND_QUEUE_BYTES && outbox.queued() > SEND_QUEUE_BYTES - 10_000);
        let congested = said.iter().position(|sent| *sent == Sent::Congested).unwrap();
        assert_eq!(congested, CONGESTED_BYTES.div_ceil(10_000) - 1);
        assert!(outbox.push(Class::Control, frame(1)) == Ok(Sent::Queued), "the others are free");

        let drained = (0..).find(|_| block_on(outbox.take(Class::Live)).unwrap().drained).unwrap();
        assert!(drained > 0 && outbox.queued() <= DRAINED_BYTES + 1);
        assert_eq!(outbox.push(Class::Live, frame(10_000)), Ok(Sent::Queued));
    }

    #[test]
    fn small_frames_are_bounded_too() {
        let outbox = Outbox::default();
        let taken = (0..).take_while(|_| outbox.push(Class::Bulk, frame(1)).is_ok()).count();
        assert_eq!(taken, SEND_QUEUE_FRAMES);
    }

    #[test]
    fn frames_leave_in_order_and_batches_are_bounded() {
        let outbox = Outbox::default();
        for length in 1..=WRITE_BATCH_FRAMES + 1 {
            outbox.push(Class::Bulk, frame(length)).unwrap();
        }
        let lengths = |batch: Batch| batch.frames.iter().map(Bytes::len).collect::<Vec<_>>();
        let first = lengths(block_on(outbox.take(Class::Bulk)).unwrap());
        assert!(first.iter().copied().eq(1..=WRITE_BATCH_FRAMES));
        assert_eq!(lengths(block_on(outbox.take(Class::Bulk)).unwrap()), [WRITE_BATCH_FRAMES + 1]);
        let large = Class::Bulk.frame_bytes();
        for length in [large, 1] {
            outbox.push(Class::Bulk, frame(length)).unwrap();
        }
        assert_eq!(lengths(block_on(outbox.take(Class::Bulk)).unwrap()), [large], "a long frame goes alone");
    }

    #[test]
    fn what_no_peer_would_take_is_not_sent() {
        let outbox = Outbox::default();
        for class in Class::ALL {
            for length in [0, class.frame_bytes() + 1] {
                assert!(matches!(outbox.push(class, frame(length)), Err(SendError::Length { .. })));
            }
        }
        outbox.close();
        assert_eq!(outbox.push(Class::Live, frame(1)), Err(SendError::Gone));
        assert_eq!(block_on(outbox.take(Class::Live)), None);
    }
}
