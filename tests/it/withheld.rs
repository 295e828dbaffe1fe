//! What a node has without its body: real processes whose disks have lost something, or have erased it.

use crate::cluster::{Cluster, figure, has, wait_until};
use crate::support::{Device, Node};
use std::path::Path;
use weft::store::FILE_NAME;
use weft_tangle::{Role, TxId};

/// Sends a reading that says these words to a node; its id.
fn read(node: &Node, device: &mut Device, words: &str) -> TxId {
    let mut wish = device.reading(node.parents(&device.id()));
    wish.content = format!(r#"[{{"n":"urn:dev:ow:10e2073a0108006:note","vs":"{words}"}}]"#).into_bytes();
    assert_eq!(node.submit(&device.wire(&wish)), (201, "attached".into()));
    device.sign(&wish).id()
}

/// Lets a bit flip wherever these words stand in the file of a node that does not run.
fn spoil(data: &Path, words: &str) {
    let path = data.join(FILE_NAME);
    let mut bytes = std::fs::read(&path).unwrap();
    let is_there = |at: &usize| bytes[*at..].starts_with(words.as_bytes());
    let places: Vec<usize> = (0..bytes.len()).filter(is_there).collect();
    assert!(!places.is_empty(), "it is stored");
    places.iter().for_each(|at| bytes[*at] ^= 1);
    std::fs::write(&path, bytes).unwrap();
}

#[test]
fn what_is_damaged_at_one_node_it_gets_back_from_another_while_it_runs() {
    let cluster = Cluster::without_quorum(2);
    let nodes = [cluster.start(0), cluster.start(1)];
    let mut device = Device::new(1, *cluster.network().id());
    device.enrol(&nodes[0], Role::Sensor);
    let words: Vec<String> = (0..5).map(|number| format!("words-of-reading-{number}")).collect();
    let ids: Vec<TxId> = words.iter().map(|words| read(&nodes[0], &mut device, words)).collect();
    wait_until("both have all", || ids.iter().all(|id| has(&nodes[1], id)));
    let [whole, other] = nodes;
    assert_eq!(other.stop(), Some(0));
    spoil(&cluster.data(1), &words[2]);

    // Nobody hands it in again, and the other's log is settled: it comes only because it is asked for.
    let other = cluster.start(1);
    wait_until("it is found, and whole again", || {
        let is_whole = has(&other, &ids[2]);
        figure(&other, "weft_damage_found_total") > 0 && is_whole
    });
    wait_until("the figure says so", || figure(&other, "weft_damaged_transactions") == 0);
    assert!(ids.iter().all(|id| has(&other, id)));
    let path = format!("/api/v1/transactions/{}", ids[2]);
    assert_eq!([&other, &whole].map(|node| node.get_as(&path, "application/octet-stream").0), [200, 200]);
    assert_eq!(other.stop(), Some(0));
}
