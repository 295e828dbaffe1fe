//! What only shows with smaller bounds than the replica has outside.

use super::testing::{EPOCH_MS, member, network, reading, reading_above, signed};
use super::*;
use crate::body::{Vote, Witness};
use crate::finality::{Entry, FinalVerdict, Ledger, Outcome, Proposal, Round};
use crate::{Draft, Standing, content_format};
use std::cell::Cell;
use std::ops::Range;

/// At most these are stored.
#[derive(Default)]
struct Little {
    /// A reading.
    delivered: Option<TxId>,
    /// A witness.
    damaged: Option<TxId>,
    /// How often it was asked whether something is stored.
    looked: Cell<usize>,
    /// How many times more a device's counters can be read.
    readable: Cell<Option<u32>>,
}

impl History for Little {
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError> {
        self.looked.update(|looked| looked + 1);
        Ok(self.delivered == Some(*id) || self.damaged == Some(*id))
    }

    fn issued(
        &self,
        _: &DeviceId,
        _: Range<Timestamp>,
        _: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        if self.readable.get() == Some(0) {
            return Err(HistoryError::Unread("the disk is gone".into()));
        }
        self.readable.update(|left| left.map(|left| left - 1));
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

    fn outcome(&self, id: &TxId) -> Result<Option<Outcome>, HistoryError> {
        let outcome = Outcome { commit: 1, verdict: FinalVerdict::Counts };
        Ok(self.delivered.filter(|stored| stored == id).map(|_| outcome))
    }

    fn kind(&self, _: &DeviceId, id: &TxId) -> Result<Option<Kind>, HistoryError> {
        Ok(self.delivered.filter(|stored| stored == id).map(|_| Kind::Reading))
    }

    crate::no_commits_stored!();
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
            .handle(
                Event::Received { transaction, source: Source::Door, token: None },
                now,
                &Little::default(),
            )
            .unwrap();
    }
    assert!(
        replica.counters.peek(&(device.unwrap(), crate::Epoch(0))).is_none(),
        "two epochs are remembered"
    );
    let at = Timestamp::from_millis(500);
    let ticket = Event::Ticket { device: device.unwrap(), count: 1, entropy: [0; 32], token: Token(1) };
    let effects = replica.handle(ticket, at, &Little::default()).unwrap();
    assert!(matches!(&effects[..], [Effect::Ticket(Token(1), ticket)] if ticket.counter == 5));
}

/// What comes back from being checked again, or whose peer is gone, is not remembered: else nothing new could be.
#[test]
fn what_is_checked_again_is_remembered_until_it_is_or_its_peer_leaves() {
    let mut replica = Replica::new(Arc::new(network()), Position(0));
    let (now, peer) = (Timestamp::from_millis(9 * EPOCH_MS), Source::Peer(1));
    let handle = |replica: &mut Replica, event| replica.handle(event, now, &Little::default()).unwrap();
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
            for effect in replica.handle(event, now, &Little::default()).unwrap() {
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
    let found = |delivered: Option<TxId>, counter| {
        let history = Little { delivered, ..Little::default() };
        let overlay = ledger::Overlay { genesis, flight: &flight, handed: &handed, history: &history };
        let epoch = Timestamp::from_millis(0)..Timestamp::from_millis(EPOCH_MS);
        overlay.same_counter(&issuer, epoch, counter).unwrap()
    };
    assert_eq!(found(Some(first.id()), 7), [(first.id(), Kind::Reading)]);
    assert_eq!((found(Some(first.id()), 8), found(None, 7)), (vec![], vec![]));
}

/// A witness of the only member, of round 1.
fn first_witness(counter: u32, sweeps: Vec<TxId>) -> Verified {
    let witness = Witness::new(Round::FIRST, Vote::NONE, vec![], sweeps).unwrap();
    let parents = witness.header_parents(None, network().genesis());
    let newest = witness.references().chain(&parents).map(TxId::timestamp).max().unwrap();
    let (kind, content_format, content) = (Kind::Witness, content_format::WEFT, &witness.encode()[..]);
    let (timestamp, salt) = (newest.plus(1), [counter as u8; 16]);
    signed(&Draft { kind, content_format, counter, timestamp, parents, salt, content })
}

fn sends(
    replica: &mut Replica,
    transaction: &Verified,
    now: Timestamp,
    history: &dyn History,
) -> Vec<Effect> {
    let (transaction, source) = (transaction.clone(), Source::Peer(1));
    replica.handle(Event::Received { transaction, source, token: None }, now, history).unwrap()
}

/// Many that wait for the same: what comes in the worst order costs each of them one look.
#[test]
fn what_waits_looks_once_at_each_of_its_references() {
    const WITNESSES: usize = 64;
    const READINGS: usize = 200;
    let (mut replica, history) = (Replica::new(Arc::new(network()), Position(0)), Little::default());
    let now = Timestamp::from_millis(9 * EPOCH_MS);
    let readings: Vec<Verified> =
        (0..READINGS as u32).map(|number| reading(number, 2_000 + u64::from(number)).1).collect();
    let sweeps: Vec<TxId> = readings.iter().map(Verified::id).collect();
    let witnesses: Vec<Verified> =
        (0..WITNESSES as u32).map(|number| first_witness(number, sweeps.clone())).collect();
    for witness in &witnesses {
        sends(&mut replica, witness, now, &history);
    }
    assert_eq!(replica.occupancy().pending, WITNESSES);
    for reading in readings.iter().rev() {
        sends(&mut replica, reading, now, &history);
    }
    assert_eq!(replica.occupancy().pending, 0);
    let attached = |all: &[Verified]| all.iter().filter(|one| replica.graph().contains(&one.id())).count();
    assert_eq!((attached(&readings), attached(&witnesses)), (READINGS, 2), "the others are twins too many");
    let looked = history.looked.get();
    assert!(looked <= 3 * WITNESSES * READINGS, "{looked} looks");
}

/// However many wait for one thing, other events have their turn between some of them.
#[test]
fn what_waited_is_tried_again_a_piece_at_a_time() {
    let (mut replica, history) = (Replica::new(Arc::new(network()), Position(0)), Little::default());
    let now = Timestamp::from_millis(9 * EPOCH_MS);
    let (_, first) = reading(0, 2_000);
    let count = 2 * RETRIES + 10;
    for number in 1..=count as u32 {
        let later = reading_above(number, 3_000 + u64::from(number), first.id()).1;
        sends(&mut replica, &later, now, &history);
    }
    let attached =
        |effects: Vec<Effect>| effects.iter().filter(|effect| matches!(effect, Effect::Persist(_))).count();
    assert_eq!(attached(sends(&mut replica, &first, now, &history)), 1 + RETRIES);
    for expected in [RETRIES, 10, 0] {
        assert_eq!(replica.wake().is_some_and(|due| due <= now), expected > 0, "the rest is due at once");
        assert_eq!(attached(replica.handle(Event::Tick, now, &history).unwrap()), expected);
    }
}

/// The proposals among effects, and how many witnesses are attached.
fn proposed(effects: Vec<Effect>) -> (Vec<Proposal>, usize) {
    let (mut proposals, mut attached) = (Vec::new(), 0);
    for effect in effects {
        match effect {
            Effect::Witness(proposal) => proposals.push(*proposal),
            Effect::Persist(one) => attached += usize::from(one.transaction().header().kind == Kind::Witness),
            _ => {}
        }
    }
    (proposals, attached)
}

/// A member whose disk has lost its witness gets it back from a peer while it signs that round anew, or before it can.
#[test]
fn a_witness_that_a_peer_gives_back_meanwhile_is_not_made_again() {
    for is_asked in [true, false] {
        let (mut replica, history) = (Replica::new(Arc::new(network()), Position(0)), Little::default());
        replica.set_device(member().id(), &[]);
        let now = Timestamp::from_millis(9 * EPOCH_MS);
        // The counters of the reading's issuer can be read, and then, where nothing is asked yet, no others.
        history.readable.set((!is_asked).then_some(1));
        let (mut asked, _) = proposed(sends(&mut replica, &reading(0, 8_500).1, now, &history));
        assert_eq!(asked.len(), usize::from(is_asked));
        history.readable.set(None);
        let back = first_witness(7, vec![]);
        let (more, attached) = proposed(sends(&mut replica, &back, now, &history));
        assert_eq!(attached, 1);
        let mut later = more;
        if let Some(proposal) = asked.pop() {
            assert_eq!(proposal.round, Round::FIRST);
            let transaction = signed(&proposal.draft([1; 16]));
            let (more, attached) =
                proposed(replica.handle(Event::Witness { transaction }, now, &history).unwrap());
            assert_eq!(attached, 0, "it is there");
            later.extend(more);
        }
        for ms in 1..200 {
            let now = now.plus(ms);
            later.extend(proposed(replica.handle(Event::Tick, now, &history).unwrap()).0);
        }
        assert!(later.iter().all(|proposal| proposal.round > Round::FIRST), "{later:?}");
        assert_eq!(later.len(), 1, "it goes on in the next round");
    }
}

/// What is damaged is the matter of what needs it: it waits, and the node goes on.
#[test]
fn a_witness_above_a_damaged_one_is_not_judged_and_stops_nobody() {
    let (network, now) = (Arc::new(network()), Timestamp::from_millis(EPOCH_MS));
    let damaged = TxId::first_at(Timestamp::from_millis(5));
    let history = Little { damaged: Some(damaged), ..Little::default() };
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
    let history = Little { damaged: Some(damaged), ..Little::default() };
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
