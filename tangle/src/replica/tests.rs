//! What only shows with smaller bounds than the replica has outside.

use super::testing::{EPOCH_MS, member, network, reading, signed};
use super::*;
use crate::body::{Vote, Witness};
use crate::finality::{Entry, FinalVerdict, Ledger, Outcome, Round};
use crate::{Digest, Draft, content_format};
use std::ops::Range;

/// At most these are stored.
#[derive(Default)]
struct Only {
    /// A reading.
    delivered: Option<TxId>,
    /// A witness.
    damaged: Option<TxId>,
}

const EMPTY: Only = Only { delivered: None, damaged: None };

impl History for Only {
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError> {
        Ok(self.delivered == Some(*id) || self.damaged == Some(*id))
    }

    fn issued(
        &self,
        _: &DeviceId,
        _: Range<Timestamp>,
        _: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        Ok(())
    }

    fn standings(&self, _: &DeviceId) -> Result<Vec<Standing>, HistoryError> {
        Ok(Vec::new())
    }

    fn log(&self, _: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        self.delivered.into_iter().chain(self.damaged).for_each(visit);
        Ok(())
    }

    fn is_witness(&self, id: &TxId) -> Result<Option<bool>, HistoryError> {
        Ok(self.contains(id)?.then_some(self.damaged == Some(*id)))
    }

    fn entry(&self, id: &TxId) -> Result<Option<Entry>, HistoryError> {
        match self.damaged.filter(|damaged| damaged == id) {
            Some(id) => Err(HistoryError::Damaged { id, cause: "a test's".into() }),
            None => Ok(None),
        }
    }

    fn witnesses(&self, _: &DeviceId, _: Round, _: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        Ok(())
    }

    fn outcome(&self, id: &TxId) -> Result<Option<Outcome>, HistoryError> {
        let outcome = Outcome { commit: 1, verdict: FinalVerdict::Counts };
        Ok(self.delivered.filter(|stored| stored == id).map(|_| outcome))
    }

    fn kind(&self, _: &DeviceId, id: &TxId) -> Result<Option<Kind>, HistoryError> {
        Ok(self.delivered.filter(|stored| stored == id).map(|_| Kind::Reading))
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

#[test]
fn counters_in_flight_survive_that_memory_forgets_them() {
    let mut replica = Replica::new(Arc::new(network()), Position(0));
    replica.counters = Counters::with_limits(1, 8);
    let now = Timestamp::from_millis(9 * EPOCH_MS);
    let mut device = None;
    for epoch in 0..8 {
        let (_, transaction) = reading(4, epoch * EPOCH_MS + 500);
        device = Some(transaction.transaction().header().issuer);
        replica
            .handle(Event::Received { transaction, source: Source::Door, token: None }, now, &EMPTY)
            .unwrap();
    }
    assert!(
        replica.counters.peek(&(device.unwrap(), crate::Epoch(0))).is_none(),
        "two epochs are remembered"
    );
    let at = Timestamp::from_millis(500);
    let ticket = Event::Ticket { device: device.unwrap(), count: 1, entropy: [0; 32], token: Token(1) };
    let effects = replica.handle(ticket, at, &EMPTY).unwrap();
    assert!(matches!(&effects[..], [Effect::Ticket(Token(1), ticket)] if ticket.counter == 5));
}

/// All that was uncovered while memory had no room for it is swept in the end. Nothing becomes durable here.
#[test]
fn what_had_no_room_among_the_uncovered_is_swept_later() {
    let network = Arc::new(network());
    let mut replica = Replica::new(Arc::clone(&network), Position(0));
    replica.set_device(member().id(), &[]);
    replica.finality.set_uncovered_limit(8);
    let (mut ms, mut asked, mut readings) = (EPOCH_MS, Vec::new(), 0);
    while ms < 20 * EPOCH_MS {
        ms += 10;
        let now = Timestamp::from_millis(ms);
        let mut events = vec![Event::Tick];
        if readings < 60 {
            readings += 1;
            let (_, transaction) = reading(readings, ms);
            events.push(Event::Received { transaction, source: Source::Door, token: None });
        } else if let Some(transaction) = asked.pop() {
            // The first witness is made when all readings are there.
            events.push(Event::Witness { transaction });
        }
        for event in events {
            for effect in replica.handle(event, now, &EMPTY).unwrap() {
                if let Effect::Witness(proposal) = effect {
                    asked.push(signed(&proposal.draft([1; 16])));
                }
            }
        }
        assert!(replica.finality().uncovered <= 8);
    }
    let status = replica.finality();
    assert!(status.is_idle && status.open == 0, "{status:?}");
    assert!(asked.is_empty() && replica.wake().is_none());
}

/// Storage lists those alone that share a counter, and what shares it with the only one may still be on its way there.
#[test]
fn the_twin_of_what_is_in_flight_is_found_where_it_is_delivered() {
    let ((_, first), (_, second), (_, other)) = (reading(7, 10), reading(7, 20), reading(8, 30));
    let issuer = first.transaction().header().issuer;
    let mut flight = Flight::default();
    for (place, (verified, twin)) in [(second, Some(first.id())), (other, None)].into_iter().enumerate() {
        flight.push(Arc::new(Attached { position: Position(place as u64), verified, twin }), None, false);
    }
    let handed = Default::default();
    let genesis = network().genesis();
    let found = |delivered: Option<TxId>, counter| {
        let history = Only { delivered, damaged: None };
        let overlay = ledger::Overlay { genesis, flight: &flight, handed: &handed, history: &history };
        let epoch = Timestamp::from_millis(0)..Timestamp::from_millis(EPOCH_MS);
        overlay.same_counter(&issuer, epoch, counter).unwrap()
    };
    assert_eq!(found(Some(first.id()), 7), [(first.id(), Kind::Reading)]);
    assert_eq!((found(Some(first.id()), 8), found(None, 7)), (vec![], vec![]));
}

/// What is damaged is the matter of what needs it: it waits, and the node goes on.
#[test]
fn a_witness_above_a_damaged_one_is_not_judged_and_stops_nobody() {
    let (network, now) = (Arc::new(network()), Timestamp::from_millis(EPOCH_MS));
    let damaged = TxId::first_at(Timestamp::from_millis(5));
    let history = Only { damaged: Some(damaged), ..EMPTY };
    let mut replica = Replica::new(Arc::clone(&network), Position(1));
    let witness = Witness::new(Round::FIRST.plus(1), Vote::NONE, vec![damaged], vec![]).unwrap();
    let content = witness.encode();
    let transaction = signed(&Draft {
        kind: Kind::Witness,
        content_format: content_format::WEFT,
        counter: 1,
        timestamp: Timestamp::from_millis(9),
        parents: witness.header_parents(Some(damaged), network.genesis()),
        salt: [0; 16],
        content: &content,
    });
    let event = Event::Received { transaction, source: Source::Peer(1), token: None };
    let effects = replica.handle(event, now, &history).unwrap();
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Persist(_))), "{effects:?}");
    assert_eq!(replica.finality().illegible, None, "it is not what finality needs");
}

/// A node that ended for what is damaged would end again each time it starts.
#[test]
fn finality_stands_still_where_it_needs_what_is_damaged_and_nothing_else_does() {
    let now = Timestamp::from_millis(EPOCH_MS);
    let damaged = TxId::first_at(Timestamp::from_millis(5));
    let history = Only { damaged: Some(damaged), ..EMPTY };
    let mut replica = Replica::new(Arc::new(network()), Position(1));
    replica.set_device(member().id(), &[]);
    replica.finalising.again = Some(0);
    replica.handle(Event::Tick, now, &history).unwrap();
    assert_eq!(replica.finality().illegible, Some(damaged));
    assert_eq!(replica.wake(), None, "there is nothing to do");
    let (_, transaction) = reading(1, 100);
    let event = Event::Received { transaction, source: Source::Door, token: None };
    let effects = replica.handle(event, now, &history).unwrap();
    assert!(
        matches!(effects[..], [Effect::Persist(_)]),
        "it is taken, and no witness is made for it: {effects:?}"
    );
    assert_eq!(replica.finality().open, 1);
}
