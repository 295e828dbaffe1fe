//! Between the connections with other fog nodes (`crate::gossip`) and the replica, which decides what is said on them.
//!
//! ```text
//! shell -> feeder -> checkers -> owner      transactions, with what the door's have beside them
//! shell -> feeder -> owner                  messages, connections, queues that have drained
//! owner -> post -> shell                    messages, pushes
//! owner -> server -> shell                  what was asked for, read from the store
//! ```
//!
//! Always true: nothing here waits for a peer, and what waits for this node holds its share of the peer's allowance, so
//! that the shell stops reading that peer and no other. What was asked for comes to the owner before the word that it
//! was all.

mod delivery;
mod feeder;
mod link;
#[cfg(test)]
mod pair;
mod post;
mod server;
mod service;
mod start;
#[cfg(test)]
mod tests;

pub(super) use delivery::Share;
pub use link::{Link, Totals};
#[cfg(test)]
pub(super) use pair::Pair;
pub(super) use post::Post;
pub(super) use service::follow_book;
pub use start::Peering;
pub(super) use start::{Exchange, wire};

use crate::gossip::{Drained, Left, PeerNumber};
use weft_tangle::DeviceId;
use weft_tangle::gossip::Message;
use weft_tangle::replica::Source;

/// What the owner hears of its peers beside transactions.
#[derive(Debug)]
pub(super) enum PeerEvent {
    /// A peer is connected; what was remembered of its log.
    Connected { peer: PeerNumber, device: DeviceId, cursor: Vec<u8> },
    /// It has said something.
    Message { peer: PeerNumber, message: Message, _share: Share },
    /// It has sent a frame that is none.
    Garbled { peer: PeerNumber },
    /// All there is of a request is handed to the shell.
    Served { peer: PeerNumber, request: u32 },
    /// A queue has room again.
    Drained(Drained),
    /// It is gone.
    Left(Left),
}

/// The replica's name for a connection.
pub(in crate::node) const fn source_of(peer: PeerNumber) -> Source {
    Source::Peer(peer.0)
}

/// The connection that a source stands for.
pub(super) const fn peer_of(source: Source) -> Option<PeerNumber> {
    match source {
        Source::Peer(number) => Some(PeerNumber(number)),
        Source::Door => None,
    }
}
