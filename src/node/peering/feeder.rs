//! One thread that takes what the shell says: frames are read, transactions go to the checkers through the same fair
//! queue as everybody's, messages to the owner.
//!
//! A transaction that comes alone, while nothing else waits for a check or for the owner, is checked here: to wake a checker
//! costs more than the check, and a moment more.
//!
//! Always true: it never waits for one peer while another has something to say. What finds no room before the checkers
//! waits here, in its order by issuer, holding its share of the peer's allowance; so it is bounded by that.

use super::delivery::{Delivery, Share, tell};
use super::server::Command;
use super::{PeerEvent, peer_of, source_of};
use crate::bell::{Receiver, Sender};
use crate::gossip::{Frame as ShellFrame, PeerNumber, ShellEvent};
use crate::http::ConnectionId;
use crate::limits::{FEEDER_REST, FEEDER_RETRY};
use crate::node::bus::{Bus, Happening, PeerChange};
use crate::node::checker::Checker;
use crate::node::directory::Directory;
use crate::node::fair::{self, Origin, PushError, line_of, weight_of};
use crate::node::job::{Job, PeerJob, Work};
use crate::node::progress::Progress;
use crate::store::Store;
use bytes::Bytes;
use crossbeam_channel::TryRecvError;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use weft_tangle::gossip::{Class, Frame, Tree};
use weft_tangle::replica::Source;
use weft_tangle::{DeviceId, Screened};

/// What the thread holds.
pub(in crate::node) struct Feeder {
    pub(in crate::node) store: Arc<Store>,
    pub(in crate::node) directory: Arc<Directory>,
    pub(in crate::node) jobs: fair::Sender<Job>,
    /// Checks what comes alone while nothing waits anywhere.
    pub(in crate::node) checker: Option<Checker>,
    pub(in crate::node) progress: Arc<Progress>,
    pub(in crate::node) owner: Sender<PeerEvent>,
    pub(in crate::node) server: Sender<Command>,
    /// What the shell says.
    pub(in crate::node) events: Receiver<ShellEvent>,
    /// What the owner wants checked again.
    pub(in crate::node) again: Receiver<(Screened, Source)>,
    /// Closed when the node ends.
    pub(in crate::node) alive: Receiver<()>,
    pub(in crate::node) lanes: BTreeMap<PeerNumber, Lane>,
    /// Where it is told who comes and goes.
    pub(in crate::node) bus: Arc<Bus>,
    /// The newest connection of each peer.
    pub(in crate::node) connected: BTreeMap<DeviceId, PeerNumber>,
}

/// What is held of one peer.
#[derive(Default)]
pub(in crate::node) struct Lane {
    waiting: VecDeque<(Origin, usize, PeerJob)>,
    /// The answer whose transactions are coming in.
    delivery: Option<Arc<Delivery>>,
}

impl Feeder {
    /// Works until the node ends.
    pub(in crate::node) fn run(&mut self) {
        loop {
            let is_waiting = self.lanes.values().any(|lane| !lane.waiting.is_empty());
            match self.take_next() {
                Ok(true) => {}
                Ok(false) => {
                    // Both queues and the end of the node ring it.
                    self.events.bell().wait(if is_waiting { FEEDER_RETRY } else { FEEDER_REST });
                }
                Err(Ended) => return,
            }
            if is_waiting {
                self.retry();
            }
        }
    }

    /// Takes one of each that waits; whether there was any.
    fn take_next(&mut self) -> Result<bool, Ended> {
        if self.alive.try_recv() == Err(TryRecvError::Disconnected) {
            return Err(Ended);
        }
        let event = next(&self.events)?;
        let again = next(&self.again)?;
        let is_any = event.is_some() || again.is_some();
        if let Some(event) = event {
            self.take(event);
        }
        if let Some((screened, source)) = again {
            self.check_again(screened, source);
        }
        Ok(is_any)
    }

    fn take(&mut self, event: ShellEvent) {
        match event {
            ShellEvent::Connected(connected) => {
                self.lanes.entry(connected.peer).or_default();
                let cursor = self.store.reader().and_then(|reader| reader.cursor(&connected.device));
                // Without it the peer's log is told again from its beginning, which costs time alone.
                let cursor = cursor.unwrap_or_else(|error| {
                    tracing::warn!(%error, "cannot read how far a peer's log was read");
                    Vec::new()
                });
                let (peer, device) = (connected.peer, connected.device);
                if self.connected.insert(device, peer).is_none() {
                    self.bus.tell(vec![Happening::Peer { device, change: PeerChange::Connected }]);
                }
                tell(&self.owner, PeerEvent::Connected { peer, device, cursor });
            }
            ShellEvent::Frame(frame) => self.take_frame(frame),
            ShellEvent::Drained(drained) if drained.class == crate::gossip::Class::Bulk => {
                // The server ends after this thread.
                let _ended = self.server.send(Command::Drained(drained));
            }
            ShellEvent::Drained(drained) => tell(&self.owner, PeerEvent::Drained(drained)),
            ShellEvent::Left(left) => {
                // What waited of it is dropped before its end is told.
                self.lanes.remove(&left.peer);
                // One that another of the same peer has replaced is not its end.
                if self.connected.get(&left.device) == Some(&left.peer) {
                    self.connected.remove(&left.device);
                    let change = PeerChange::Left;
                    self.bus.tell(vec![Happening::Peer { device: left.device, change }]);
                }
                let _ended = self.server.send(Command::Left(left.peer));
                tell(&self.owner, PeerEvent::Left(left));
            }
        }
    }

    fn take_frame(&mut self, frame: ShellFrame) {
        let (peer, class) = (frame.peer, frame.class);
        let frame = Arc::new(frame);
        let (tree, wires) = match Frame::decode(class_of(class), &frame.bytes) {
            Ok(Frame::Message(message)) => return self.take_message(peer, message, frame),
            Ok(Frame::Pushed(tree, wires)) => (Some(tree), wires),
            Ok(Frame::Bodies(wires)) => (None, wires),
            Err(error) => {
                tracing::debug!(peer = peer.0, %error, "a peer sent a frame that is none");
                return tell(&self.owner, PeerEvent::Garbled { peer });
            }
        };
        let wires = wires.into_iter().map(|wire| frame.bytes.slice_ref(wire)).collect();
        let delivery = match tree {
            Some(_) => None,
            None => self.delivery(peer),
        };
        self.hand_in(peer, tree, wires, &Share::of(Arc::clone(&frame), delivery));
    }

    fn take_message(
        &mut self,
        peer: PeerNumber,
        message: weft_tangle::gossip::Message,
        frame: Arc<ShellFrame>,
    ) {
        let is_bulk = frame.class == crate::gossip::Class::Bulk;
        let event = PeerEvent::Message { peer, message, _share: Share::of(frame, None) };
        let delivery = self.lanes.get_mut(&peer).and_then(|lane| lane.delivery.take());
        match delivery {
            // The next answer has a delivery of its own.
            Some(delivery) if is_bulk => delivery.end_with(event),
            delivery => {
                if let Some(lane) = self.lanes.get_mut(&peer) {
                    lane.delivery = delivery;
                }
                tell(&self.owner, event);
            }
        }
    }

    fn delivery(&mut self, peer: PeerNumber) -> Option<Arc<Delivery>> {
        let lane = self.lanes.get_mut(&peer)?;
        let delivery = lane.delivery.get_or_insert_with(|| Delivery::new(self.owner.clone()));
        Some(Arc::clone(delivery))
    }

    /// Hands in the transactions of a frame, those of each line as one job.
    fn hand_in(&mut self, peer: PeerNumber, tree: Option<Tree>, wires: Vec<Bytes>, share: &Share) {
        let mut lines: Vec<(DeviceId, Vec<Bytes>)> = Vec::new();
        for wire in wires {
            let line = line_of(&self.directory, std::slice::from_ref(&wire));
            match lines.iter_mut().find(|(known, _)| *known == line) {
                Some((_, wires)) => wires.push(wire),
                None => lines.push((line, vec![wire])),
            }
        }
        for (issuer, wires) in lines {
            let origin = Origin { issuer, connection: ConnectionId::of_peer(peer.0) };
            let weight = weight_of(&wires);
            let (source, share) = (source_of(peer), share.clone());
            self.enqueue(origin, weight, PeerJob { source, tree, work: Work::Wires(wires), share });
        }
    }

    fn check_again(&mut self, screened: Screened, source: Source) {
        let Some(peer) = peer_of(source) else { return };
        let issuer = screened.transaction().header().issuer;
        let origin = Origin { issuer, connection: ConnectionId::of_peer(peer.0) };
        let work = Work::Again(Box::new(screened));
        self.enqueue(origin, 1, PeerJob { source, tree: None, work, share: Share::default() });
    }

    fn enqueue(&mut self, origin: Origin, weight: usize, job: PeerJob) {
        // Of a peer that has left nothing is taken any more.
        let Some(lane) = peer_of(job.source).and_then(|peer| self.lanes.get_mut(&peer)) else { return };
        if let Some(checker) = &self.checker
            && job.len() == 1
            && self.events.is_empty()
            && self.jobs.is_empty()
            && lane.waiting.is_empty()
            && checker.is_free()
        {
            return checker.check_at_once(job);
        }
        let must_wait = lane.waiting.iter().any(|(before, ..)| before.issuer == origin.issuer);
        let refused =
            if must_wait { Some(job) } else { offer(&self.jobs, &self.progress, origin, weight, job) };
        lane.waiting.extend(refused.map(|job| (origin, weight, job)));
    }

    /// Tries what waits again. Who floods keeps back its own alone.
    fn retry(&mut self) {
        for lane in self.lanes.values_mut() {
            let mut full = BTreeSet::new();
            for (origin, weight, job) in std::mem::take(&mut lane.waiting) {
                let refused = match full.contains(&origin.issuer) {
                    true => Some(job),
                    false => offer(&self.jobs, &self.progress, origin, weight, job),
                };
                if let Some(job) = refused {
                    full.insert(origin.issuer);
                    lane.waiting.push_back((origin, weight, job));
                }
            }
        }
    }
}

/// Nothing more will come.
struct Ended;

fn next<T>(queue: &Receiver<T>) -> Result<Option<T>, Ended> {
    match queue.try_recv() {
        Ok(next) => Ok(Some(next)),
        Err(TryRecvError::Empty) => Ok(None),
        Err(TryRecvError::Disconnected) => Err(Ended),
    }
}

/// Hands a job to the checkers; it comes back when there is no room.
fn offer(
    jobs: &fair::Sender<Job>,
    progress: &Progress,
    origin: Origin,
    weight: usize,
    job: PeerJob,
) -> Option<PeerJob> {
    let transactions = job.len();
    progress.submit(transactions);
    let (error, job) = jobs.offer(origin, weight, Job::Peer(job)).err()?;
    progress.finish(transactions);
    match (error, job) {
        (PushError::Full, Job::Peer(job)) => Some(job),
        // Without checkers the node is ending.
        _ => None,
    }
}

const fn class_of(class: crate::gossip::Class) -> Class {
    match class {
        crate::gossip::Class::Control => Class::Control,
        crate::gossip::Class::Live => Class::Live,
        crate::gossip::Class::Bulk => Class::Bulk,
    }
}

#[cfg(test)]
mod tests;
