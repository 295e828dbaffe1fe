//! Identifiers, hashes, keys, networks, headers, work, valid transactions and the ticket.

use super::{array, bytes, committed, keys, networks, number, rows, text, time, valid};
use serde_json::Value;
use weft_pow::{Nonce, Seed, leading_zero_bits};
use weft_tangle::body::Enrolment;
use weft_tangle::replica::Ticket;
use weft_tangle::signing::{SigningKey, VerifyingKey};
use weft_tangle::{
    DeviceId, Header, Kind, NetworkId, Rules, Transaction, TxId, blake2s, blake2s_keyed, from_text, to_text,
};

#[test]
fn identifiers_and_hashes() {
    let set = committed("identifiers.json");
    for row in rows(&set, "valid") {
        assert_eq!(to_text(&bytes(row, "hex")), text(row, "text"));
        let back = match bytes(row, "hex").len() {
            40 => from_text::<40>("an id", text(row, "text")).unwrap().to_vec(),
            _ => from_text::<32>("an id", text(row, "text")).unwrap().to_vec(),
        };
        assert_eq!(back, bytes(row, "hex"));
    }
    for row in rows(&set, "invalid") {
        assert!(text(row, "text").parse::<DeviceId>().is_err(), "{row}");
    }
    let first = &set["first_id_at"];
    assert_eq!(TxId::first_at(time(first, "timestamp")).to_string(), text(first, "text"));

    let set = committed("hashing.json");
    let key = array::<32>(&set, "key");
    for row in rows(&set, "hashes") {
        let input = bytes(row, "input");
        assert_eq!(blake2s(&[&input]), array(row, "blake2s"));
        assert_eq!(blake2s_keyed(&key, &[&input]), array(row, "blake2s_keyed"));
    }
    let network = networks()["open"].id().as_bytes().to_vec();
    for row in rows(&set, "message_prefixes") {
        assert_eq!([text(row, "label").as_bytes(), &[0], &network].concat(), bytes(row, "prefix"));
    }
}

#[test]
fn keys_and_networks() {
    let keys = keys();
    for row in rows(&committed("keys.json"), "keys") {
        let key = &keys[text(row, "name")];
        assert_eq!(key.as_bytes().to_vec(), bytes(row, "public_key"));
        assert_eq!(DeviceId::of(key).to_string(), text(row, "device"));
    }
    let networks = networks();
    for row in rows(&committed("networks.json"), "networks") {
        let network = &networks[text(row, "label")];
        if row["canonical"].is_string() {
            assert_eq!(network.canonical_form(), bytes(row, "canonical"));
        }
        assert_eq!(network.id().to_string(), text(row, "network"));
        assert_eq!(network.genesis().to_string(), text(row, "genesis"));
    }
}

#[test]
fn headers() {
    let set = committed("headers.json");
    for row in rows(&set, "valid") {
        let header = Header::decode(&array(row, "header")).unwrap();
        assert_eq!(header.encode(), array(row, "header"));
        assert_eq!(u64::from(header.kind.to_byte()), number(row, "kind"));
        assert_eq!(u64::from(header.content_format), number(row, "content_format"));
        assert_eq!(u64::from(header.counter), number(row, "counter"));
        assert_eq!(header.timestamp, time(row, "timestamp"));
        assert_eq!(header.issuer.to_string(), text(row, "issuer"));
        assert_eq!(header.body_digest.0, array(row, "body_digest"));
        let parents: Vec<&str> = rows(row, "parents").iter().filter_map(Value::as_str).collect();
        assert_eq!(header.parents.map(|parent| parent.to_string()).to_vec(), parents);
    }
    for row in rows(&set, "invalid") {
        assert!(Header::decode(&array(row, "header")).is_err(), "{row}");
    }
}

#[test]
fn work_and_difficulty() {
    let set = committed("pow.json");
    let [byte] = array(&set["signature"], "byte");
    let times = usize::try_from(number(&set["signature"], "times")).unwrap();
    let seed = Seed::of(&array(&set, "id"), &vec![byte; times]);
    assert_eq!(seed.0, array(&set, "seed"));
    for row in rows(&set, "work") {
        let nonce = Nonce::from_bytes(array(row, "nonce"));
        assert_eq!(u64::from(leading_zero_bits(&seed, nonce)), number(row, "zero_bits"));
        assert_eq!(blake2s(&[&seed.0, &nonce.to_bytes()]), array(row, "work"));
    }
    for table in rows(&set, "difficulty") {
        let base = |name| u8::try_from(number(table, name)).unwrap();
        let quota = u32::try_from(number(table, "quota")).unwrap();
        let rules = Rules::new(600_000, quota, base("difficulty"), base("enrolment_difficulty")).unwrap();
        for row in rows(table, "rows") {
            let counter = u32::try_from(number(row, "counter")).unwrap();
            let bits = |kind, open| u64::from(rules.difficulty(kind, counter, open).bits());
            assert_eq!(bits(Kind::Enrol, true), number(row, "enrol_open"));
            assert_eq!(bits(Kind::Enrol, false), number(row, "enrol_closed"));
            assert_eq!(bits(Kind::Anchor, true), number(row, "others"));
            assert_eq!(bits(Kind::Witness, true), 0);
        }
    }
}

#[test]
fn every_value_of_the_valid_transactions() {
    let networks = networks();
    let network = &networks["open"];
    let keys = keys();
    let set = committed("transactions.json");
    for (row, (name, wire)) in rows(&set, "transactions").iter().zip(valid()) {
        let transaction = Transaction::decode(network, &wire).unwrap();
        assert_eq!(transaction.id().to_string(), text(row, "id"), "{name}");
        assert_eq!(transaction.id().as_bytes().to_vec(), bytes(row, "id_hex"));
        assert_eq!(transaction.header().body_digest.0, array(row, "body_digest"));
        assert_eq!(network.rules().epoch(transaction.header().timestamp).0, number(row, "epoch"));
        let message = transaction.signed_message(network.id());
        assert_eq!(message, bytes(row, "message"));
        let key = &keys[text(row, "key")];
        assert_eq!(DeviceId::of(key), transaction.header().issuer);
        VerifyingKey::parse(key).unwrap().verify(&message, transaction.signature()).unwrap();
        let seed = Seed::of(transaction.id().as_bytes(), transaction.signature());
        assert_eq!(seed.0, array(row, "pow_seed"));
        assert_eq!(u64::from(transaction.check_work(network).unwrap().bits()), number(row, "difficulty"));
        assert_eq!(wire.len() as u64, number(row, "wire_bytes"));
        assert_eq!(blake2s(&[&wire]), array(row, "wire_blake2s"));
        if row["enrolment"].is_object() {
            check_enrolment(network.id(), &transaction, &row["enrolment"]);
        }
    }
}

fn check_enrolment(network: &NetworkId, transaction: &Transaction, row: &Value) {
    let enrolment = Enrolment::decode(transaction.content()).unwrap();
    assert_eq!(enrolment.role.name(), text(row, "role"));
    assert_eq!(enrolment.valid_from, time(row, "valid_from"));
    assert_eq!(enrolment.valid_until, time(row, "valid_until"));
    assert_eq!(enrolment.owner, array(row, "owner"));
    let registrar = enrolment.admission.as_ref().map(|admission| admission.registrar);
    assert_eq!(registrar.map(|id| id.to_string()).as_deref(), row["registrar"].as_str());
    if let Some(registrar) = registrar {
        assert_eq!(enrolment.admission_message(network, &registrar), bytes(row, "admission_message"));
    }
}

#[test]
fn signatures_are_the_deterministic_ones() {
    let seeds = committed("keys.json");
    let seed = |name| rows(&seeds, "keys").iter().find(|row| row["name"] == name).unwrap();
    for row in rows(&committed("transactions.json"), "transactions") {
        let seed = weft_tangle::signing::Seed::from_bytes(array(seed(text(row, "key")), "seed"));
        let signature = SigningKey::from_seed(&seed).unwrap().sign(&bytes(row, "message"));
        assert_eq!(signature.as_bytes().to_vec(), bytes(row, "signature"));
    }
}

#[test]
fn the_ticket_in_both_forms() {
    let set = committed("ticket.json");
    let (network, ticket) = Ticket::decode(&bytes(&set, "binary")).unwrap();
    let json = &set["json"];
    assert_eq!(network.to_string(), text(json, "network"));
    assert_eq!(ticket.time, time(json, "time"));
    assert_eq!(ticket.epoch.0, number(json, "epoch"));
    assert_eq!(u64::from(ticket.counter), number(json, "counter"));
    assert_eq!(u64::from(ticket.difficulty.bits()), number(json, "difficulty"));
    assert_eq!(u64::from(ticket.enrolment_difficulty.bits()), number(json, "enrolment_difficulty"));
    let parents: Vec<Value> =
        ticket.parents.iter().map(|pair| pair.map(|id| id.to_string()).to_vec().into()).collect();
    assert_eq!(Value::from(parents), json["parents"]);
}
