//! Requests that are right, too much or nothing, and what a real node answers them.

use crate::cluster::wait_until;
use crate::support::{Device, word};
use crate::world::world;
use weft_tangle::replica::Ticket;

#[test]
fn batches() {
    let mut world = world();
    let framed = |wires: &[Vec<u8>]| -> Vec<u8> {
        wires.iter().flat_map(|wire| [&(wire.len() as u32).to_be_bytes()[..], wire].concat()).collect()
    };
    // A later one may approve an earlier one of the same batch.
    let first = world.sensor.reading(world.parents());
    let first_id = world.sensor.sign(&first).id();
    let mut second = world.sensor.reading([first_id, first.parents[0]]);
    second.timestamp = first.timestamp + 1;
    let bad = vec![0; 2_604];
    let wires = [world.sensor.wire(&first), bad, world.sensor.wire(&second)];
    let (status, answer) = world.node.post("/api/v1/transactions/batch", &framed(&wires));
    assert_eq!(status, 200);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!(results[0], serde_json::json!({ "id": first_id.to_string(), "status": "attached" }));
    assert_eq!(word(&results[1]["problem"]), "malformed");
    assert_eq!(results[2]["status"], "attached");
    let mut broken = framed(&wires);
    broken.pop();
    let (status, answer) = world.node.post("/api/v1/transactions/batch", &broken);
    assert_eq!((status, word(&answer)), (400, "malformed".into()));
}

#[test]
fn requests_that_ask_for_too_much_or_nothing() {
    let world = world();
    let node = &world.node;
    let id = world.sensor.id();
    let expect = |path: &str, status: u16, slug: &str| {
        let (found, answer) = node.get(path);
        assert_eq!((found, word(&answer)), (status, slug.into()), "{path}");
    };
    expect(&format!("/api/v1/ticket?device={id}&count=1000000000"), 400, "bad-request");
    expect(&format!("/api/v1/ticket?device={id}&count=0"), 400, "bad-request");
    expect(&format!("/api/v1/ticket?device={id}&size=1"), 400, "bad-request");
    expect(&format!("/api/v1/ticket?device={id}&device={id}"), 400, "bad-request");
    expect(&format!("/api/v1/devices/{id}/readings?limit=1&limit=1"), 400, "bad-request");
    expect("/api/v1/commits?from=1&order=oldest&from=1", 400, "bad-request");
    expect("/api/v1/events?kind=final&kind=peer", 400, "bad-request");
    expect("/api/v1/ticket", 400, "bad-request");
    expect("/api/v1/devices/none", 400, "bad-request");
    expect(&format!("/api/v1/devices/{}", Device::new(99, world.sensor.network).id()), 404, "not-found");
    expect(&format!("/api/v1/transactions/{}", node.genesis()), 404, "not-found");
    expect(&format!("/api/v1/devices/{id}/readings?limit=1001"), 400, "bad-request");
    expect(&format!("/api/v1/devices/{id}/readings?from=yesterday"), 400, "bad-request");
    expect("/api/v2/network", 404, "not-found");
    expect("/api/v1/transactions", 405, "method-not-allowed");
    expect("/api/v1/transactions/batch", 405, "method-not-allowed");
    let (status, answer) = node.post("/api/v1/transactions/batch", &[]);
    assert_eq!((status, word(&answer)), (400, "malformed".into()));
    let asked = ureq::get(format!("{}/api/v1/ticket?device={id}", node.url));
    let lines = asked.header("accept", "text/html").header("accept", "application/json").call().unwrap();
    assert_eq!(lines.headers()["content-type"], "application/json", "all lines of Accept count");
    let (status, ticket) = node.get(&format!("/api/v1/ticket?device={id}&count=64"));
    assert_eq!((status, ticket["parents"].as_array().unwrap().len()), (200, 64));
    let (status, bytes) =
        node.get_as(&format!("/api/v1/ticket?device={id}&count=2"), "application/octet-stream");
    let (network, compact) = Ticket::decode(&bytes).unwrap();
    assert_eq!((status, bytes.len(), compact.parents.len()), (200, 56 + 2 * 80, 2));
    assert_eq!((network, compact.epoch.0), (world.sensor.network, compact.time.as_millis() / 600_000));
    assert_eq!(u64::from(compact.difficulty.bits()), ticket["difficulty"].as_u64().unwrap());
}

#[test]
fn head_is_answered_where_get_is() {
    let mut world = world();
    let wish = world.sensor.reading(world.parents());
    world.expect(&world.sensor.wire(&wish), 201, "attached");
    let (device, reading) = (world.sensor.id(), world.sensor.sign(&wish).id());
    wait_until("there is a commit", || world.node.get("/api/v1/commits/1").0 == 200);
    let paths = [
        "/healthz".to_owned(),
        "/readyz".to_owned(),
        "/metrics".to_owned(),
        "/api/v1/network".to_owned(),
        format!("/api/v1/ticket?device={device}"),
        format!("/api/v1/transactions/{reading}"),
        "/api/v1/commits?limit=1&order=oldest".to_owned(),
        "/api/v1/commits/1".to_owned(),
        format!("/api/v1/devices/{device}"),
        format!("/api/v1/devices/{device}/readings"),
        "/api/v1/transactions/none".to_owned(),
    ];
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    for path in paths {
        let url = format!("{}{path}", world.node.url);
        let [get, mut head] = [agent.get(&url), agent.head(&url)].map(|request| request.call().unwrap());
        assert_eq!(head.status(), get.status(), "{path}");
        let media_type =
            |answer: &ureq::http::Response<ureq::Body>| answer.headers().get("content-type").cloned();
        assert_eq!(media_type(&head), media_type(&get), "{path}");
        assert_eq!(head.body_mut().read_to_vec().unwrap(), b"", "{path}");
    }
}

#[test]
fn readings_come_page_by_page() {
    let mut world = world();
    for value in 0..5 {
        let parents = world.parents();
        let mut wish = world.sensor.reading(parents);
        wish.content =
            format!(r#"[{{"bn":"urn:dev:ow:1:","n":"a","v":{value}}},{{"n":"b","v":0.1}}]"#).into_bytes();
        let wire = world.sensor.wire(&wish);
        world.expect(&wire, 201, "attached");
    }
    let mut path =
        format!("/api/v1/devices/{}/readings?limit=2&from=2020-01-01T00:00:00%2B01:00", world.sensor.id());
    let mut values = Vec::new();
    let mut pages = 0;
    loop {
        let mut response = ureq::get(format!("{}{path}", world.node.url)).call().unwrap();
        assert_eq!(response.headers()["content-type"], "application/senml+json");
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let records: serde_json::Value =
            serde_json::from_slice(&response.body_mut().read_to_vec().unwrap()).unwrap();
        let of_a = records.as_array().unwrap().iter().filter(|record| record["n"] == "urn:dev:ow:1:a");
        values.extend(of_a.map(|record| record["v"].as_f64().unwrap()));
        pages += 1;
        let Some(link) = link else { break };
        let (target, relation) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
        assert_eq!(relation, "; rel=\"next\"");
        path = target.to_owned();
    }
    assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(pages, 3);
}

#[test]
fn a_second_node_on_the_same_data_is_refused_with_words() {
    let world = world();
    let output = std::process::Command::new(crate::support::WEFT)
        .args(["node", "--api-listen", "127.0.0.1:0", "--data"])
        .arg(world.data())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("another"), "{text}");
}
