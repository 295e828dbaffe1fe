//! What only shows with smaller bounds than the replica has outside.

use super::testing::{EPOCH_MS, member, network, reading, signed};
use super::*;
use crate::Digest;
use crate::finality::{Entry, FinalVerdict, Ledger, Outcome, Round};
use std::ops::Range;

/// At most one is stored, a reading that is delivered.
struct Only(Option<TxId>);

const EMPTY: Only = Only(None);

impl History for Only {
    fn contains(&self, _: &TxId) -> Result<bool, HistoryError> {
        Ok(false)
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

    fn log(&self, _: Range<u64>, _: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        Ok(())
    }

    fn is_witness(&self, _: &TxId) -> Result<Option<bool>, HistoryError> {
        Ok(None)
    }

    fn entry(&self, _: &TxId) -> Result<Option<Entry>, HistoryError> {
        Ok(None)
    }

    fn witnesses(&self, _: &DeviceId, _: Round, _: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        Ok(())
    }

    fn outcome(&self, id: &TxId) -> Result<Option<Outcome>, HistoryError> {
        let outcome = Outcome { commit: 1, verdict: FinalVerdict::Counts };
        Ok(self.0.filter(|stored| stored == id).map(|_| outcome))
    }

    fn kind(&self, _: &DeviceId, id: &TxId) -> Result<Option<Kind>, HistoryError> {
        Ok(self.0.filter(|stored| stored == id).map(|_| Kind::Reading))
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

/// What comes back from being checked again, or whose peer is gone, is not remembered: else nothing new could be.
#[test]
fn what_is_checked_again_is_remembered_until_it_is_or_its_peer_leaves() {
    let mut replica = Replica::new(Arc::new(network()), Position(0));
    let (now, peer) = (Timestamp::from_millis(9 * EPOCH_MS), Source::Peer(1));
    let handle = |replica: &mut Replica, event| replica.handle(event, now, &EMPTY).unwrap();
    let (screened, verified) = reading(4, 500);
    let issuer = verified.transaction().header().issuer;
    let connected = Event::Connected { source: peer, device: member().id(), cursor: vec![] };
    handle(&mut replica, connected);
    let waits = || Event::Unpermitted { transaction: screened.clone(), source: peer };
    for _ in 0..2 {
        handle(&mut replica, waits());
        assert_eq!((replica.pending.len(), replica.rechecked.len()), (1, 0));
        replica.retry_issuer(issuer, &mut Vec::new());
        assert_eq!((replica.pending.len(), replica.rechecked.len()), (0, 1));
    }
    handle(&mut replica, Event::Left { source: peer });
    assert!(replica.rechecked.is_empty(), "its queue is gone with it");
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
        flight.push(
            Arc::new(Attached { position: Position(place as u64), verified, twin, is_made_here: false }),
            None,
            false,
        );
    }
    let handed = Default::default();
    let genesis = network().genesis();
    let found = |stored: Option<TxId>, counter| {
        let overlay = ledger::Overlay { genesis, flight: &flight, handed: &handed, history: &Only(stored) };
        let epoch = Timestamp::from_millis(0)..Timestamp::from_millis(EPOCH_MS);
        overlay.same_counter(&issuer, epoch, counter).unwrap()
    };
    assert_eq!(found(Some(first.id()), 7), [(first.id(), Kind::Reading)]);
    assert_eq!((found(Some(first.id()), 8), found(None, 7)), (vec![], vec![]));
}
