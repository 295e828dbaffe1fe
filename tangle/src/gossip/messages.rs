//! What is done about each message of a peer.

use super::message::{Checkpoint, Message, Stretch};
use super::runs::{self, Entry, Run};
use super::teller::Teller;
use super::{Class, Fault, Gossip, Here, Tree, Whereabouts};
use crate::limits::{LIVE_ENTRIES, REPAIR_MS, REQUESTS_PER_PEER};
use crate::planted::{self, Planted};
use crate::replica::{Effect, Source};
use crate::{HistoryError, Timestamp, TxId};

/// Entries of a log with where they are here.
type Found = Vec<(TxId, Whereabouts)>;

impl Gossip {
    /// A peer has said something.
    ///
    /// # Errors
    /// The history cannot be read; nothing has changed.
    pub(crate) fn message(
        &mut self,
        source: Source,
        message: Message,
        now: Timestamp,
        here: &dyn Here,
        effects: &mut Vec<Effect>,
    ) -> Result<(), HistoryError> {
        if !self.peers.contains_key(&source) {
            return Ok(());
        }
        let done = match message {
            Message::Tail { checkpoints, credit } => {
                self.tail(source, &checkpoints, credit, here, effects)?
            }
            Message::From { position, length, life } => self.from(source, position, length, life),
            Message::Log { first, behind, runs } => self.log(source, first, behind, &runs, now, here)?,
            Message::Ack { position, credit } => self.ack(source, position, credit),
            Message::Want { request, graft, ranges, ids } => {
                self.want(source, request, graft.then_some(now), ranges, ids, here, effects)?
            }
            Message::Done { request, lacking, withheld } => {
                self.done(source, request, &lacking, &withheld, now)
            }
            Message::Prune { tree } => self.prune(source, Tree(tree), now),
        };
        if let Err(fault) = done {
            self.fault(source, fault, now, effects);
        }
        Ok(())
    }

    /// The log goes on behind the highest checkpoint that is of this very log, no lower one contradicting it. One of a life
    /// that is forgotten says neither: whoever made a later one had all before it, for it was made from where both agreed.
    fn tail(
        &mut self,
        source: Source,
        checkpoints: &[Checkpoint],
        credit: u32,
        here: &dyn Here,
        effects: &mut Vec<Effect>,
    ) -> Result<Result<(), Fault>, HistoryError> {
        let mut position = 0;
        for mark in checkpoints.iter().rev() {
            let is_shared = self.lives.share(mark.life, mark.position);
            let is_shared = if planted::is(Planted::OneEntryProves) { Some(true) } else { is_shared };
            let Some(is_shared) = is_shared else { continue };
            if !is_shared || self.log.id(mark.position, here)? != Some(mark.id) {
                break;
            }
            position = mark.position + 1;
        }
        let end = self.log.end();
        let Some(peer) = self.peers.get_mut(&source) else { return Ok(Ok(())) };
        if peer.teller.is_some() {
            return Ok(Err(Fault::Budget));
        }
        peer.teller = Some(Teller::new(position, credit, peer.leads, end));
        let message = Message::From { position, length: end, life: self.lives.current() };
        effects.push(Effect::Send { source, class: Class::Control, message });
        Ok(Ok(()))
    }

    fn from(&mut self, source: Source, position: u64, length: u64, life: u64) -> Result<(), Fault> {
        let peer = self.peers.get_mut(&source);
        peer.map_or(Ok(()), |peer| peer.tail.open(position, length, life))
    }

    fn log(
        &mut self,
        source: Source,
        first: u64,
        behind: u64,
        runs: &[Run],
        now: Timestamp,
        here: &dyn Here,
    ) -> Result<Result<(), Fault>, HistoryError> {
        let Some(entries) = runs::decode(runs) else { return Ok(Err(Fault::Log)) };
        let Some(found) = self.resolve(&entries, here)? else { return Ok(Err(Fault::Log)) };
        Ok(self.take_entries(source, first, behind, found, now))
    }

    /// The ids that entries stand for, and where these are; none when a place named is not in the own log. Neighbours there
    /// are read together, and known to be durable: a few bytes name hundreds of them.
    fn resolve(&self, entries: &[Entry], here: &dyn Here) -> Result<Option<Found>, HistoryError> {
        let mut found = Found::with_capacity(entries.len());
        let mut rest = entries;
        while let Some((entry, behind)) = rest.split_first() {
            rest = match entry {
                Entry::New(id) => {
                    found.push((*id, here.whereabouts(id)?));
                    behind
                }
                Entry::Yours(position) => {
                    let (run, behind) = rest.split_at(runs::neighbours(*position, rest));
                    let end = position.saturating_add(run.len() as u64);
                    let logged = self.log.read(*position..end, here)?;
                    if logged.len() < run.len() {
                        return Ok(None);
                    }
                    found.extend(logged.into_iter().map(|(id, _)| (id, Whereabouts::Durable)));
                    behind
                }
            };
        }
        Ok(Some(found))
    }

    fn take_entries(
        &mut self,
        source: Source,
        first: u64,
        behind: u64,
        found: Found,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let is_refused: Vec<bool> = found.iter().map(|(id, _)| self.is_refused(id)).collect();
        let end = self.log.end();
        let Some(peer) = self.peers.get_mut(&source) else { return Ok(()) };
        peer.tail.check(first, found.len())?;
        peer.tail.set_behind(behind);
        peer.counts.entries += found.len() as u64;
        let is_live = behind.saturating_add(peer.tail.open_entries() as u64) < LIVE_ENTRIES;
        let due = if is_live { now.plus(REPAIR_MS) } else { now };
        for ((id, whereabouts), is_refused) in found.into_iter().zip(is_refused) {
            peer.tail.push(id, is_refused || whereabouts == Whereabouts::Durable)?;
            match whereabouts {
                Whereabouts::Durable => peer.tail.count_durable(),
                Whereabouts::Attached => {}
                _ if is_refused => {}
                Whereabouts::Unknown => self.wants.announce(id, source, due, is_live),
                Whereabouts::Waiting => {
                    self.wants.announce(id, source, due, is_live);
                    self.wants.hold(&id, now);
                }
            }
        }
        peer.tail.advance();
        // Ids that a log told long ago are not remembered; that it goes round in a circle is seen by their number.
        if peer.tail.durable() > end { Err(Fault::Log) } else { Ok(()) }
    }

    fn ack(&mut self, source: Source, position: u64, credit: u32) -> Result<(), Fault> {
        let end = self.log.end();
        let teller = self.peers.get_mut(&source).and_then(|peer| peer.teller.as_mut());
        match teller.and_then(|teller| teller.ack(position, credit, end)) {
            Some(true) => Ok(()),
            Some(false) => Err(Fault::Unasked),
            None => Err(Fault::Log),
        }
    }

    /// A peer asks for transactions. Only what it was told of has a place to ask by.
    #[allow(clippy::too_many_arguments, reason = "they are the fields of the message")]
    fn want(
        &mut self,
        source: Source,
        request: u32,
        grafted_at: Option<Timestamp>,
        ranges: Vec<Stretch>,
        ids: Vec<TxId>,
        here: &dyn Here,
        effects: &mut Vec<Effect>,
    ) -> Result<Result<(), Fault>, HistoryError> {
        let mut trees = Vec::new();
        if grafted_at.is_some() {
            let mut named = ids.clone();
            for range in &ranges {
                named.extend(self.log.read(range.positions(), here)?.into_iter().map(|(id, _)| id));
            }
            trees = named.iter().filter_map(|id| self.trees.find(id)).collect();
        }
        let Some(peer) = self.peers.get_mut(&source) else { return Ok(Ok(())) };
        let told = peer.teller.as_ref().map_or(0, Teller::told);
        let is_told = ranges.iter().all(|range| range.positions().end <= told);
        if !is_told || peer.serving.len() >= REQUESTS_PER_PEER || !peer.serving.insert(request) {
            return Ok(Err(Fault::Budget));
        }
        peer.counts.requests += 1;
        for (tree, now) in trees.into_iter().zip(grafted_at.into_iter().cycle()) {
            peer.counts.grafts += u64::from(peer.branches.graft(tree, now));
        }
        effects.push(Effect::Serve { source, request, ranges, ids });
        Ok(Ok(()))
    }

    /// The shell has sent all it had of a request.
    pub(crate) fn served(&mut self, source: Source, request: u32) {
        if let Some(peer) = self.peers.get_mut(&source) {
            peer.serving.remove(&request);
        }
    }

    fn done(
        &mut self,
        source: Source,
        request: u32,
        lacking: &[TxId],
        withheld: &[TxId],
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.wants.withheld(source, request, withheld, now);
        if self.wants.done(source, request, lacking, now) { Err(Fault::Undelivered) } else { Ok(()) }
    }

    fn prune(&mut self, source: Source, tree: Tree, now: Timestamp) -> Result<(), Fault> {
        let Some(peer) = self.peers.get_mut(&source) else { return Ok(()) };
        let was_pushed = peer.branches.prune(tree, now);
        peer.counts.prunes += u64::from(was_pushed);
        let is_news = was_pushed || peer.branches.has_just_declined(tree, now);
        if is_news { Ok(()) } else { Err(Fault::Unasked) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceId;
    use std::cell::Cell;
    use std::ops::Range;

    /// Storage of so many entries that counts how often it is read.
    struct Stored(u64, Cell<usize>);

    impl Here for Stored {
        fn whereabouts(&self, _: &TxId) -> Result<Whereabouts, HistoryError> {
            self.1.set(self.1.get() + 1);
            Ok(Whereabouts::Durable)
        }

        fn waiting_of(&self, _: Source) -> usize {
            0
        }

        fn is_missed(&self, _: &TxId) -> bool {
            false
        }

        fn has_room(&self) -> bool {
            true
        }

        fn log(&self, range: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
            self.1.set(self.1.get() + 1);
            let id = |position| TxId::first_at(Timestamp::from_millis(position));
            (range.start..range.end.min(self.0)).for_each(|position| visit(id(position)));
            Ok(())
        }
    }

    #[test]
    fn a_run_of_places_is_read_once_and_what_goes_beyond_the_log_is_refused() {
        let stored = Stored(1_000, Cell::new(0));
        let mut gossip = Gossip::new(stored.0);
        let (source, now, mut effects) = (Source::Peer(1), Timestamp::from_millis(1), Vec::new());
        gossip.connected(source, DeviceId::from_bytes([1; 32]), &[], now, &mut effects);
        let mut says = |message| gossip.message(source, message, now, &stored, &mut effects).unwrap();
        says(Message::From { position: 0, length: 1_000, life: 1 });
        says(Message::Log { first: 0, behind: 0, runs: vec![Run::Yours { skip: 0, count: 256 }] });
        assert_eq!(stored.1.get(), 1);
        says(Message::Log { first: 256, behind: 0, runs: vec![Run::Yours { skip: 900, count: 101 }] });
        assert!(gossip.peers.is_empty(), "there is no such place");
    }
}
