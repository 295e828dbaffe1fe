//! What must hold of finality in the end: everything is final everywhere, known to be, and nobody makes witnesses any more.

use super::catalogue::Number;
use super::invariant::Invariant;
use super::net::Net;
use super::trace::name;
use crate::Kind;

impl Net {
    /// Whether everything that all honest nodes must have is final at each of them, and on its disk. Where nobody makes
    /// witnesses nothing has to be.
    pub fn is_final(&self) -> bool {
        !self.is_finalising() || self.left_behind().is_none()
    }

    /// Commits of the longest chain of an honest node.
    pub fn commits(&self) -> usize {
        self.chain.commits().len()
    }

    /// Witnesses that members have ever signed.
    pub(super) fn witnesses(&self) -> usize {
        self.catalogue.witnesses()
    }

    /// Something that is not final at one node.
    fn left_behind(&self) -> Option<(usize, Number)> {
        let is_reading = |number: &Number| self.catalogue.get(*number).header().kind != Kind::Witness;
        let is_behind = |node: &super::Node| {
            let has_open = node
                .disk
                .order()
                .iter()
                .any(|number| is_reading(number) && node.disk.outcome(*number).is_none());
            node.is_honest() && has_open
        };
        let behind: Vec<usize> =
            (0..self.nodes.len()).filter(|number| is_behind(&self.nodes[*number])).collect();
        // What a node holds beyond its variants need not be final, for it need not be anywhere else.
        let needed = if behind.is_empty() { return None } else { self.needed() };
        behind.into_iter().find_map(|node| {
            let disk = &self.nodes[node].disk;
            let mut open = needed.iter().filter(|number| is_reading(number) && disk.has(**number));
            open.find(|number| disk.outcome(**number).is_none()).map(|number| (node, *number))
        })
    }

    /// Looks whether everything is final and a quorum known to have made the commits that did it.
    pub(super) fn look_at_finality(&mut self) {
        if !self.is_finalising() {
            return;
        }
        if let Some((node, left)) = self.left_behind() {
            return self.violated(Invariant::Final, node, |net| {
                format!("{} is not final", name(left, &net.catalogue))
            });
        }
        for number in 0..self.nodes.len() {
            let node = &self.nodes[number];
            if !node.is_honest() {
                continue;
            }
            let status = node.replica.finality();
            if let Some(divergence) = status.divergence {
                self.violated(Invariant::Chain, number, |_| {
                    format!("it takes chains to have parted: {divergence:?}")
                });
                continue;
            }
            let has_reading = |handed: &&std::sync::Arc<crate::finality::Handed>| {
                handed.delivered.transactions.iter().any(|judged| judged.kind != Kind::Witness)
            };
            let newest = node.disk.durable_commits().rfind(has_reading);
            let newest = newest.map_or(0, |handed| handed.delivered.commit.index);
            if status.certified < newest {
                let certified = status.certified;
                self.violated(Invariant::Idle, number, |_| {
                    format!("commit {newest} has no certificate, and the newest that has is {certified}")
                });
            }
        }
    }

    /// Looks whether witnesses were made when there was nothing to make them for.
    pub(super) fn look_at_idleness(&mut self, witnesses: usize) {
        let more = self.witnesses() - witnesses;
        if more > 0 && self.is_finalising() {
            self.violated(Invariant::Idle, 0, |_| {
                format!("{more} witnesses were made with nothing to finalise")
            });
        }
    }
}
