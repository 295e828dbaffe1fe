//! Clients that ask for more than they mean to read, or leave: the node's memory stays bounded and it goes on serving, what
//! is free of it the allocator gives back, and its threads let each other finish.

use crate::support::{Device, Node};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use weft_tangle::{Role, TxId};

/// Connections that ask and do not read.
const GREEDY: usize = 300;

/// What the process may grow by: both budgets of 64 MiB, and what the allocator and the pages themselves take. Where the
/// system does not say how large it is, nothing is judged.
const GROWTH_MIB: u64 = 320;

/// Readings of 16,000 bytes of text each, in one batch after the other.
fn fill(node: &Node, device: &mut Device, parents: [TxId; 2], count: usize) {
    let content = format!(r#"[{{"n":"urn:dev:ow:10e2073a0108006:note","vs":"{}"}}]"#, "x".repeat(16_000));
    let wires: Vec<Vec<u8>> = (0..count)
        .map(|_| {
            let mut wish = device.reading(parents);
            wish.content = content.clone().into_bytes();
            device.wire(&wish)
        })
        .collect();
    for batch in wires.chunks(200) {
        let framed: Vec<u8> =
            batch.iter().flat_map(|wire| [&(wire.len() as u32).to_be_bytes()[..], wire].concat()).collect();
        let (status, answer) = node.post("/api/v1/transactions/batch", &framed);
        assert_eq!(status, 200, "{answer}");
        assert!(
            answer["results"].as_array().unwrap().iter().all(|result| result["status"] == "attached"),
            "{answer}"
        );
    }
}

#[test]
fn a_node_has_its_allocator_give_back_soon_unless_an_operator_says_otherwise() {
    let data = tempfile::tempdir().unwrap();
    for (given, expected) in [(None, "MIMALLOC_PURGE_DELAY=100"), (Some("7"), "MIMALLOC_PURGE_DELAY=7")] {
        let mut command = Node::command(data.path(), &[]);
        command.env_remove("MIMALLOC_ALLOW_THP").env_remove("MIMALLOC_PURGE_DELAY");
        command.envs(given.map(|delay| ("MIMALLOC_PURGE_DELAY", delay)));
        let node = Node::of(command);
        let environment = std::fs::read_to_string(format!("/proc/{}/environ", node.pid())).unwrap();
        for setting in ["MIMALLOC_ALLOW_THP=0", expected] {
            assert!(
                environment.split('\0').any(|variable| variable == setting),
                "{setting}: {environment:?}"
            );
        }
        assert_eq!(node.stop(), Some(0));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn no_thread_of_a_node_puts_another_aside() {
    const SCHED_BATCH: &str = "3";
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let tasks = std::fs::read_dir(format!("/proc/{}/task", node.pid())).unwrap();
    let stats: Vec<String> =
        tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok()).collect();
    assert!(stats.len() > 5, "{stats:?}");
    for stat in stats {
        // Field 41 of proc(5); the second one is the name in parentheses.
        let policy = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(38);
        assert_eq!(policy, Some(SCHED_BATCH), "{stat}");
    }
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn pages_that_nobody_reads_do_not_pile_up() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path());
    let mut device = Device::new(1, node.network());
    device.enrol(&node, Role::Sensor);
    let parents = node.parents(&device.id());
    fill(&node, &mut device, parents, 200);
    let path = format!("/api/v1/devices/{}/readings?limit=1000", device.id());
    let before = node.resident_mib();
    let mut greedy: Vec<TcpStream> = (0..GREEDY)
        .map(|_| {
            let mut stream = TcpStream::connect(node.url.strip_prefix("http://").unwrap()).unwrap();
            stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).unwrap();
            stream
        })
        .collect();
    // Each has the beginning of its answer, so each answer is made and waits to be read.
    let mut words = Vec::new();
    for stream in &mut greedy {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        words.push(String::from_utf8(status[9..].to_vec()).unwrap());
    }
    assert!(words.iter().all(|word| word == "200" || word == "503"), "{words:?}");
    // How many fit depends on what the kernel's buffers take, so it is not asserted that one is sent away.
    if let (Some(before), Some(after)) = (before, node.resident_mib()) {
        assert!(after < before + GROWTH_MIB, "{before} MiB became {after}");
    }
    drop(greedy);

    // Page by page all of it is there, once the node has seen that the others are gone.
    for _ in 0..600 {
        if node.get_as(&path, "*/*").0 != 503 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let (mut next, mut pages, mut records) = (path, 0, 0);
    loop {
        let (link, body) = node.page(&next);
        records += body.as_array().unwrap().len();
        pages += 1;
        let Some(link) = link else { break };
        next = link;
    }
    assert_eq!(records, 200);
    assert!(pages > 1, "a page has a bound in bytes");
}
