//! What is answered, in which order, to whom next; and what is done about peers that do not read and a store that fails.

use super::super::pair::{Pair, READINGS};
use super::*;
use crate::bell::bounded;
use crate::gossip::{Departure, ShellEvent};
use weft_tangle::gossip::Class as Stream;
use weft_tangle::limits::BODY_OFFSET;

const ALL: u32 = READINGS + 2;

struct World {
    pair: Pair,
    server: Server,
    owner: Receiver<PeerEvent>,
}

fn stretch(first: u64, count: u32) -> Stretch {
    Stretch { first, count }
}

impl World {
    fn new() -> Self {
        let pair = Pair::new();
        let (owner, told) = bounded(64);
        let (_, commands) = bounded(1);
        let server = Server::new(Arc::clone(&pair.disk.store), Arc::clone(&pair.link), owner, commands);
        Self { pair, server, owner: told }
    }

    fn asks(&mut self, peer: PeerNumber, request: u32, ranges: Vec<Stretch>, ids: Vec<TxId>) {
        self.server.take(Command::Serve { peer, request, ranges, ids });
    }

    /// Answers one frame; whose turn it was.
    fn step(&mut self) -> Option<PeerNumber> {
        let peer = self.server.next()?;
        self.server.last = peer;
        self.server.answer(peer);
        Some(peer)
    }
}

#[test]
fn what_was_asked_for_comes_in_its_order_and_then_the_word_of_what_did_not() {
    let mut world = World::new();
    let ids: Vec<TxId> = world.pair.ledger.arrivals.iter().map(|attached| attached.id()).collect();
    let nobodys = TxId::from_bytes([1; 40]);
    let _done = world.pair.disk.store.erase(&[ids[5], ids[9]]).unwrap();
    let asked = [ids[9], nobodys, ids[30]];
    world.asks(world.pair.number, 3, vec![stretch(20, 2), stretch(4, 3)], asked.to_vec());
    let (mut found, stored) = (Vec::new(), world.pair.wires());
    let done = loop {
        assert!(world.owner.is_empty(), "not before all is sent");
        world.step().unwrap();
        let (_, bytes) = world.pair.frame();
        match Frame::decode(Stream::Bulk, &bytes).unwrap() {
            Frame::Bodies(wires) => {
                for wire in wires {
                    let place = stored.iter().position(|one| one.starts_with(wire)).unwrap();
                    let whole = if [5, 9].contains(&place) { BODY_OFFSET } else { stored[place].len() };
                    assert_eq!(wire.len(), whole, "of what was erased there is as much left");
                    found.push(place);
                }
            }
            Frame::Message(message) => break message,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(found, [20, 21, 4, 5, 6, 9, 30]);
    assert_eq!(done, Message::Done { request: 3, lacking: vec![nobodys], withheld: vec![ids[5], ids[9]] });
    assert!(matches!(world.owner.try_recv(), Ok(PeerEvent::Served { request: 3, .. })));
    assert_eq!(world.step(), None, "there is no more to do");
    assert_eq!(world.pair.link.totals().served, 7);
}

#[test]
fn the_newest_are_served_before_the_database_has_them() {
    let mut world = World::new();
    let Pair { ledger, devices, .. } = &mut world.pair;
    let newest = ledger.read(&devices[0], 1_000);
    let store = Arc::clone(&world.pair.disk.store);
    store.append(std::slice::from_ref(&newest)).unwrap();
    world.asks(world.pair.number, 1, vec![], vec![newest.id()]);
    world.step().unwrap();
    let (_, bytes) = world.pair.frame();
    assert_eq!(
        Frame::decode(Stream::Bulk, &bytes).unwrap(),
        Frame::Bodies(vec![newest.transaction().wire()])
    );
    assert_eq!(store.taken().unwrap().transactions().unwrap(), u64::from(ALL));
    world.asks(world.pair.number, 2, vec![stretch(u64::from(ALL), 1)], vec![]);
    for _ in 0..2 {
        world.step().unwrap();
    }
    let frames = [world.pair.frame(), world.pair.frame()].map(|(_, bytes)| bytes);
    assert!(frames.contains(&bytes), "by its position it is found as well");
}

#[test]
fn peers_take_turns_and_who_is_congested_or_gone_is_passed_over() {
    let mut world = World::new();
    let peers = [1, 5, 9].map(PeerNumber);
    for request in 0..3 {
        peers.iter().for_each(|peer| world.asks(*peer, request, vec![stretch(0, 1)], vec![]));
    }
    let turns = |world: &mut World, count: usize| -> Vec<u32> {
        let turn = |_| {
            let peer = world.server.next().unwrap();
            world.server.last = peer;
            peer.0
        };
        (0..count).map(turn).collect()
    };
    assert_eq!(turns(&mut world, 5), [1, 5, 9, 1, 5]);
    world.server.peers.get_mut(&peers[0]).unwrap().is_congested = true;
    assert_eq!(turns(&mut world, 3), [9, 5, 9]);
    world.server.peers.get_mut(&peers[0]).unwrap().is_congested = false;
    world.server.take(Command::Left(peers[1]));
    assert_eq!(turns(&mut world, 3), [1, 9, 1]);
    peers.iter().for_each(|peer| world.server.take(Command::Left(*peer)));
    assert!(world.server.next().is_none());
}

#[test]
fn a_peer_that_does_not_read_is_left_until_it_does_and_misses_nothing() {
    let mut world = World::new();
    let requests = 16;
    for request in 0..requests {
        world.asks(world.pair.number, request, vec![stretch(0, ALL)], vec![]);
    }
    let mut frames = 0;
    while world.step().is_some() {
        frames += 1;
        assert!(frames < 10_000, "nobody stops it");
    }
    assert!(world.server.peers[&world.pair.number].has_work(), "it is left, not forgotten");
    let (mut found, mut answered) = (0, 0);
    while answered < requests {
        let (_, bytes) = world.pair.frame();
        match Frame::decode(Stream::Bulk, &bytes).unwrap() {
            Frame::Bodies(wires) => found += wires.len(),
            Frame::Message(Message::Done { request, lacking, withheld }) => {
                assert!(request == answered && lacking.is_empty() && withheld.is_empty());
                answered += 1;
            }
            other => panic!("{other:?}"),
        }
        for event in world.pair.events.try_iter() {
            let ShellEvent::Drained(drained) = event else { panic!("{event:?}") };
            assert_eq!(drained.class, Class::Bulk);
            world.server.take(Command::Drained(drained));
        }
        while world.step().is_some() {}
    }
    assert_eq!(found, (requests * ALL) as usize);
}

#[test]
fn a_peer_is_sent_away_when_the_store_cannot_be_read() {
    let mut world = World::new();
    world.asks(world.pair.number, 1, vec![stretch(0, ALL)], vec![]);
    world.pair.disk.fail_reads();
    while world.step().is_some() {}
    let why = world.pair.departure();
    let reason = Some(Reason::Unavailable);
    assert!(matches!(&why, Departure::ClosedByPeer { reason: told, .. } if *told == reason), "{why}");
    assert!(world.owner.is_empty(), "nothing is said to be answered");
}
