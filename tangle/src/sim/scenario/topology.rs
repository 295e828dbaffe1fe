//! Who is linked with whom.

use super::super::random::Random;
use std::collections::BTreeSet;

/// Who is linked with whom, liars aside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Topology {
    /// Everybody with everybody.
    Full,
    /// Each with the next.
    Ring,
    /// Each with the next, but for the last and the first.
    Line,
    /// One with all others.
    Star,
    /// Each with some drawn at random; a way leads from each to each.
    Random,
}

impl Topology {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Full, Self::Ring, Self::Line, Self::Star, Self::Random];

    /// A short stable name, as scenario files have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Ring => "ring",
            Self::Line => "line",
            Self::Star => "star",
            Self::Random => "random",
        }
    }

    /// Pairs of nodes that are linked, each once, the smaller number first.
    pub(in super::super) fn pairs(
        self,
        nodes: usize,
        neighbours: usize,
        random: &mut Random,
    ) -> Vec<(usize, usize)> {
        let mut pairs: Vec<(usize, usize)> = match self {
            Self::Full => (0..nodes).flat_map(|b| (0..b).map(move |a| (a, b))).collect(),
            Self::Line | Self::Ring => (1..nodes).map(|node| (node - 1, node)).collect(),
            Self::Star => (1..nodes).map(|node| (0, node)).collect(),
            // Each with one before it, so that a way leads from each to each.
            Self::Random => (1..nodes).map(|node| (random.index(node), node)).collect(),
        };
        if self == Self::Ring && nodes > 2 {
            pairs.push((0, nodes - 1));
        }
        if self == Self::Random && nodes > 1 {
            let wanted = (nodes * neighbours / 2).min(nodes * (nodes - 1) / 2);
            let mut drawn: BTreeSet<_> = std::mem::take(&mut pairs).into_iter().collect();
            // Drawn anew where there is one; a bound, for the last ones are hard to find.
            for _ in 0..wanted * 8 {
                if drawn.len() >= wanted {
                    break;
                }
                let [a, b] = [random.index(nodes), random.index(nodes)];
                if a != b {
                    drawn.insert((a.min(b), a.max(b)));
                }
            }
            pairs.extend(drawn);
        }
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_leads_from_each_to_each() {
        for topology in Topology::ALL {
            for nodes in 1..12 {
                let pairs = topology.pairs(nodes, 3, &mut Random::new(nodes as u64, &[]));
                let unique: BTreeSet<_> = pairs.iter().collect();
                assert_eq!(unique.len(), pairs.len(), "{topology:?} {nodes}");
                assert!(pairs.iter().all(|(a, b)| a < b && *b < nodes), "{topology:?} {nodes}");
                let mut reached = BTreeSet::from([0]);
                for _ in 0..nodes {
                    let next = pairs.iter().filter(|(a, b)| reached.contains(a) != reached.contains(b));
                    reached.extend(next.flat_map(|(a, b)| [*a, *b]).collect::<Vec<_>>());
                }
                assert_eq!(reached.len(), nodes, "{topology:?} {nodes}");
            }
        }
    }
}
