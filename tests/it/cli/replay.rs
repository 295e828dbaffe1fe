//! `weft sensor replay`: what is read back is what was recorded, and an end halfway never uses a counter twice.

use super::desk::{Desk, epochs, readings, wait_for};
use crate::support::{Node, now};
use data_encoding::BASE64;
use rustix::process::Signal;
use serde_json::Value;

/// A day in 2020, one value missing, numbers that a careless path would round.
const RECORDING: &str = "datetime,hr,ecg
2020-01-31T12:00:00.000Z,60,0.30000000000000004
2020-01-31T12:00:00.500Z,61,
2020-01-31T12:00:01.250Z,62,-1e-7
2020-01-31T12:00:02.000Z,63,12345.678
2020-01-31T12:00:03.000Z,64,5
";

/// The recording's records: signal, value, milliseconds after its first row.
const RECORDS: [(&str, f64, u64); 9] = [
    ("hr", 60.0, 0),
    ("ecg", 0.30000000000000004, 0),
    ("hr", 61.0, 500),
    ("hr", 62.0, 1_250),
    ("ecg", -1e-7, 1_250),
    ("hr", 63.0, 2_000),
    ("ecg", 12345.678, 2_000),
    ("hr", 64.0, 3_000),
    ("ecg", 5.0, 3_000),
];

/// When the recording begins, in milliseconds since the Unix epoch.
const BEGIN: u64 = 1_580_472_000_000;

/// Five rows at once, and then one that is due when nobody waits any more.
const LONG: &str = "seconds,hr\n0,60\n0,61\n0,62\n0,63\n0,64\n100000,65\n";

/// Compares records with the recording, which begins at `begin` (ms).
#[track_caller]
fn assert_recorded(records: &[Value], device: &str, begin: u64) {
    assert_eq!(records.len(), RECORDS.len());
    for (record, (signal, value, offset)) in records.iter().zip(RECORDS) {
        assert_eq!(record["n"], format!("urn:dev:weft:{device}:{signal}"));
        assert_eq!(record["v"].as_f64(), Some(value), "{record}");
        assert_eq!(milliseconds(record), begin + offset, "{record}");
        let unit = if signal == "hr" { Value::from("beat/min") } else { Value::Null };
        assert_eq!(record["u"], unit);
    }
}

fn milliseconds(record: &Value) -> u64 {
    (record["t"].as_f64().unwrap() * 1000.0).round() as u64
}

/// Values in a transaction's body.
fn values(node: &Node, id: &Value) -> usize {
    let transaction = node.get(&format!("/api/v1/transactions/{}", id.as_str().unwrap())).1;
    let body = BASE64.decode(transaction["body"].as_str().unwrap().as_bytes()).unwrap();
    let pack: Value = serde_json::from_slice(&body[16..]).unwrap();
    pack.as_array().unwrap().iter().filter(|record| record.get("v").is_some()).count()
}

#[test]
fn times_are_kept_when_they_are_to_be() {
    let (desk, node) = Desk::with_node();
    let device = desk.sensor("a.key");
    desk.write("r.csv", RECORDING);
    let summary =
        desk.weft("sensor replay r.csv --key a.key --speed max --batch 2 --keep-time --json").json();
    let counts = ["transactions", "rows", "samples"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts, [3, 5, 9]);
    assert_eq!([values(&node, &summary["first"]), values(&node, &summary["last"])], [3, 2]);
    assert_recorded(&readings(&node, &device), &device, BEGIN);
}

#[test]
fn times_are_moved_to_now_otherwise() {
    let (desk, node) = Desk::with_node();
    let device = desk.sensor("a.key");
    desk.write("r.csv", RECORDING);
    let before = now();
    let done = desk.weft("sensor replay r.csv --key a.key --speed max --batch 3");
    assert_eq!(done.err, "", "there is no progress to be seen where nobody looks");
    let text = done.done();
    let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["transactions", "rows", "samples", "seconds", "first", "last"]);
    let records = readings(&node, &device);
    let last = milliseconds(records.last().unwrap());
    assert!((before..=now()).contains(&last), "{before} {last}");
    assert_recorded(&records, &device, last - 3_000);
}

#[test]
fn what_is_too_long_for_a_transaction_is_split() {
    let (desk, node) = Desk::with_node();
    let device = desk.sensor("a.key");
    let rows: String = (0..900).map(|row| format!("{row},{}\n", row as f64 / 7.0)).collect();
    desk.write("r.csv", &format!("ms,ppg\n{rows}"));
    let summary = desk.weft("sensor replay r.csv --key a.key --speed max --batch 900 --json").json();
    assert!(summary["transactions"].as_u64().unwrap() > 1, "{summary}");
    let read: Vec<f64> =
        readings(&node, &device).iter().map(|record| record["v"].as_f64().unwrap()).collect();
    assert_eq!(read, (0..900).map(|row| f64::from(row) / 7.0).collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_replayed_sends_nothing() {
    let (desk, node) = Desk::with_node();
    let device = desk.sensor("a.key");
    desk.write("bad.csv", "seconds,hr\n0,60\n1,x\n");
    desk.write("plain.csv", "seconds,hr\n0,60\n");
    for (arguments, words) in [
        ("none.csv", "cannot read none.csv"),
        ("bad.csv", "line 3"),
        ("plain.csv --keep-time", "leave --keep-time out"),
        ("plain.csv --unit rr=1/min", "the recording has hr"),
    ] {
        let refused = desk.weft(&format!("sensor replay {arguments} --key a.key")).refused();
        assert!(refused.contains(words), "{refused}");
    }
    assert_eq!(desk.weft("sensor replay plain.csv --key a.key --batch 0").code, Some(2));
    assert_eq!(readings(&node, &device).len(), 0);
}

#[test]
fn an_interrupted_replay_gives_its_counters_back() {
    let (desk, node) = Desk::with_node();
    let device = desk.sensor("a.key");
    desk.write("r.csv", LONG);
    let replay = desk.start("sensor replay r.csv --key a.key --json");
    wait_for("the fifth reading", || (readings(&node, &device).len() == 5).then_some(()));
    let stopped = replay.end(Signal::INT);
    assert_eq!((stopped.code, stopped.err.as_str()), (Some(1), "weft: stopped before the end\n"));
    let summary: Value = serde_json::from_str(&stopped.out).unwrap();
    assert_eq!((&summary["transactions"], &summary["rows"]), (&5.into(), &5.into()));
    desk.weft("sensor send --key a.key hr=66").done();
    // The enrolment, five rows and one more.
    let epochs = epochs(&node, &device);
    assert_eq!(epochs.iter().map(|epoch| epoch.0).sum::<u64>(), 7);
    assert!(epochs.iter().all(|(count, highest, gaps)| *count == highest + 1 && *gaps == 0), "{epochs:?}");
}

#[test]
fn a_killed_replay_leaves_a_gap_and_no_counter_is_used_twice() {
    let (desk, node) = Desk::with_node();
    let device = desk.sensor("a.key");
    desk.write("r.csv", LONG);
    let replay = desk.start("sensor replay r.csv --key a.key");
    wait_for("the fifth reading", || (readings(&node, &device).len() == 5).then_some(()));
    assert_eq!(replay.end(Signal::KILL).code, None);
    desk.weft("sensor send --key a.key hr=66").done();
    let known = epochs(&node, &device);
    assert_eq!(known.iter().map(|epoch| epoch.0).sum::<u64>(), 7);
    assert!(known.iter().any(|epoch| epoch.2 == 1), "{known:?}");
    // A second time as well.
    let replay = desk.start("sensor replay r.csv --key a.key");
    wait_for("the eleventh reading", || (readings(&node, &device).len() == 11).then_some(()));
    replay.end(Signal::KILL);
    for _ in 0..3 {
        desk.weft("sensor send --key a.key hr=66").done();
    }
    assert_eq!(readings(&node, &device).len(), 14);
    assert!(epochs(&node, &device).iter().any(|epoch| epoch.2 == 2));
}
