//! Whole replicas of a small committee, linked to each other, each with a slow disk: what the node around a replica does is
//! done here in virtual time, and what must never happen is looked at on the way.

use super::shell::WAY;
use crate::support::{EPOCH_MS, MapHistory, START, arrival, key};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use weft_pow::Nonce;
use weft_tangle::body::Vote;
use weft_tangle::finality::{Entry, Handed, Pace, Round};
use weft_tangle::replica::{Event, Replica, Source};
use weft_tangle::signing::SigningKey;
use weft_tangle::{
    Attached, DeviceId, Digest, Draft, Issuer, Kind, Network, NetworkParts, Position, Refusal, Role, Rules,
    Screened, Standing, Timestamp, Transaction, TxId, Verified,
};

/// What is being written.
pub(super) enum Write {
    Transaction(Arc<Attached>),
    Commit(Arc<Handed>),
}

pub(super) enum Happening {
    Said(Box<Event>),
    Written(u32),
    Woken,
}

/// A member's node.
pub(super) struct Node {
    pub(super) replica: Replica,
    pub(super) history: MapHistory,
    /// What it has attached in this life and before, by position.
    pub(super) attached: Vec<TxId>,
    /// Milliseconds that its disk takes.
    pub(super) disk: u64,
    /// Why it refused what was sent.
    pub(super) refused: Vec<Refusal>,
    pub(super) device: DeviceId,
    pub(super) writes: VecDeque<Write>,
    pub(super) is_writing: bool,
    pub(super) cursors: BTreeMap<DeviceId, Vec<u8>>,
    pub(super) life: u32,
    pub(super) is_up: bool,
}

/// The town.
pub(super) struct Town {
    pub(super) network: Arc<Network>,
    pub(super) nodes: Vec<Node>,
    pub(super) now: u64,
    /// The digests of all commits, whoever stored them first.
    pub(super) chain: Vec<Digest>,
    /// What was done, in its order, told in words.
    pub(super) trace: Vec<String>,
    /// Transactions that get lost whenever they are pushed.
    pub(super) unlucky: BTreeSet<TxId>,
    /// Nobody signs a round twice.
    pub(super) is_honest: bool,
    pub(super) keys: Vec<SigningKey>,
    issuers: BTreeMap<DeviceId, Issuer>,
    events: BTreeMap<(u64, u64), (usize, Happening)>,
    sequence: u64,
    counters: BTreeMap<DeviceId, u32>,
    /// Every witness of these members that anybody has stored, by author and round.
    pub(super) witnesses: BTreeMap<(DeviceId, Round), TxId>,
}

impl Town {
    pub(super) fn new(members: usize) -> Self {
        let mut keys: Vec<SigningKey> = (100..100 + members as u8).map(key).collect();
        keys.sort_by_key(|key| DeviceId::of(key.public_key()));
        let network = Network::new(NetworkParts {
            name: "town".into(),
            created: START,
            open_enrolment: true,
            rules: Rules::new(EPOCH_MS, 1_000_000, 0, 0).unwrap(),
            registrars: vec![],
            committee: keys.iter().map(|key| key.public_key().clone()).collect(),
        });
        let network = Arc::new(network.unwrap());
        let sensor =
            Standing::Enrolled { role: Role::Sensor, valid: START..Timestamp::from_millis(u64::MAX) };
        let member = |key: &SigningKey| Issuer::new(key.public_key(), vec![Standing::Committee]).unwrap();
        let sensors = (0..4).map(|seed| Issuer::new(key(seed).public_key(), vec![sensor.clone()]).unwrap());
        let issuers = keys.iter().map(member).chain(sensors).map(|issuer| (issuer.id(), issuer)).collect();
        let node = |key: &SigningKey| Node {
            replica: Replica::new(Arc::clone(&network), Position(0)),
            history: MapHistory::new(network.genesis()),
            attached: vec![],
            disk: 7,
            refused: vec![],
            device: DeviceId::of(key.public_key()),
            writes: VecDeque::new(),
            is_writing: false,
            cursors: BTreeMap::new(),
            life: 0,
            is_up: false,
        };
        let nodes = keys.iter().map(node).collect();
        let (chain, trace, unlucky, events, counters, witnesses) = Default::default();
        let (now, sequence) = (START.as_millis() + 1_000, 0);
        let mut town = Self {
            network,
            nodes,
            now,
            chain,
            trace,
            unlucky,
            is_honest: true,
            keys,
            issuers,
            events,
            sequence,
            counters,
            witnesses,
        };
        (0..members).for_each(|place| town.start(place));
        town
    }

    pub(super) fn at(&mut self, time: u64, node: usize, happening: Happening) {
        self.sequence += 1;
        self.events.insert((time, self.sequence), (node, happening));
    }

    /// The number of a link differs from life to life of both its ends.
    pub(super) fn source(&self, here: usize, there: usize) -> Source {
        Source::Peer(self.nodes[here].life * 10_000 + self.nodes[there].life * 100 + there as u32)
    }

    /// Starts a node on what it has stored.
    pub(super) fn start(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        let stored: Vec<Arc<Attached>> = node.history.stored().cloned().collect();
        node.attached = stored.iter().map(|attached| attached.id()).collect();
        node.replica = Replica::new(Arc::clone(&self.network), Position(stored.len() as u64));
        node.replica.set_device(node.device, node.cursors.get(&node.device).map_or(&[], Vec::as_slice));
        node.replica.set_pace(Pace::default());
        let resume = node.history.commits().last().map(|handed| handed.resume);
        if let Some(resume) = &resume {
            let votes = node.history.commits().iter().map(|handed| handed.delivered.vote());
            node.replica.resume(resume, votes.collect::<Vec<Vote>>().into_iter());
        }
        let first = resume.map_or(1, |resume| resume.first_round().get());
        stored.iter().for_each(|attached| node.replica.recover(&arrival(attached)));
        for attached in &stored {
            let transaction = attached.transaction();
            let round = Entry::of(transaction, self.network.genesis()).round;
            let is_delivered = node.history.is_final(&attached.id());
            if !is_delivered || round.is_some_and(|round| round.get() >= first) {
                node.replica.restore(attached.position(), transaction, is_delivered).unwrap();
            }
        }
        (node.is_up, node.life) = (true, node.life + 1);
        for other in (0..self.nodes.len()).filter(|other| *other != place) {
            if self.nodes[other].is_up {
                for (here, there) in [(place, other), (other, place)] {
                    let (source, device) = (self.source(here, there), self.nodes[there].device);
                    let cursor = self.nodes[here].cursors.get(&device).cloned().unwrap_or_default();
                    self.say(here, WAY, Event::Connected { source, device, cursor });
                }
            }
        }
        self.at(self.now, place, Happening::Woken);
    }

    /// Ends a node's process: what is not on its disk is gone.
    pub(super) fn crash(&mut self, place: usize) {
        let gone: Vec<_> = (0..self.nodes.len()).map(|other| self.source(other, place)).collect();
        let node = &mut self.nodes[place];
        (node.is_up, node.is_writing) = (false, false);
        node.writes.clear();
        self.events.retain(|_, (node, _)| *node != place);
        for (other, source) in gone.into_iter().enumerate().filter(|(other, _)| *other != place) {
            self.say(other, WAY, Event::Left { source });
        }
    }

    pub(super) fn say(&mut self, node: usize, after: u64, event: Event) {
        self.at(self.now + after, node, Happening::Said(Box::new(event)));
    }

    /// Lets so many milliseconds pass.
    pub(super) fn run(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((time, _), (place, happening)) = entry.remove_entry();
            self.now = time.max(self.now);
            if self.nodes[place].is_up {
                match happening {
                    Happening::Said(event) => self.event(place, *event),
                    Happening::Woken => self.event(place, Event::Tick),
                    Happening::Written(life) => self.written(place, life),
                }
            }
        }
        self.now = end;
    }

    pub(super) fn event(&mut self, place: usize, event: Event) {
        let node = &mut self.nodes[place];
        let now = Timestamp::from_millis(self.now);
        let effects = node.replica.handle(event, now, &node.history).unwrap();
        effects.into_iter().for_each(|effect| self.perform(place, effect));
        if let Some(due) = self.nodes[place].replica.wake() {
            let due = due.as_millis().max(self.now + 1);
            self.events
                .retain(|_, (node, happening)| *node != place || !matches!(happening, Happening::Woken));
            self.at(due, place, Happening::Woken);
        }
    }

    /// Signs and checks a transaction.
    pub(super) fn signed_by(&self, draft: &Draft<'_>, key: &SigningKey) -> Verified {
        let wire = draft.sign(self.network.id(), key).unwrap().with_nonce(Nonce::from_bytes([0; 8]));
        let transaction = Transaction::decode(&self.network, &wire).unwrap();
        let screened = Screened::check(&self.network, transaction).unwrap();
        let issuer = &self.issuers[&DeviceId::of(key.public_key())];
        Verified::check(&self.network, screened, issuer).unwrap()
    }

    /// The key of a member.
    pub(super) fn key(&self, member: usize) -> &SigningKey {
        &self.keys[member]
    }

    /// A reading of a sensor above the newest tips of a node, not handed in.
    pub(super) fn reading(&mut self, place: usize, sensor: u8) -> Verified {
        let tips: Vec<TxId> = self.nodes[place].replica.tips().iter().collect();
        let genesis = self.network.genesis();
        let parents = match tips[..] {
            [] => [genesis; 2],
            [one] => [one, genesis],
            [.., one, other] => [one, other],
        };
        self.reading_above(parents, sensor)
    }

    /// A reading of a sensor above these.
    pub(super) fn reading_above(&mut self, parents: [TxId; 2], sensor: u8) -> Verified {
        let sensor = key(sensor);
        let counter = self.counters.entry(DeviceId::of(sensor.public_key())).or_default();
        *counter += 1;
        let newest = parents[0].max(parents[1]).timestamp();
        let draft = Draft {
            kind: Kind::Reading,
            content_format: 110,
            counter: *counter,
            timestamp: Timestamp::from_millis(self.now).max(newest.plus(1)),
            parents,
            salt: [7; 16],
            content: b"[]",
        };
        self.signed_by(&draft, &sensor)
    }

    /// Hands a fresh reading in at a node's door.
    pub(super) fn read(&mut self, place: usize, sensor: u8) -> TxId {
        let transaction = self.reading(place, sensor);
        let id = transaction.id();
        self.event(place, Event::Received { transaction, source: Source::Door, token: None });
        id
    }

    /// The source by which a node knows another one.
    pub(super) fn peer(&self, here: usize, there: usize) -> Source {
        self.source(here, there)
    }
}
