//! One replica with its storage, driven by hand. After each event it checks what always holds.

use super::{Drawing, MapHistory, START, world};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weft_tangle::replica::{Arrival, Effect, Event, Replica, Source, Taken, Ticket, Token};
use weft_tangle::{Attached, HistoryError, Kind, Position, Refusal, Timestamp, TxId, Verified};

/// An entry of the stored order of arrival.
pub(crate) fn arrival(attached: &Attached) -> Arrival {
    let header = attached.transaction().header();
    let is_witness = header.kind == Kind::Witness;
    let parents = header.parents.map(Some);
    Arrival { position: attached.position(), id: attached.id(), parents, is_witness }
}

pub(crate) type Answer = Result<Taken, Refusal>;

/// A replica and what stands around it.
pub(crate) struct Rig {
    pub(crate) replica: Replica,
    pub(crate) history: MapHistory,
    pub(crate) now: Timestamp,
    /// All that was attached, by position.
    pub(crate) attached: Vec<Arc<Attached>>,
    /// All answers that were given.
    pub(crate) answers: BTreeMap<Token, Answer>,
    durable: usize,
    tokens: u64,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self {
            replica: Replica::new(Arc::clone(&world().network), Position(0)),
            history: MapHistory::default(),
            now: START.plus(300_000),
            attached: Vec::new(),
            answers: BTreeMap::new(),
            durable: 0,
            tokens: 0,
        }
    }

    /// Goes on where a replica stopped after it had stored all: what the node does when it starts.
    pub(crate) fn restart(&mut self) {
        assert_eq!(self.durable, self.attached.len(), "what is not stored is lost");
        self.replica = Replica::new(Arc::clone(&world().network), Position(self.durable as u64));
        for attached in &self.attached {
            self.replica.recover(&arrival(attached));
        }
    }

    /// Handles an event and does what can be done at once: remembers what to store and collects answers.
    pub(crate) fn try_event(&mut self, event: Event) -> Result<Vec<Effect>, HistoryError> {
        let effects = self.replica.handle(event, self.now, &self.history)?;
        for effect in &effects {
            match effect {
                Effect::Persist(attached) => self.attach(attached),
                Effect::Answer(token, answer) => {
                    assert!(self.answers.insert(*token, answer.clone()).is_none(), "answered twice");
                }
                _ => {}
            }
        }
        Ok(effects)
    }

    pub(crate) fn event(&mut self, event: Event) -> Vec<Effect> {
        self.try_event(event).unwrap()
    }

    fn attach(&mut self, attached: &Arc<Attached>) {
        assert_eq!(
            attached.position(),
            Position(self.attached.len() as u64),
            "a gap in the order of arrival"
        );
        let known: BTreeSet<TxId> = self.ids();
        let parents = attached.transaction().header().parents;
        assert!(!known.contains(&attached.id()), "attached twice");
        let here = |id: &TxId| known.contains(id) || *id == world().genesis();
        assert!(parents.iter().all(here), "attached before its parents");
        self.attached.push(Arc::clone(attached));
    }

    pub(crate) fn peer_sends(&mut self, transaction: &Verified, peer: u32) -> Vec<Effect> {
        let transaction = transaction.clone();
        self.event(Event::Received { transaction, source: Source::Peer(peer), token: None })
    }

    /// Lets a peer send several of a drawing, one after the other.
    pub(crate) fn peer_sends_all(&mut self, drawing: &Drawing, names: &[&str], peer: u32) {
        for name in names {
            self.peer_sends(&drawing.get(name), peer);
        }
    }

    /// Hands a transaction in at the door; the answer comes into `answers`.
    pub(crate) fn door_sends(&mut self, transaction: &Verified) -> Token {
        let token = self.token();
        let transaction = transaction.clone();
        self.event(Event::Received { transaction, source: Source::Door, token: Some(token) });
        token
    }

    /// Hands a transaction in at the door, which must answer at once.
    pub(crate) fn answer_of_door(&mut self, transaction: &Verified) -> Answer {
        let token = self.door_sends(transaction);
        self.answers[&token].clone()
    }

    /// Stores what is attached and not yet durable, at most `count`, and says so.
    pub(crate) fn store(&mut self, count: usize) -> Vec<Effect> {
        let end = self.attached.len().min(self.durable + count);
        for attached in &self.attached[self.durable..end] {
            self.history.store(Arc::clone(attached));
        }
        self.durable = end;
        match end.checked_sub(1) {
            Some(last) => self.event(Event::Durable { position: Some(Position(last as u64)), commit: None }),
            None => Vec::new(),
        }
    }

    pub(crate) fn store_all(&mut self) -> Vec<Effect> {
        self.store(usize::MAX / 2)
    }

    pub(crate) fn ticket(&mut self, device: u8, count: usize) -> Ticket {
        let token = self.token();
        let device = world().device(device);
        let effects = self.event(Event::Ticket { device, count, entropy: [9; 32], token });
        match effects.into_iter().next() {
            Some(Effect::Ticket(answered, ticket)) if answered == token => ticket,
            other => panic!("a ticket was asked for, {other:?} came"),
        }
    }

    pub(crate) fn ids(&self) -> BTreeSet<TxId> {
        self.attached.iter().map(|attached| attached.id()).collect()
    }

    /// What is durable and approved by nothing durable.
    pub(crate) fn tips_by_definition(&self) -> BTreeSet<TxId> {
        let durable = &self.attached[..self.durable];
        let approved: BTreeSet<TxId> =
            durable.iter().flat_map(|a| a.transaction().header().parents).collect();
        durable.iter().map(|attached| attached.id()).filter(|id| !approved.contains(id)).collect()
    }

    pub(crate) fn token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }
}
