//! One simulation with figures: what went over the links, what nodes hold and how fast transactions spread, looked at in
//! even steps while sensors send.
//!
//! Always true: looking changes nothing, so the trace is that of [`run`](super::run). Figures are those of the time from
//! a quarter of the traffic on, when nodes have found each other and trees have grown.

use super::Micros;
use super::net::Net;
use super::run::{Outcome, build};
use super::scenario::Scenario;
use super::stats::{Latencies, Traffic};

/// Looks while sensors send.
const LOOKS: u64 = 60;

/// One look in so many is the one from which on figures count.
const WARM: u64 = 4;

/// What honest nodes hold, in all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Held {
    /// Transactions on their disks and on the way there.
    pub attached: u64,
    /// Transactions whose graph is in memory.
    pub window: u64,
    /// Tips.
    pub tips: u64,
    /// Transactions that wait for something.
    pub pending: u64,
    /// Transactions that are known of and not there.
    pub wanted: u64,
    /// Signatures remembered.
    pub verdicts: u64,
}

/// One look.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Look {
    /// Microseconds since the start.
    pub at: Micros,
    /// What happened until then, in number.
    pub events: u64,
    /// Transactions that exist.
    pub transactions: u64,
    /// Of these, witnesses.
    pub witnesses: u64,
    /// Commits of the longest chain.
    pub commits: u64,
    /// What went over all links until then.
    pub traffic: Traffic,
    /// What nodes hold.
    pub held: Held,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What has come of it, as without measuring.
    pub outcome: Outcome,
    /// Honest nodes.
    pub nodes: u64,
    /// Links between them: all of them, and those of the nodes with the fewest and the most.
    pub links: [u64; 3],
    /// Looks, the first at the start, the last when sensors fall silent.
    pub looks: Vec<Look>,
    /// The look from which on figures count.
    pub warm: usize,
    /// Microseconds from the first node that attached a transaction to each other one.
    pub latencies: Latencies,
    /// Microseconds from the first node that attached a transaction to the last, where all have it in the end.
    pub everywhere: Latencies,
    /// Microseconds from the word that a transaction is taken to the commit on disk that made it final, where it was said.
    pub finals: Latencies,
    /// Bytes that the node sent in that time which sent most.
    pub most_sent: u64,
}

impl Measured {
    /// What went over the links while figures count.
    pub fn traffic(&self) -> Traffic {
        let [first, last] = self.ends();
        last.traffic.since(&first.traffic)
    }

    /// Transactions that came into being while figures count.
    pub fn transactions(&self) -> u64 {
        let [first, last] = self.ends();
        last.transactions - first.transactions
    }

    /// Witnesses that were made while figures count.
    pub fn witnesses(&self) -> u64 {
        let [first, last] = self.ends();
        last.witnesses - first.witnesses
    }

    /// Commits that were made while figures count.
    pub fn commits(&self) -> u64 {
        let [first, last] = self.ends();
        last.commits - first.commits
    }

    /// What happened while figures count, in number.
    pub fn events(&self) -> u64 {
        let [first, last] = self.ends();
        last.events - first.events
    }

    /// Microseconds for which figures count; never zero.
    pub fn lasts(&self) -> Micros {
        let [first, last] = self.ends();
        (last.at - first.at).max(1)
    }

    fn ends(&self) -> [Look; 2] {
        let look = |at: Option<&Look>| at.copied().unwrap_or_default();
        [look(self.looks.get(self.warm)), look(self.looks.last())]
    }
}

/// Runs a scenario with a seed and measures it. Calls `looked` after each look.
pub fn measure(scenario: &Scenario, seed: u64, looked: &mut dyn FnMut(&Look)) -> Measured {
    let scenario = scenario.fixed(seed);
    let mut net = build(&scenario, seed);
    let honest = net.honest();
    let lasts = scenario.lasts.low;
    let warm = (LOOKS / WARM) as usize;
    let mut looks = vec![net.look()];
    let (mut begun, mut sent) = (0, vec![0; honest]);
    for step in 1..=LOOKS {
        net.run((lasts * step / LOOKS).saturating_sub(net.now()));
        looks.push(net.look());
        looks.iter().last().into_iter().for_each(&mut *looked);
        if step as usize == warm {
            net.latencies = Latencies::default();
            net.finals = Latencies::default();
            begun = net.now();
            sent = net.nodes.iter().map(|node| node.sent).collect();
        }
    }
    let most_sent = net.nodes[..honest].iter().zip(&sent).map(|(node, sent)| node.sent - sent).max();
    let mut degrees = vec![0u64; net.nodes.len()];
    net.pairs.keys().flat_map(|(a, b)| [*a, *b]).for_each(|node| degrees[node] += 1);
    let degrees = &degrees[..honest];
    let links = [
        degrees.iter().sum::<u64>() / 2,
        degrees.iter().copied().min().unwrap_or(0),
        degrees.iter().copied().max().unwrap_or(0),
    ];
    let settled = net.settle(scenario.settles);
    Measured {
        nodes: honest as u64,
        links,
        looks,
        warm,
        latencies: net.latencies().clone(),
        finals: net.finals().clone(),
        everywhere: net.everywhere(begun),
        most_sent: most_sent.unwrap_or(0),
        outcome: Outcome::of(&net, scenario, seed, settled),
    }
}

impl Net {
    fn look(&self) -> Look {
        let mut held = Held::default();
        for node in self.nodes.iter().filter(|node| node.is_honest()) {
            let replica = node.replica.occupancy();
            held.attached += node.attached() as u64;
            held.window += replica.window as u64;
            held.tips += replica.tips as u64;
            held.pending += replica.pending as u64;
            held.wanted += replica.wanted as u64;
            held.verdicts += node.memory.len() as u64;
        }
        Look {
            at: self.now(),
            events: self.events(),
            transactions: self.catalogue.len() as u64,
            witnesses: self.witnesses() as u64,
            commits: self.commits() as u64,
            traffic: self.traffic(),
            held,
        }
    }

    /// How long each transaction took to all honest nodes that was attached somewhere from `begun` on.
    fn everywhere(&self, begun: Micros) -> Latencies {
        let honest: Vec<_> = self.nodes.iter().filter(|node| node.is_honest()).collect();
        let mut latencies = Latencies::default();
        for (number, times) in (0..).zip(&self.attached_at) {
            if let Some((first, last)) = *times
                && first >= begun
                && honest.iter().all(|node| node.disk.has(number))
            {
                latencies.add(last - first);
            }
        }
        latencies
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Span, Topology, run};

    #[test]
    fn looking_changes_nothing_and_counts_all() {
        let mut scenario = Scenario::plain("measured");
        scenario.nodes = Span::of(6);
        scenario.topology = vec![Topology::Ring];
        let mut seen = 0;
        let measured = measure(&scenario, 3, &mut |_| seen += 1);
        let plain = run(&scenario, 3);
        assert_eq!((measured.outcome.trace, measured.outcome.events), (plain.trace, plain.events));
        assert_eq!((seen, measured.looks.len()), (LOOKS, LOOKS as usize + 1));
        assert_eq!((measured.nodes, measured.links), (6, [6, 2, 2]));
        let last = measured.looks.last().unwrap();
        assert_eq!(last.at, scenario.lasts.low);
        assert!(last.held.attached > last.transactions * 5 && last.held.attached <= last.transactions * 6);
        assert_eq!(last.held.window, last.held.attached, "so few are all in the window");
    }

    #[test]
    fn what_reached_all_took_as_long_as_its_last_way() {
        let mut scenario = Scenario::plain("reach");
        scenario.nodes = Span::of(5);
        scenario.topology = vec![Topology::Line];
        scenario.links.delay = Span::of(20_000);
        let measured = measure(&scenario, 1, &mut |_| ());
        let (each, all) = (&measured.latencies, &measured.everywhere);
        assert!(all.count() > 50 && all.count() <= measured.transactions());
        assert!(all.quantile(1) >= 40_000, "from the middle of a line two links lead to its end");
        assert!(all.quantile(500) > each.quantile(500));
        assert!(each.most() <= 4 * 400_000, "four links, each a push or an answer");
        let traffic = measured.traffic();
        assert!(measured.most_sent > traffic.bytes / 5 && measured.most_sent < traffic.bytes);
        assert!(traffic.control > 0 && traffic.control + traffic.bulk < traffic.bytes);
    }
}
