//! Who is not let in: of another network, enrolled by nobody, with proofs made elsewhere, with the wrong key exchange.

use super::liar::{ConnectionError, Liar, classical, framed, intro, server, wait};
use super::siege::Siege;
use crate::support::Device;
use std::net::Ipv4Addr;
use weft::gossip::{Intro, Reason, Side};
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{DeviceId, Kind, NetworkId, Role};

/// How often each lie is told; it must be logged once all the same.
const TIMES: u64 = 3;

/// QUIC's error for the TLS alert `handshake_failure`.
const NO_COMMON_GROUND: u64 = 0x100 + 40;

fn failures(siege: &Siege, slug: &str) -> u64 {
    siege.metric("weft_gossip_handshake_failures_total", &[&format!("reason=\"{slug}\""), "by=\"self\""])
}

/// Tells a lie some times, each of which must be refused with this reason and counted, and all of them logged once.
#[track_caller]
fn refused(siege: &Siege, reason: Reason, mut lie: impl FnMut() -> Liar) {
    let before = failures(siege, reason.slug());
    for _ in 0..TIMES {
        assert_eq!(lie().code(), u64::from(reason.code()), "{reason:?}");
    }
    let counted = || failures(siege, reason.slug()) - before;
    crate::cluster::wait_until("it is counted", || counted() >= TIMES);
    assert_eq!(siege.logged(&["not let in", reason.text()]), 1, "{reason:?} is logged once");
}

fn says(siege: &Siege, bytes: &[u8]) -> Liar {
    let mut liar = Liar::dial(siege.address());
    liar.write(bytes);
    liar
}

#[test]
fn whoever_is_no_fog_node_of_this_network_is_not_let_in() {
    Siege::hold(|siege| {
        let (_, member) = siege.new_member();
        let stranger = SigningKey::from_seed(&Seed::from_bytes([99; 32])).unwrap();
        let elsewhere = NetworkId::from_bytes([7; 32]);
        refused(siege, Reason::Network, || says(siege, &intro(elsewhere, &member).encode()));
        refused(siege, Reason::Unenrolled, || says(siege, &intro(siege.network(), &stranger).encode()));
        // What a device may do in an open network, enrol by itself, a fog node may not.
        let mut device = Device::new(99, siege.network());
        let content = device.enrolment(Role::Fog).encode();
        let enrolment = device.control(Kind::Enrol, content, [siege.cluster.network().genesis(); 2]);
        let credential = device.wire(&enrolment);
        let shown = Intro { credential, ..intro(siege.network(), &stranger) };
        let liar = says(siege, &shown.encode());
        assert_eq!(liar.code(), u64::from(Reason::Unenrolled.code()));

        refused(siege, Reason::Oversized, || {
            let mut liar = Liar::dial(siege.address());
            wait(liar.send.write_all(&[0x7F, 0xFF, 0xFF, 0xFF])).unwrap();
            liar
        });
        let half = framed(&intro(siege.network(), &member).encode());
        let silent: Vec<Liar> = (0..TIMES)
            .map(|_| {
                let mut liar = Liar::dial(siege.address());
                wait(liar.send.write_all(&half[..half.len() / 2])).unwrap();
                liar
            })
            .collect();
        let mut silent = silent.into_iter();
        refused(siege, Reason::Timeout, || silent.next().unwrap());
    });
}

#[test]
fn a_proof_that_was_made_elsewhere_lets_nobody_in() {
    Siege::hold(|siege| {
        let target = DeviceId::of(&siege.public_key());
        let (_, member) = siege.new_member();
        let introduction = intro(siege.network(), &member).encode();

        // Replayed: good where it was made, and nowhere else.
        let mut first = says(siege, &introduction);
        Intro::decode(&first.read().unwrap()).unwrap();
        let session = first.session(siege.network(), DeviceId::of(member.public_key()), target);
        let proof = session.prove(Side::Client, &member);
        first.write(proof.as_bytes());
        session.check(Side::Server, &siege.public_key(), &first.read().unwrap()).unwrap();
        refused(siege, Reason::Proof, || {
            let mut second = says(siege, &introduction);
            second.read().unwrap();
            second.write(proof.as_bytes());
            second
        });
        assert!(first.connection.close_reason().is_none(), "who had proved itself is not disturbed");

        // Reflected: the node's own introduction, and its own proof where it dials.
        let own = says(siege, &introduction).read().unwrap();
        refused(siege, Reason::Own, || says(siege, &own));
        let (number, member) = siege.new_member();
        let mirror = server(siege.cluster.gossip_address(number));
        loop {
            let mut caller = Liar::answer(&mirror);
            let shown = Intro::decode(&caller.read().unwrap()).unwrap();
            caller.write(&intro(siege.network(), &member).encode());
            let proof = caller.read().unwrap();
            caller.write(&proof);
            assert_eq!(caller.code(), u64::from(Reason::Proof.code()));
            if shown.public_key == siege.public_key() {
                break;
            }
        }
    });
}

#[test]
fn whoever_offers_no_hybrid_key_exchange_finds_no_common_ground() {
    Siege::hold(|siege| {
        for _ in 0..TIMES {
            match Liar::dial_from(Ipv4Addr::LOCALHOST, classical(), siege.address()).err() {
                Some(ConnectionError::ConnectionClosed(close)) => {
                    assert_eq!(u64::from(close.error_code), NO_COMMON_GROUND);
                }
                other => panic!("{other:?}"),
            }
        }
        let counted = || siege.metric("weft_gossip_handshake_failures_total", &["reason=\"tls\""]);
        crate::cluster::wait_until("it is counted", || counted() >= TIMES);
        assert_eq!(siege.logged(&["not let in", "X25519MLKEM768"]), 1, "it is logged once");
    });
}
