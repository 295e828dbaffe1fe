//! A world of whole nodes that exchange real transactions over slow and parted links, crash and lie, in virtual time.

mod attaching;
mod disk;
mod making;
mod member;

use super::book::network;
use super::universe::Dice;
use crate::finality::testing::member;
use crate::finality::{Finality, Handed, Members, Status};
use crate::{DeviceId, Digest, Kind, Network, Transaction, TxId};
use disk::Stored;
use std::collections::{BTreeMap, BTreeSet};

const START: u64 = 1_000_000;

/// What happens at a moment.
enum Event {
    Arrives(usize, Box<Transaction>),
    Reading(usize),
    Polled(usize),
    Heard(usize, usize),
    /// What is stored is copied.
    Copied(usize),
    Crashes(usize),
    Returns(usize),
    /// It comes back on the copy, if there is one.
    Restored(usize),
}

#[derive(Default)]
struct Node {
    finality: Option<Finality>,
    stored: Stored,
    copy: Option<Stored>,
    waiting: Vec<Transaction>,
    poll: u64,
    /// What it has asked for in this life.
    asked: BTreeSet<TxId>,
    /// It has come back on a copy.
    is_restored: bool,
}

/// What a run is made with.
#[derive(Clone, Copy)]
pub(super) struct Settings {
    pub(super) members: usize,
    pub(super) liars: usize,
    /// Members that never start.
    pub(super) gone: usize,
    pub(super) readings: u64,
    pub(super) every_ms: u64,
    pub(super) crashes: usize,
    /// Every second one that crashes comes back on a copy of its disk made so many milliseconds before at most, unless
    /// others that did are as many as finality bears.
    pub(super) restored_ms: usize,
    /// Transactions of a commit. Where there are few, the newest commits are lost in a crash, each by itself.
    pub(super) commit_size: usize,
    /// The first half of the members hears nothing of the others in this time.
    pub(super) parted: (u64, u64),
    pub(super) delay_ms: usize,
}

pub(super) struct World {
    network: Network,
    settings: Settings,
    devices: Vec<DeviceId>,
    dice: Dice,
    now: u64,
    events: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    counters: BTreeMap<DeviceId, u32>,
    nodes: Vec<Node>,
    liars: Members,
    /// The digests of honest commits, whoever made them first.
    pub(super) chain: Vec<Digest>,
    /// The rounds that honest members have signed.
    signed: BTreeSet<(usize, u64)>,
    readings: Vec<(TxId, u64)>,
    /// Milliseconds from a reading's coming to its commit at the node that it came to.
    pub(super) latencies: Vec<u64>,
}

impl World {
    pub(super) fn new(seed: u64, settings: Settings) -> Self {
        let network = network(settings.members as u8);
        let devices = network.committee().map(|(device, _)| *device).collect();
        let mut world = Self {
            network,
            settings,
            devices,
            dice: Dice::new(seed),
            now: START,
            events: BTreeMap::new(),
            sequence: 0,
            counters: BTreeMap::new(),
            nodes: (0..settings.members).map(|_| Node::default()).collect(),
            liars: (0..settings.liars).map(member).collect(),
            chain: Vec::new(),
            signed: BTreeSet::new(),
            readings: Vec::new(),
            latencies: Vec::new(),
        };
        for place in 0..world.present() {
            world.at(START, Event::Returns(place));
        }
        for number in 0..settings.readings {
            let place = settings.liars + world.dice.below(world.present() - settings.liars);
            world.at(START + 50 + number * settings.every_ms, Event::Reading(place));
        }
        let span = settings.readings * settings.every_ms;
        for _ in 0..settings.crashes {
            let place = world.dice.below(world.present());
            let down = START + 100 + world.dice.below(span as usize) as u64;
            let up = down + 100 + world.dice.below(2_000) as u64;
            let is_restored = settings.restored_ms > 0 && world.dice.percent(50);
            let copied = down - world.dice.below(settings.restored_ms.max(1)) as u64;
            world.at(copied, Event::Copied(place));
            world.at(down, Event::Crashes(place));
            world.at(up, if is_restored { Event::Restored(place) } else { Event::Returns(place) });
        }
        world
    }

    fn present(&self) -> usize {
        self.settings.members - self.settings.gone
    }

    fn at(&mut self, time: u64, event: Event) {
        self.sequence += 1;
        self.events.insert((time.max(self.now), self.sequence), event);
    }

    /// Until nothing happens any more, which must come.
    pub(super) fn run(&mut self) {
        while let Some(((time, _), event)) = self.events.pop_first() {
            self.now = time;
            assert!(time < START + 600_000, "finality never comes to rest");
            match event {
                Event::Arrives(to, transaction) => self.arrives(to, *transaction),
                Event::Reading(at) => self.reading(at),
                Event::Polled(place) => {
                    if self.nodes[place].poll == time {
                        self.poll(place);
                    }
                }
                Event::Heard(place, from) => {
                    let device = self.devices[from];
                    if let Some(finality) = &mut self.nodes[place].finality {
                        finality.heard(&device);
                    }
                    self.poll(place);
                }
                Event::Copied(place) => self.nodes[place].copy = Some(self.nodes[place].stored.clone()),
                Event::Restored(place) => self.restored(place),
                Event::Crashes(place) => {
                    let lost = if self.settings.commit_size < 100 { self.dice.below(5) } else { 0 };
                    let node = &mut self.nodes[place];
                    node.finality = None;
                    node.waiting.clear();
                    node.asked.clear();
                    node.stored.lose_commits(lost);
                }
                Event::Returns(place) => self.returns(place),
            }
        }
    }

    fn due(&mut self, from: usize, to: usize) -> u64 {
        let (parts, joins) = self.settings.parted;
        let half = self.settings.members / 2;
        let delay = 1 + self.dice.below(self.settings.delay_ms) as u64;
        let is_parted = (from < half) != (to < half) && (parts..joins).contains(&(self.now - START));
        (if is_parted { START + joins } else { self.now }) + delay
    }

    fn send(&mut self, from: usize, to: impl Iterator<Item = usize>, transaction: &Transaction) {
        for to in to {
            let due = self.due(from, to);
            self.at(due, Event::Arrives(to, Box::new(transaction.clone())));
        }
    }

    fn others(&self, place: usize) -> impl Iterator<Item = usize> + use<> {
        (0..self.present()).filter(move |other| *other != place)
    }

    pub(super) fn devices(&self) -> Vec<DeviceId> {
        self.devices.clone()
    }

    fn statuses(&self) -> impl Iterator<Item = (usize, Status)> {
        let honest = (self.settings.liars..self.present()).map(|place| (place, &self.nodes[place]));
        honest.filter_map(|(place, node)| Some((place, node.finality.as_ref()?.status())))
    }

    /// All is final, everywhere, and known to be.
    pub(super) fn assert_settled(&self) {
        assert_eq!(self.statuses().count(), self.present() - self.settings.liars);
        for (place, status) in self.statuses() {
            assert!(status.is_idle && status.open == 0, "{place}: {status:?}");
            assert_eq!(status.divergence, None);
            let stored = &self.nodes[place].stored;
            let has_reading = |handed: &&Handed| {
                handed.delivered.leaves().any(|(id, _)| stored.attached[&id].header().kind == Kind::Reading)
            };
            let newest =
                stored.commits.iter().rfind(has_reading).map_or(0, |handed| handed.resume.commit.index);
            assert!(status.certified >= newest, "{place} rests without a certificate: {status:?}");
            // The only disk that held it may have been replaced.
            let is_kept =
                |reading: &TxId| self.nodes.iter().any(|node| node.stored.attached.contains_key(reading));
            for (reading, _) in self.readings.iter().filter(|(reading, _)| is_kept(reading)) {
                assert!(
                    self.nodes[place].stored.book.verdicts.contains_key(reading),
                    "{place} left a reading behind"
                );
            }
        }
    }
}
