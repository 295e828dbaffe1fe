//! The sequence at the door, sent to a replica whose storage is a map.

use super::verdicts::{catalogue, check, issuers};
use super::{bytes, committed, networks, number, rows, text, time, valid};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use weft_tangle::finality::{Entry, Outcome, Round};
use weft_tangle::replica::{Effect, Event, Source, Token};
use weft_tangle::{
    DeviceId, Digest, History, HistoryError, Position, Refusal, Replica, Standing, Timestamp, TxId, Verified,
};

#[derive(Default)]
struct Stored {
    issued: BTreeMap<(DeviceId, TxId), u32>,
    ids: BTreeSet<TxId>,
    disputed: BTreeSet<TxId>,
}

impl History for Stored {
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError> {
        Ok(self.ids.contains(id))
    }

    fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        let bounds = (*issuer, TxId::first_at(range.start))..(*issuer, TxId::first_at(range.end));
        self.issued.range(bounds).for_each(|((_, id), counter)| visit(*id, *counter));
        Ok(())
    }

    /// Asked only for what came from peers.
    fn standings(&self, _: &DeviceId) -> Result<Vec<Standing>, HistoryError> {
        Ok(Vec::new())
    }

    /// Asked only for peers.
    fn log(&self, _: Range<u64>, _: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        Ok(())
    }

    fn is_witness(&self, id: &TxId) -> Result<Option<bool>, HistoryError> {
        Ok(self.ids.contains(id).then_some(false))
    }

    fn entry(&self, _: &TxId) -> Result<Option<Entry>, HistoryError> {
        Ok(None)
    }

    fn witnesses(&self, _: &DeviceId, _: Round, _: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        Ok(())
    }

    fn outcome(&self, _: &TxId) -> Result<Option<Outcome>, HistoryError> {
        Ok(None)
    }

    fn delivered(
        &self,
        _: &DeviceId,
        _: Range<Timestamp>,
        _: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        Ok(())
    }

    fn is_revoked(&self, _: &DeviceId) -> Result<bool, HistoryError> {
        Ok(false)
    }

    fn commit_digest(&self, _: u64) -> Result<Option<Digest>, HistoryError> {
        Ok(None)
    }
}

/// Sends one transaction and makes durable what is attached; says whether it is new.
fn send(
    replica: &mut Replica,
    stored: &mut Stored,
    transaction: Verified,
    now: Timestamp,
) -> Result<bool, Refusal> {
    let event = Event::Received { transaction, source: Source::Door, token: Some(Token(1)) };
    let mut effects = replica.handle(event, now, stored).unwrap();
    let mut answer = None;
    while let Some(effect) = effects.pop() {
        match effect {
            Effect::Persist(attached) => {
                let header = attached.transaction().header();
                stored.ids.insert(attached.id());
                stored.issued.insert((header.issuer, attached.id()), header.counter);
                if let Some(twin) = attached.twin() {
                    stored.disputed.extend([twin, attached.id()]);
                }
                let durable = Event::Durable { position: Some(attached.position()), commit: None };
                effects.extend(replica.handle(durable, now, stored).unwrap());
            }
            Effect::Answer(Token(1), taken) => answer = Some(taken.map(|taken| taken.is_new)),
            other => panic!("unexpected {other:?}"),
        }
    }
    answer.expect("the door is always answered")
}

#[test]
fn the_sequence() {
    let networks = networks();
    let network = &networks["open"];
    let known = issuers(network);
    let valid: BTreeMap<String, Vec<u8>> = valid().into_iter().collect();
    let catalogue = catalogue();
    let mut replica = Replica::new(Arc::new(network.clone()), Position(0));
    let mut stored = Stored::default();
    for step in rows(&committed("door.json"), "steps") {
        let name = text(step, "name");
        let wire = match step["transaction"].as_str() {
            Some(name) => valid[name].clone(),
            None => bytes(step, "wire"),
        };
        let now = time(step, "now");
        let verified = check(network, &known, &wire, now).unwrap_or_else(|error| panic!("{name}: {error}"));
        let id = verified.id();
        let found = send(&mut replica, &mut stored, verified, now);
        let status = match &found {
            Ok(is_new) => 200 + u64::from(*is_new),
            Err(refusal) => catalogue[refusal.reason()],
        };
        assert_eq!(status, number(step, "status"), "{name}: {found:?}");
        assert_eq!(found.err().map(|refusal| refusal.reason()), step["refused"].as_str(), "{name}");
        match step["after"].as_str() {
            Some(after) => assert_eq!(stored.disputed.contains(&id), after == "disputed", "{name}"),
            None => assert!(!stored.ids.contains(&id), "{name}"),
        }
    }
}
