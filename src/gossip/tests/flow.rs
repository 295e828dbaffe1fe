//! Back-pressure: an owner or a peer that does not read makes nothing grow.

use super::*;
use crate::gossip::limits::{BYTES_HELD, SEND_QUEUE_BYTES};
use crate::gossip::{PeerView, SendError, Sent};

const FRAME: usize = 10_000;

/// Sends numbered frames until no more are taken, and says how many were.
fn fill(node: &Node, peer: PeerNumber, class: Class) -> u32 {
    let mut number = 0u32;
    let mut frame = vec![0; FRAME];
    let mut refused = 0;
    // What is on its way still moves on for a while; it is full when it stays full.
    until("the queue stays full", || {
        frame[..4].copy_from_slice(&number.to_be_bytes());
        match node.shell.send(peer, class, frame.clone().into()) {
            Ok(_) => (number, refused) = (number + 1, 0),
            Err(SendError::Full(_)) => {
                refused += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(other) => panic!("{other}"),
        }
        refused > 20
    });
    number
}

fn held(view: &PeerView) -> usize {
    if let PeerState::Connected { held, .. } = view.state { held } else { 0 }
}

fn held_and_queued(node: &Node) -> (usize, usize) {
    let counts = node.shell.peers().into_iter().filter_map(|view| match view.state {
        PeerState::Connected { queued, held, .. } => Some((held, queued)),
        _ => None,
    });
    counts.fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1))
}

#[test]
fn an_owner_that_reads_nothing_holds_little_and_loses_nothing() {
    let (a, to_b, b, to_a) = pair("slow owner");
    let sent = fill(&a, to_b, Class::Bulk);
    assert!(held_and_queued(&b).0 <= BYTES_HELD + FRAME, "{:?}", held_and_queued(&b));
    assert!(held_and_queued(&a).1 <= SEND_QUEUE_BYTES);
    assert!(b.events.len() <= Class::Bulk.frames_held());

    a.send(to_b, Class::Control, b"urgent");
    let mut held = Vec::new();
    let urgent = loop {
        match b.next() {
            ShellEvent::Frame(frame) if frame.class == Class::Control => break frame,
            event => held.push(event),
        }
    };
    assert_eq!(&urgent.bytes[..], b"urgent", "other classes go on");

    for number in 0..sent {
        let event = if held.is_empty() { b.next() } else { held.remove(0) };
        let ShellEvent::Frame(frame) = event else { panic!("{event:?}") };
        assert_eq!(
            (frame.peer, frame.class, &frame.bytes[..4]),
            (to_a, Class::Bulk, &number.to_be_bytes()[..])
        );
    }
    loop {
        if let ShellEvent::Drained(drained) = a.next() {
            assert_eq!((drained.peer, drained.class), (to_b, Class::Bulk));
            break;
        }
    }
    assert_eq!(a.shell.send(to_b, Class::Bulk, vec![1].into()), Ok(Sent::Queued));
}

#[test]
fn one_peer_that_floods_does_not_come_between_the_others() {
    let network = network("fair", 3);
    let nodes: Vec<Node> = (1..=3).map(|number| Node::start(&network, number)).collect();
    let [a, loud, quiet] = &nodes[..] else { panic!() };
    for other in [loud, quiet] {
        other.learn(a);
    }
    let (to_a_loud, to_a_quiet) = (loud.connected().0, quiet.connected().0);
    for _ in [loud, quiet] {
        a.connected();
    }
    for class in [Class::Live, Class::Bulk] {
        fill(loud, to_a_loud, class);
    }
    quiet.send(to_a_quiet, Class::Live, b"here");
    until("it has come", || a.shell.peers().iter().any(|view| view.device == quiet.device && held(view) > 0));
    let share = Class::Live.frames_held() + Class::Bulk.frames_held();
    let place = (0..).find(|_| a.frame().2 == b"here").unwrap();
    assert!(place <= share, "it waits behind one share of the loud one, not {place} frames");
}

#[test]
fn an_owner_that_hears_nothing_does_not_let_connections_pile_up() {
    let network = network("deaf owner", 2);
    let a = Node::with(&network, 1, ShellOptions { peers: 1, ..options() }, Vec::new());
    let mut reborn = Vec::new();
    for _ in 0..4 {
        let b = Node::start(&network, 2);
        b.learn(&a);
        reborn.push(b);
    }
    until("one is sent away", || a.failures("too-many") > 0);
    assert!(a.events.len() <= 2 * 2, "{} events", a.events.len());
    while a.events.try_recv().is_ok() {}
    until("there is room again", || matches!(a.events.try_recv(), Ok(ShellEvent::Connected(_))));
}

#[test]
fn a_frame_that_no_class_allows_is_not_taken() {
    let (a, to_b, _b, _) = pair("length");
    for class in Class::ALL {
        for length in [0, class.frame_bytes() + 1] {
            let refused = a.shell.send(to_b, class, vec![0; length].into());
            assert!(matches!(refused, Err(SendError::Length { .. })), "{refused:?}");
        }
    }
    let unknown = PeerNumber(u32::MAX);
    assert_eq!(a.shell.send(unknown, Class::Live, vec![1].into()), Err(SendError::Gone));
}
