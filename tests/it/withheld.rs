//! What a node has without its body: real processes whose disks have lost something, or have erased it.

use crate::chain::{common_chain, wait_until_final};
use crate::cluster::{Cluster, count, figure, has, wait_until};
use crate::support::{Device, Node, word};
use std::path::Path;
use weft::store::{Erasure, FILE_NAME, Store, StoreOptions};
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

#[test]
fn what_others_have_erased_does_not_stop_a_member_that_was_away() {
    let cluster = Cluster::new(4);
    let mut nodes: Vec<Node> = (0..4).map(|node| cluster.start(node)).collect();
    let mut device = Device::new(1, *cluster.network().id());
    let mut ids = vec![device.enrol(&nodes[0], Role::Sensor), read(&nodes[0], &mut device, "before")];
    wait_until_final(&nodes.iter().collect::<Vec<_>>());
    // It is accepted, final and erased while one of them is away.
    assert_eq!(nodes.pop().unwrap().stop(), Some(0));
    let words: Vec<String> = (0..6).map(|number| format!("to-be-erased-{number}")).collect();
    let readings: Vec<TxId> = words.iter().map(|words| read(&nodes[0], &mut device, words)).collect();
    ids.extend(&readings);
    ids.push(read(&nodes[0], &mut device, "behind"));
    wait_until_final(&nodes.iter().collect::<Vec<_>>());
    assert!(nodes.into_iter().all(|node| node.stop() == Some(0)));
    let (kept, erased) = readings.split_first().unwrap();
    for node in 0..3 {
        let store = Store::open(&cluster.data(node), cluster.network(), &StoreOptions::default()).unwrap();
        // The third has one of them still.
        let gone = if node == 2 { erased } else { &readings[..] };
        assert!(matches!(store.erase(gone).unwrap(), Erasure::Done { .. }));
    }

    // One alone may lie. What it has whole it gives.
    let third = cluster.start(2);
    let away = cluster.start(3);
    wait_until("it has what the third has", || has(&away, kept));
    wait_until("it waits for the others", || figure(&away, "weft_withheld_transactions") > 0);
    assert!(!erased.iter().any(|id| has_erased(&away, id)) && count(&away) < ids.len() as u64);
    let warns = |node: &Node, words: &str| node.get("/readyz").1["warnings"].to_string().contains(words);
    wait_until("it says what it waits for", || warns(&away, &format!("the body of {}", erased[0])));

    let nodes = [cluster.start(0), cluster.start(1), third, away];
    for id in erased {
        wait_until("it has what is left", || has_erased(&nodes[3], id));
    }
    wait_until("it has what is behind", || count(&nodes[3]) == ids.len() as u64);
    ids.push(read(&nodes[3], &mut device, "at the one that was away"));
    wait_until_final(&nodes.iter().collect::<Vec<_>>());
    assert!(figure(&nodes[3], "weft_finality_own_witnesses_total") > 0, "it makes witnesses");
    assert!(has(&nodes[3], kept), "it keeps what it has");
    assert!(nodes.iter().all(|node| figure(node, "weft_withheld_transactions") == 0));
    assert!(!warns(&nodes[3], "the body of"));

    // What it has joined so it gives on: with the first away its word is needed, for who comes with nothing.
    let [first, second, third, away] = nodes;
    assert_eq!([first.stop(), second.stop()], [Some(0); 2]);
    std::fs::remove_file(cluster.data(1).join(FILE_NAME)).unwrap();
    let nodes = [cluster.start(1), third, away];
    wait_until("it has all", || count(&nodes[0]) == ids.len() as u64);
    assert!(has(&nodes[0], kept) && erased.iter().all(|id| has_erased(&nodes[0], id)));
    ids.push(read(&nodes[0], &mut device, "at the one that came with nothing"));
    wait_until_final(&nodes.iter().collect::<Vec<_>>());
    assert!(figure(&nodes[0], "weft_finality_own_witnesses_total") > 0, "it makes witnesses");
    assert!(nodes.into_iter().all(|node| node.stop() == Some(0)));
    common_chain(&cluster, 1..4).assert_final(&ids);
    let bytes = std::fs::read(cluster.data(3).join(FILE_NAME)).unwrap();
    let is_there = |words: &String| bytes.windows(words.len()).any(|found| found == words.as_bytes());
    assert!(is_there(&words[0]) && !words[1..].iter().any(is_there));
}

/// Whether a node has what is left of a transaction.
fn has_erased(node: &Node, id: &TxId) -> bool {
    let (status, problem) = node.get(&format!("/api/v1/transactions/{id}"));
    status == 410 && word(&problem) == "erased"
}
