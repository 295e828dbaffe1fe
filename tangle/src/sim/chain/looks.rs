//! Where commits and own witnesses of honest nodes are looked at: when they come to be on a disk, are signed, or are sent.

use super::super::catalogue::Number;
use super::super::invariant::Invariant;
use super::super::net::Net;
use super::super::trace::name;
use crate::finality::{Handed, Round};
use std::sync::Arc;

impl Net {
    /// Whether more members break the rules than finality bears.
    fn is_overrun(&self) -> bool {
        let size = self.catalogue.committee().size();
        let liars = self.settings.members().filter(|node| !self.nodes[*node].is_honest()).count();
        liars + self.chain.relapsed.len() > size.faulty()
    }

    /// Whether anybody makes witnesses, and finality bears those who break the rules.
    pub(in super::super) fn is_finalising(&self) -> bool {
        !self.settings.members().is_empty() && !self.is_overrun()
    }

    /// The next commits of a node come to be on its disk. What was made and is not on disk was told to nobody: a member that
    /// loses its power may make others, for witnesses of its own that decided them may be lost too.
    pub(in super::super) fn look_at_commits(&mut self, number: usize, count: usize) {
        if !self.nodes[number].is_honest() || !self.is_finalising() {
            return;
        }
        let disk = &self.nodes[number].disk;
        let durable = disk.durable_commits().len();
        let coming: Vec<Arc<Handed>> = disk.commits().skip(durable).take(count).cloned().collect();
        for (next, handed) in (durable as u64 + 1..).zip(&coming) {
            self.look_at_commit(number, next, handed);
        }
    }

    fn look_at_commit(&mut self, number: usize, next: u64, handed: &Arc<Handed>) {
        let index = handed.delivered.commit.index;
        if index != next {
            return self.violated(Invariant::Chain, number, |_| {
                format!("commit {index} is made where {next} comes next")
            });
        }
        let missing = handed.delivered.transactions.iter().find(|judged| {
            let known = self.catalogue.number(&judged.id);
            !known.is_some_and(|known| self.nodes[number].disk.has(known))
        });
        if let Some(id) = missing.map(|judged| judged.id) {
            return self.violated(Invariant::Chain, number, |_| {
                format!("commit {index} delivers {id}, which is not here")
            });
        }
        match self.chain.commits.get(index as usize - 1) {
            Some(first) if first.delivered != handed.delivered => {
                let others = first.delivered.commit.leader;
                self.violated(Invariant::Chain, number, |_| {
                    let own = handed.delivered.commit.leader;
                    format!("commit {index} of leader {own} is another one elsewhere, of leader {others}")
                });
            }
            Some(_) => {}
            None => {
                if let Err(what) = self.chain.extend(handed, &self.catalogue) {
                    self.violated(Invariant::Verdicts, number, |_| format!("commit {index} {what}"));
                }
            }
        }
    }

    /// A node sends a transaction. Its own witness must be on its disk before anybody gets it; one that its disk has lost
    /// since and that a peer has given back is passed on like any other.
    pub(in super::super) fn look_at_sent(&mut self, number: usize, transaction: Number) {
        let node = &self.nodes[number];
        let is_own = || self.catalogue.get(transaction).header().issuer == node.device;
        if !node.is_honest() || self.catalogue.witness(transaction).is_none() || !is_own() {
            return;
        }
        if !node.disk.has_durable(transaction) && !self.chain.told.contains(&transaction) {
            return self.violated(Invariant::Signed, number, |net| {
                format!("{} is sent before it is on disk", name(transaction, &net.catalogue))
            });
        }
        self.chain.told.insert(transaction);
    }

    /// A node has signed a witness. What it had signed of that round before and lost before it was on disk is nothing.
    pub(in super::super) fn look_at_signed(&mut self, number: usize, transaction: Number) {
        let Some(round) = self.catalogue.witness(transaction).map(|witness| witness.round) else { return };
        if !self.nodes[number].is_honest() {
            return;
        }
        if self.chain.excused.contains(&(number, round)) {
            // Whoever has that witness or a commit that follows from it may have another one now.
            self.chain.relapsed.insert(number);
            return;
        }
        let signed = self.chain.signed.entry((number, round)).or_default();
        let disk = &self.nodes[number].disk;
        let is_known = |other: &&Number| self.chain.told.contains(other) || disk.has_durable(**other);
        let first = signed.iter().find(is_known).copied();
        signed.push(transaction);
        let Some(first) = first.filter(|first| *first != transaction) else { return };
        self.violated(Invariant::Signed, number, |net| {
            let [first, second] = [first, transaction].map(|number| name(number, &net.catalogue));
            format!("{round:?} is signed in {first} and again in {second}")
        });
    }

    /// Whether members that do not lie and have not forgotten what they signed are a quorum, when this node forgets too. When
    /// they are not nothing could become final any more, and an operator says that the copy is the newest there is.
    pub(in super::super) fn bears_another(&self, node: usize) -> bool {
        let size = self.catalogue.committee().size();
        let is_fit = |other: &usize| {
            let other = &self.nodes[*other];
            other.is_honest() && !other.disk.has_forgotten()
        };
        let fit = self.settings.members().filter(|other| *other != node).filter(is_fit).count();
        size.members() > size.quorum() && fit >= size.quorum()
    }

    /// An older disk has taken the place of one that held these.
    pub(in super::super) fn excuse_rounds(&mut self, lost: &[Number]) {
        let mut excused = self.unmarked_rounds(lost);
        excused.extend(self.marked_rounds());
        self.chain.excused.extend(excused);
    }

    /// Who knows that its disk is old asks any Q others. It can know of a round that it has signed when so many have a witness
    /// of the round before that any Q hold one of those; and it can always, when no more than f others lie or have fallen
    /// back themselves.
    fn marked_rounds(&self) -> Vec<(usize, Round)> {
        let members = || self.settings.members().filter(|node| self.nodes[*node].is_honest());
        let size = self.catalogue.committee().size();
        let (others, quorum) = (size.members() - 1, size.quorum());
        let top = |node: usize| {
            let durable = self.nodes[node].disk.durable().iter();
            durable
                .filter_map(|number| self.catalogue.witness(*number))
                .map(|witness| witness.round.get())
                .max()
        };
        let tops: Vec<(usize, u64)> = members().map(|node| (node, top(node).unwrap_or_default())).collect();
        let is_lost = |(node, _): &(usize, Round), signed: &[Number]| {
            let disk = &self.nodes[*node].disk;
            let is_told = signed.iter().any(|number| self.chain.told.contains(number));
            disk.has_forgotten() && is_told && !signed.iter().any(|number| disk.has_durable(*number))
        };
        let lost = self
            .chain
            .signed
            .iter()
            .filter(|(round, signed)| is_lost(round, signed))
            .map(|(round, _)| *round);
        let is_hidden = |(author, round): &(usize, Round)| {
            let knows = |(node, top): &&(usize, u64)| node != author && top + 1 >= round.get();
            tops.iter().filter(knows).count() + quorum <= others
        };
        lost.filter(is_hidden).collect()
    }

    /// Who does not know that its disk is old knows of a witness that it has lost when more than n - Q others have it on disk:
    /// any Q - 1 that it asks hold one of those.
    fn unmarked_rounds(&self, lost: &[Number]) -> Vec<(usize, Round)> {
        let members = || self.settings.members().filter(|node| self.nodes[*node].is_honest());
        let size = self.catalogue.committee().size();
        let mut excused = Vec::new();
        for number in lost {
            let Some(witness) = self.catalogue.witness(*number) else { continue };
            let device = self.catalogue.get(*number).header().issuer;
            let has = |node: usize| self.nodes[node].disk.has_durable(*number);
            let author = members().find(|node| self.nodes[*node].device == device);
            let author = author.filter(|author| !self.nodes[*author].disk.has_forgotten() && !has(*author));
            let Some(author) = author else { continue };
            let others = members().filter(|node| *node != author && has(*node)).count();
            if others <= size.members() - size.quorum() {
                excused.push((author, witness.round));
            }
        }
        excused
    }
}
