//! What the shell tells the owner. All events of a connection come between its `Connected` and its `Left`.
//!
//! The queue that carries them never fills up, for what each connection can have in it is bounded: a frame keeps its
//! share of the peer's allowance, and a connection its place, until the event is dropped.

use super::class::Class;
use super::intro::Side;
use super::meter::Hold;
use super::reason::Departure;
use super::roster::Slot;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use weft_tangle::DeviceId;

/// The number of a connection; it is not used again while the process lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerNumber(pub u32);

/// Something that happened to a connection.
#[derive(Debug)]
pub enum ShellEvent {
    /// A peer has proved who it is.
    Connected(Connected),
    /// A frame has come.
    Frame(Frame),
    /// A queue that was congested or full has room again.
    Drained(Drained),
    /// The connection has ended. Nothing more comes of this number.
    Left(Left),
}

/// A peer has proved who it is. One that replaces its connection is told of under the new number before the old one's
/// end.
#[derive(Debug, Clone, Copy)]
pub struct Connected {
    /// The connection.
    pub peer: PeerNumber,
    /// Who it is.
    pub device: DeviceId,
    /// Where it is.
    pub address: SocketAddr,
    /// Which side this node is: the client dialled.
    pub side: Side,
}

/// A frame of a peer. Drop it when it has been dealt with, not before: what is held is how a slow owner slows its
/// peers down.
#[derive(Debug)]
pub struct Frame {
    /// The connection.
    pub peer: PeerNumber,
    /// The stream it came on.
    pub class: Class,
    /// What it holds.
    pub bytes: Bytes,
    pub(super) _hold: Hold,
}

/// A queue that was congested or full has room again.
#[derive(Debug)]
pub struct Drained {
    /// The connection.
    pub peer: PeerNumber,
    /// The queue.
    pub class: Class,
    pub(super) _once: Once,
}

/// The connection has ended.
#[derive(Debug)]
pub struct Left {
    /// The connection.
    pub peer: PeerNumber,
    /// Who it was.
    pub device: DeviceId,
    /// Why.
    pub departure: Departure,
    pub(super) _slot: Slot,
}

/// Lets one event of a kind wait at a time.
#[derive(Debug)]
pub(super) struct Once(Arc<AtomicBool>);

impl Once {
    /// Nothing while an earlier one waits, which then speaks for this one as well.
    pub(super) fn take(flag: &Arc<AtomicBool>) -> Option<Self> {
        (!flag.swap(true, Ordering::AcqRel)).then(|| Self(Arc::clone(flag)))
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
