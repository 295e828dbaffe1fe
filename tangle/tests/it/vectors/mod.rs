//! The vectors of `spec/vectors/`: what is committed is what the generator makes, and the crate agrees with all of it.

mod basics;
mod door;
mod finality;
mod gossip;
mod pages;
#[path = "../../../examples/vectors/sets/mod.rs"]
mod sets;
mod tailing;
mod verdicts;

use data_encoding::HEXLOWER;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use weft_tangle::signing::{PublicKey, Seed, SigningKey};
use weft_tangle::{Network, NetworkParts, Rules, Timestamp};

fn spec(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn committed(name: &str) -> Value {
    serde_json::from_str(&spec(&format!("vectors/{name}"))).expect("a committed vector file is JSON")
}

fn rows<'a>(set: &'a Value, member: &str) -> &'a [Value] {
    let rows = set[member].as_array().map_or(&[][..], Vec::as_slice);
    assert!(!rows.is_empty(), "`{member}` has rows");
    rows
}

fn text<'a>(row: &'a Value, member: &str) -> &'a str {
    row[member].as_str().unwrap_or_else(|| panic!("`{member}` is a string in {row}"))
}

fn number(row: &Value, member: &str) -> u64 {
    row[member].as_u64().unwrap_or_else(|| panic!("`{member}` is a number in {row}"))
}

fn time(row: &Value, member: &str) -> Timestamp {
    Timestamp::from_millis(number(row, member))
}

fn bytes(row: &Value, member: &str) -> Vec<u8> {
    HEXLOWER.decode(text(row, member).as_bytes()).unwrap_or_else(|error| panic!("{member}: {error}"))
}

fn array<const N: usize>(row: &Value, member: &str) -> [u8; N] {
    bytes(row, member).try_into().unwrap_or_else(|_| panic!("`{member}` has {N} bytes"))
}

/// The public keys, by name, as the seeds in the file expand to them.
fn keys() -> BTreeMap<String, PublicKey> {
    let set = committed("keys.json");
    let expand = |row: &Value| SigningKey::from_seed(&Seed::from_bytes(array(row, "seed"))).unwrap();
    rows(&set, "keys")
        .iter()
        .map(|row| (text(row, "name").to_string(), expand(row).public_key().clone()))
        .collect()
}

/// The networks, by label, built from the fields in the file.
fn networks() -> BTreeMap<String, Network> {
    let keys = keys();
    let set = committed("networks.json");
    let built = rows(&set, "networks").iter().map(|row| {
        let named = |member| {
            rows(row, member).iter().map(|name| keys[name.as_str().unwrap()].clone()).collect::<Vec<_>>()
        };
        let rules = &row["rules"];
        let rule = |name| u32::try_from(number(rules, name)).unwrap();
        let bits = |name| u8::try_from(rule(name)).unwrap();
        let parts = NetworkParts {
            name: text(row, "name").into(),
            created: time(row, "created_ms"),
            open_enrolment: row["open_enrolment"].as_bool().unwrap(),
            rules: Rules::new(
                number(rules, "epoch_ms"),
                rule("quota"),
                bits("difficulty"),
                bits("enrolment_difficulty"),
            )
            .unwrap(),
            registrars: named("registrars"),
            committee: named("committee"),
        };
        (text(row, "label").to_string(), Network::new(parts).unwrap())
    });
    built.collect()
}

/// The valid transactions in wire form, by name and in the file's order, joined from their parts.
fn valid() -> Vec<(String, Vec<u8>)> {
    let set = committed("transactions.json");
    let join = |row: &Value| {
        ["header", "signature", "nonce", "salt", "content"].map(|part| bytes(row, part)).concat()
    };
    rows(&set, "transactions").iter().map(|row| (text(row, "name").to_string(), join(row))).collect()
}

#[test]
fn the_generator_makes_what_is_committed() {
    for (name, made) in sets::all().unwrap() {
        let hint = "run `cargo run -p weft-tangle --example vectors -- --out spec/vectors`";
        if name.ends_with(".json") {
            // Compared as values: another crate may switch serde_json's order of members.
            let made: Value = serde_json::from_str(&made).unwrap();
            assert!(committed(name) == made, "{name} is not up to date: {hint}");
        } else {
            assert!(spec(&format!("vectors/{name}")) == made, "{name} is not up to date: {hint}");
        }
    }
}
