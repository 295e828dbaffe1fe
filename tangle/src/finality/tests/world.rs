//! A world of whole nodes that exchange real transactions over slow and parted links, crash and lie, in virtual time.

use super::book::{Book, network};
use super::universe::Dice;
use crate::body::{Vote, Witness};
use crate::finality::testing::member;
use crate::finality::{Entry, Finality, Handed, Members, Next, Pace, Plan, Shape, Status};
use crate::transaction::body_digest;
use crate::{
    DeviceId, Digest, Header, Kind, Network, Timestamp, Transaction, TxId, content_format,
    signing::SIGNATURE_BYTES,
};
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

/// What a node has on its disk.
#[derive(Clone, Default)]
struct Stored {
    book: Book,
    attached: BTreeMap<TxId, Transaction>,
    log: Vec<TxId>,
    commits: Vec<Handed>,
    /// It may lack own witnesses that were told.
    has_forgotten: bool,
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

impl Stored {
    fn lose_commits(&mut self, count: usize) {
        for _ in 0..count {
            for (id, _) in self.commits.pop().iter().flat_map(|handed| handed.delivered.leaves()) {
                self.book.verdicts.remove(&id);
            }
        }
        self.book.digests.truncate(self.commits.len());
    }
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
                Event::Restored(place) => {
                    if self.nodes[place].finality.is_none() && self.bears_another(place) {
                        let node = &mut self.nodes[place];
                        node.stored = node.copy.clone().unwrap_or_default();
                        (node.stored.has_forgotten, node.is_restored) = (true, true);
                    }
                    self.returns(place);
                }
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

    /// Whether the members are a quorum without those that lie, are away or have forgotten what they signed, this one too.
    fn bears_another(&self, place: usize) -> bool {
        let has_forgotten = |other: &usize| *other != place && self.nodes[*other].stored.has_forgotten;
        let forgetful = (0..self.settings.members).filter(has_forgotten).count() + 1;
        let quorum = crate::CommitteeSize::new(self.settings.members).unwrap().quorum();
        self.present() >= quorum + self.settings.liars + forgetful
    }

    /// A node starts on what it has stored, and catches up with all others, who catch up with it.
    fn returns(&mut self, place: usize) {
        if self.nodes[place].finality.is_some() {
            return;
        }
        let mut finality = Finality::new(&self.network);
        finality.set_device(&self.devices[place], Pace::default());
        finality.set_commit_size(self.settings.commit_size);
        if self.nodes[place].stored.has_forgotten {
            finality.forgot();
        }
        let Node { finality: running, stored: node, .. } = &mut self.nodes[place];
        let resume = node.commits.last().map(|handed| handed.resume);
        if let Some(resume) = &resume {
            finality.resume(resume, node.commits.iter().map(|handed| handed.delivered.vote()));
        }
        let first = resume.map_or(1, |resume| resume.first_round().get());
        for (position, id) in node.log.iter().enumerate() {
            let transaction = &node.attached[id];
            let is_delivered = node.book.verdicts.contains_key(id);
            let round = finality.committee().known(transaction).map_or(0, |known| known.round.get());
            if !is_delivered || round >= first {
                finality.attached(position as u64, transaction, is_delivered, &node.book).unwrap();
            }
        }
        *running = Some(finality);
        for other in (0..self.present()).filter(|other| *other != place) {
            for (from, to) in [(other, place), (place, other)] {
                let all: Vec<Transaction> = self.nodes[from]
                    .stored
                    .log
                    .iter()
                    .map(|id| self.nodes[from].stored.attached[id].clone())
                    .collect();
                let due = self.due(from, to);
                for transaction in all {
                    self.at(due, Event::Arrives(to, Box::new(transaction)));
                }
                self.at(due, Event::Heard(to, from));
            }
        }
        self.poll(place);
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

    pub(super) fn make(
        &mut self,
        kind: Kind,
        issuer: DeviceId,
        timestamp: Timestamp,
        parents: [TxId; 2],
        content: &[u8],
    ) -> Transaction {
        let counter = self.counters.entry(issuer).or_default();
        *counter += 1;
        let body = [&[7; 16], content].concat();
        let header = Header {
            kind,
            content_format: content_format::WEFT,
            counter: *counter,
            timestamp,
            issuer,
            parents,
            body_digest: body_digest(kind, &body).unwrap(),
        };
        let wire = [&header.encode()[..], &[0; SIGNATURE_BYTES + 8], &body].concat();
        Transaction::decode(&self.network, &wire).unwrap()
    }

    fn reading(&mut self, place: usize) {
        if self.nodes[place].finality.is_none() {
            return self.at(self.now + 200, Event::Reading(place));
        }
        let node = &self.nodes[place].stored;
        let newest: Vec<TxId> = node
            .log
            .iter()
            .rev()
            .filter(|id| node.attached[*id].header().kind == Kind::Reading)
            .take(6)
            .copied()
            .collect();
        let genesis = self.network.genesis();
        let [one, other] =
            [(); 2].map(|()| newest.get(self.dice.below(newest.len())).copied().unwrap_or(genesis));
        let parents = [one, if one == other { genesis } else { other }];
        let timestamp = Timestamp::from_millis(self.now).max(one.max(other).timestamp().plus(1));
        let issuer = DeviceId::from_bytes([200 + self.dice.below(5) as u8; 32]);
        let reading = self.make(Kind::Reading, issuer, timestamp, parents, b"[]");
        self.readings.push((reading.id(), self.now));
        self.send(place, self.others(place), &reading);
        self.arrives(place, reading);
    }

    fn arrives(&mut self, place: usize, transaction: Transaction) {
        let genesis = self.network.genesis();
        let Node { finality, stored: node, waiting, .. } = &mut self.nodes[place];
        let Some(finality) = finality else { return };
        waiting.push(transaction);
        let (mut lies, mut new) = (Vec::new(), Vec::new());
        let mut is_changed = true;
        while std::mem::take(&mut is_changed) {
            for transaction in std::mem::take(waiting) {
                let id = transaction.id();
                let entry = Entry::of(&transaction, genesis);
                if node.attached.contains_key(&id) {
                    continue;
                }
                if !entry.references.iter().all(|reference| node.attached.contains_key(reference)) {
                    waiting.push(transaction);
                    continue;
                }
                if let Some(known) = finality.committee().known(&transaction) {
                    let witness = Witness::decode(transaction.content()).unwrap();
                    witness.check_header(transaction.header(), &self.network).unwrap();
                    let tell = |id: &TxId| {
                        let told = node.attached.get(id).and_then(|other| finality.committee().known(other));
                        assert!(finality.known(id).is_none_or(|known| Some(known) == told));
                        told
                    };
                    let previous = Some(transaction.header().parents[0]).filter(|parent| *parent != genesis);
                    let (author, round) = (known.author, known.round);
                    let shape = Shape { author, round, parents: witness.parents(), previous };
                    shape.check(finality.committee().size(), &tell).unwrap();
                    if self.liars.contains(author) {
                        lies.push(transaction.clone());
                    }
                }
                finality.attached(node.log.len() as u64, &transaction, false, &node.book).unwrap();
                node.book.entries.insert(id, entry);
                node.log.push(id);
                new.push(transaction.clone());
                node.attached.insert(id, transaction);
                is_changed = true;
            }
        }
        // What was sent before a fall back may arrive behind it: then whoever fell back lacks it.
        let restored: Vec<usize> =
            self.others(place).filter(|other| self.nodes[*other].is_restored).collect();
        for transaction in new {
            self.send(place, restored.iter().copied(), &transaction);
        }
        self.ask(place);
        // What a liar tells some, they pass on: whoever builds on it has it.
        for lie in lies {
            self.send(place, self.others(place), &lie);
        }
        self.poll(place);
    }

    /// Asks others for what is missing to what waits, which was sent while this node was away and is in no log that it read.
    fn ask(&mut self, place: usize) {
        let genesis = self.network.genesis();
        let missing = |id: &TxId| !self.nodes[place].stored.attached.contains_key(id);
        let references = self.nodes[place].waiting.iter().flat_map(|one| Entry::of(one, genesis).references);
        let missing: BTreeSet<TxId> = references.filter(missing).collect();
        for id in missing.difference(&self.nodes[place].asked.clone()) {
            let has = |other: &usize| self.nodes[*other].stored.attached.contains_key(id);
            if let Some(other) = self.others(place).find(has) {
                let found = self.nodes[other].stored.attached[id].clone();
                self.nodes[place].asked.insert(*id);
                self.send(other, [place].into_iter(), &found);
            }
        }
    }

    fn poll(&mut self, place: usize) {
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
