//! What is simulated (`spec/16-simulation.md`): a scenario says between what bounds, a seed draws what.
//!
//! Always true: what [`Scenario::fixed`] has drawn is a scenario again, with nothing left to draw that a person would
//! want to leave out: its nodes, sensors and faults stand there one by one.

use super::Micros;
use super::faults::{Fault, Planned, pick};
use super::liar::Lie;
use super::random::{Chance, Random};
use std::collections::BTreeSet;

/// From and to, both possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The least.
    pub low: u64,
    /// The most.
    pub high: u64,
}

impl Span {
    /// One number and no other.
    pub const fn of(number: u64) -> Self {
        Self { low: number, high: number }
    }

    /// From and to.
    pub const fn new(low: u64, high: u64) -> Self {
        Self { low, high }
    }

    pub(super) fn draw(self, random: &mut Random) -> u64 {
        random.between(self.low, self.high)
    }

    fn fix(&mut self, random: &mut Random) {
        *self = Self::of(self.draw(random));
    }

    /// As a chance, in millionths.
    pub(super) fn chance(self) -> Chance {
        Chance(u32::try_from(self.low).unwrap_or(u32::MAX))
    }
}

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
    pub(super) fn pairs(self, nodes: usize, neighbours: usize, random: &mut Random) -> Vec<(usize, usize)> {
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

/// How links are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Links {
    /// Microseconds from end to end, drawn for each link.
    pub delay: Span,
    /// At most so many more, drawn once.
    pub jitter: Span,
    /// Millionths of frames that must be sent again, drawn once.
    pub loss: Span,
    /// Millionths of transactions that come twice, drawn once.
    pub repeat: Span,
    /// Bytes a second, drawn for each link; none where that is no matter.
    pub bandwidth: Option<Span>,
    /// Microseconds after which both ends notice that nothing comes any more.
    pub idle: Micros,
}

/// How machines are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Machines {
    /// Microseconds of a transaction's checks, drawn once.
    pub check: Span,
    /// Microseconds of a commit, drawn once.
    pub commit: Span,
    /// Milliseconds by which a node's clock is ahead or behind from the beginning, drawn for each.
    pub skew_ms: Span,
    /// Microseconds between two backups of each node.
    pub backups: Micros,
}

/// How sensors are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sensors {
    /// How many, drawn once.
    pub count: Span,
    /// How many of them equivocate, drawn once.
    pub equivocating: Span,
    /// Microseconds from a ticket to handing in, drawn each time.
    pub think: Span,
    /// Microseconds from one reading to the next, drawn each time.
    pub pause: Span,
    /// Millionths of readings before which a sensor goes to another node.
    pub roam: Span,
    /// Millionths of answers that are lost.
    pub lost_answer: Span,
    /// Millionths of readings after which a sensor has lost its state.
    pub lost_state: Span,
    /// Bytes of a reading's content.
    pub bytes: u64,
    /// Whether they introduce themselves first.
    pub enrol: bool,
}

/// How many faults of each sort happen, and how they are. All are over when the simulation begins to settle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Faults {
    /// Losses of power.
    pub crash: Span,
    /// Backups restored.
    pub restore: Span,
    /// Links cut.
    pub cut: Span,
    /// Nodes split in two parts.
    pub split: Span,
    /// Connections dropped.
    pub drop: Span,
    /// Clocks set wrong.
    pub clock: Span,
    /// Disks slow.
    pub slow: Span,
    /// Microseconds that each lasts.
    pub lasting: Span,
    /// Milliseconds by which a clock is wrong, either way.
    pub ahead_ms: Span,
    /// Microseconds by which a commit takes longer.
    pub commit: Span,
}

/// What is simulated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// For people.
    pub name: String,
    /// Nodes that keep to the rules, drawn once.
    pub nodes: Span,
    /// Nodes that do not, drawn once.
    pub liars: Span,
    /// How they lie.
    pub lies: Vec<Lie>,
    /// Millionths of what they say that they change.
    pub lying: Span,
    /// One of these is drawn.
    pub topology: Vec<Topology>,
    /// Links of a node, of a random topology.
    pub neighbours: Span,
    /// Milliseconds of an epoch, drawn once.
    pub epoch_ms: Span,
    /// Microseconds during which faults happen and sensors send, drawn once.
    pub lasts: Span,
    /// Microseconds after that in which all must become the same.
    pub settles: Micros,
    /// Links.
    pub links: Links,
    /// Machines.
    pub machines: Machines,
    /// Sensors.
    pub sensors: Sensors,
    /// Faults to be drawn.
    pub faults: Faults,
    /// Faults at their times.
    pub plan: Vec<Planned>,
}

impl Scenario {
    /// Three nodes side by side and a few sensors, without any fault.
    pub fn plain(name: &str) -> Self {
        let none = Span::of(0);
        Self {
            name: name.to_owned(),
            nodes: Span::of(3),
            liars: none,
            lies: Lie::ALL.to_vec(),
            lying: Span::of(100_000),
            topology: vec![Topology::Full],
            neighbours: Span::of(4),
            epoch_ms: Span::of(600_000),
            lasts: Span::of(30_000_000),
            settles: 180_000_000,
            links: Links {
                delay: Span::new(100, 300),
                jitter: Span::of(200),
                loss: none,
                repeat: none,
                bandwidth: None,
                idle: 12_000_000,
            },
            machines: Machines {
                check: Span::of(100),
                commit: Span::of(1_000),
                skew_ms: none,
                backups: 5_000_000,
            },
            sensors: Sensors {
                count: Span::of(8),
                equivocating: none,
                think: Span::new(100_000, 2_000_000),
                pause: Span::new(500_000, 2_000_000),
                roam: none,
                lost_answer: none,
                lost_state: none,
                bytes: 200,
                enrol: true,
            },
            faults: Faults {
                crash: none,
                restore: none,
                cut: none,
                split: none,
                drop: none,
                clock: none,
                slow: none,
                lasting: Span::new(100_000, 15_000_000),
                ahead_ms: Span::new(1_000, 30_000),
                commit: Span::new(50_000, 500_000),
            },
            plan: Vec::new(),
        }
    }

    /// What a seed makes of it. Made twice it is the same.
    pub fn fixed(&self, seed: u64) -> Self {
        let mut random = Random::new(seed, &[0]);
        let mut fixed = self.clone();
        let Self { nodes, liars, neighbours, epoch_ms, lasts, links, machines, sensors, lying, .. } =
            &mut fixed;
        let spans = [
            nodes,
            liars,
            neighbours,
            epoch_ms,
            lasts,
            lying,
            &mut links.jitter,
            &mut links.loss,
            &mut links.repeat,
            &mut machines.check,
            &mut machines.commit,
            &mut sensors.count,
            &mut sensors.equivocating,
            &mut sensors.roam,
            &mut sensors.lost_answer,
            &mut sensors.lost_state,
        ];
        spans.into_iter().for_each(|span| span.fix(&mut random));
        if !fixed.topology.is_empty() {
            fixed.topology = vec![pick(&mut random, &fixed.topology)];
        }
        fixed.draw_faults(&mut random);
        fixed.plan.sort_by_key(|planned| planned.at);
        fixed
    }

    fn draw_faults(&mut self, random: &mut Random) {
        let nodes = self.nodes.low as usize;
        let drawn = self.faults;
        let Faults { lasting, ahead_ms, commit, .. } = drawn;
        let mut plan = std::mem::take(&mut self.plan);
        let lasts = self.lasts.low;
        let mut add = |random: &mut Random, count: Span, make: &dyn Fn(&mut Random) -> Option<Fault>| {
            for _ in 0..count.draw(random) {
                let at = random.between(0, lasts);
                let lasting = lasting.draw(random).min(lasts - at);
                plan.extend(make(random).map(|fault| Planned { at, lasting, fault }));
            }
        };
        let node = |random: &mut Random| random.index(nodes.max(1));
        let two = |random: &mut Random| {
            let [a, b] = [node(random), node(random)];
            (a != b).then_some((a.min(b), a.max(b)))
        };
        add(random, drawn.crash, &|random| Some(Fault::Crash { node: node(random) }));
        add(random, drawn.restore, &|random| {
            Some(Fault::Restore { node: node(random), back: random.index(4) })
        });
        add(random, drawn.cut, &|random| two(random).map(|(a, b)| Fault::Cut { a, b }));
        add(random, drawn.drop, &|random| two(random).map(|(a, b)| Fault::Drop { a, b }));
        add(random, drawn.split, &|random| {
            let side: Vec<usize> = (0..nodes).filter(|_| random.below(2) == 0).collect();
            (!side.is_empty() && side.len() < nodes).then_some(Fault::Split { side })
        });
        add(random, drawn.clock, &|random| {
            let ahead = i64::try_from(ahead_ms.draw(random)).unwrap_or(i64::MAX);
            let ahead_ms = if random.below(2) == 0 { ahead } else { -ahead };
            Some(Fault::Clock { node: node(random), ahead_ms })
        });
        add(random, drawn.slow, &|random| {
            Some(Fault::Slow { node: node(random), commit: commit.draw(random) })
        });
        self.plan = plan;
        let none = Span::of(0);
        let Faults { crash, restore, cut, split, drop, clock, slow, .. } = &mut self.faults;
        [crash, restore, cut, split, drop, clock, slow].into_iter().for_each(|count| *count = none);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_stays_as_it_is() {
        let mut scenario = Scenario::plain("drawn");
        scenario.nodes = Span::new(3, 9);
        scenario.topology = Topology::ALL.to_vec();
        scenario.faults.crash = Span::new(1, 5);
        scenario.faults.split = Span::new(1, 5);
        let fixed = scenario.fixed(7);
        assert!(!fixed.plan.is_empty() && fixed.topology.len() == 1);
        assert_eq!(fixed.fixed(7), fixed);
        assert_eq!(fixed.fixed(8), fixed);
        assert!((0..20).any(|seed| scenario.fixed(seed).nodes != fixed.nodes));
    }

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
