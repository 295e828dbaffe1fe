//! The simulated network: everything that will happen stands in one queue, ordered by time and number.
//!
//! Always true: what happens follows from the settings, the seed and the calls from outside, and from nothing else; time
//! goes on only in [`Net::run`], and stops for good when an invariant is violated.

use super::catalogue::Catalogue;
use super::chain::Chain;
use super::faults::Planned;
use super::happening::{Due, Happening};
use super::history::View;
use super::invariant::Violation;
use super::invariants::Judge;
use super::keys::Key;
use super::link::Link;
use super::node::Node;
use super::random::Random;
use super::sensor::{Sensor, SensorSettings};
use super::settings::Settings;
use super::stats::{Latencies, Traffic};
use super::trace::Trace;
use super::{CREATED, Micros};
use crate::replica::Event;
use crate::{Network, NetworkParts, Rules, TxId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

/// Microseconds between two looks of a node at its clock when nothing happens, as in production.
const TICK: Micros = 200_000;

/// A node that has something to do at once does it this many microseconds later, as in production.
const REST: Micros = 1_000;

/// A network of simulated nodes, and its sensors.
#[derive(Debug)]
pub struct Net {
    pub(super) settings: Settings,
    pub(super) catalogue: Catalogue,
    pub(super) nodes: Vec<Node>,
    pub(super) links: Vec<Link>,
    /// Links by the smaller and the greater of their nodes.
    pub(super) pairs: BTreeMap<(usize, usize), u32>,
    pub(super) sensors: Vec<Sensor>,
    pub(super) sensor_settings: SensorSettings,
    /// Whether sensors begin nothing new.
    pub(super) is_calm: bool,
    pub(super) plan: Vec<Planned>,
    pub(super) random: Random,
    pub(super) now: Micros,
    pub(super) judge: Judge,
    pub(super) chain: Chain,
    pub(super) traffic: Traffic,
    pub(super) latencies: Latencies,
    /// From the word that a transaction is taken to the commit that made it final, at the node that said so.
    pub(super) finals: Latencies,
    /// When each transaction was attached anywhere first, and last.
    pub(super) attached_at: Vec<Option<(Micros, Micros)>>,
    pub(super) said: VecDeque<(usize, Event)>,
    pub(super) trace: Trace,
    events: u64,
    sequence: u64,
    queue: BinaryHeap<Reverse<Due>>,
}

/// A network with these members, or with one that is nowhere.
pub(super) fn network(epoch_ms: u64, members: &[Key]) -> Arc<Network> {
    let nobody = Key::new(u64::MAX);
    let members = if members.is_empty() { std::slice::from_ref(&nobody) } else { members };
    let network = Network::new(NetworkParts {
        name: "simulated".into(),
        created: CREATED,
        open_enrolment: true,
        rules: Rules::new(epoch_ms.clamp(1_000, 86_400_000), u32::MAX, 0, 0)
            .expect("the epoch has a length that is allowed"),
        registrars: vec![],
        committee: members.iter().map(|member| member.public().clone()).collect(),
    });
    Arc::new(network.expect("these are a network"))
}

impl Net {
    /// A network of nodes without any link.
    pub fn new(nodes: usize, settings: Settings) -> Self {
        let members: Vec<Key> = settings.members().map(Node::key).collect();
        let mut catalogue = Catalogue::new(network(settings.epoch_ms, &members));
        catalogue.give_members();
        let node = |number| Node::new(&catalogue, number, &settings);
        let mut net = Self {
            nodes: (0..nodes).map(node).collect(),
            links: Vec::new(),
            pairs: BTreeMap::new(),
            sensors: Vec::new(),
            sensor_settings: SensorSettings::default(),
            is_calm: false,
            plan: Vec::new(),
            random: Random::new(settings.seed, &[1]),
            now: 0,
            judge: Judge::default(),
            chain: Chain::new(&catalogue),
            traffic: Traffic::default(),
            latencies: Latencies::default(),
            finals: Latencies::default(),
            attached_at: Vec::new(),
            said: VecDeque::new(),
            trace: Trace::default(),
            events: 0,
            sequence: 0,
            queue: BinaryHeap::new(),
            catalogue,
            settings,
        };
        (0..nodes).for_each(|node| net.wake_at(node, 0));
        if let Some(pause) = settings.backups {
            net.later(pause, Happening::BackUp);
        }
        net
    }

    /// The nodes, by their numbers.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What a node has attached, in its order.
    pub fn ids(&self, node: usize) -> impl Iterator<Item = TxId> {
        self.nodes[node].disk.order().iter().map(|number| self.catalogue.id(*number))
    }

    /// Transactions that anybody has made, taken or not.
    pub fn made(&self) -> usize {
        self.catalogue.len()
    }

    /// Microseconds since the start.
    pub fn now(&self) -> Micros {
        self.now
    }

    /// What has happened so far, in number.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// What two runs that are alike have in common, and hardly any two that are not.
    pub fn trace(&self) -> u64 {
        self.trace.value()
    }

    /// What went over the links.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Microseconds from the node that attached a transaction first to each other one.
    pub fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// Microseconds from the word that a transaction is taken to the commit on disk that made it final, at the node that
    /// said so.
    pub fn finals(&self) -> &Latencies {
        &self.finals
    }

    /// Begins to count anew.
    pub fn reset_figures(&mut self) {
        self.traffic = Traffic::default();
        self.latencies = Latencies::default();
        self.finals = Latencies::default();
    }

    /// The first thing that was not as it must always be.
    pub fn violation(&self) -> Option<&Violation> {
        self.judge.violation()
    }

    /// A number below `bound`.
    pub fn roll(&mut self, bound: u64) -> u64 {
        self.random.below(bound.max(1))
    }

    /// Lets so many microseconds pass, or fewer when an invariant is violated.
    pub fn run(&mut self, micros: Micros) {
        let end = self.now + micros;
        while self.judge.violation().is_none()
            && let Some(Reverse(due)) = self.queue.peek()
            && due.at <= end
            && let Some(Reverse(due)) = self.queue.pop()
        {
            self.now = due.at;
            self.events += 1;
            self.trace.add(&[due.at]);
            self.trace.add(&due.happening.words(&self.catalogue));
            self.happen(due.happening);
        }
        if self.judge.violation().is_none() {
            self.now = end;
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives { link, generation, side, parcel } => {
                self.arrives(link, generation, usize::from(side), parcel);
            }
            Happening::Check { node, life, source, tree, load, bulk } => {
                if self.lives(node, life) {
                    self.check(node as usize, source, tree, load, bulk);
                }
            }
            Happening::Door { node, life, sensor, turn, number } => {
                if self.lives(node, life) {
                    self.check_at_door(node as usize, sensor, turn, number);
                }
            }
            Happening::Committed { node, life } if self.lives(node, life) => self.committed(node as usize),
            Happening::Wake { node, life } => self.wake(node as usize, life),
            Happening::Lost { link, generation, side } => self.lost(link, generation, usize::from(side)),
            Happening::Idle { link, cut } => self.idle(link, cut),
            Happening::Dial { link } => self.dial(link),
            Happening::Drained { link, generation, side } => {
                self.drained(link, generation, usize::from(side));
            }
            Happening::Begins(fault) => self.begins(fault),
            Happening::Ends(fault) => self.ends(fault),
            Happening::Sensor { sensor, turn, step } => self.sensor_steps(sensor, turn, step),
            Happening::Lies { node, life } if self.lives(node, life) => self.lie(node as usize),
            Happening::Signs { node, life, proposal } if self.lives(node, life) => {
                self.sign_witness(node as usize, &proposal);
            }
            Happening::BackUp => self.back_up(),
            Happening::Committed { .. } | Happening::Lies { .. } | Happening::Signs { .. } => {}
        }
    }

    fn lives(&self, node: u32, life: u32) -> bool {
        let node = &self.nodes[node as usize];
        node.is_up && node.life == life
    }

    /// Tells a node's replica what has happened and does what it wants done, and so on until nothing more is said.
    pub fn event(&mut self, node: usize, event: Event) {
        self.said.push_back((node, event));
        while let Some((node, event)) = self.said.pop_front() {
            self.handle(node, event);
        }
    }

    fn handle(&mut self, number: usize, event: Event) {
        let node = &mut self.nodes[number];
        if !node.is_up {
            return;
        }
        let now = node.clock(self.now);
        let view = View { catalogue: &self.catalogue, disk: &node.disk };
        let effects = node.replica.handle(event, now, &view).expect("what is in memory can be read");
        for effect in effects {
            self.perform(number, effect);
        }
        self.look_at_bounds(number);
        let node = &self.nodes[number];
        let due = node.replica.wake().map(|due| node.micros_of(due).max(self.now + REST));
        self.wake_at(number, due.map_or(self.now + TICK, |due| due.min(self.now + TICK)));
    }

    fn wake(&mut self, number: usize, life: u32) {
        let node = &mut self.nodes[number];
        // One that an earlier wake has taken the place of is nothing.
        if node.life == life && node.is_up && node.wakes_at == Some(self.now) {
            node.wakes_at = None;
            self.event(number, Event::Tick);
        }
    }

    /// Wakes a node at this time at the latest.
    pub(super) fn wake_at(&mut self, number: usize, at: Micros) {
        let node = &mut self.nodes[number];
        if node.wakes_at.is_none_or(|wakes_at| at < wakes_at) {
            node.wakes_at = Some(at);
            let life = node.life;
            self.at(at, Happening::Wake { node: number as u32, life });
        }
    }

    /// A pause of half to half as much again.
    pub(super) fn around(&mut self, pause: Micros) -> Micros {
        pause / 2 + self.random.between(0, pause)
    }

    pub(super) fn later(&mut self, pause: Micros, happening: Happening) {
        self.at(self.now.saturating_add(pause), happening);
    }

    pub(super) fn at(&mut self, at: Micros, happening: Happening) {
        self.sequence += 1;
        self.queue.push(Reverse(Due { at: at.max(self.now), sequence: self.sequence, happening }));
    }
}
