//! What is simulated (`spec/16-simulation.md`): a scenario says between what bounds, a seed draws what.
//!
//! Always true: what [`Scenario::fixed`] has drawn is a scenario again, with nothing left to draw that a person would
//! want to leave out: its nodes, sensors and faults stand there one by one.

mod parts;
mod topology;

pub use parts::{Faults, Links, Machines, Members, Sensors, Span};
pub use topology::Topology;

use super::Micros;
use super::faults::{Fault, Planned, pick};
use super::liar::{FalseWitness, Lie};
use super::random::Random;
use crate::CommitteeSize;
use crate::finality::Pace;
use crate::limits::COMMITTEE;

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
    /// Members of the committee.
    pub members: Members,
    /// Faults to be drawn.
    pub faults: Faults,
    /// Faults at their times.
    pub plan: Vec<Planned>,
}

impl Scenario {
    /// Three nodes side by side and a few sensors, without any fault.
    pub fn plain(name: &str) -> Self {
        let none = Span::of(0);
        let pace = Pace::default();
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
                revoking: none,
                think: Span::new(100_000, 2_000_000),
                pause: Span::new(500_000, 2_000_000),
                roam: none,
                lost_answer: none,
                lost_state: none,
                bytes: 200,
                enrol: true,
            },
            members: Members {
                count: none,
                lying: none,
                lies: FalseWitness::ALL.to_vec(),
                often: Span::of(500_000),
                fastest_ms: Span::of(pace.fastest_ms()),
                slowest_ms: Span::of(pace.slowest_ms()),
                delta_ms: Span::of(pace.delta_ms()),
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
        let Self {
            nodes, liars, neighbours, epoch_ms, lasts, links, machines, sensors, members, lying, ..
        } = &mut fixed;
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
            &mut sensors.revoking,
            &mut sensors.roam,
            &mut sensors.lost_answer,
            &mut sensors.lost_state,
            &mut members.count,
            &mut members.lying,
            &mut members.often,
            &mut members.fastest_ms,
            &mut members.slowest_ms,
            &mut members.delta_ms,
        ];
        spans.into_iter().for_each(|span| span.fix(&mut random));
        fixed.seat_members();
        if !fixed.topology.is_empty() {
            fixed.topology = vec![pick(&mut random, &fixed.topology)];
        }
        fixed.draw_faults(&mut random);
        fixed.plan.sort_by_key(|planned| planned.at);
        fixed
    }

    /// Members are honest nodes, and at most f of them liars, of which there are enough.
    fn seat_members(&mut self) {
        let Members { count, lying, .. } = &mut self.members;
        let most = self.nodes.low.min(COMMITTEE as u64);
        *count = Span::of(count.low.min(most));
        let faulty = CommitteeSize::new(count.low as usize).map_or(0, CommitteeSize::faulty);
        *lying = Span::of(lying.low.min(faulty as u64));
        self.liars = Span::of(self.liars.low.max(lying.low));
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
    fn no_more_than_f_members_lie_and_all_have_a_node() {
        let mut scenario = Scenario::plain("members");
        scenario.nodes = Span::new(1, 12);
        scenario.liars = Span::new(0, 1);
        scenario.members.count = Span::new(0, 10);
        scenario.members.lying = Span::of(9);
        let drawn: Vec<Scenario> = (0..200).map(|seed| scenario.fixed(seed)).collect();
        for Scenario { nodes, liars, members, .. } in &drawn {
            let faulty = members.count.low.saturating_sub(1) / 3;
            assert!(members.count.low <= nodes.low && members.lying.low == faulty && liars.low >= faulty);
        }
        assert!((0..=10).all(|count| drawn.iter().any(|drawn| drawn.members.count.low == count)));
        assert_eq!(drawn[7].fixed(3), drawn[7]);
    }
}
