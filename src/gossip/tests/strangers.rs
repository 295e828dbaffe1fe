//! Who is not let in, and why; what a stranger can make this node do.

use super::raw::{Raw, client_config, endpoint, endpoint_at, intro, wait};
use super::*;
use crate::gossip::intro::Intro;
use quinn::ConnectionError;
use rustls::crypto::aws_lc_rs::kx_group;

/// What a node of the network says to a client that introduces itself so.
fn answer(node: &Node, message: &[u8]) -> u64 {
    let mut raw = Raw::dial(node.address());
    raw.write(message);
    raw.code()
}

#[test]
fn every_introduction_that_does_not_count_is_refused_with_its_reason() {
    let network = network("home", 1);
    let other = super::network("elsewhere", 1);
    let node = Node::start(&network, 1);
    node.revoked.0.lock().unwrap().insert(device(10));
    let of = |number: u8, credential: Vec<u8>| Intro { credential, ..intro(&network, number) }.encode();
    let fog = |number, until, registrar| credential(&network, number, Role::Fog, until, registrar);
    let long_ago = network.created().plus(2);
    let mut forged = fog(9, in_a_year(), REGISTRAR);
    *forged.last_mut().unwrap() ^= 1;
    let mut other_version = of(9, Vec::new());
    other_version[1] = 2;
    let cases = [
        ("another version", other_version, Reason::Version),
        ("another network", intro(&other, 1).encode(), Reason::Network),
        ("cut short", of(9, Vec::new())[..900].to_vec(), Reason::Protocol),
        ("no enrolment", of(9, Vec::new()), Reason::Unenrolled),
        ("no transaction", of(9, vec![7; 5_000]), Reason::Protocol),
        ("somebody else's enrolment", of(9, fog(8, in_a_year(), REGISTRAR)), Reason::Unenrolled),
        ("an unknown registrar", of(9, fog(9, in_a_year(), 77)), Reason::Unenrolled),
        (
            "for another network",
            of(9, credential(&other, 9, Role::Fog, in_a_year(), REGISTRAR)),
            Reason::Unenrolled,
        ),
        ("a forged registrar's signature", of(9, forged), Reason::Unenrolled),
        ("a sensor", of(9, credential(&network, 9, Role::Sensor, in_a_year(), REGISTRAR)), Reason::Role),
        ("the registrar itself", of(REGISTRAR, Vec::new()), Reason::Role),
        ("expired", of(9, fog(9, long_ago, REGISTRAR)), Reason::Expired),
        ("revoked", of(10, fog(10, in_a_year(), REGISTRAR)), Reason::Revoked),
        ("this node's own key", of(1, Vec::new()), Reason::Own),
    ];
    for (what, message, reason) in cases {
        assert_eq!(answer(&node, &message), u64::from(reason.code()), "{what}: {reason:?} expected");
        until(&format!("{what} is counted"), || node.failures(reason.slug()) > 0);
    }
    assert!(node.events.is_empty() && node.connections().is_empty(), "the owner hears nothing of strangers");
}

#[test]
fn a_peer_without_the_hybrid_key_exchange_finds_no_common_ground() {
    let network = network("hybrid", 2);
    let node = Node::start(&network, 1);
    let refused = |groups, alpn| {
        let endpoint = endpoint(Some(client_config(groups, alpn)));
        match Raw::dial_from(endpoint, node.address()).err() {
            Some(ConnectionError::ConnectionClosed(close)) => u64::from(close.error_code),
            other => panic!("{other:?}"),
        }
    };
    let (handshake_failure, no_application_protocol) = (0x100 + 40, 0x100 + 120);
    assert_eq!(refused(vec![kx_group::X25519], b"weft/1"), handshake_failure);
    assert_eq!(refused(vec![kx_group::X25519MLKEM768], b"weft/2"), no_application_protocol);
    until("both are counted", || node.failures("tls") == 2);
    assert!(
        Raw::dial_from(
            endpoint(Some(client_config(vec![kx_group::X25519MLKEM768], b"weft/1"))),
            node.address()
        )
        .is_ok()
    );
}

#[test]
fn a_node_that_dials_a_server_without_the_hybrid_key_exchange_gives_up() {
    let network = network("hybrid server", 2);
    let node = Node::start(&network, 1);
    let server = endpoint(None);
    server.set_server_config(Some(raw::server_config(vec![kx_group::X25519])));
    node.shell.learn(device(2), &server.local_addr().unwrap().to_string());
    let taking = async {
        while let Some(incoming) = server.accept().await {
            drop(incoming.await)
        }
    };
    let tried = async {
        while node.failures("tls") == 0 {
            crate::runtime::sleep(Duration::from_millis(5)).await;
        }
    };
    wait(crate::runtime::first(taking, tried));
}

#[test]
fn a_handshake_that_stalls_is_ended() {
    let network = network("stall", 2);
    let mut short = options();
    short.limits.step_timeout = Duration::from_secs(1);
    let node = Node::with(&network, 1, short, Vec::new());
    let nothing = Raw::dial(node.address());
    let mut half = Raw::dial(node.address());
    wait(half.send.write_all(&[0, 0, 5, 0, 1, 1])).unwrap();
    let mut silent = Raw::dial(node.address());
    silent.write(&intro(&network, 2).encode());
    for raw in [nothing, half, silent] {
        assert_eq!(raw.code(), u64::from(Reason::Timeout.code()));
    }
    until("their places are free", || node.shell.strangers() == 0);
}

#[test]
fn strangers_are_bounded_and_peers_unaffected() {
    let network = network("crowd", 2);
    let mut narrow = options();
    narrow.limits.handshakes = 12;
    narrow.limits.handshakes_per_address = 4;
    narrow.limits.handshakes_unvalidated = 2;
    (narrow.limits.step_timeout, narrow.limits.handshake_timeout) = (PATIENCE, PATIENCE);
    let node = Node::with(&network, 1, narrow, Vec::new());
    let friend = Node::start(&network, 2);
    friend.learn(&node);
    let (to_friend, _) = node.connected();
    let crowd = endpoint(None);
    let mut open = Vec::new();
    let refused =
        (0..12).filter(|_| Raw::dial_from(crowd.clone(), node.address()).map(|raw| open.push(raw)).is_err());
    assert_eq!(refused.count(), 8, "as many as one address may, the third and fourth after a retry");
    assert_eq!(node.shell.strangers(), 4);
    node.send(to_friend, Class::Live, b"still here");
    assert_eq!(friend.frame().2, b"still here");
    for raw in &open {
        raw.connection.close(0u32.into(), b"");
    }
    until("their places are free", || node.shell.strangers() == 0);
    assert!(Raw::dial_from(crowd, node.address()).is_ok());
}

#[test]
fn strangers_who_hold_all_that_they_may_do_not_keep_a_member_out() {
    let network = network("siege", 2);
    let mut narrow = options();
    (narrow.limits.handshakes, narrow.limits.handshakes_unvalidated) = (4, 1);
    (narrow.limits.step_timeout, narrow.limits.handshake_timeout) = (PATIENCE, PATIENCE);
    let node = Node::with(&network, 1, narrow, Vec::new());
    let crowd = endpoint_at([127, 0, 0, 2], None);
    let strangers: Vec<Raw> =
        (0..9).map_while(|_| Raw::dial_from(crowd.clone(), node.address()).ok()).collect();
    assert_eq!(strangers.len(), 2, "the others are kept");
    let friend = Node::start(&network, 2);
    friend.learn(&node);
    until("it has called", || friend.shell.stats().failures().iter().any(|row| row.2 > 0));
    assert!(friend.connections().is_empty(), "nobody knows it there");
    // The node looks up where the network file says that its friend is; nobody answers there.
    node.shell.learn(friend.device, "127.0.0.1:9");
    assert_eq!(friend.connected().1, node.device);
    assert_eq!(node.shell.strangers(), 2);
}

#[test]
fn a_long_introduction_is_not_read() {
    let network = network("long", 1);
    let node = Node::start(&network, 1);
    let mut raw = Raw::dial(node.address());
    wait(raw.send.write_all(&[0x7F, 0xFF, 0xFF, 0xFF])).unwrap();
    assert_eq!(raw.code(), u64::from(Reason::Oversized.code()));
}
