//! What a member of this world does by itself: it stores the commits that follow, makes its witnesses, and lies in them if it
//! is one that does.
//!
//! Always true: honest members make the same commits, and sign no round twice.

use super::{Event, Node, World};
use crate::body::{Vote, Witness};
use crate::finality::testing::member;
use crate::finality::{Entry, Next, Plan};
use crate::{Digest, Kind, Timestamp};

impl World {
    pub(super) fn poll(&mut self, place: usize) {
        loop {
            let Node { finality, stored: node, poll, .. } = &mut self.nodes[place];
            let Some(finality) = finality else { return };
            while let Some(handed) = finality.next_commit(&node.book).unwrap() {
                let delivered = &handed.delivered;
                node.book.store(delivered);
                let at = delivered.commit.index as usize - 1;
                if !self.liars.contains(member(place)) {
                    if at == self.chain.len() {
                        self.chain.push(delivered.digest);
                    }
                    assert_eq!(self.chain[at], delivered.digest, "honest members differ");
                }
                for judged in &delivered.transactions {
                    let came = self.readings.iter().find(|(id, _)| *id == judged.id).map(|(_, came)| *came);
                    self.latencies.extend(came.map(|came| self.now - came));
                }
                node.commits.push(handed);
            }
            match finality.next_witness(Timestamp::from_millis(self.now)) {
                Next::Rest => return,
                Next::Wake(at) => {
                    assert!(at.as_millis() > self.now);
                    *poll = at.as_millis();
                    self.at(at.as_millis(), Event::Polled(place));
                    return;
                }
                Next::Witness(plan) => self.witness(place, &plan),
            }
        }
    }

    fn witness(&mut self, place: usize, plan: &Plan) {
        let issuer = self.devices[place];
        let timestamp = Timestamp::from_millis(self.now).max(plan.after.plus(1));
        let witness = self.make(Kind::Witness, issuer, timestamp, plan.parents, &plan.witness.encode());
        let is_liar = self.liars.contains(member(place));
        if !is_liar {
            assert!(self.signed.insert((place, plan.witness.head().round.get())), "a round signed twice");
            self.send(place, self.others(place), &witness);
        } else {
            // One for some, another that votes for nonsense and sweeps nothing for others, none for the rest.
            let head = plan.witness.head();
            let index = if self.dice.percent(20) { u64::MAX } else { head.vote.index + 1 };
            let vote = Vote { index, digest: Digest([9; 32]) };
            let twin = Witness::new(head.round, vote, plan.witness.parents().to_vec(), vec![]).unwrap();
            let previous = Some(plan.parents[0]).filter(|parent| *parent != self.network.genesis());
            let parents = twin.header_parents(previous, self.network.genesis());
            let twin = self.make(Kind::Witness, issuer, timestamp.plus(3), parents, &twin.encode());
            for to in self.others(place).collect::<Vec<_>>() {
                match self.dice.below(5) {
                    0 => {}
                    1 | 2 => self.send(place, [to].into_iter(), &twin),
                    _ => self.send(place, [to].into_iter(), &witness),
                }
            }
        }
        // Attached here before anything else; `poll` goes on from there.
        let Node { finality, stored: node, .. } = &mut self.nodes[place];
        let Some(finality) = finality else { return };
        finality.attached(node.log.len() as u64, &witness, false, &node.book).unwrap();
        node.has_forgotten = false;
        node.book.entries.insert(witness.id(), Entry::of(&witness, self.network.genesis()));
        node.log.push(witness.id());
        node.attached.insert(witness.id(), witness);
    }
}
