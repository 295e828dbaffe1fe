//! What comes to a node of this world: it waits for what it references, is checked as a replica does, attached, and passed
//! on where somebody may lack it.
//!
//! Always true: what is attached has all that it references attached before it.

use super::{Node, World};
use crate::body::Witness;
use crate::finality::{Entry, Shape};
use crate::{Transaction, TxId};
use std::collections::BTreeSet;

impl World {
    pub(super) fn arrives(&mut self, place: usize, transaction: Transaction) {
        let genesis = self.network.genesis();
        let Node { finality, stored: node, waiting, .. } = &mut self.nodes[place];
        let Some(finality) = finality else { return };
        waiting.push(transaction);
        let (mut lies, mut new) = (Vec::new(), Vec::new());
        let mut is_changed = true;
        while std::mem::take(&mut is_changed) {
            for transaction in std::mem::take(waiting) {
                let id = transaction.id();
                let entry = Entry::of(&transaction, genesis);
                if node.attached.contains_key(&id) {
                    continue;
                }
                if !entry.references.iter().all(|reference| node.attached.contains_key(reference)) {
                    waiting.push(transaction);
                    continue;
                }
                if let Some(known) = finality.committee().known(&transaction) {
                    let witness = Witness::decode(transaction.content()).unwrap();
                    witness.check_header(transaction.header(), &self.network).unwrap();
                    let tell = |id: &TxId| {
                        let told = node.attached.get(id).and_then(|other| finality.committee().known(other));
                        assert!(finality.known(id).is_none_or(|known| Some(known) == told));
                        told
                    };
                    let previous = Some(transaction.header().parents[0]).filter(|parent| *parent != genesis);
                    let (author, round) = (known.author, known.round);
                    let shape = Shape { author, round, parents: witness.parents(), previous };
                    shape.check(finality.committee().size(), &tell).unwrap();
                    if self.liars.contains(author) {
                        lies.push(transaction.clone());
                    }
                }
                finality.attached(node.log.len() as u64, &transaction, false, &node.book).unwrap();
                node.book.entries.insert(id, entry);
                node.log.push(id);
                new.push(transaction.clone());
                node.attached.insert(id, transaction);
                is_changed = true;
            }
        }
        // What was sent before a fall back may arrive behind it: then whoever fell back lacks it.
        let restored: Vec<usize> =
            self.others(place).filter(|other| self.nodes[*other].is_restored).collect();
        for transaction in new {
            self.send(place, restored.iter().copied(), &transaction);
        }
        self.ask(place);
        // What a liar tells some, they pass on: whoever builds on it has it.
        for lie in lies {
            self.send(place, self.others(place), &lie);
        }
        self.poll(place);
    }

    /// Asks others for what is missing to what waits, which was sent while this node was away and is in no log that it read.
    fn ask(&mut self, place: usize) {
        let genesis = self.network.genesis();
        let missing = |id: &TxId| !self.nodes[place].stored.attached.contains_key(id);
        let references = self.nodes[place].waiting.iter().flat_map(|one| Entry::of(one, genesis).references);
        let missing: BTreeSet<TxId> = references.filter(missing).collect();
        for id in missing.difference(&self.nodes[place].asked.clone()) {
            let has = |other: &usize| self.nodes[*other].stored.attached.contains_key(id);
            if let Some(other) = self.others(place).find(has) {
                let found = self.nodes[other].stored.attached[id].clone();
                self.nodes[place].asked.insert(*id);
                self.send(other, [place].into_iter(), &found);
            }
        }
    }
}
