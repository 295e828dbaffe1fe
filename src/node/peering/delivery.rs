//! What a frame holds until it is dealt with, and the word that ends an answer, which waits for all before it.

use super::PeerEvent;
use crate::bell::Sender;
use crate::gossip::Frame;
use std::sync::{Arc, Mutex, PoisonError};

/// A frame's share of what its peer may have here, given back when the last of its transactions is dealt with.
#[derive(Debug, Clone, Default)]
pub(in crate::node) struct Share {
    _frame: Option<Arc<Frame>>,
    /// Dropped behind the frame.
    _delivery: Option<Arc<Delivery>>,
}

impl Share {
    pub(super) fn of(frame: Arc<Frame>, delivery: Option<Arc<Delivery>>) -> Self {
        Self { _frame: Some(frame), _delivery: delivery }
    }
}

/// The transactions of a bulk stream up to the word that they are all: that is told to the owner when the last of them
/// is dealt with. Checkers pass each other, so without this it could come first, and what is still to come would look
/// as if the peer had not sent it.
#[derive(Debug)]
pub(super) struct Delivery {
    owner: Sender<PeerEvent>,
    last: Mutex<Option<PeerEvent>>,
}

impl Delivery {
    pub(super) fn new(owner: Sender<PeerEvent>) -> Arc<Self> {
        Arc::new(Self { owner, last: Mutex::default() })
    }

    /// What is to be told when everybody has dropped this.
    pub(super) fn end_with(&self, event: PeerEvent) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(event) = self.last.lock().unwrap_or_else(PoisonError::into_inner).take() {
            tell(&self.owner, event);
        }
    }
}

/// Tells the owner, never waiting: it may be the owner itself who tells.
pub(super) fn tell(owner: &Sender<PeerEvent>, event: PeerEvent) {
    // When nobody listens any more the node is stopping.
    if let Err(crossbeam_channel::TrySendError::Full(event)) = owner.try_send(event) {
        tracing::error!(?event, "the queue of the peers' events is shorter than what can stand in it");
    }
}
