//! A network of replicas in virtual time: everything that happens stands in one queue, ordered by time and number.
//!
//! Links deliver each stream in its order and let streams pass each other, as QUIC does. A node's transactions and
//! cursors become durable together, some time after they were handed out; a crash keeps what is durable and no more.

use super::node::{Link, Node};
use crate::support::{EPOCH_MS, START, world};
use std::collections::{BTreeMap, BTreeSet};
use weft_tangle::gossip::{Class, LinkState, Message, Tree};
use weft_tangle::replica::{Effect, Event, Source};
use weft_tangle::{DeviceId, Timestamp, TxId, Verified};

/// Bytes that framing adds to a message, and to a pushed or asked for transaction.
const FRAME_BYTES: u64 = 4;

/// Microseconds.
pub(super) type Micros = u64;

/// What travels.
#[derive(Clone)]
pub(super) enum Parcel {
    Message(Vec<u8>),
    Push(Tree, Verified),
    Body(Verified),
}

impl Parcel {
    fn bytes(&self) -> u64 {
        let tree_bytes = u64::from(matches!(self, Self::Push(..)));
        let payload = match self {
            Self::Message(bytes) => bytes.len(),
            Self::Push(_, transaction) | Self::Body(transaction) => transaction.transaction().wire().len(),
        };
        FRAME_BYTES + tree_bytes + payload as u64
    }
}

/// What happens.
pub(super) enum Happening {
    Arrives { node: usize, source: u32, parcel: Parcel },
    Checked { node: usize, event: Event, id: TxId, life: u32 },
    Committed { node: usize, count: usize, life: u32 },
    Wake { node: usize, life: u32 },
}

/// How links and machines are.
#[derive(Clone, Copy)]
pub(super) struct Speeds {
    pub(super) delay: Micros,
    pub(super) jitter: Micros,
    pub(super) check: Micros,
    pub(super) commit: Micros,
}

pub(super) const LOOPBACK: Speeds = Speeds { delay: 100, jitter: 200, check: 100, commit: 1_000 };

/// What went over all links.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Traffic {
    pub(super) bytes: u64,
    pub(super) messages: u64,
    pub(super) bodies: u64,
    /// Bytes of transactions that came to a node for the first time.
    pub(super) delivered: u64,
    pub(super) duplicates: u64,
}

pub(super) struct Net {
    pub(super) nodes: Vec<Node>,
    pub(super) speeds: Speeds,
    pub(super) traffic: Traffic,
    /// Those who were told that their transaction is taken.
    pub(super) acknowledged: BTreeSet<TxId>,
    /// Microseconds from the door to attached at each other node.
    pub(super) latencies: Vec<Micros>,
    pub(super) entered: BTreeMap<TxId, Micros>,
    now: Micros,
    sequence: u64,
    queue: BTreeMap<(Micros, u64), Happening>,
    random: u64,
    counters: BTreeMap<(u8, u64), u32>,
}

impl Net {
    pub(super) fn new(nodes: usize, seed: u64, speeds: Speeds) -> Self {
        let mut net = Self {
            nodes: (0..nodes).map(Node::new).collect(),
            speeds,
            traffic: Traffic::default(),
            acknowledged: BTreeSet::new(),
            latencies: Vec::new(),
            entered: BTreeMap::new(),
            now: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            random: seed,
            counters: BTreeMap::new(),
        };
        (0..nodes).for_each(|node| net.wake_at(node, 0));
        net
    }

    /// Everybody with everybody.
    pub(super) fn full_mesh(nodes: usize, seed: u64, speeds: Speeds) -> Self {
        let mut net = Self::new(nodes, seed, speeds);
        net.connect_all();
        net
    }

    pub(super) fn connect_all(&mut self) {
        for a in 0..self.nodes.len() {
            (0..a).for_each(|b| self.connect(a, b));
        }
    }

    pub(super) fn time(&self) -> Timestamp {
        START.plus(EPOCH_MS / 2 + self.now / 1_000)
    }

    /// A number below `bound`.
    pub(super) fn roll(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(super) fn connect(&mut self, a: usize, b: usize) {
        if self.nodes[a].link_to(b).is_some() || !self.nodes[a].is_up || !self.nodes[b].is_up {
            return;
        }
        let [at_a, at_b] = [a, b].map(|node| self.nodes[node].next_source());
        for (node, source, peer, its_source) in [(a, at_a, b, at_b), (b, at_b, a, at_a)] {
            self.nodes[node].links.insert(source, Link::new(peer, its_source));
            let device = self.nodes[peer].device;
            let cursor = self.nodes[node].cursors.get(&device).cloned().unwrap_or_default();
            self.event(node, Event::Connected { source: Source::Peer(source), device, cursor });
        }
    }

    pub(super) fn disconnect(&mut self, a: usize, b: usize) {
        for (node, peer) in [(a, b), (b, a)] {
            if let Some(source) = self.nodes[node].link_to(peer) {
                self.nodes[node].links.remove(&source);
                self.event(node, Event::Left { source: Source::Peer(source) });
            }
        }
    }

    /// The process ends; the disk stays.
    pub(super) fn crash(&mut self, node: usize) {
        self.nodes[node].is_up = false;
        for peer in 0..self.nodes.len() {
            if peer != node
                && let Some(source) = self.nodes[peer].link_to(node)
            {
                self.nodes[peer].links.remove(&source);
                self.event(peer, Event::Left { source: Source::Peer(source) });
            }
        }
        self.nodes[node].crash();
    }

    pub(super) fn restart(&mut self, node: usize) {
        self.nodes[node].restart();
        self.wake_at(node, self.now);
    }

    /// A sensor fetches a ticket of a node and hands in a reading above it.
    pub(super) fn submit(&mut self, node: usize) {
        if !self.nodes[node].is_up {
            return;
        }
        let device = self.roll(8) as u8;
        let at = self.time();
        let token = self.nodes[node].token();
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&self.roll(u64::MAX).to_be_bytes());
        let ticket = Event::Ticket { device: world().device(device), count: 1, entropy, token };
        let parents = self.event(node, ticket).expect("a ticket is answered at once").parents[0];
        let timestamp = parents.iter().map(|id| id.timestamp().plus(1)).fold(at, Timestamp::max);
        let epoch = (timestamp.as_millis()) / EPOCH_MS;
        let counter = self.counters.entry((device, epoch)).or_default();
        *counter += 1;
        let mut draft = world().reading(*counter, timestamp, parents);
        draft.content = &[7; 200];
        let transaction = world().verified(&draft, device);
        self.entered.insert(transaction.id(), self.now);
        let token = self.nodes[node].token();
        self.event(node, Event::Received { transaction, source: Source::Door, token: Some(token) });
    }

    /// Lets so many microseconds pass.
    pub(super) fn run(&mut self, micros: Micros) {
        let end = self.now + micros;
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), happening) = entry.remove_entry();
            self.now = at;
            self.happen(happening);
        }
        self.now = end;
    }

    /// Sends at this rate, at doors drawn at random, for a time.
    pub(super) fn load(&mut self, per_second: u64, micros: Micros) {
        let pause = 1_000_000 / per_second;
        for _ in 0..micros / pause {
            let node = self.roll(self.nodes.len() as u64) as usize;
            self.submit(node);
            self.run(pause);
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives { node, source, parcel } if self.nodes[node].links.contains_key(&source) => {
                self.arrive(node, source, parcel);
            }
            Happening::Checked { node, event, id, life } if self.nodes[node].life == life => {
                self.nodes[node].checking.remove(&id);
                self.event(node, event);
            }
            Happening::Committed { node, count, life } if self.nodes[node].life == life => {
                let position = self.nodes[node].commit(count);
                if let Some(position) = position {
                    self.event(node, Event::Durable { position });
                }
                self.nodes[node].is_committing = false;
                self.start_commit(node);
            }
            Happening::Wake { node, life } if self.nodes[node].life == life => {
                self.nodes[node].wakes_at = None;
                self.event(node, Event::Tick);
            }
            _ => {}
        }
    }

    fn arrive(&mut self, node: usize, source: u32, parcel: Parcel) {
        let from = Source::Peer(source);
        let (transaction, tree) = match parcel {
            Parcel::Message(bytes) => {
                let event = match Message::decode(&bytes) {
                    Ok(message) => Event::Message { source: from, message },
                    Err(_) => Event::Garbled { source: from },
                };
                self.event(node, event);
                return;
            }
            Parcel::Push(tree, transaction) => (transaction, Some(tree)),
            Parcel::Body(transaction) => (transaction, None),
        };
        let id = transaction.id();
        self.traffic.bodies += 1;
        if self.nodes[node].attached.contains(&id) || !self.nodes[node].checking.insert(id) {
            self.traffic.duplicates += 1;
            self.event(node, Event::Duplicate { id, source: from, tree });
            return;
        }
        let event = match tree {
            Some(tree) => Event::Pushed { transaction, source: from, tree },
            None => Event::Received { transaction, source: from, token: None },
        };
        let life = self.nodes[node].life;
        let pause = self.speeds.check / 2 + self.roll(self.speeds.check + 1);
        self.later(pause, Happening::Checked { node, event, id, life });
    }

    /// Lets a replica handle an event and does what it wants done; returns a ticket if that was asked for.
    pub(super) fn event(&mut self, node: usize, event: Event) -> Option<weft_tangle::replica::Ticket> {
        let now = self.time();
        let Node { replica, history, .. } = &mut self.nodes[node];
        let effects = replica.handle(event, now, history).expect("a map can be read");
        let mut ticket = None;
        for effect in effects {
            match effect {
                Effect::Ticket(_, given) => ticket = Some(given),
                effect => self.perform(node, effect),
            }
        }
        let due = self.nodes[node].replica.wake();
        let tick = now.plus(200);
        self.wake_at(node, self.micros_of(due.map_or(tick, |due| due.min(tick))));
        ticket
    }

    fn perform(&mut self, node: usize, effect: Effect) {
        match effect {
            Effect::Persist(attached) => {
                let id = attached.id();
                let entered = self.entered.get(&id).copied().unwrap_or(self.now);
                if self.nodes[node].attach(attached) && self.now > entered {
                    self.latencies.push(self.now - entered);
                    self.traffic.delivered += self.nodes[node].last_bytes();
                }
                self.start_commit(node);
            }
            Effect::Answer(_, answer) => {
                let taken = answer.expect("what sensors send here is right");
                self.acknowledged.insert(taken.id);
            }
            Effect::Send { source, class, message } => {
                self.traffic.messages += 1;
                self.send(node, source, class, Parcel::Message(message.encode()));
            }
            Effect::Relay { to, tree, transaction } => {
                for source in to {
                    let parcel = Parcel::Push(tree, transaction.verified().clone());
                    self.send(node, source, Class::Live, parcel);
                }
            }
            Effect::Serve { source, request, ranges, ids } => {
                let (bodies, lacking) = self.nodes[node].read(&ranges, &ids);
                for body in bodies {
                    self.send(node, source, Class::Bulk, Parcel::Body(body));
                }
                self.event(node, Event::Served { source, request });
                let done = Message::Done { request, lacking, withheld: vec![] };
                self.send(node, source, Class::Bulk, Parcel::Message(done.encode()));
            }
            Effect::Remember { device, cursor } => {
                self.nodes[node].cursors_to_come.push((device, cursor));
                self.start_commit(node);
            }
            Effect::Disconnect { source, reason, .. } => {
                self.nodes[node].dropped.push(reason);
                let Source::Peer(source) = source else { panic!("the door is no peer") };
                if let Some(link) = self.nodes[node].links.get(&source).copied() {
                    self.disconnect(node, link.peer);
                }
            }
            Effect::Verify(..) | Effect::Ticket(..) => panic!("all issuers are known"),
        }
    }

    fn send(&mut self, node: usize, source: Source, class: Class, parcel: Parcel) {
        let Source::Peer(source) = source else { panic!("the door is no peer") };
        let pause = self.speeds.delay + self.roll(self.speeds.jitter + 1);
        self.traffic.bytes += parcel.bytes();
        let Some(link) = self.nodes[node].links.get_mut(&source) else { return };
        // A stream keeps its order; one does not wait for another.
        let arrival = link.arrivals.of(class);
        *arrival = (*arrival).max(self.now + pause);
        let (at, peer, its_source) = (*arrival, link.peer, link.its_source);
        self.at(at, Happening::Arrives { node: peer, source: its_source, parcel });
    }

    fn start_commit(&mut self, node: usize) {
        let queued = self.nodes[node].unsaved();
        if queued == 0 && self.nodes[node].cursors_to_come.is_empty() || self.nodes[node].is_committing {
            return;
        }
        self.nodes[node].is_committing = true;
        let pause = self.speeds.commit / 2 + self.roll(self.speeds.commit + 1);
        let life = self.nodes[node].life;
        self.later(pause, Happening::Committed { node, count: queued, life });
    }

    fn wake_at(&mut self, node: usize, at: Micros) {
        let at = at.max(self.now);
        if self.nodes[node].wakes_at.is_none_or(|wakes_at| at < wakes_at) {
            self.nodes[node].wakes_at = Some(at);
            let life = self.nodes[node].life;
            self.at(at, Happening::Wake { node, life });
        }
    }

    /// When the clock of all nodes first shows this.
    fn micros_of(&self, time: Timestamp) -> Micros {
        time.since(START.plus(EPOCH_MS / 2)) * 1_000
    }

    fn later(&mut self, pause: Micros, happening: Happening) {
        self.at(self.now + pause, happening);
    }

    fn at(&mut self, at: Micros, happening: Happening) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), happening);
    }

    /// Nodes that are up hold the same, and all that was acknowledged.
    pub(super) fn assert_converged(&self) {
        let up = || self.nodes.iter().filter(|node| node.is_up);
        let first = up().next().expect("somebody is up");
        for node in up() {
            let missing = first.attached.symmetric_difference(&node.attached).count();
            assert_eq!(missing, 0, "node {} differs from node {}", node.number, first.number);
        }
        assert!(self.acknowledged.is_subset(&first.attached), "something acknowledged is lost");
    }

    /// The state of every link.
    pub(super) fn link_states(&self) -> Vec<LinkState> {
        self.nodes.iter().flat_map(|node| node.replica.peers()).map(|view| view.state).collect()
    }

    pub(super) fn device(&self, node: usize) -> DeviceId {
        self.nodes[node].device
    }

    pub(super) fn total(&self, count: impl Fn(&weft_tangle::gossip::PeerCounts) -> u64) -> u64 {
        self.nodes.iter().flat_map(|node| node.replica.peers()).map(|view| count(&view.counts)).sum()
    }
}
