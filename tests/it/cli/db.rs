//! `weft db` as an operator runs it, on the data directory of a real node.

mod backup;

use super::desk::{Desk, files_in, wait_for};
use crate::support::Node;
use serde_json::{Value, json};
use std::path::Path;

const PLACE: &str = "--data node --network ward.toml";

/// A stopped node with an enrolled sensor and some readings; their ids, oldest first.
fn stopped_node(readings: usize) -> (Desk, Vec<String>) {
    let (desk, node) = Desk::with_node();
    let ids = send(&desk, readings);
    assert_eq!(node.stop(), Some(0));
    (desk, ids)
}

fn send(desk: &Desk, readings: usize) -> Vec<String> {
    if !desk.path("a.key").exists() {
        desk.sensor("a.key");
    }
    let send = |number: usize| {
        let sent = desk.weft(&format!("sensor send --key a.key reading-number-{number}=7 --json")).json();
        sent["id"].as_str().unwrap().to_owned()
    };
    (0..readings).map(send).collect()
}

/// Flips a bit of what stands behind `words`, everywhere in the file; a node that runs would notice nothing.
fn spoil(path: &Path, words: &str) {
    let mut bytes = std::fs::read(path).unwrap();
    let places: Vec<usize> = bytes
        .windows(words.len())
        .enumerate()
        .filter(|(_, window)| *window == words.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "it is stored");
    places.iter().for_each(|at| bytes[*at] ^= 1);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_sound_database_is_said_to_be_sound() {
    let (desk, _) = stopped_node(3);
    let files = files_in(&desk.path("node"));
    let report = desk.weft(&format!("db check {PLACE} --json")).json();
    assert_eq!((&report["transactions"], &report["faults"]), (&json!(4), &json!([])));
    assert!(report["bytes"].as_u64().unwrap() > 4 * 2_604);
    let text = desk.weft(&format!("db check {PLACE}")).done();
    assert!(text.contains("transactions") && text.contains("faults"), "{text}");
    assert_eq!(files_in(&desk.path("node")), files, "it leaves nothing behind");
    let anew = desk.weft(&format!("db check {PLACE} --resume"));
    assert!(anew.err.contains("begins at the beginning"), "{}", anew.err);
    anew.done();
}

#[test]
fn what_cannot_be_checked_is_told_from_what_is_wrong() {
    let (desk, node) = Desk::with_node();
    let check = |line: &str| {
        let outcome = desk.weft(line);
        (outcome.code, outcome.err)
    };
    let (code, words) = check(&format!("db check {PLACE}"));
    assert!(code == Some(2) && words.contains("a node runs on node: stop it first"), "{words}");
    assert_eq!(node.stop(), Some(0));
    let (code, words) = check("db check --data elsewhere --network ward.toml");
    assert!(code == Some(2) && words.contains("there is no database in elsewhere"), "{words}");
    assert!(!desk.path("elsewhere").exists(), "looking makes nothing");
    let (code, words) = check("db check --data node");
    assert!(code == Some(2) && words.contains("--network FILE"), "{words}");
    desk.write("noise", "these are no transactions");
    let (code, words) = check("db check --file noise --network ward.toml");
    assert!(code == Some(2) && words.contains("cannot be opened as a store"), "{words}");
    for (file, why) in [("nothing", "No such file"), (".", "is a directory")] {
        let (code, words) = check(&format!("db check --file {file} --network ward.toml"));
        let says = words.contains(&format!("{file} cannot be read: {why}")) && words.contains("name a file");
        assert!(code == Some(2) && says, "{words}");
    }
    assert_eq!(std::fs::read(desk.path("noise")).unwrap(), b"these are no transactions");
}

#[test]
fn a_body_that_was_flipped_on_disk_is_reported_and_never_served() {
    let (desk, ids) = stopped_node(4);
    spoil(&desk.path("node/weft.redb"), "reading-number-2");
    let node = desk.start_node();
    let damaged = &ids[2];
    for accept in ["application/json", "application/octet-stream"] {
        let (status, body) = node.get_as(&format!("/api/v1/transactions/{damaged}"), accept);
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &problem["type"]), (503, &json!("urn:weft:problem:damaged")));
        assert!(problem["detail"].as_str().unwrap().contains(damaged), "{problem}");
    }
    for id in [&ids[0], &ids[1], &ids[3]] {
        assert_eq!(node.get(&format!("/api/v1/transactions/{id}")).0, 200);
    }
    let device = desk.weft("key show a.key --json").json()["device"].as_str().unwrap().to_owned();
    let mut page = ureq::get(format!("{}/api/v1/devices/{device}/readings", node.url)).call().unwrap();
    assert_eq!(page.headers()["weft-damaged"], "1");
    let text = page.body_mut().read_to_string().unwrap();
    let said: Vec<bool> = (0..4).map(|number| text.contains(&format!("reading-number-{number}"))).collect();
    assert_eq!(said, [true, true, false, true]);
    let metrics = String::from_utf8(node.get_as("/metrics", "*/*").1).unwrap();
    assert!(metrics.contains("\nweft_damaged_transactions 1\n"), "{metrics}");
    let (status, ready) = node.get("/readyz");
    assert_eq!((status, &ready["reasons"]), (200, &json!([])));
    assert!(ready["warnings"][0].as_str().unwrap().contains("1 stored transaction is damaged"), "{ready}");
    // It is known all the same, and others go on.
    desk.weft(&format!("sensor send --key a.key hr=60 --api {}", node.url)).done();
    assert_eq!(node.stop(), Some(0));

    let checked = desk.weft(&format!("db check {PLACE} --json"));
    assert_eq!(checked.code, Some(1), "{}", checked.err);
    let report: Value = serde_json::from_str(&checked.out).unwrap();
    let faults = report["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 2, "{report}");
    assert_eq!((&faults[0]["id"], &faults[0]["table"]), (&json!(damaged), &json!("packs")));
    assert_eq!((&faults[1]["id"], &faults[1]["table"]), (&Value::Null, &json!("pages")));
    let told = desk.weft(&format!("db check {PLACE}"));
    assert!(told.out.contains(damaged) && told.err.contains("2 faults"), "{}{}", told.out, told.err);
}

#[test]
fn the_scrub_finds_what_nobody_has_asked_for() {
    let (desk, _) = stopped_node(2);
    spoil(&desk.path("node/weft.redb"), "reading-number-1");
    desk.write("fast.toml", "[storage]\nscrub_kib = 1048576\n[gossip]\nlisten = \"127.0.0.1:0\"\n");
    let config = desk.path("fast.toml");
    let network = desk.path("ward.toml");
    let arguments = ["--config", config.to_str().unwrap(), "--network", network.to_str().unwrap()];
    let node = Node::start_with(&desk.path("node"), &arguments);
    let metrics = || String::from_utf8(node.get_as("/metrics", "*/*").1).unwrap();
    wait_for("the end of a pass", || metrics().contains("\nweft_scrub_progress_ratio 1\n").then_some(()));
    assert!(metrics().contains("\nweft_damaged_transactions 1\n"), "{}", metrics());
    assert!(metrics().contains("\nweft_damage_found_total 1\n"));
    assert_eq!(node.get("/readyz").0, 200);
    assert_eq!(node.stop(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_check_goes_on_from_its_notes_and_only_in_the_store_that_they_are_of() {
    let (desk, ids) = stopped_node(3);
    // What a check leaves that was stopped behind the second transaction.
    let report = json!({
        "transactions": 2, "erased": 0, "bytes": 5_600, "rows": 1, "enrolments": 1, "revocations": 0,
        "witnesses": 0, "delivered": 0, "commits": 0,
        "faults": [{"table": "packs", "id": ids[0], "position": 1, "problem": "p", "remedy": "r"}],
        "more_faults": 0, "is_complete": false,
    });
    let notes = |last: &str| json!({"position": 2, "last": last, "report": report.clone()}).to_string();
    desk.write("node/weft.redb.check", &notes(&ids[0]));
    let checked = desk.weft(&format!("db check {PLACE} --resume --json"));
    assert_eq!(checked.code, Some(1), "what was found before counts: {}", checked.err);
    assert!(!checked.err.contains("begins at the beginning"), "{}", checked.err);
    let told: Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!((&told["transactions"], &told["faults"][0]["id"]), (&json!(4), &json!(ids[0])));
    assert!(!desk.path("node/weft.redb.check").exists(), "it is done");

    for other in [notes(&ids[1]), "{".to_owned()] {
        desk.write("node/weft.redb.check", &other);
        let anew = desk.weft(&format!("db check {PLACE} --resume --json"));
        assert!(anew.err.contains("begins at the beginning"), "{}", anew.err);
        assert_eq!(serde_json::from_str::<Value>(&anew.done()).unwrap()["faults"], json!([]));
    }
}

#[test]
fn an_erased_reading_is_gone_and_everything_else_is_as_it_was() {
    let (desk, ids) = stopped_node(3);
    let network = weft::network_file::NetworkFile::read(&desk.path("ward.toml")).unwrap().network;
    let options = weft::store::StoreOptions::default();
    let store = weft::store::Store::open(&desk.path("node"), &network, &options).unwrap();
    let erased = store.erase(&[ids[1].parse().unwrap()]).unwrap();
    assert!(matches!(erased, weft::store::Erasure::Done { overwritten } if overwritten > 0));
    drop(store);
    let stands_in = |file: &str, number: usize| {
        let words = format!("reading-number-{number}");
        let bytes = std::fs::read(desk.path(file)).unwrap();
        bytes.windows(words.len()).any(|window| window == words.as_bytes())
    };
    assert_eq!([0, 1, 2].map(|number| stands_in("node/weft.redb", number)), [true, false, true]);

    let node = desk.start_node();
    let status = |id: &str| node.get(&format!("/api/v1/transactions/{id}")).0;
    assert_eq!([0, 1, 2].map(|number| status(&ids[number])), [200, 410, 200]);
    let device = desk.weft("key show a.key --json").json()["device"].as_str().unwrap().to_owned();
    let page = ureq::get(format!("{}/api/v1/devices/{device}/readings", node.url)).call().unwrap();
    assert_eq!(page.headers()["weft-erased"], "1");
    assert!(!page.headers().contains_key("weft-damaged"));
    desk.weft("db backup copy.redb --data node").done();
    assert_eq!(node.stop(), Some(0));
    assert_eq!([0, 1, 2].map(|number| stands_in("copy.redb", number)), [true, false, true]);
    let report = desk.weft("db check --file copy.redb --network ward.toml --json").json();
    assert_eq!((&report["erased"], &report["faults"]), (&json!(1), &json!([])));
}
