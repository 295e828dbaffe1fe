//! Whom the owner hears, what goes out together, and how a peer that does wrong or does not read is dealt with.

use super::super::pair::Pair;
use super::*;
use crate::bell::{Receiver, bounded};
use crate::gossip::Reason as Why;
use weft_tangle::Screened;
use weft_tangle::gossip::{Fault, Message};
use weft_tangle::limits::FRAME_BYTES;

struct World {
    pair: Pair,
    post: Post,
    served: Receiver<Command>,
    again: Receiver<(Screened, Source)>,
}

impl World {
    /// A post that was told of its peer.
    fn new() -> Self {
        let pair = Pair::new();
        let ((server, served), (again, rechecked)) = (bounded(1), bounded(1));
        let post = Post::new(Arc::clone(&pair.link), server, again);
        let mut world = Self { pair, post, served, again: rechecked };
        assert!(matches!(world.hear(world.connected()), Some(Event::Connected { .. })));
        world
    }

    fn source(&self) -> Source {
        source_of(self.pair.number)
    }

    fn connected(&self) -> PeerEvent {
        PeerEvent::Connected { peer: self.pair.number, device: self.pair.device, cursor: vec![] }
    }

    fn hear(&mut self, event: PeerEvent) -> Option<Event> {
        self.post.event(event)
    }

    fn relay(&mut self, tree: u32, number: usize) {
        let (to, tree) = (vec![self.source()], Tree(tree));
        let transaction = Arc::clone(&self.pair.ledger.arrivals[number]);
        self.post.act(Effect::Relay { to, tree, transaction });
    }

    /// The numbers of the transactions in the next frame of the peer, and their tree.
    fn pushed(&self) -> (u32, Vec<usize>) {
        let (class, bytes) = self.pair.frame();
        assert!(class == Class::Live && bytes.len() <= FRAME_BYTES);
        let Ok(Frame::Pushed(tree, wires)) = Frame::decode(gossip::Class::Live, &bytes) else {
            panic!("a push")
        };
        let stored = self.pair.wires();
        (tree.0, wires.iter().map(|wire| stored.iter().position(|one| one == wire).unwrap()).collect())
    }
}

#[test]
fn a_peer_is_heard_from_its_beginning_to_its_end() {
    let mut world = World::new();
    let stranger = PeerNumber(77);
    let said = |peer| [PeerEvent::Garbled { peer }, PeerEvent::Served { peer, request: 1 }];
    assert!(said(stranger).into_iter().all(|event| world.hear(event).is_none()));
    let known = world.pair.number;
    assert!(said(known).into_iter().all(|event| world.hear(event).is_some()));
    assert!(world.post.hears(world.source()) && !world.post.hears(source_of(stranger)));
    assert!(!world.post.hears(Source::Door));
    assert_eq!(world.post.take_leave(), [world.source()]);
    assert!(said(known).into_iter().all(|event| world.hear(event).is_none()));
    assert!(!world.post.hears(world.source()) && world.post.take_leave().is_empty());
}

#[test]
fn the_end_of_who_broke_the_protocol_is_its_fault_and_any_other_is_none() {
    for (departure, expected) in [
        (Departure::Closed(Why::Oversized), true),
        (Departure::Closed(Why::Protocol), true),
        (Departure::Closed(Why::Stalled), false),
        (Departure::Closed(Why::Duplicate), false),
        (Departure::ClosedByPeer { reason: Some(Why::Protocol), words: String::new() }, false),
        (Departure::Silent, false),
    ] {
        assert_eq!(is_fault(&departure), expected, "{departure}");
    }
    let mut world = World::new();
    let number = world.pair.number;
    world.pair.link.shell.disconnect(number, Why::Stalled);
    let crate::gossip::ShellEvent::Left(left) = world.pair.event() else { panic!("it leaves") };
    assert!(
        matches!(world.hear(PeerEvent::Left(left)), Some(Event::Left { source }) if source == source_of(number))
    );
    assert!(!world.post.hears(source_of(number)));
}

#[test]
fn pushes_of_one_pass_go_out_together_and_in_their_order() {
    let mut world = World::new();
    // Five of these readings fill most of a frame.
    (2..22).for_each(|number| world.relay(1, number));
    world.relay(2, 30);
    // An enrolment is short: there is room for it in the first frame, which stands before others.
    world.relay(1, 0);
    assert!(world.pair.is_quiet(), "a pass is not over before it is flushed");
    world.post.flush();
    let (mut frames, mut others, mut seen) = (0, Vec::new(), Vec::new());
    while seen.len() + others.len() < 22 {
        let (tree, numbers) = world.pushed();
        frames += 1;
        if tree == 1 { seen.extend(numbers) } else { others.extend(numbers) }
    }
    assert_eq!((seen, others), ((2..22).chain([0]).collect(), vec![30]));
    assert!(frames <= 5, "{frames} frames for 22 transactions");
    world.post.flush();
    assert!(world.pair.is_quiet(), "each goes once");
}

#[test]
fn a_peer_that_does_not_read_is_told_of_once_and_again_when_it_has() {
    let mut world = World::new();
    let mut pushes = 0;
    let congested = loop {
        (2..9).for_each(|number| world.relay(1, number));
        world.post.flush();
        pushes += 7;
        let said = world.post.take_said();
        if !said.is_empty() {
            break said;
        }
        assert!(pushes < 10_000, "nobody says that it does not read");
    };
    assert!(matches!(congested[..], [Event::Congested { .. }]), "{congested:?}");
    (2..128).for_each(|number| world.relay(1, number));
    world.post.flush();
    assert!(world.post.take_said().is_empty(), "it was said");
    let crate::gossip::ShellEvent::Drained(drained) = world.pair.read_until_it_says() else {
        panic!("it has room again")
    };
    assert!(matches!(world.hear(PeerEvent::Drained(drained)), Some(Event::Drained { .. })));
}

#[test]
fn who_is_sent_away_is_counted_told_why_and_heard_no_more() {
    let mut world = World::new();
    let (source, device) = (world.source(), world.pair.device);
    let until = crate::node::now().plus(600_000);
    let reason = Reason::Fault(Fault::Work, until);
    world.post.act(Effect::Disconnect { source, device, reason });
    assert!(!world.post.hears(source));
    assert_eq!(world.pair.link.faults(), [("work", 1)]);
    let told = world.pair.departure();
    assert!(matches!(told, Departure::ClosedByPeer { reason: Some(Why::Fault), .. }), "{told}");
    let crate::gossip::ShellEvent::Left(left) = world.pair.event() else { panic!("it leaves") };
    assert!(world.hear(PeerEvent::Left(left)).is_none(), "its end is known");
    let peers = world.pair.link.shell.peers();
    let crate::gossip::PeerState::Waiting { remaining } = peers[0].state else { panic!("{peers:?}") };
    assert!(remaining > Duration::from_secs(500), "it is not called before its time: {remaining:?}");
}

#[test]
fn what_finds_no_room_on_its_way_out_does_not_make_the_owner_wait() {
    let mut world = World::new();
    let source = world.source();
    for request in 0..2 {
        world.post.act(Effect::Serve { source, request, ranges: vec![], ids: vec![] });
        let transaction = world.pair.ledger.arrivals[2].transaction().clone();
        let screened = Screened::check(&world.pair.network, transaction).unwrap();
        world.post.act(Effect::Verify(screened, source));
    }
    assert_eq!((world.served.len(), world.again.len()), (1, 1));
    let gone = source_of(PeerNumber(77));
    let message = Message::Prune { tree: 1 };
    world.post.act(Effect::Send { source: gone, class: gossip::Class::Control, message: message.clone() });
    world.post.act(Effect::Send { source, class: gossip::Class::Control, message: message.clone() });
    assert_eq!(world.pair.frame(), (Class::Control, message.encode()));
}

#[test]
fn of_each_peers_cursors_the_newest_is_written() {
    let mut world = World::new();
    assert!(!world.post.has_cursors());
    let device = world.pair.device;
    for cursor in [b"1".to_vec(), b"2".to_vec()] {
        world.post.act(Effect::Remember { device, cursor });
    }
    assert!(world.post.has_cursors());
    assert_eq!(world.post.take_cursors(), Cursors::from([(device, b"2".to_vec())]));
    assert!(!world.post.has_cursors());
}
