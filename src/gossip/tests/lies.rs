//! Proofs that were made elsewhere: reflected, replayed, relayed, forged.

use super::raw::{Raw, endpoint, intro};
use super::*;
use crate::gossip::intro::{Intro, Session, Side};
use weft_tangle::NetworkId;
use weft_tangle::signing::SIGNATURE_BYTES;

/// A client that gets as far as its proof; the session is the one it should sign.
fn introduced(network: &Network, number: u8, node: &Node) -> (Raw, Session) {
    let mut raw = Raw::dial(node.address());
    raw.write(&intro(network, number).encode());
    Intro::decode(&raw.read().unwrap()).unwrap();
    let session = raw.session(network, device(number), node.device);
    (raw, session)
}

fn refused_for_its_proof(mut raw: Raw, proof: &[u8]) {
    raw.write(proof);
    assert!(raw.read().is_err(), "nothing is signed for who has proved nothing");
    assert_eq!(raw.code(), u64::from(Reason::Proof.code()));
}

#[test]
fn a_proof_of_another_session_is_worth_nothing() {
    let network = network("replay", 2);
    let node = Node::start(&network, 1);
    let (mut first, session) = introduced(&network, 2, &node);
    let proof = session.prove(Side::Client, &key(2));
    first.write(proof.as_bytes());
    assert_eq!(first.read().unwrap().len(), SIGNATURE_BYTES, "it is good where it was made");
    let (second, _) = introduced(&network, 2, &node);
    refused_for_its_proof(second, proof.as_bytes());
}

#[test]
fn a_proof_for_the_other_side_by_another_key_or_of_nothing_is_refused() {
    let network = network("side", 3);
    let node = Node::start(&network, 1);
    let (raw, session) = introduced(&network, 2, &node);
    refused_for_its_proof(raw, session.prove(Side::Server, &key(2)).as_bytes());
    let (raw, session) = introduced(&network, 2, &node);
    refused_for_its_proof(raw, session.prove(Side::Client, &key(3)).as_bytes());
    let (raw, _) = introduced(&network, 2, &node);
    refused_for_its_proof(raw, &[0; SIGNATURE_BYTES]);
    let (mut raw, _) = introduced(&network, 2, &node);
    raw.write(&[0; SIGNATURE_BYTES - 1]);
    assert_eq!(raw.code(), u64::from(Reason::Protocol.code()));
    assert!(node.events.is_empty());
}

/// A server that a node dials, which it takes for the one with the key 2.
fn dialled_by(node: &Node) -> Raw {
    let server = endpoint(None);
    node.shell.learn(device(2), &server.local_addr().unwrap().to_string());
    Raw::answer(server)
}

#[test]
fn a_server_that_gives_back_what_it_was_shown_is_refused() {
    let network = network("reflect", 2);
    let node = Node::start(&network, 1);
    let mut mirror = dialled_by(&node);
    let shown = mirror.read().unwrap();
    mirror.write(&shown);
    assert_eq!(mirror.code(), u64::from(Reason::Own.code()));

    let node = Node::start(&network, 1);
    let mut mirror = dialled_by(&node);
    mirror.read().unwrap();
    mirror.write(&intro(&network, 2).encode());
    let proof = mirror.read().unwrap();
    mirror.write(&proof);
    assert_eq!(mirror.code(), u64::from(Reason::Proof.code()));
    assert!(node.events.is_empty());
}

#[test]
fn somebody_in_the_middle_gets_no_proof_that_holds() {
    let network = network("middle", 2);
    let (a, b) = (Node::start(&network, 1), Node::start(&network, 2));
    let mut with_a = dialled_by(&a);
    let mut with_b = Raw::dial(b.address());
    with_b.write(&with_a.read().unwrap());
    with_a.write(&with_b.read().unwrap());
    with_b.write(&with_a.read().unwrap());
    assert_eq!(with_b.code(), u64::from(Reason::Proof.code()));
    assert!(a.connections().is_empty() && b.connections().is_empty());
}

#[test]
fn all_that_a_proof_signs_counts() {
    let session = Session {
        network: NetworkId::from_bytes([1; 32]),
        client: device(1),
        server: device(2),
        exporter: [3; 32],
    };
    let (signer, public) = (key(1), key(1));
    let proof = session.prove(Side::Client, &signer);
    let check = |session: Session, side| session.check(side, public.public_key(), proof.as_bytes());
    assert_eq!(check(session, Side::Client), Ok(()));
    let others = [
        Session { network: NetworkId::from_bytes([9; 32]), ..session },
        Session { client: device(9), ..session },
        Session { server: device(9), ..session },
        Session { exporter: [9; 32], ..session },
        Session { client: session.server, server: session.client, ..session },
    ];
    for other in others {
        assert_eq!(check(other, Side::Client), Err(Reason::Proof), "{other:?}");
    }
    assert_eq!(check(session, Side::Server), Err(Reason::Proof));
    let swapped = Session { client: session.server, server: session.client, ..session };
    assert_eq!(check(swapped, Side::Server), Err(Reason::Proof), "the side alone tells them apart");
}
