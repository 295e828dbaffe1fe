//! `spec/vectors/handshake.json` holds what this code makes, for others to compare with.

use crate::gossip::{Intro, Session, Side};
use serde_json::{Value, json};
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{DeviceId, NetworkId, from_text};

fn committed(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/vectors").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn row(set: &str, list: &str, member: &str, name: &str) -> Value {
    let rows = committed(set)[list].as_array().unwrap().clone();
    rows.into_iter().find(|row| row[member] == name).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn unhex(value: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn key(name: &str) -> SigningKey {
    let seed: [u8; 32] = unhex(&row("keys.json", "keys", "name", name)["seed"]).try_into().unwrap();
    SigningKey::from_seed(&Seed::from_bytes(seed)).unwrap()
}

fn made() -> Value {
    let (client, server) = (key("fog"), key("member-a"));
    let label = "open";
    let network = row("networks.json", "networks", "label", label)["network"].clone();
    let network = NetworkId::from_bytes(from_text("a network", network.as_str().unwrap()).unwrap());
    let name = "enrol-fog";
    let enrolment = row("transactions.json", "transactions", "name", name);
    let parts = ["header", "signature", "nonce", "salt", "content"];
    let credential = parts.map(|part| unhex(&enrolment[part])).concat();
    let instance = [0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17];
    let intro = Intro { network, instance, public_key: client.public_key().clone(), credential };
    assert_eq!(Intro::decode(&intro.encode()), Ok(intro.clone()));
    let ids = [&client, &server].map(|key| DeviceId::of(key.public_key()));
    let exporter = std::array::from_fn(|index| index as u8);
    let session = Session { network, client: ids[0], server: ids[1], exporter };
    let proof = |side, key: &SigningKey| {
        json!({
            "side": side_name(side),
            "message": hex(&session.message(side)),
            "proof": hex(session.prove(side, key).as_bytes()),
        })
    };
    json!({
        "about": "An introduction and the proofs of one session (page 15). Keys, network and credential by their names.",
        "network": label,
        "client": "fog",
        "server": "member-a",
        "credential": name,
        "instance": hex(&instance),
        "intro": hex(&intro.encode()),
        "exporter": hex(&exporter),
        "proofs": [proof(Side::Client, &client), proof(Side::Server, &server)],
    })
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

#[test]
fn the_committed_handshake_is_what_this_code_makes() {
    assert!(committed("handshake.json") == made(), "handshake.json is not up to date:\n{:#}", made());
}
