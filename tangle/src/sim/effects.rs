//! What a replica wants done is done: written, sent, served, answered. So does the node around it in production.

use super::catalogue::Number;
use super::disk::Cursors;
use super::link::Parcel;
use super::net::{Happening, Load, Net};
use super::trace::Note;
use crate::gossip::{Message, Stretch};
use crate::replica::{Attached, Effect, Event, Source};
use crate::{Position, TxId};
use std::sync::Arc;

/// The most that one commit takes, as in production.
const COMMIT_TRANSACTIONS: usize = 1_024;

impl Net {
    pub(super) fn perform(&mut self, node: usize, effect: Effect) {
        match effect {
            Effect::Persist(attached) => self.persist(node, &attached),
            // No node here is a member of the committee.
            Effect::Commit(_) | Effect::Witness(_) => {}
            Effect::Answer(token, answer) => self.answer(node, token, answer),
            Effect::Ticket(token, ticket) => self.give_ticket(node, token, &ticket),
            Effect::Verify(screened, source) => {
                self.check_later(node, source, None, Load::Again(Box::new(screened)), None);
            }
            Effect::Send { source, message, .. } => {
                self.traffic.messages += 1;
                self.send(node, source, Self::parcel(message));
            }
            Effect::Relay { to, tree, transaction } => {
                let number = self.catalogue.take_in(transaction.transaction());
                to.into_iter().for_each(|source| self.send(node, source, Parcel::Push(tree, number)));
            }
            Effect::Serve { source, request, ranges, ids } => {
                self.serve(node, source, request, &ranges, &ids)
            }
            Effect::Remember { device, cursor } => {
                self.nodes[node].disk.cursors_to_come.insert(device, cursor);
                self.start_commit(node);
            }
            Effect::Disconnect { source, reason, .. } => self.send_away(node, source, reason),
        }
    }

    fn persist(&mut self, number: usize, attached: &Arc<Attached>) {
        let transaction = self.catalogue.take_in(attached.transaction());
        self.look_at_attached(number, transaction, attached.position());
        let node = &mut self.nodes[number];
        node.disk.push(transaction, attached.twin());
        node.note(self.now, Note::Attached(transaction));
        if self.attached_at.len() <= transaction as usize {
            self.attached_at.resize(transaction as usize + 1, None);
        }
        match &mut self.attached_at[transaction as usize] {
            Some((first, last)) => {
                *last = self.now;
                self.latencies.add(self.now - *first);
                self.traffic.delivered += attached.transaction().wire().len() as u64;
            }
            none => *none = Some((self.now, self.now)),
        }
        self.start_commit(number);
    }

    /// Sends what is durable of a request, then the word that this is all.
    fn serve(&mut self, node: usize, source: Source, request: u32, ranges: &[Stretch], ids: &[TxId]) {
        let disk = &self.nodes[node].disk;
        let durable = disk.durable();
        let mut found: Vec<Number> = Vec::new();
        for range in ranges {
            let positions = range.positions();
            let end = (positions.end as usize).min(durable.len());
            found.extend(&durable[(positions.start as usize).min(end)..end]);
        }
        let mut lacking = Vec::new();
        for id in ids {
            match self.catalogue.number(id).filter(|number| disk.has_durable(*number)) {
                Some(number) => found.push(number),
                None => lacking.push(*id),
            }
        }
        found.into_iter().for_each(|number| self.send(node, source, Parcel::Body(number)));
        self.said.push_back((node, Event::Served { source, request }));
        self.send(node, source, Self::parcel(Message::Done { request, lacking, withheld: Vec::new() }));
    }

    /// Writes what has queued up, unless a commit runs: then it takes what queues until it ends.
    pub(super) fn start_commit(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        let count = node.disk.unsaved().min(COMMIT_TRANSACTIONS);
        if node.committing.is_some() || (count == 0 && node.disk.cursors_to_come.is_empty()) {
            return;
        }
        let cursors: Cursors = std::mem::take(&mut node.disk.cursors_to_come);
        node.committing = Some((count, cursors));
        let (life, commit) = (node.life, node.commit);
        let pause = self.around(commit);
        self.later(pause, Happening::Committed { node: number as u32, life });
    }

    /// A commit has ended.
    pub(super) fn committed(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        let Some((count, cursors)) = node.committing.take() else { return };
        node.disk.commit(count, cursors);
        node.note(self.now, Note::Committed(count));
        let last = (node.disk.durable().len() as u64).checked_sub(1).filter(|_| count > 0);
        if let Some(last) = last {
            self.event(number, Event::Durable { position: Some(Position(last)), commit: None });
        }
        self.start_commit(number);
    }
}
