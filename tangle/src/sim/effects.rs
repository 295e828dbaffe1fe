//! What a replica wants done is done: written, sent, served, answered. So does the node around it in production.

use super::catalogue::Number;
use super::happening::{Happening, Load};
use super::link::Parcel;
use super::net::Net;
use super::trace::{Note, print, print_of};
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
            Effect::Commit(handed) => {
                self.nodes[node].note(self.now, Note::Finalised(handed.delivered.vote().index));
                let digest = handed.delivered.digest.0;
                self.trace.add(&[node as u64, print(&digest)]);
                self.nodes[node].disk.push_commit(handed);
                self.start_commit(node);
            }
            Effect::Witness(proposal) => self.sign_later(node, proposal),
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
        self.look_at_genuine(number, attached.transaction());
        let transaction = self.catalogue.take_in(attached.transaction());
        self.trace.add(&[number as u64, attached.position().0, print_of(&attached.id())]);
        self.look_at_attached(number, transaction, attached.position());
        let node = &mut self.nodes[number];
        node.disk.push(transaction, attached.twin());
        if attached.is_made_here() {
            node.disk.note_made_here();
        }
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
        if node.committing.is_some() {
            return;
        }
        let batch = node.disk.take_batch(COMMIT_TRANSACTIONS);
        if batch.is_empty() {
            return;
        }
        node.committing = Some(batch);
        let (life, commit) = (node.life, node.commit);
        let pause = self.around(commit);
        self.later(pause, Happening::Committed { node: number as u32, life });
    }

    /// A commit has ended.
    pub(super) fn committed(&mut self, number: usize) {
        let Some(batch) = self.nodes[number].committing.take() else { return };
        let (count, commits) = (batch.count, batch.commits);
        self.look_at_commits(number, commits);
        let node = &mut self.nodes[number];
        node.disk.write(batch, &self.catalogue);
        node.note(self.now, Note::Committed(count));
        let last = (node.disk.durable().len() as u64).checked_sub(1).filter(|_| count > 0);
        let commit = Some(node.disk.durable_commits().len() as u64).filter(|_| commits > 0);
        if last.is_some() || commit.is_some() {
            self.count_final(number, commits);
            self.event(number, Event::Durable { position: last.map(Position), commit });
        }
        self.start_commit(number);
    }

    /// Counts how long it took what a client handed in here, now that it is final.
    fn count_final(&mut self, number: usize, commits: usize) {
        let newest: Vec<_> = self.nodes[number].disk.durable_commits().rev().take(commits).cloned().collect();
        for judged in newest.iter().flat_map(|handed| &handed.delivered.transactions) {
            let transaction = self.catalogue.number(&judged.id);
            if let Some(taken) = transaction.and_then(|transaction| self.judge.taken(transaction))
                && taken.node == number
            {
                self.finals.add(self.now - taken.at);
            }
        }
    }
}
