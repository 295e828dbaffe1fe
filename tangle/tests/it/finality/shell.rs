//! What the node around a replica does with its effects: writes, signs, sends; and what must never be asked of it.

use super::town::{Happening, Town, Write};
use std::sync::Arc;
use weft_tangle::finality::Entry;
use weft_tangle::gossip::Message;
use weft_tangle::replica::{Effect, Event, Source};
use weft_tangle::{Attached, TxId, Verified};

/// Milliseconds that a message takes.
pub(super) const WAY: u64 = 3;

impl Town {
    /// Does what a replica wants done.
    pub(super) fn perform(&mut self, place: usize, effect: Effect) {
        match effect {
            Effect::Persist(attached) => self.persist(place, attached),
            Effect::Commit(handed) => {
                let index = handed.resume.commit.index;
                self.trace.push(format!("{place} commits {index}"));
                self.nodes[place].writes.push_back(Write::Commit(handed));
                self.write(place);
            }
            Effect::Witness(proposal) => {
                self.trace.push(format!("{place} makes {}", proposal.round));
                let transaction = self.signed_by(&proposal.draft([9; 16]), &self.keys[place]);
                self.say(place, 1, Event::Witness { transaction });
            }
            Effect::Send { source, message, .. } => self.send(place, source, message),
            Effect::Relay { to, tree, transaction } => {
                let id = transaction.id();
                let is_own = transaction.transaction().header().issuer == self.nodes[place].device;
                assert!(
                    !is_own || self.nodes[place].history.find(&id).is_some(),
                    "an own witness is sent early"
                );
                self.trace.push(format!("{place} relays {id}"));
                let is_lost = self.unlucky.contains(&id);
                for source in to.into_iter().filter(|_| !is_lost) {
                    if let Some(there) = self.end_of(place, source) {
                        let source = self.source(there, place);
                        let transaction = transaction.verified().clone();
                        self.say(there, WAY, Event::Pushed { transaction, source, tree });
                    }
                }
            }
            Effect::Serve { source, request, ranges, ids } => {
                let history = &self.nodes[place].history;
                let log: Vec<&Arc<Attached>> = history.stored().collect();
                let positions = ranges.iter().flat_map(|range| range.positions());
                let named = positions.filter_map(|position| log.get(position as usize).copied());
                let found: Vec<Verified> = named
                    .chain(ids.iter().filter_map(|id| history.find(id)))
                    .map(|attached| attached.verified().clone())
                    .collect();
                let lacking: Vec<TxId> =
                    ids.iter().filter(|id| history.find(id).is_none()).copied().collect();
                if let Some(there) = self.end_of(place, source) {
                    let back = self.source(there, place);
                    for transaction in found {
                        self.say(there, WAY, Event::Received { transaction, source: back, token: None });
                    }
                }
                self.event(place, Event::Served { source, request });
                self.send(place, source, Message::Done { request, lacking, withheld: vec![] });
            }
            Effect::Remember { device, cursor } => drop(self.nodes[place].cursors.insert(device, cursor)),
            Effect::Answer(_, Err(refusal)) => self.nodes[place].refused.push(refusal),
            Effect::Answer(..) => {}
            other => panic!("{place}: nobody expects {other:?}"),
        }
    }

    fn persist(&mut self, place: usize, attached: Arc<Attached>) {
        let node = &mut self.nodes[place];
        assert_eq!(attached.position().0 as usize, node.attached.len(), "a gap");
        let entry = Entry::of(attached.transaction(), self.network.genesis());
        let all = entry.references.iter().all(|reference| node.attached.contains(reference));
        assert!(all, "{place}: attached before what it references");
        node.attached.push(attached.id());
        node.writes.push_back(Write::Transaction(attached));
        self.write(place);
    }

    fn write(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        if !std::mem::replace(&mut node.is_writing, true) {
            let (life, due) = (node.life, self.now + node.disk);
            self.at(due, place, Happening::Written(life));
        }
    }

    /// One more batch is on disk: all that waits, commits behind what they deliver.
    pub(super) fn written(&mut self, place: usize, life: u32) {
        let node = &mut self.nodes[place];
        if node.life != life {
            return;
        }
        node.is_writing = false;
        let (mut position, mut commit) = (None, None);
        for write in node.writes.drain(..) {
            match write {
                Write::Transaction(attached) => {
                    position = Some(attached.position());
                    let entry = Entry::of(attached.transaction(), self.network.genesis());
                    if let Some(round) = entry.round.filter(|_| self.is_honest) {
                        let first = *self.witnesses.entry((entry.issuer, round)).or_insert(attached.id());
                        assert_eq!(first, attached.id(), "two witnesses of one author and {round}");
                    }
                    node.history.store(attached);
                }
                Write::Commit(handed) => {
                    let index = handed.resume.commit.index;
                    if self.chain.len() < index as usize {
                        self.chain.push(handed.delivered.digest);
                    }
                    assert_eq!(self.chain[index as usize - 1], handed.delivered.digest, "another chain");
                    commit = Some(index);
                    node.history.store_commit(handed);
                }
            }
        }
        self.event(place, Event::Durable { position, commit });
    }

    fn end_of(&self, place: usize, source: Source) -> Option<usize> {
        (0..self.nodes.len())
            .find(|other| *other != place && self.nodes[*other].is_up && self.source(place, *other) == source)
    }

    fn send(&mut self, place: usize, source: Source, message: Message) {
        if let Some(there) = self.end_of(place, source) {
            let source = self.source(there, place);
            self.say(there, WAY, Event::Message { source, message });
        }
    }
}
