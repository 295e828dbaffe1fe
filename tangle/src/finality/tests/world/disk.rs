//! What a node of this world has on its disk, how it starts from that, and how it falls back on a copy.
//!
//! Always true: `log` lists what is attached, each once, in the order of attaching; commits follow on each other.

use super::super::book::Book;
use super::{Event, World};
use crate::finality::{Finality, Handed, Pace};
use crate::{DeviceId, Network, Transaction, TxId};
use std::collections::BTreeMap;

/// What a node has on its disk.
#[derive(Clone, Default)]
pub(super) struct Stored {
    pub(super) book: Book,
    pub(super) attached: BTreeMap<TxId, Transaction>,
    pub(super) log: Vec<TxId>,
    pub(super) commits: Vec<Handed>,
    /// It may lack own witnesses that were told.
    pub(super) has_forgotten: bool,
}

impl Stored {
    /// A crash takes the newest commits.
    pub(super) fn lose_commits(&mut self, count: usize) {
        for _ in 0..count {
            for (id, _) in self.commits.pop().iter().flat_map(|handed| handed.delivered.leaves()) {
                self.book.verdicts.remove(&id);
            }
        }
        self.book.digests.truncate(self.commits.len());
    }

    /// Finality as a start finds it here.
    pub(super) fn start(&self, network: &Network, device: &DeviceId, commit_size: usize) -> Finality {
        let mut finality = Finality::new(network);
        finality.set_device(device, Pace::default());
        finality.set_commit_size(commit_size);
        if self.has_forgotten {
            finality.forgot();
        }
        let resume = self.commits.last().map(|handed| handed.resume);
        if let Some(resume) = &resume {
            finality.resume(resume, self.commits.iter().map(|handed| handed.delivered.vote()));
        }
        let first = resume.map_or(1, |resume| resume.first_round().get());
        for (position, id) in self.log.iter().enumerate() {
            let transaction = &self.attached[id];
            let is_delivered = self.book.verdicts.contains_key(id);
            let round = finality.committee().known(transaction).map_or(0, |known| known.round.get());
            if !is_delivered || round >= first {
                finality.attached(position as u64, transaction, is_delivered, &self.book).unwrap();
            }
        }
        finality
    }

    /// All that is attached, in its order.
    fn transactions(&self) -> Vec<Transaction> {
        self.log.iter().map(|id| self.attached[id].clone()).collect()
    }
}

impl World {
    /// A node starts on what it has stored, and catches up with all others, who catch up with it.
    pub(super) fn returns(&mut self, place: usize) {
        if self.nodes[place].finality.is_some() {
            return;
        }
        let node = &mut self.nodes[place];
        node.finality =
            Some(node.stored.start(&self.network, &self.devices[place], self.settings.commit_size));
        for other in (0..self.present()).filter(|other| *other != place) {
            for (from, to) in [(other, place), (place, other)] {
                let all = self.nodes[from].stored.transactions();
                let due = self.due(from, to);
                for transaction in all {
                    self.at(due, Event::Arrives(to, Box::new(transaction)));
                }
                self.at(due, Event::Heard(to, from));
            }
        }
        self.poll(place);
    }

    /// A node comes back on its copy, if so many may forget at once what they have signed; else on its own disk.
    pub(super) fn restored(&mut self, place: usize) {
        if self.nodes[place].finality.is_none() && self.bears_another(place) {
            let node = &mut self.nodes[place];
            node.stored = node.copy.clone().unwrap_or_default();
            (node.stored.has_forgotten, node.is_restored) = (true, true);
        }
        self.returns(place);
    }

    /// Whether the members are a quorum without those that lie, are away or have forgotten what they signed, this one too.
    fn bears_another(&self, place: usize) -> bool {
        let has_forgotten = |other: &usize| *other != place && self.nodes[*other].stored.has_forgotten;
        let forgetful = (0..self.settings.members).filter(has_forgotten).count() + 1;
        let quorum = crate::CommitteeSize::new(self.settings.members).unwrap().quorum();
        self.present() >= quorum + self.settings.liars + forgetful
    }
}
