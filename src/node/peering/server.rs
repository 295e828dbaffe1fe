//! One thread that answers requests: it reads what was asked for from the store and hands it to the bulk streams.
//!
//! Always true: peers take turns, a frame each; one that does not read as fast is left until its queue has drained; a
//! snapshot is held for one frame. The owner hears that all is sent before the peer does.

use super::PeerEvent;
use super::delivery::tell;
use super::link::Link;
use crate::bell::{Receiver, Sender};
use crate::gossip::{Class, Drained, PeerNumber, Reason, SendError, Sent};
use crate::limits::SERVED_BYTES;
use crate::store::{Kept, Store, StoreError};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::ops::{Bound, Range};
use std::sync::Arc;
use weft_tangle::TxId;
use weft_tangle::gossip::{Frame, Message, Stretch};

/// What the server is told.
#[derive(Debug)]
pub(in crate::node) enum Command {
    /// Answer a request.
    Serve {
        /// Whose.
        peer: PeerNumber,
        /// Its number.
        request: u32,
        /// Positions in the own log.
        ranges: Vec<Stretch>,
        /// Others by their ids.
        ids: Vec<TxId>,
    },
    /// The peer's bulk queue has room again. The word is given up behind what it says: dropped before, the queue could fill
    /// and drain once more with nobody to say so.
    Drained(Drained),
    /// The peer is gone.
    Left(PeerNumber),
}

/// What the thread holds.
pub(in crate::node) struct Server {
    store: Arc<Store>,
    link: Arc<Link>,
    owner: Sender<PeerEvent>,
    commands: Receiver<Command>,
    peers: BTreeMap<PeerNumber, Queue>,
    /// Whose turn it was.
    last: PeerNumber,
}

/// What a peer has asked for.
#[derive(Default)]
struct Queue {
    requests: VecDeque<Answer>,
    is_congested: bool,
    /// A frame that found no room.
    held: Option<Bytes>,
}

/// A request, as far as it is not answered.
struct Answer {
    request: u32,
    ranges: VecDeque<Range<u64>>,
    ids: VecDeque<TxId>,
    lacking: Vec<TxId>,
    /// What is here without its body.
    withheld: Vec<TxId>,
}

impl Server {
    pub(in crate::node) fn new(
        store: Arc<Store>,
        link: Arc<Link>,
        owner: Sender<PeerEvent>,
        commands: Receiver<Command>,
    ) -> Self {
        Self { store, link, owner, commands, peers: BTreeMap::new(), last: PeerNumber(0) }
    }

    /// Answers until nobody can ask any more.
    pub(in crate::node) fn run(&mut self) {
        loop {
            let next = self.next();
            let command = match next {
                Some(_) => self.commands.try_recv().ok(),
                None => match self.commands.recv() {
                    Ok(command) => Some(command),
                    Err(_) => return,
                },
            };
            if let Some(command) = command {
                self.take(command);
                continue;
            }
            if let Some(peer) = next {
                self.last = peer;
                self.answer(peer);
            }
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Serve { peer, request, ranges, ids } => {
                let ranges = ranges.iter().map(Stretch::positions).collect();
                let (lacking, withheld) = Default::default();
                let answer = Answer { request, ranges, ids: ids.into(), lacking, withheld };
                self.peers.entry(peer).or_default().requests.push_back(answer);
            }
            Command::Drained(drained) => {
                if let Some(queue) = self.peers.get_mut(&drained.peer) {
                    queue.is_congested = false;
                }
            }
            Command::Left(peer) => {
                self.peers.remove(&peer);
            }
        }
    }

    /// The peer whose turn it is.
    fn next(&self) -> Option<PeerNumber> {
        let behind = self.peers.range((Bound::Excluded(self.last), Bound::Unbounded));
        let all = behind.chain(self.peers.range(..=self.last));
        let mut able = all.filter(|(_, queue)| !queue.is_congested && queue.has_work());
        able.next().map(|(peer, _)| *peer)
    }

    /// Sends one frame to a peer.
    fn answer(&mut self, peer: PeerNumber) {
        let Some(queue) = self.peers.get_mut(&peer) else { return };
        let frame = match queue.held.take() {
            Some(frame) => frame,
            None => match queue.frame(peer, &self.store, &self.link, &self.owner) {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "cannot read what a peer asks for");
                    self.link.shell.disconnect(peer, Reason::Unavailable);
                    self.peers.remove(&peer);
                    return;
                }
            },
        };
        match self.link.shell.send(peer, Class::Bulk, frame) {
            Ok(Sent::Queued) => {}
            Ok(Sent::Congested) => queue.is_congested = true,
            Err(SendError::Full(frame)) => {
                queue.held = Some(frame);
                queue.is_congested = true;
            }
            Err(SendError::Gone) => {
                self.peers.remove(&peer);
            }
            Err(error @ SendError::Length { .. }) => tracing::error!(%error, "a frame was not sent"),
        }
    }
}

impl Queue {
    fn has_work(&self) -> bool {
        self.held.is_some() || !self.requests.is_empty()
    }

    /// The next frame; none when what was looked at is not here.
    fn frame(
        &mut self,
        peer: PeerNumber,
        store: &Store,
        link: &Link,
        owner: &Sender<PeerEvent>,
    ) -> Result<Option<Bytes>, StoreError> {
        let Some(answer) = self.requests.front_mut() else { return Ok(None) };
        let found = answer.read(store)?;
        if !found.is_empty() {
            link.count_served(found.len());
            let wires = found.iter().map(Kept::wire).collect();
            return Ok(Some(Frame::Bodies(wires).encode().into()));
        }
        if !answer.is_read() {
            return Ok(None);
        }
        let Some(Answer { request, lacking, withheld, .. }) = self.requests.pop_front() else {
            return Ok(None);
        };
        tell(owner, PeerEvent::Served { peer, request });
        Ok(Some(Frame::Message(Message::Done { request, lacking, withheld }).encode().into()))
    }
}

impl Answer {
    fn is_read(&self) -> bool {
        self.ranges.is_empty() && self.ids.is_empty()
    }

    /// What the next frame holds; nothing when all is read, or the next of it is not here.
    fn read(&mut self, store: &Store) -> Result<Vec<Kept>, StoreError> {
        let (mut found, mut bytes) = (Vec::new(), 1);
        while let Some(range) = self.ranges.front_mut() {
            let served = store.shared_reader()?.serve(range.clone(), SERVED_BYTES.saturating_sub(bytes))?;
            bytes += served.bytes;
            found.extend(served.found);
            self.withheld.extend(served.withheld);
            range.start = served.next;
            if !range.is_empty() {
                return Ok(found);
            }
            self.ranges.pop_front();
        }
        while let Some(id) = self.ids.front() {
            // Mostly the newest, which need no snapshot.
            match store.latest().kept(id) {
                Ok(Some(kept)) if Frame::fits(bytes, kept.wire().len()) => {
                    bytes += 2 + kept.wire().len();
                    self.withheld.extend(kept.is_erased().then_some(*id));
                    found.push(kept);
                }
                Ok(Some(_)) => return Ok(found),
                // What is damaged here may be whole elsewhere.
                Err(StoreError::Damaged { .. }) => self.withheld.push(*id),
                Ok(None) => self.lacking.push(*id),
                Err(error) => return Err(error),
            }
            self.ids.pop_front();
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
