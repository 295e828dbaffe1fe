//! What was final and is disputed, or comes from a device that is revoked: in status, events and figures of readings.

use super::stream::{Events, Told};
use super::{delivered, read, settled};
use crate::cluster::{Cluster, wait_until};
use crate::support::Device;
use crate::world::world;
use serde_json::json;
use weft_tangle::body::{Reason, Revocation};
use weft_tangle::{Kind, Role};

#[test]
fn a_later_commit_disputes_what_was_final_and_who_is_revoked_is_told() {
    let mut world = world();
    let (first, _) = read(&mut world);
    assert_eq!(settled(&world.node, &first)["status"], "final");
    let mut events = Events::open(&world.node, "kind=disputed,final");
    world.sensor.counter -= 1;
    let genesis = world.node.genesis();
    let mut wish = world.sensor.reading([genesis, genesis]);
    // Within the epoch of the first, whatever the clock says by now.
    wish.timestamp = first.timestamp().as_millis() + 1;
    let (wire, second) = (world.sensor.wire(&wish), world.sensor.sign(&wish).id());
    world.expect(&wire, 201, "disputed");
    assert_eq!(events.about("final", &second).data["status"], "disputed");
    let before = settled(&world.node, &second);
    assert_eq!(before["status"], "disputed");
    wait_until("the commit disputes the first as well", || {
        world.node.get(&format!("/api/v1/transactions/{first}")).1["status"] == "disputed"
    });
    let shown = settled(&world.node, &first);
    assert_ne!(shown["commit"]["index"], before["commit"]["index"], "its commit stays what it was");
    let leaves = delivered(&world.node, shown["commit"]["index"].as_u64().unwrap(), 1_000);
    assert!(leaves.contains(&(first.to_string(), "counts".into())), "and so does its leaf");

    // A device that gives itself up: what it sends afterwards is delivered as revoked.
    let content = Revocation { device: world.sensor.id(), reason: Reason::Compromised };
    let wish = world.sensor.control(Kind::RevokeDevice, content.encode().to_vec(), world.parents());
    world.expect(&world.sensor.wire(&wish), 201, "attached");
    assert_eq!(settled(&world.node, &world.sensor.sign(&wish).id())["status"], "final");
    let (late, _) = read(&mut world);
    assert_eq!(settled(&world.node, &late)["status"], "revoked");
    assert_eq!(events.about("final", &late).data["status"], "revoked");
    let path = format!("/api/v1/devices/{}/readings", world.sensor.id());
    let answer = ureq::get(format!("{}{path}", world.node.url)).call().unwrap();
    let header = |name: &str| answer.headers().get(name).map(|count| count.to_str().unwrap().to_owned());
    let counts = ["weft-attached", "weft-disputed", "weft-revoked"].map(header);
    assert_eq!(counts, [None, Some("2".into()), Some("1".into())]);
}

#[test]
fn whoever_comes_back_hears_that_what_was_final_is_disputed() {
    let mut world = world();
    let wish = world.sensor.reading(world.parents());
    world.expect(&world.sensor.wire(&wish), 201, "attached");
    let first = world.sensor.sign(&wish).id();
    let mut events = Events::open(&world.node, "kind=final,disputed");
    let index = settled(&world.node, &first)["commit"]["index"].as_u64().unwrap();
    // The place of its commit: the stream may have begun behind its own.
    let last = format!("{index}-{}", delivered(&world.node, index, 1_000).len());
    world.sensor.counter -= 1;
    let genesis = world.node.genesis();
    let mut again = world.sensor.reading([genesis, genesis]);
    again.timestamp = wish.timestamp + 1;
    world.expect(&world.sensor.wire(&again), 201, "disputed");
    let second = world.sensor.sign(&again).id();
    settled(&world.node, &second);
    let expected = [("disputed", first), ("disputed", second), ("final", second)];
    let names = |told: &Told| (told.name.clone(), told.data["id"].as_str().unwrap().to_owned());
    let expected = expected.map(|(name, id)| (name.to_owned(), id.to_string()));
    // Those who stayed have heard the same, and before it that the second was disputed when it came.
    events.about("disputed", &second);
    assert_eq!(events.by_ref().take(3).map(|told| names(&told)).collect::<Vec<_>>(), expected);
    let back = Events::open_behind(&world.node, "kind=final,disputed", Some(&last));
    assert_eq!(back.take(3).map(|told| names(&told)).collect::<Vec<_>>(), expected);
}

#[test]
fn both_of_two_with_one_counter_are_told_before_they_are_final_and_readings_say_what_is_not() {
    let cluster = Cluster::without_quorum(1);
    let node = cluster.start(0);
    let mut sensor = Device::new(1, node.network());
    sensor.enrol(&node, Role::Sensor);
    let mut read = |counter: Option<(u32, u64)>| {
        let genesis = node.genesis();
        let mut wish = sensor.reading([genesis, genesis]);
        (wish.counter, wish.timestamp) = counter.unwrap_or((wish.counter, wish.timestamp));
        let (status, _) = node.submit(&sensor.wire(&wish));
        assert_eq!(status, 201);
        (sensor.sign(&wish).id(), (wish.counter, wish.timestamp + 1))
    };
    let path = format!("{}/api/v1/devices/{}/readings", node.url, Device::new(1, node.network()).id());
    let header = |name: &str| {
        let answer = ureq::get(&path).call().unwrap();
        answer.headers().get(name).map(|count| count.to_str().unwrap().to_owned())
    };
    let (_, (first, same)) = (read(None), read(None));
    assert_eq!(["weft-attached", "weft-disputed"].map(header), [Some("2".into()), None]);
    let mut events = Events::open(&node, "kind=disputed");
    let second = read(Some(same)).0;
    // GET says it of both by now.
    let told: Vec<_> = events.by_ref().take(2).map(|told| told.data["id"].clone()).collect();
    assert_eq!(told, [json!(second.to_string()), json!(first.to_string())]);
    for id in [first, second] {
        assert_eq!(node.get(&format!("/api/v1/transactions/{id}")).1["status"], "disputed");
    }
    assert_eq!(["weft-attached", "weft-disputed"].map(header), [Some("1".into()), Some("2".into())]);
}
