//! What becomes final, as a real node tells it: in a transaction's status, as events, as commits.

mod disputed;
mod stream;

use crate::cluster::{Cluster, wait_until};
use crate::support::{Device, Node, now, word};
use crate::world::{World, world};
use serde_json::{Value, json};
use stream::{Events, Told};
use weft_tangle::finality::{COMMIT_BYTES, Commit, LEAF_BYTES};
use weft_tangle::{Role, TxId, to_text};

/// Sends a reading of the world's sensor; its id and bytes.
fn read(world: &mut World) -> (TxId, Vec<u8>) {
    let wish = world.sensor.reading(world.parents());
    let wire = world.sensor.wire(&wish);
    world.expect(&wire, 201, "attached");
    (world.sensor.sign(&wish).id(), wire)
}

/// A transaction as the node shows it, once a commit has delivered it.
fn settled(node: &Node, id: &TxId) -> Value {
    let mut shown = Value::Null;
    wait_until("it is final", || {
        shown = node.get(&format!("/api/v1/transactions/{id}")).1;
        !shown["commit"].is_null()
    });
    shown
}

/// All that a commit delivers, page by page.
fn delivered(node: &Node, index: u64, limit: usize) -> Vec<(String, String)> {
    let mut path = Some(format!("/api/v1/commits/{index}?transactions=1&limit={limit}"));
    let mut found = Vec::new();
    while let Some(page) = path {
        let (next, commit) = node.page(&page);
        let leaves = commit["transactions"].as_array().unwrap();
        assert!(leaves.len() <= limit);
        let text = |leaf: &Value, name: &str| leaf[name].as_str().unwrap().to_owned();
        found.extend(leaves.iter().map(|leaf| (text(leaf, "id"), text(leaf, "verdict"))));
        path = next;
    }
    found
}

#[test]
fn a_reading_becomes_final_and_every_answer_says_so() {
    let mut world = world();
    let mut events = Events::open(&world.node, &format!("device={}", world.sensor.id()));
    let (id, wire) = read(&mut world);
    let attached = events.about("attached", &id);
    assert_eq!((&attached.id, &attached.data["kind"]), (&None, &json!("reading")));
    let told = events.about("final", &id);
    let (index, place) = (told.data["index"].as_u64().unwrap(), told.data["place"].as_u64().unwrap());
    assert_eq!(told.id, Some(format!("{index}-{place}")));
    assert_eq!(
        (&told.data["status"], &told.data["issuer"]),
        (&json!("final"), &json!(world.sensor.id().to_string()))
    );
    let commit = events.until("its commit", |told| told.name == "commit" && told.data["index"] == index);

    let shown = world.node.get(&format!("/api/v1/transactions/{id}")).1;
    assert_eq!(shown["status"], "final");
    assert_eq!(shown["commit"], json!({ "index": index, "digest": commit.data["digest"] }));
    assert_eq!(world.node.submit(&wire), (200, "final".into()), "sent again it says what it is by now");
    let leaves = delivered(&world.node, index, 1);
    assert_eq!(leaves[place as usize], (id.to_string(), "counts".into()));
    assert_eq!(json!(leaves.len()), commit.data["count"]);

    // What the node says of the commit follows from its bytes.
    let path = format!("/api/v1/commits/{index}");
    let (status, bytes) = world.node.get_as(&format!("{path}?transactions=1"), "application/octet-stream");
    let (head, rest) = bytes.split_first_chunk::<COMMIT_BYTES>().unwrap();
    let found = Commit::decode(head).unwrap();
    let digest = found.digest(&world.sensor.network);
    assert_eq!((status, rest.len()), (200, LEAF_BYTES * found.count as usize));
    assert_eq!(&rest[LEAF_BYTES * place as usize..][..40], id.as_bytes());
    let expected = json!({
        "index": index, "digest": to_text(&digest.0), "previous": to_text(&found.previous.0),
        "leader": found.leader.to_string(), "time": found.time.as_millis(), "root": to_text(&found.root.0),
        "count": found.count, "certified": true,
    });
    wait_until("it is certified", || world.node.get(&path).1["certified"] == true);
    assert_eq!(world.node.get(&path), (200, expected));

    let network = world.node.get("/api/v1/network").1;
    assert!(network["commit"]["index"].as_u64() >= Some(index), "{network}");
    assert!(network["finalised"].as_u64() >= Some(2) && network["diverged"].is_null(), "{network}");
    assert!(network["finalised"].as_u64() <= network["transactions"].as_u64(), "{network}");
    let members = network["members"].as_array().unwrap();
    assert_eq!((members.len(), &members[0]["device"]), (1, &network["node"]));
    assert!(members[0]["round"].as_u64() >= Some(3), "{network}");
    let path = format!("/api/v1/devices/{}/readings", world.sensor.id());
    let answer = ureq::get(format!("{}{path}", world.node.url)).call().unwrap();
    assert!(
        !answer.headers().keys().any(|name| name.as_str().starts_with("weft-")),
        "{:?}",
        answer.headers()
    );
}

#[test]
fn a_stream_goes_on_where_it_was_lost_also_behind_a_restart() {
    let mut world = world();
    let mut sent: Vec<TxId> = (0..5).map(|_| read(&mut world).0).collect();
    sent.iter().for_each(|id| drop(settled(&world.node, id)));
    let of = "of=enrol,reading,witness&kind=final,commit";
    let newest = world.node.get("/api/v1/network").1["commit"]["index"].as_u64().unwrap();
    let is_newest = |told: &Told| told.name == "commit" && told.data["index"] == newest;
    let mut all = Vec::new();
    for told in Events::open(&world.node, &format!("{of}&after=0-0")) {
        let is_last = is_newest(&told);
        all.push(told);
        if is_last {
            break;
        }
    }
    let mut expected = Vec::new();
    for index in 1..=newest {
        let leaves = delivered(&world.node, index, 1_000);
        expected.extend((0..leaves.len()).map(|place| Some(format!("{index}-{place}"))));
        expected.push(Some(format!("{index}-{}", leaves.len())));
        let told = all.iter().filter(|told| told.name == "final" && told.data["index"] == index);
        let told: Vec<_> = told.map(|told| told.data["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(told, leaves.into_iter().map(|leaf| leaf.0).collect::<Vec<_>>());
    }
    assert_eq!(all.iter().map(|told| told.id.clone()).collect::<Vec<_>>(), expected);

    let World { node, directory, sensor } = world;
    assert_eq!(node.stop(), Some(0));
    let mut world = World { node: Node::start(directory.path()), directory, sensor };
    for at in 0..all.len() {
        let rest = Events::open_behind(&world.node, &format!("{of}&after=0-0"), all[at].id.as_deref());
        let rest: Vec<Told> = rest.take(all.len() - at - 1).collect();
        assert_eq!(rest, all[at + 1..]);
    }
    // And from there to what happens now, each reading once.
    let mut stream = Events::open_behind(&world.node, "kind=final", all.last().unwrap().id.as_deref());
    sent = (0..3).map(|_| read(&mut world).0).collect();
    let told: Vec<String> =
        stream.by_ref().take(3).map(|told| told.data["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, sent.iter().map(TxId::to_string).collect::<Vec<_>>());
    // A node that stops says so, and does not wait for who listens.
    assert_eq!(world.node.stop(), Some(0));
    let ended = stream.last().unwrap();
    assert_eq!((ended.name.as_str(), &ended.data), ("ended", &json!({ "reason": "stopping" })));
}

#[test]
fn streams_are_few_and_a_wish_that_cannot_be_met_is_refused() {
    let world = world();
    let mut streams: Vec<Events> = (0..64).map(|_| Events::open(&world.node, "kind=peer")).collect();
    let (status, refused) = world.node.get("/api/v1/events");
    assert_eq!((status, word(&refused)), (503, "too-many-subscribers".into()));
    assert!(refused["retry_after"].as_u64() > Some(0), "{refused}");
    let metrics = |words: &str| {
        String::from_utf8(world.node.get_as("/metrics", "*/*").1).unwrap().lines().any(|line| line == words)
    };
    assert!(metrics("weft_http_event_streams 64"));
    streams.truncate(10);
    wait_until("who leaves makes room", || metrics("weft_http_event_streams 10"));
    let mut events = Events::open(&world.node, "of=enrol");
    let mut other = Device::new(9, world.sensor.network);
    let enrolment = other.enrol(&world.node, Role::Sensor);
    events.about("attached", &enrolment);
    assert!(metrics("weft_http_events_total{event=\"attached\"} 1"));
    for (path, status, slug) in [
        ("/api/v1/events?kind=finally", 400, "bad-request"),
        ("/api/v1/events?of=all", 400, "bad-request"),
        ("/api/v1/events?after=x", 400, "bad-request"),
        ("/api/v1/events?device=x", 400, "bad-request"),
        ("/api/v1/events?since=1-0", 400, "bad-request"),
        ("/api/v1/commits/0", 404, "not-found"),
        ("/api/v1/commits/99999999", 404, "not-found"),
        ("/api/v1/commits/newest", 400, "bad-request"),
        ("/api/v1/commits/1?transactions=yes", 400, "bad-request"),
        ("/api/v1/commits/1?transactions=1&limit=1001", 400, "bad-request"),
        ("/api/v1/commits?order=none", 400, "bad-request"),
        ("/api/v1/commits?limit=0", 400, "bad-request"),
        ("/api/v1/commits?from=-1", 400, "bad-request"),
        ("/api/v1/commits/1/2", 404, "not-found"),
    ] {
        let (found, answer) = world.node.get(path);
        assert_eq!((found, word(&answer)), (status, slug.into()), "{path}");
    }
    assert_eq!(world.node.post("/api/v1/events", &[]).0, 405);
}

#[test]
fn commits_are_listed_either_way_and_are_a_chain() {
    let mut world = world();
    for _ in 0..4 {
        let (id, _) = read(&mut world);
        settled(&world.node, &id);
    }
    let newest = world.node.get("/api/v1/network").1["commit"]["index"].as_u64().unwrap();
    let list = |query: &str| {
        let (mut path, mut found) = (Some(format!("/api/v1/commits?{query}")), Vec::new());
        while let Some(page) = path {
            let (next, commits) = world.node.page(&page);
            found.extend(commits["commits"].as_array().unwrap().clone());
            path = next;
        }
        found
    };
    // An idle committee may still vote, and so commit once more.
    let mut oldest_first = list("order=oldest&limit=2");
    oldest_first.truncate(newest as usize);
    let mut previous = json!(to_text(&[0; 32]));
    for (index, commit) in (1u64..).zip(&oldest_first) {
        assert_eq!((&commit["index"], &commit["previous"]), (&json!(index), &previous));
        assert!(commit["time"].as_u64() <= Some(now() + 10_000));
        previous = commit["digest"].clone();
    }
    assert_eq!(oldest_first.len() as u64, newest);
    let mut newest_first = list(&format!("from={newest}&limit=3"));
    newest_first.reverse();
    let digests =
        |commits: &[Value]| commits.iter().map(|commit| commit["digest"].clone()).collect::<Vec<_>>();
    assert_eq!(digests(&newest_first), digests(&oldest_first));
}

#[test]
fn three_nodes_say_the_same_and_tell_of_each_other() {
    let cluster = Cluster::new(3);
    let mut nodes: Vec<Node> = (0..2).map(|node| cluster.start(node)).collect();
    let mut peers = Events::open(&nodes[0], "kind=peer");
    nodes.push(cluster.start(2));
    let third = nodes[2].get("/api/v1/network").1["node"].as_str().unwrap().to_owned();
    let joined = peers.until("the third comes", |told| told.data["device"] == third.as_str());
    assert_eq!(joined.data["state"], "connected");
    let mut device = Device::new(1, *cluster.network().id());
    let mut sent = vec![device.enrol(&nodes[0], Role::Sensor)];
    for node in &nodes {
        wait_until("the device is known", || node.get(&format!("/api/v1/devices/{}", device.id())).0 == 200);
        let wish = device.reading(node.parents(&device.id()));
        assert_eq!(node.submit(&device.wire(&wish)), (201, "attached".into()));
        sent.push(device.sign(&wish).id());
    }
    for id in &sent {
        let said: Vec<Value> = nodes.iter().map(|node| settled(node, id)["commit"].clone()).collect();
        assert!(said.iter().all(|commit| *commit == said[0]), "{said:?}");
    }
    // A stream lost at one node goes on at another.
    let mut first = Events::open(&nodes[0], "kind=final&after=0-0");
    let begun = first.next().unwrap();
    let mut other = Events::open_behind(&nodes[1], "kind=final", begun.id.as_deref());
    let told: Vec<String> = std::iter::once(begun)
        .chain(other.by_ref().take(sent.len() - 1))
        .map(|told| told.data["id"].as_str().unwrap().to_owned())
        .collect();
    sent.sort_unstable();
    let mut told_sorted = told.clone();
    told_sorted.sort_unstable();
    assert_eq!(told_sorted, sent.iter().map(TxId::to_string).collect::<Vec<_>>());
    nodes.pop().unwrap().kill();
    peers.until("the third leaves", |told| told.data == json!({ "device": third, "state": "left" }));
}
