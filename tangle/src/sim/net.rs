//! The simulated network: everything that will happen stands in one queue, ordered by time and number.
//!
//! Always true: what happens follows from the settings, the seed and the calls from outside, and from nothing else; time
//! goes on only in [`Net::run`], and stops for good when an invariant is violated.

use super::catalogue::{Catalogue, Number};
use super::disk::View;
use super::faults::Planned;
use super::invariants::{Judge, Violation};
use super::keys::Key;
use super::link::{Link, LinkSettings, Parcel};
use super::node::Node;
use super::random::Random;
use super::sensor::{Sensor, SensorSettings, Step};
use super::stats::{Latencies, Traffic};
use super::trace::Trace;
use super::{CREATED, Micros};
use crate::gossip::Tree;
use crate::replica::{Event, Source};
use crate::{Network, NetworkParts, Rules, Screened, TxId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

/// Microseconds between two looks of a node at its clock when nothing happens, as in production.
const TICK: Micros = 200_000;

/// A node that has something to do at once does it this many microseconds later, as in production.
const REST: Micros = 1_000;

/// How machines and the network are.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What all that is drawn follows from.
    pub seed: u64,
    /// Milliseconds of an epoch, 1,000 to 86,400,000.
    pub epoch_ms: u64,
    /// Links, where nothing else is said.
    pub link: LinkSettings,
    /// Microseconds of a transaction's checks, half as much to half as much again.
    pub check: Micros,
    /// Microseconds of a commit, half as much to half as much again.
    pub commit: Micros,
    /// Microseconds between two backups of each node; none without.
    pub backups: Option<Micros>,
}

impl Settings {
    /// Machines side by side with fast disks.
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            epoch_ms: 600_000,
            link: LinkSettings::LOOPBACK,
            check: 100,
            commit: 1_000,
            backups: None,
        }
    }
}

/// What is to be checked.
#[derive(Debug)]
pub(super) enum Load {
    Known(Number),
    Wire(Arc<[u8]>),
    Again(Box<Screened>),
}

/// The bulk stream that something came on: link and connection.
pub(super) type Bulk = Option<(u32, u32)>;

/// What happens.
#[derive(Debug)]
pub(super) enum Happening {
    Arrives { link: u32, generation: u32, side: u8, parcel: Parcel },
    Check { node: u32, life: u32, source: Source, tree: Option<Tree>, load: Load, bulk: Bulk },
    Door { node: u32, life: u32, sensor: u32, turn: u32, number: Number },
    Committed { node: u32, life: u32 },
    Wake { node: u32, life: u32 },
    Lost { link: u32, generation: u32, side: u8 },
    Idle { link: u32, cut: u32 },
    Dial { link: u32 },
    Drained { link: u32, generation: u32, side: u8 },
    Begins(u32),
    Ends(u32),
    Sensor { sensor: u32, turn: u32, step: Step },
    Lies { node: u32, life: u32 },
    BackUp,
}

impl Happening {
    /// What sets it apart from others of the same time, for the trace.
    fn words(&self) -> [u64; 3] {
        let words = |kind, a: u32, b: u32| [kind, u64::from(a), u64::from(b)];
        match self {
            Self::Arrives { link, generation, side, .. } => words(u64::from(*side), *link, *generation),
            Self::Check { node, life, .. } => words(2, *node, *life),
            Self::Door { sensor, number, .. } => words(3, *sensor, *number),
            Self::Committed { node, life } => words(4, *node, *life),
            Self::Wake { node, life } => words(5, *node, *life),
            Self::Lost { link, generation, side } => words(6 + u64::from(*side), *link, *generation),
            Self::Idle { link, cut } => words(8, *link, *cut),
            Self::Dial { link } => words(9, *link, 0),
            Self::Drained { link, generation, side } => words(10 + u64::from(*side), *link, *generation),
            Self::Begins(fault) => words(12, *fault, 0),
            Self::Ends(fault) => words(13, *fault, 0),
            Self::Sensor { sensor, turn, .. } => words(14, *sensor, *turn),
            Self::Lies { node, life } => words(15, *node, *life),
            Self::BackUp => words(16, 0, 0),
        }
    }
}

/// A happening in the queue.
#[derive(Debug)]
struct Due {
    at: Micros,
    sequence: u64,
    happening: Happening,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

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
    pub(super) traffic: Traffic,
    pub(super) latencies: Latencies,
    /// When each transaction was attached anywhere first, and last.
    pub(super) attached_at: Vec<Option<(Micros, Micros)>>,
    pub(super) said: VecDeque<(usize, Event)>,
    trace: Trace,
    events: u64,
    sequence: u64,
    queue: BinaryHeap<Reverse<Due>>,
}

impl Net {
    /// A network of nodes without any link.
    pub fn new(nodes: usize, settings: Settings) -> Self {
        let network = Network::new(NetworkParts {
            name: "simulated".into(),
            created: CREATED,
            open_enrolment: true,
            rules: Rules::new(settings.epoch_ms.clamp(1_000, 86_400_000), u32::MAX, 0, 0)
                .expect("the epoch has a length that is allowed"),
            registrars: vec![],
            committee: vec![Key::new(u64::MAX).public().clone()],
        });
        let network = Arc::new(network.expect("these are a network"));
        let catalogue = Catalogue::new(network);
        let node = |number| Node::new(&catalogue, number, settings.commit);
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
            traffic: Traffic::default(),
            latencies: Latencies::default(),
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

    /// Begins to count anew.
    pub fn reset_figures(&mut self) {
        self.traffic = Traffic::default();
        self.latencies = Latencies::default();
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
            let [kind, a, b] = due.happening.words();
            self.trace.add(&[due.at, kind, a, b]);
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
            Happening::BackUp => self.back_up(),
            Happening::Committed { .. } | Happening::Lies { .. } => {}
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
