//! What is due: log messages, acknowledgements, requests, cursors. Called after events and at ticks.

use super::peer::Peer;
use super::wants::{Asker, Room, Space};
use super::{Class, Fault, Gossip, Here, Message, Whereabouts};
use crate::limits::{ASKED_PER_PEER, LEAP_MS, REQUESTS_PER_PEER, TAIL_CREDIT, TELL_MESSAGES, WANT_IDS};
use crate::replica::{Effect, Source};
use crate::{HistoryError, Timestamp, TxId};
use std::collections::BTreeMap;

impl Gossip {
    /// When there is something to do at the latest, if nothing happens before: as the last [`Gossip::pump`] has left it.
    pub(crate) fn wake(&self) -> Option<Timestamp> {
        self.due
    }

    /// Looks at every peer, so it is done once an event.
    fn find_due(&self) -> Option<Timestamp> {
        let of_peer = |peer: &Peer| {
            let told = peer.teller.as_ref().filter(|_| !peer.is_congested);
            let log = told.and_then(|teller| teller.due(&self.log, &peer.tail));
            [log, peer.tail.ack_due(), peer.tail.remember_due()].into_iter().flatten().min()
        };
        let asking = self.wants.due().into_iter().chain(self.mend_due());
        self.peers.values().filter_map(of_peer).chain(asking).min()
    }

    /// Does what is due.
    ///
    /// # Errors
    /// The history cannot be read. What is in `effects` then is to be done all the same; the rest is tried again.
    pub(crate) fn pump(
        &mut self,
        now: Timestamp,
        here: &dyn Here,
        effects: &mut Vec<Effect>,
    ) -> Result<(), HistoryError> {
        self.excuse(now, here);
        self.due = self.find_due();
        if self.due.is_none_or(|due| due > now) {
            return Ok(());
        }
        for source in self.wants.expire(now) {
            self.fault(source, Fault::Undelivered, now, effects);
        }
        // What is written down of one costs a node as much as what is written down of all.
        let remembers = self.peers.values().any(|peer| is_due(peer.tail.remember_due(), now));
        for (source, peer) in &mut self.peers {
            acknowledge(*source, peer, now, effects);
            let cursor = remembers.then(|| peer.tail.remember(now)).flatten();
            effects.extend(cursor.map(|cursor| Effect::Remember { device: peer.device, cursor }));
            let Some(teller) = peer.teller.as_mut().filter(|_| !peer.is_congested) else { continue };
            for _ in 0..TELL_MESSAGES {
                let Some(message) = teller.tell(&self.log, &peer.tail, now, here)? else { break };
                effects.push(Effect::Send { source: *source, class: Class::Control, message });
            }
        }
        self.ask(now, here, effects)?;
        self.mend(now, effects);
        self.due = self.find_due();
        Ok(())
    }

    /// Time in which this node could not hear what peers answered does not count against them: while nothing can be attached
    /// bodies that have come wait outside, and a clock that leaps belongs to a machine that stood still.
    fn excuse(&mut self, now: Timestamp, here: &dyn Here) {
        let passed = now.since(std::mem::replace(&mut self.pumped, now));
        let unheard = if self.was_full { passed } else { passed.saturating_sub(LEAP_MS) };
        self.was_full = !here.has_room();
        if unheard > 0 {
            self.wants.excuse(unheard, now);
        }
    }

    fn ask(
        &mut self,
        now: Timestamp,
        here: &dyn Here,
        effects: &mut Vec<Effect>,
    ) -> Result<(), HistoryError> {
        if !here.has_room() {
            return Ok(());
        }
        let room = |source: &Source| {
            let (asked, requests) = self.wants.asked_of(source);
            let by_requests = REQUESTS_PER_PEER.saturating_sub(requests) * WANT_IDS;
            let missed = by_requests.min(ASKED_PER_PEER.saturating_sub(asked));
            Space { named: missed.saturating_sub(here.waiting_of(*source)), missed }
        };
        let room: Room = self.peers.keys().map(|source| (*source, room(source))).collect();
        let asker = Surroundings { peers: &self.peers, here };
        for (source, message) in self.wants.ask(room, &asker, now)? {
            if let Some(peer) = self.peers.get_mut(&source) {
                peer.counts.requests_sent += 1;
                if matches!(message, Message::Want { graft: true, .. }) {
                    peer.branches.accept_all();
                }
            }
            effects.push(Effect::Send { source, class: Class::Control, message });
        }
        Ok(())
    }
}

fn is_due(due: Option<Timestamp>, now: Timestamp) -> bool {
    due.is_some_and(|due| due <= now)
}

fn acknowledge(source: Source, peer: &mut Peer, now: Timestamp, effects: &mut Vec<Effect>) {
    if is_due(peer.tail.ack_due(), now) {
        let message = Message::Ack { position: peer.tail.ack(now), credit: TAIL_CREDIT as u32 };
        effects.push(Effect::Send { source, class: Class::Control, message });
    }
}

struct Surroundings<'a> {
    peers: &'a BTreeMap<Source, Peer>,
    here: &'a dyn Here,
}

impl Asker for Surroundings<'_> {
    fn place(&self, source: Source, id: &TxId) -> Option<u64> {
        self.peers.get(&source)?.tail.place(id)
    }

    fn is_here(&self, id: &TxId) -> Result<bool, HistoryError> {
        Ok(self.here.whereabouts(id)? != Whereabouts::Unknown)
    }

    fn is_missed(&self, id: &TxId) -> bool {
        self.here.is_missed(id)
    }
}
