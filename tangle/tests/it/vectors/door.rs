//! The sequence at the door, sent to a replica whose storage is a map.

use super::verdicts::{catalogue, check, issuers};
use super::{bytes, committed, networks, number, rows, text, time, valid};
use crate::support::MapHistory;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weft_tangle::replica::{Effect, Event, Source, Token};
use weft_tangle::{Position, Refusal, Replica, Timestamp, TxId, Verified};

/// Sends one transaction and makes durable what is attached; says whether it is new.
pub(super) fn send(
    replica: &mut Replica,
    stored: &mut MapHistory,
    transaction: Verified,
    now: Timestamp,
) -> Result<bool, Refusal> {
    let event = Event::Received { transaction, source: Source::Door, token: Some(Token(1)) };
    let mut effects = replica.handle(event, now, stored).unwrap();
    let mut answer = None;
    while let Some(effect) = effects.pop() {
        match effect {
            Effect::Persist(attached) => {
                let durable = Event::Durable { position: Some(attached.position()), commit: None };
                stored.store(attached);
                effects.extend(replica.handle(durable, now, stored).unwrap());
            }
            Effect::Answer(Token(1), taken) => answer = Some(taken.map(|taken| taken.is_new)),
            // A node that has peers notes when its life began.
            Effect::Remember { .. } => {}
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
    let mut stored = MapHistory::new(network.genesis());
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
        let twins = stored.stored().filter_map(|attached| Some([attached.twin()?, attached.id()]));
        let disputed: BTreeSet<TxId> = twins.flatten().collect();
        match step["after"].as_str() {
            Some(after) => assert_eq!(disputed.contains(&id), after == "disputed", "{name}"),
            None => assert!(stored.find(&id).is_none(), "{name}"),
        }
    }
}
