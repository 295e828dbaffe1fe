//! What becomes final, on the command line: waiting for it, following it, listing commits.

use super::desk::Desk;
use rustix::process::Signal;
use serde_json::{Value, json};

#[test]
fn a_sensor_waits_until_its_reading_is_final() {
    let (desk, node) = Desk::that_finalises();
    let device = desk.sensor("a.key");
    let sent = desk.weft("sensor send --key a.key --wait-final hr=61 --json").json();
    assert_eq!(sent["status"], "final");
    let shown = node.get(&format!("/api/v1/transactions/{}", sent["id"].as_str().unwrap())).1;
    assert_eq!((&shown["commit"]["index"], &shown["issuer"]), (&sent["commit"], &json!(device)));
    let text = desk.weft(&format!("show {}", sent["id"].as_str().unwrap())).done();
    let digest = shown["commit"]["digest"].as_str().unwrap();
    assert!(text.lines().any(|line| line.ends_with(&format!("  {} {digest}", sent["commit"]))), "{text}");

    let commits = desk.weft("commits --limit 1000 --json").done();
    let commits: Vec<Value> = commits.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(commits.iter().any(|commit| commit["digest"] == digest), "{commits:?}");
    let indices: Vec<u64> = commits.iter().map(|commit| commit["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, (1..=indices.len() as u64).rev().collect::<Vec<_>>());
    let table = desk.weft("commits --limit 1").done();
    let [heading, row] = table.lines().collect::<Vec<_>>()[..] else { panic!("{table}") };
    assert_eq!(
        heading.split_whitespace().collect::<Vec<_>>(),
        ["INDEX", "TIME", "COUNT", "CERTIFIED", "DIGEST"]
    );
    assert_eq!(row.split_whitespace().count(), 5, "{row}");
    let peers = desk.weft("peers").done();
    assert!(peers.contains("knows of no other") && peers.contains("\nfinal: "), "{peers}");
    assert!(peers.contains(" certified; members at rounds "), "{peers}");
}

#[test]
fn events_are_followed_from_where_one_likes() {
    let (desk, node) = Desk::that_finalises();
    let device = desk.sensor("a.key");
    let first = desk.weft("sensor send --key a.key --wait-final hr=61 --json").json();
    let mut events =
        desk.start(&format!("events --kind final --of reading --device {device} --after 0-0 --json"));
    let told: Value = serde_json::from_str(&events.printed("final")).unwrap();
    assert_eq!((&told["event"], &told["data"]["id"]), (&json!("final"), &first["id"]));
    let second = desk.weft("sensor send --key a.key --wait-final hr=62 --json").json();
    let told: Value = serde_json::from_str(&events.printed("final")).unwrap();
    assert_eq!(told["data"]["id"], second["id"]);
    assert_eq!(events.end(Signal::INT).code, Some(0));
    let mut events = desk.start("events --kind final,commit --after 0-0");
    let line = events.printed(second["id"].as_str().unwrap());
    assert!(line.starts_with("final     ") && line.ends_with("  final"), "{line}");
    assert!(events.printed("count ").starts_with("commit    index "));
    // The node stops, and comes back elsewhere: the command says that it has lost it.
    assert_eq!(node.stop(), Some(0));
    events.said("opening it anew");
    let refused = desk.weft("events --kind finally,x=1").refused();
    assert!(refused.contains("--kind takes names"), "{refused}");
}

#[test]
fn who_waits_in_vain_is_told_what_stands_in_the_way() {
    let (desk, _node) = Desk::with_node();
    desk.sensor("a.key");
    let waited = desk.weft("sensor send --key a.key --wait-final=1 hr=61");
    assert_eq!(waited.code, Some(1));
    assert!(waited.out.lines().any(|line| line == "status   attached"), "it is taken: {}", waited.out);
    assert!(waited.err.contains("was not final within 1 s"), "{}", waited.err);
    let peers = desk.weft("peers").done();
    assert!(peers.contains(" no commit yet; members at rounds "), "{peers}");
}
