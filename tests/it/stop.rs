//! Programs that end: a node that is told to stop, in time whatever its clients do, and a demo that has shown all.

use crate::support::{Device, Node};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use weft_tangle::Role;

/// The promise is 5 s; a test machine may be busy with other things as well.
const STOPS_WITHIN: Duration = Duration::from_secs(15);

fn connect(node: &Node, request: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(node.url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request).unwrap();
    stream
}

#[test]
fn a_node_ends_in_time_while_clients_hang() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let mut device = Device::new(1, node.network());
    let enrolment = device.enrol(&node, Role::Sensor);
    let head = b"POST /api/v1/transactions HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n";
    let body = [&head[..], b"content-length: 9000\r\n\r\nhalf a"].concat();
    let many = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(400);
    let hanging: Vec<TcpStream> = [&b""[..], b"GET /hea", &head[..], &body, &many]
        .into_iter()
        .flat_map(|request| (0..4).map(|_| connect(&node, request)).collect::<Vec<_>>())
        .collect();
    let begun = Instant::now();
    assert_eq!(node.stop(), Some(0));
    assert!(begun.elapsed() < STOPS_WITHIN, "{:?}", begun.elapsed());
    drop(hanging);

    let again = Node::start(data.path());
    assert_eq!(again.get(&format!("/api/v1/transactions/{enrolment}")).0, 200, "what was acknowledged stays");
}

#[test]
fn what_is_sent_while_a_node_stops_is_attached_and_told_or_neither() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let mut device = Device::new(2, node.network());
    device.enrol(&node, Role::Sensor);
    let parents = node.parents(&device.id());
    let wires: Vec<Vec<u8>> = (0..64)
        .map(|_| {
            let wish = device.reading(parents);
            device.wire(&wish)
        })
        .collect();
    let streams: Vec<TcpStream> = wires
        .iter()
        .map(|wire| {
            let head = format!(
                "POST /api/v1/transactions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                 content-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
                wire.len()
            );
            connect(&node, &[head.as_bytes(), wire].concat())
        })
        .collect();
    assert_eq!(node.stop(), Some(0));
    let told: Vec<String> = streams
        .into_iter()
        .map(|mut stream| {
            let mut answer = Vec::new();
            // A connection that was not accepted any more is reset, and that tells nothing.
            let _reset = stream.read_to_end(&mut answer);
            String::from_utf8(answer).unwrap()
        })
        .collect();
    let node = Node::start(data.path());
    for answer in told.iter().filter(|answer| answer.starts_with("HTTP/1.1 201")) {
        let id = answer.split_once("\"id\":\"").unwrap().1.split('"').next().unwrap();
        assert_eq!(node.get(&format!("/api/v1/transactions/{id}")).0, 200, "{answer}");
    }
    for answer in &told {
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 201") || answer.starts_with("HTTP/1.1 503"),
            "{answer}"
        );
    }
}

#[test]
fn a_demo_in_a_closed_network_admits_its_devices() {
    let data = tempfile::tempdir().unwrap();
    let weft = || std::process::Command::new(crate::support::WEFT);
    let made = weft().args(["network", "new", "--nodes", "3", "--out"]).arg(data.path()).status().unwrap();
    assert!(made.success());
    let demo = weft()
        .args(["demo", "--once", "--seconds", "1", "--speed", "max", "--api-listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .output()
        .unwrap();
    let [out, error] = [&demo.stdout, &demo.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(demo.status.success(), "{out}{error}");
    assert!(out.contains("enrolled as sensor"), "{out}");
}
