//! `kill -9` under load: whatever was answered 201 is there after the restart, once.

use crate::support::{Device, Node};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use weft_tangle::{Role, TxId};

/// Rounds of load, kill and restart on one data directory.
const ROUNDS: u64 = 8;
/// Devices that send at once.
const DEVICES: u8 = 8;

#[test]
fn whatever_was_acknowledged_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeSet<TxId> = BTreeSet::new();
    for round in 0..ROUNDS {
        let node = Node::start(directory.path());
        let total = acknowledged.len();
        check(&node, &acknowledged);
        let stop = AtomicBool::new(false);
        // Later rounds are killed later, so that the kill meets start, enrolment and full load.
        let patience = Duration::from_millis(60 + 97 * round);
        let found = std::thread::scope(|scope| {
            let url = &node.url;
            let stop = &stop;
            let workers: Vec<_> = (0..DEVICES)
                .map(|number| scope.spawn(move || send_until(url, (round * 16) as u8 + number, stop)))
                .collect();
            std::thread::sleep(patience);
            let pid = rustix::process::Pid::from_raw(node.pid() as i32).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            stop.store(true, Ordering::Relaxed);
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        node.kill();
        acknowledged.extend(found);
        println!("round {round}: {} acknowledged", acknowledged.len() - total);
    }
    assert!(acknowledged.len() > 100, "the load was real");
    let node = Node::start(directory.path());
    check(&node, &acknowledged);
    let stored = node.get("/api/v1/network").1["transactions"].as_u64().unwrap();
    assert!(stored >= acknowledged.len() as u64);
    assert_eq!(node.stop(), Some(0));
}

/// Every acknowledged transaction is there, at a place of its own.
fn check(node: &Node, acknowledged: &BTreeSet<TxId>) {
    let stored = node.get("/api/v1/network").1["transactions"].as_u64().unwrap();
    let mut positions = BTreeSet::new();
    for id in acknowledged {
        let (status, transaction) = node.get(&format!("/api/v1/transactions/{id}"));
        assert_eq!(status, 200, "{id} was acknowledged and is lost");
        let position = transaction["position"].as_u64().unwrap();
        assert!(position < stored);
        assert!(positions.insert(position), "{id} shares its place with another");
    }
}

/// Enrols and sends readings one after another until the node is gone; the ids that were answered 201.
fn send_until(url: &str, seed: u8, stop: &AtomicBool) -> Vec<TxId> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let post = |wire: &[u8]| {
        let request = agent
            .post(format!("{url}/api/v1/transactions"))
            .header("content-type", "application/octet-stream");
        request.send(wire).map(|response| response.status().as_u16())
    };
    let get = |path: &str| -> Option<serde_json::Value> {
        let mut response = agent.get(format!("{url}{path}")).call().ok()?;
        serde_json::from_slice(&response.body_mut().read_to_vec().ok()?).ok()
    };
    let mut acknowledged = Vec::new();
    let Some(network) = get("/api/v1/network") else { return acknowledged };
    let network = network["network"].as_str().unwrap().parse().unwrap();
    let mut device = Device::new(seed, network);
    let parents = |device: &Device| -> Option<[TxId; 2]> {
        let ticket = get(&format!("/api/v1/ticket?device={}", device.id()))?;
        Some([0, 1].map(|side| ticket["parents"][0][side].as_str().unwrap().parse().unwrap()))
    };
    let mut enrolled = false;
    while !stop.load(Ordering::Relaxed) {
        let Some(parents) = parents(&device) else { break };
        let wish = if enrolled {
            device.reading(parents)
        } else {
            let content = device.enrolment(Role::Sensor).encode();
            device.control(weft_tangle::Kind::Enrol, content, parents)
        };
        match post(&device.wire(&wish)) {
            Ok(201) => acknowledged.push(device.sign(&wish).id()),
            Ok(status) => panic!("an honest device was answered {status}"),
            Err(_) => break,
        }
        enrolled = true;
    }
    acknowledged
}
