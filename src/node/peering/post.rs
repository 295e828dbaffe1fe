//! The owner's side: what the replica wants said goes to the shell, and what peers say becomes its events.
//!
//! Always true: only a peer that the replica was told of is heard, and only until its end; pushes of one pass go out
//! together, as many in a frame as fit; no call here waits.

use super::link::Link;
use super::server::Command;
use super::{PeerEvent, peer_of, source_of};
use crate::bell::Sender;
use crate::gossip::{Class, Departure, PeerNumber, PerClass, SendError, Sent};
use crate::store::Cursors;
use bytes::Bytes;
use crossbeam_channel::TrySendError;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use weft_tangle::gossip::{self, Frame, PeerView, Reason, Stretch, Tree};
use weft_tangle::replica::{Effect, Event, Source};
use weft_tangle::{Attached, DeviceId, Screened, Timestamp, TxId};

/// The peers of one life of the replica.
pub(in crate::node) struct Post {
    link: Arc<Link>,
    server: Sender<Command>,
    again: Sender<(Screened, Source)>,
    connected: BTreeMap<PeerNumber, PerClass<bool>>,
    pushes: Vec<Pushes>,
    /// What the replica is to be told next.
    said: Vec<Event>,
    cursors: Cursors,
}

/// Transactions that go the same way.
struct Pushes {
    to: Vec<Source>,
    tree: Tree,
    transactions: Vec<Arc<Attached>>,
    /// Of the frame that they will be.
    bytes: usize,
}

/// Whether this node has closed a connection for what no honest peer sends. Whoever does is kept out like others at
/// fault, for else it would come again at once.
fn is_fault(departure: &Departure) -> bool {
    use crate::gossip::Reason::{Oversized, Protocol};
    matches!(departure, Departure::Closed(Protocol | Oversized))
}

/// The tree stands before the transactions of a frame.
const TREE_BYTES: usize = 4;
/// The length stands before each.
const LENGTH_BYTES: usize = 2;

impl Post {
    pub(in crate::node) fn new(
        link: Arc<Link>,
        server: Sender<Command>,
        again: Sender<(Screened, Source)>,
    ) -> Self {
        let (connected, cursors) = (BTreeMap::new(), Cursors::new());
        Self { link, server, again, connected, pushes: Vec::new(), said: Vec::new(), cursors }
    }

    /// Whether the replica was told of this peer and not of its end.
    pub(in crate::node) fn hears(&self, source: Source) -> bool {
        peer_of(source).is_some_and(|peer| self.connected.contains_key(&peer))
    }

    /// Those of whose end the replica is to be told, for the node ends. None is heard any more.
    pub(in crate::node) fn take_leave(&mut self) -> Vec<Source> {
        std::mem::take(&mut self.connected).into_keys().map(source_of).collect()
    }

    /// What the replica is told of what a peer has done.
    pub(in crate::node) fn event(&mut self, event: PeerEvent) -> Option<Event> {
        match event {
            PeerEvent::Connected { peer, device, cursor } => {
                self.connected.insert(peer, PerClass::default());
                Some(Event::Connected { source: source_of(peer), device, cursor })
            }
            PeerEvent::Message { peer, message, .. } => {
                self.of_connected(peer, |source| Event::Message { source, message })
            }
            PeerEvent::Garbled { peer } => self.of_connected(peer, |source| Event::Garbled { source }),
            PeerEvent::Served { peer, request } => {
                self.of_connected(peer, |source| Event::Served { source, request })
            }
            PeerEvent::Drained(drained) => {
                let congested = self.connected.get_mut(&drained.peer)?;
                congested[drained.class] = false;
                let is_free = congested.iter().all(|(_, congested)| !congested);
                is_free.then_some(Event::Drained { source: source_of(drained.peer) })
            }
            PeerEvent::Left(left) => {
                self.connected.remove(&left.peer)?;
                let source = source_of(left.peer);
                Some(if is_fault(&left.departure) {
                    Event::Garbled { source }
                } else {
                    Event::Left { source }
                })
            }
        }
    }

    fn of_connected(&self, peer: PeerNumber, event: impl FnOnce(Source) -> Event) -> Option<Event> {
        self.connected.contains_key(&peer).then(|| event(source_of(peer)))
    }

    /// Does what the replica wants done about its peers.
    pub(in crate::node) fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Send { source, class, message } => self.send(source, class, message),
            Effect::Relay { to, tree, transaction } => self.push(to, tree, transaction),
            Effect::Serve { source, request, ranges, ids } => self.serve(source, request, ranges, ids),
            Effect::Verify(screened, source) => self.check_again(screened, source),
            Effect::Remember { device, cursor } => drop(self.cursors.insert(device, cursor)),
            Effect::Disconnect { source, device, reason } => self.disconnect(source, &device, reason),
            // These are the owner's own.
            Effect::Persist(_)
            | Effect::Commit(_)
            | Effect::Witness(_)
            | Effect::Answer(..)
            | Effect::Ticket(..) => {}
        }
    }

    /// Sends a message.
    fn send(&mut self, source: Source, class: gossip::Class, message: gossip::Message) {
        let Some(peer) = peer_of(source) else { return };
        let class = match class {
            gossip::Class::Control => Class::Control,
            gossip::Class::Live => Class::Live,
            gossip::Class::Bulk => Class::Bulk,
        };
        self.hand_over(peer, class, Frame::Message(message).encode().into());
    }

    /// Lets a transaction go out with the others of this pass.
    fn push(&mut self, to: Vec<Source>, tree: Tree, transaction: Arc<Attached>) {
        let length = transaction.transaction().wire().len();
        let is_its_way = |pushes: &&mut Pushes| {
            pushes.tree == tree && pushes.to == to && Frame::fits(pushes.bytes, length)
        };
        // The newest frame of its way; an earlier one that has room stands before transactions that came before it.
        let pushes = self.pushes.iter_mut().rev().find(|pushes| pushes.tree == tree && pushes.to == to);
        match pushes.filter(is_its_way) {
            Some(pushes) => {
                pushes.bytes += LENGTH_BYTES + length;
                pushes.transactions.push(transaction);
            }
            None => self.pushes.push(Pushes {
                to,
                tree,
                transactions: vec![transaction],
                bytes: TREE_BYTES + LENGTH_BYTES + length,
            }),
        }
    }

    /// Sends what was pushed in this pass.
    pub(in crate::node) fn flush(&mut self) {
        for Pushes { to, tree, transactions, .. } in std::mem::take(&mut self.pushes) {
            let wires = transactions.iter().map(|attached| attached.transaction().wire()).collect();
            let frame = Bytes::from(Frame::Pushed(tree, wires).encode());
            for peer in to.into_iter().filter_map(peer_of) {
                self.hand_over(peer, Class::Live, frame.clone());
            }
        }
    }

    /// Hands a frame to the shell. One for which there is no room is left: a push is named by the log, and a peer
    /// that does not read messages is sent away.
    fn hand_over(&mut self, peer: PeerNumber, class: Class, frame: Bytes) {
        match self.link.shell.send(peer, class, frame) {
            Ok(Sent::Queued) | Err(SendError::Gone) => {}
            Ok(Sent::Congested) | Err(SendError::Full(_)) => self.note_congestion(peer, class),
            Err(error @ SendError::Length { .. }) => {
                tracing::error!(%error, class = class.name(), "a frame was not sent");
            }
        }
    }

    fn note_congestion(&mut self, peer: PeerNumber, class: Class) {
        let Some(congested) = self.connected.get_mut(&peer) else { return };
        let was_free = congested.iter().all(|(_, congested)| !congested);
        congested[class] = true;
        if was_free {
            self.said.push(Event::Congested { source: source_of(peer) });
        }
    }

    /// Has a request answered from the store.
    fn serve(&self, source: Source, request: u32, ranges: Vec<Stretch>, ids: Vec<TxId>) {
        let Some(peer) = peer_of(source) else { return };
        let command = Command::Serve { peer, request, ranges, ids };
        // As many as peers may ask fit; a server that is gone has made the node read-only.
        if let Err(TrySendError::Full(command)) = self.server.try_send(command) {
            tracing::error!(?command, "the server's queue is shorter than what may be asked");
        }
    }

    /// Has a transaction checked again.
    fn check_again(&self, screened: Screened, source: Source) {
        // Dropped when there is no room: the peer's log names it, and it is asked for again.
        let _full = self.again.try_send((screened, source));
    }

    /// Sends a peer away.
    fn disconnect(&mut self, source: Source, device: &DeviceId, reason: Reason) {
        let now = crate::node::now();
        let Some(peer) = peer_of(source) else { return };
        self.connected.remove(&peer);
        let ban = |until: Timestamp| {
            self.link.shell.ban(device, Duration::from_millis(until.since(now)));
        };
        let why = match reason {
            Reason::Fault(fault, until) => {
                self.link.count_fault(fault);
                tracing::warn!(peer = %device, fault = fault.name(), "a peer is sent away for what it did");
                ban(until);
                crate::gossip::Reason::Fault
            }
            Reason::Banned(_, until) => {
                ban(until);
                crate::gossip::Reason::Banned
            }
            Reason::Full => crate::gossip::Reason::TooMany,
        };
        self.link.shell.disconnect(peer, why);
    }

    /// Whether there is a cursor to be written.
    pub(in crate::node) fn has_cursors(&self) -> bool {
        !self.cursors.is_empty()
    }

    /// The cursors to be written.
    pub(in crate::node) fn take_cursors(&mut self) -> Cursors {
        std::mem::take(&mut self.cursors)
    }

    /// What the replica is to be told now.
    pub(in crate::node) fn take_said(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.said)
    }

    /// Shows what the replica says of its peers to whoever looks.
    pub(in crate::node) fn publish(&self, views: Vec<PeerView>) {
        self.link.publish(views);
    }
}

#[cfg(test)]
mod tests;
