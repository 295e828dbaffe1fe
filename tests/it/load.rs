//! `weft sensor load` on a real node: what it says it sent is there, once, and it ends when it is told to.

use crate::cluster::count;
use crate::support::{Node, WEFT};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Starts a load; its arguments are words of one line.
fn load(node: &Node, directory: &Path, arguments: &str) -> Command {
    let mut command = Command::new(WEFT);
    command.args(["sensor", "load", "--json", "--api", &node.url, "--ids"]).arg(directory.join("ids"));
    // Temporary keys lie where the test can look for them.
    command.args(arguments.split(' ')).env("TMPDIR", directory.join("tmp"));
    std::fs::create_dir_all(directory.join("tmp")).unwrap();
    command
}

fn report(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let noted = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_str(text.trim_end());
    report.unwrap_or_else(|error| panic!("{error}: {text}{noted}"))
}

/// The ids that were written down, each there once and stored by the node as a transaction of 2.8 KB.
fn acknowledged(node: &Node, directory: &Path) -> usize {
    let text = std::fs::read_to_string(directory.join("ids")).unwrap();
    let ids: BTreeSet<&str> = text.lines().collect();
    assert_eq!(ids.len(), text.lines().count(), "no id is acknowledged twice");
    for id in &ids {
        let (status, wire) = node.get_as(&format!("/api/v1/transactions/{id}"), "application/octet-stream");
        assert_eq!(status, 200, "{id}");
        assert!((2_780..2_850).contains(&wire.len()), "{id} has {} bytes", wire.len());
    }
    ids.len()
}

/// Waits until a running load has written down 20 ids.
fn wait_for_ids(load: &mut Child, directory: &Path) {
    while std::fs::metadata(directory.join("ids")).map_or(0, |file| file.len()) < 20 * 65 {
        assert_eq!(load.try_wait().unwrap(), None, "it ended too soon");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_a_load_reports_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(&directory.path().join("node"));
    let mut stored = 0;
    for (arguments, batched) in [
        ("--devices 3 --count 50 --presign", false),
        ("--devices 3 --count 50 --batch 7", true),
        ("--devices 3 --count 50 --batch 7 --presign", true),
        ("--devices 2 --count 20 --rate 400", false),
        ("--devices 2 --count 20 --rate 400 --presign", false),
    ] {
        let output = load(&node, directory.path(), arguments).output().unwrap();
        let report = report(&output);
        assert!(output.status.success(), "{report}");
        let [accepted, refused, errors, unsent, requests] =
            ["accepted", "refused", "errors", "unsent", "requests"]
                .map(|name| report[name].as_u64().unwrap());
        assert_eq!((refused, errors, unsent), (0, 0, 0), "{report}");
        assert_eq!(requests < accepted, batched, "{report}");
        stored += accepted;
        assert_eq!(acknowledged(&node, directory.path()) as u64, stored);
        let latency = &report["latency_ms"];
        let [p50, p99, max] = ["p50", "p99", "max"].map(|name| latency[name].as_f64().unwrap());
        assert!(0.0 < p50 && p50 <= p99 && p99 <= max, "{report}");
        // At a rate, the last of 20 is due 19/400 s after the first.
        let seconds = report["seconds"].as_f64().unwrap();
        assert!(seconds > 0.0 && (!arguments.contains("--rate") || seconds >= 0.047), "{report}");
    }
    assert_eq!(stored, 190);
    let left = std::fs::read_dir(directory.path().join("tmp")).unwrap().count();
    assert_eq!(left, 0, "the temporary keys are gone");
}

#[test]
fn a_second_load_goes_on_with_the_same_devices() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(&directory.path().join("node"));
    let keys = directory.path().join("keys");
    let arguments = format!("--devices 2 --count 10 --presign --data {}", keys.display());
    for _ in 0..2 {
        let output = load(&node, directory.path(), &arguments).output().unwrap();
        assert!(output.status.success(), "{}", report(&output));
    }
    assert_eq!(acknowledged(&node, directory.path()), 20);
    let stored = count(&node);
    assert_eq!(stored, 22, "two enrolments and two loads");
}

#[test]
fn a_load_that_is_interrupted_reports_what_was_taken() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(&directory.path().join("node"));
    let mut command = load(&node, directory.path(), "--devices 2 --count 1000000");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_ids(&mut child, directory.path());
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "not all was sent");
    let report = report(&output);
    let accepted = report["accepted"].as_u64().unwrap();
    assert!(accepted >= 20, "{report}");
    assert_eq!(accepted + report["unsent"].as_u64().unwrap(), 1_000_000, "{report}");
    assert_eq!(acknowledged(&node, directory.path()) as u64, accepted);
}

#[test]
fn a_load_on_a_node_that_is_killed_ends_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("node");
    let node = Node::start(&data);
    let mut command = load(&node, directory.path(), "--devices 2 --count 1000000");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_ids(&mut child, directory.path());
    node.kill();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report = report(&output);
    assert!(report["errors"].as_u64().unwrap() > 0 && report["last_error"].is_string(), "{report}");
    let node = Node::start(&data);
    assert_eq!(acknowledged(&node, directory.path()) as u64, report["accepted"].as_u64().unwrap());
}
