//! One simulation from its beginning to its end: faults for a while, then none, then what must hold in the end.

use super::Micros;
use super::invariant::{Invariant, Violation};
use super::link::LinkSettings;
use super::net::Net;
use super::node::Node;
use super::random::Random;
use super::scenario::{Scenario, Topology};
use super::sensor::SensorSettings;
use super::settings::Settings;
use super::stats::{Latencies, Traffic};
use crate::limits::PENDING_MS;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Microseconds between two looks whether all hold the same.
const LOOK: Micros = 1_000_000;

/// Microseconds after which nothing waits any more for what does not exist: a reference is asked for all the while that
/// what references it waits, and what came for it late waits as long again.
const REST: Micros = 2 * PENDING_MS * 1_000 + 10_000_000;

/// Microseconds after which, when all is final, members know that all know it.
const QUIET: Micros = 40_000_000;

/// Nodes that sensors can go to, liars aside.
pub const NODES: RangeInclusive<u64> = 1..=10_000;

/// What has come of a simulation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What it was drawn from.
    pub seed: u64,
    /// What was drawn.
    pub scenario: Scenario,
    /// What did not hold.
    pub violation: Option<Violation>,
    /// What two runs that are alike have in common.
    pub trace: u64,
    /// What has happened, in number.
    pub events: u64,
    /// Microseconds that were simulated.
    pub simulated: Micros,
    /// Transactions that the nodes that keep to the rules hold together.
    pub transactions: usize,
    /// Transactions of which a client was told that they are taken.
    pub acknowledged: usize,
    /// Microseconds from the end of the faults until all held the same.
    pub settled: Option<Micros>,
    /// Commits of the longest chain of an honest node.
    pub commits: usize,
    /// Microseconds from the word that a transaction is taken to the commit that made it final.
    pub finals: Latencies,
    /// What went over the links.
    pub traffic: Traffic,
    /// Microseconds from the first node to each other one.
    pub latencies: Latencies,
    /// The last happenings of each node, in words.
    pub notes: Vec<Vec<String>>,
}

/// Makes the network of a scenario, with everything planned and nothing happened.
pub fn build(scenario: &Scenario, seed: u64) -> Net {
    let scenario = scenario.fixed(seed);
    let (honest, liars) =
        (scenario.nodes.low.clamp(*NODES.start(), *NODES.end()) as usize, scenario.liars.low as usize);
    let members = &scenario.members;
    let (seats, lying) = (members.count.low as usize, members.lying.low as usize);
    let first = honest - (seats - lying);
    let mut net = Net::new(
        honest + liars,
        Settings {
            seed,
            epoch_ms: scenario.epoch_ms.low,
            link: LinkSettings::LOOPBACK,
            check: scenario.machines.check.low,
            commit: scenario.machines.commit.low,
            backups: Some(scenario.machines.backups).filter(|pause| *pause > 0),
            members: (first, first + seats),
            pace: members.pace(),
        },
    );
    let mut random = Random::new(seed, &[5]);
    for node in 0..honest {
        let skew = scenario.machines.skew_ms.draw(&mut random) as i64;
        net.nodes[node].offset = if random.below(2) == 0 { skew } else { -skew };
    }
    net.corrupt(liars, &scenario.lies, scenario.lying.chance());
    net.forswear(&members.lies, members.often.chance());
    let topology = scenario.topology.first().copied().unwrap_or(Topology::Full);
    let mut pairs = topology.pairs(honest, scenario.neighbours.low as usize, &mut random);
    for liar in honest..honest + liars {
        let friends = random.between(1, 3.min(honest as u64));
        let first = random.index(honest);
        pairs.extend((0..friends as usize).map(|next| ((first + next) % honest, liar)));
    }
    // The network file has the members' addresses, so they look for each other.
    let members = net.settings.members();
    let known: BTreeSet<(usize, usize)> = pairs.iter().copied().collect();
    let sworn = members.clone().flat_map(|b| (members.start..b).map(move |a| (a, b)));
    pairs.extend(sworn.filter(|pair| !known.contains(pair)));
    for (a, b) in pairs {
        let links = &scenario.links;
        let settings = LinkSettings {
            delay: links.delay.draw(&mut random),
            jitter: links.jitter.low,
            loss: links.loss.chance(),
            repeat: links.repeat.chance(),
            bandwidth: links.bandwidth.map(|bandwidth| bandwidth.draw(&mut random)),
            idle: links.idle,
        };
        net.keep(a, b, settings);
    }
    let sensors = &scenario.sensors;
    let settings = SensorSettings {
        think: (sensors.think.low, sensors.think.high),
        pause: (sensors.pause.low, sensors.pause.high),
        roam: sensors.roam.chance(),
        lost_answer: sensors.lost_answer.chance(),
        lost_state: sensors.lost_state.chance(),
        bytes: sensors.bytes as usize,
        revoking: sensors.revoking.low as usize,
        enrol: sensors.enrol,
    };
    net.add_sensors(sensors.count.low as usize, sensors.equivocating.low as usize, settings);
    net.plan(&scenario.plan);
    net
}

/// Runs a scenario with a seed.
pub fn run(scenario: &Scenario, seed: u64) -> Outcome {
    let scenario = scenario.fixed(seed);
    let mut net = build(&scenario, seed);
    net.run(scenario.lasts.low);
    let settled = net.settle(scenario.settles);
    Outcome::of(&net, scenario, seed, settled)
}

impl Outcome {
    /// What has come of a simulation that is over.
    pub(super) fn of(net: &Net, scenario: Scenario, seed: u64, settled: Option<Micros>) -> Self {
        let honest = net.nodes().iter().filter(|node| node.is_honest());
        Self {
            seed,
            scenario,
            violation: net.violation().cloned(),
            trace: net.trace(),
            events: net.events(),
            simulated: net.now(),
            transactions: honest.map(|node| node.attached()).max().unwrap_or(0),
            acknowledged: net.acknowledged(),
            settled,
            commits: net.commits(),
            finals: net.finals().clone(),
            traffic: net.traffic(),
            latencies: net.latencies().clone(),
            notes: net.notes(),
        }
    }
}

impl Net {
    /// Ends all that is wrong, liars last, and lets the nodes come to hold the same, within a time; says how long it took.
    /// What must hold then is looked at after another while, in which nothing new comes.
    pub fn settle(&mut self, most: Micros) -> Option<Micros> {
        let begin = self.now();
        self.end_faults();
        self.bear_liars(begin + most);
        self.send_liars_away();
        while self.violation().is_none() && !(self.busy_sensors() == 0 && self.is_agreed() && self.is_final())
        {
            if self.now() >= begin + most {
                self.look_at_the_end();
                self.look_at_finality();
                self.violated(Invariant::Alike, 0, |net| {
                    format!("{} sensors still hand in what nobody takes", net.busy_sensors())
                });
                return None;
            }
            self.run(LOOK);
        }
        let settled = self.now() - begin;
        self.run(QUIET);
        let witnesses = self.witnesses();
        self.run(REST);
        self.look_at_the_end();
        self.look_at_finality();
        self.look_at_idleness(witnesses);
        self.violation().is_none().then_some(settled)
    }

    /// Clocks are right, sensors begin nothing new. What was planned ends by itself.
    fn end_faults(&mut self) {
        self.calm_sensors();
        self.nodes.iter_mut().for_each(|node| node.offset = 0);
    }

    /// While liars go on as before, all that clients were told is taken comes everywhere and becomes final.
    fn bear_liars(&mut self, until: Micros) {
        if self.nodes.iter().all(Node::is_honest) {
            return;
        }
        while self.violation().is_none() && !(self.busy_sensors() == 0 && self.unserved().is_none()) {
            if self.now() >= until {
                return self.look_at_served();
            }
            self.run(LOOK);
        }
    }

    fn send_liars_away(&mut self) {
        for node in 0..self.nodes.len() {
            if !self.nodes[node].is_honest() && self.nodes[node].is_up {
                self.crash(node);
            }
        }
        for link in &mut self.links {
            link.is_kept &= link.nodes.iter().all(|node| self.nodes[*node].is_honest());
        }
    }

    /// The last happenings of each node, in words.
    pub fn notes(&self) -> Vec<Vec<String>> {
        self.nodes.iter().map(|node| node.notes.in_words(&self.catalogue)).collect()
    }
}
