//! Peers that have proved who they are, and misbehave then.

use super::raw::{Raw, intro, wait};
use super::*;
use crate::gossip::frame::length_prefix;

/// A node with a peer made of plain quinn.
fn node_and_peer(name: &str, options: ShellOptions) -> (Node, Raw) {
    let network = network(name, 2);
    let node = Node::with(&network, 1, options, Vec::new());
    let raw = Raw::authenticated(&network, 2, 1, node.address());
    assert_eq!(node.connected().1, device(2));
    (node, raw)
}

#[test]
fn a_frame_that_is_too_long_ends_the_connection() {
    for class in Class::ALL {
        let (node, mut raw) = node_and_peer("oversized", options());
        let length = length_prefix(class.frame_bytes() + 1);
        let _open = match class.opening() {
            None => wait(raw.send.write_all(&length)).map(|()| None).unwrap(),
            Some(opening) => Some(raw.open(&[&[opening], &length[..]].concat())),
        };
        assert_eq!(node.left(), closed(Reason::Oversized));
        assert_eq!(raw.code(), u64::from(Reason::Oversized.code()));
    }
}

#[test]
fn streams_that_are_none_of_the_protocol_end_the_connection() {
    for openings in [&[0u8][..], &[3], &[1, 1]] {
        let (node, raw) = node_and_peer("streams", options());
        let _open: Vec<_> = openings.iter().map(|opening| raw.open(&[*opening])).collect();
        assert_eq!(node.left(), closed(Reason::Protocol), "{openings:?}");
    }
    let (node, mut raw) = node_and_peer("finished", options());
    raw.send.finish().unwrap();
    assert_eq!(node.left(), closed(Reason::Protocol));
    let (node, mut raw) = node_and_peer("empty", options());
    wait(raw.send.write_all(&[0; 4])).unwrap();
    assert_eq!(node.left(), closed(Reason::Protocol));
    let (node, raw) = node_and_peer("reset", options());
    let mut stream = raw.open(&[1]);
    stream.reset(7u32.into()).unwrap();
    assert_eq!(node.left(), closed(Reason::Protocol));
}

#[test]
fn a_frame_that_trickles_in_ends_the_connection_and_an_idle_one_does_not() {
    let mut short = options();
    short.limits.stall_timeout = Duration::from_millis(300);
    let network = network("trickle", 3);
    let node = Node::with(&network, 1, short, Vec::new());
    let idle = Raw::authenticated(&network, 3, 1, node.address());
    let raw = Raw::authenticated(&network, 2, 1, node.address());
    let mut stream = raw.open(&[&[2], &length_prefix(100_000)[..]].concat());
    let trickling = async {
        while stream.write_all(&[7]).await.is_ok() {
            crate::runtime::sleep(Duration::from_millis(20)).await;
        }
    };
    wait(trickling);
    assert_eq!(raw.code(), u64::from(Reason::Stalled.code()));
    assert_eq!(node.left(), closed(Reason::Stalled));
    assert_eq!(node.connections().len(), 1);
    assert!(idle.connection.close_reason().is_none(), "a peer with nothing to say is fine");
}

#[test]
fn a_peer_that_reads_no_control_is_sent_away() {
    let (node, raw) = node_and_peer("deaf", options());
    let (peer, _) = node.connections()[0];
    let frame = vec![7; Class::Control.frame_bytes()];
    until("its queue is full", || node.shell.send(peer, Class::Control, frame.clone().into()).is_err());
    assert_eq!(node.left(), closed(Reason::Stalled));
    drop(raw);
}

#[test]
fn a_control_stream_that_is_not_read_ends_the_connection_in_time() {
    let mut short = options();
    short.limits.stall_timeout = Duration::from_millis(300);
    let (node, raw) = node_and_peer("half deaf", short);
    let (peer, _) = node.connections()[0];
    // More than the peer's window, less than the queue beyond it.
    let frames = 20 + (crate::gossip::limits::STREAM_WINDOW as usize) / Class::Control.frame_bytes();
    let mut sent = 0;
    until("they are sent or queued", || {
        let frame = vec![7; Class::Control.frame_bytes() - 4];
        sent +=
            usize::from(
                node.shell.peers().iter().any(
                    |view| matches!(view.state, PeerState::Connected { queued, .. } if queued < 200_000),
                ) && node.shell.send(peer, Class::Control, frame.into()).is_ok(),
            );
        sent >= frames || node.connections().is_empty()
    });
    assert_eq!(node.left(), closed(Reason::Stalled));
    drop(raw);
}

#[test]
fn frames_that_follow_the_proof_at_once_are_not_lost() {
    let network = network("at once", 2);
    let node = Node::start(&network, 1);
    let mut raw = Raw::dial(node.address());
    raw.write(&intro(&network, 2).encode());
    raw.read().unwrap();
    let session = raw.session(&network, device(2), node.device);
    let proof = session.prove(crate::gossip::Side::Client, &key(2));
    let eager = [&length_prefix(2_420)[..], proof.as_bytes(), &length_prefix(5)[..], b"eager"].concat();
    wait(raw.send.write_all(&eager)).unwrap();
    assert_eq!(node.frame().2, b"eager");
}
