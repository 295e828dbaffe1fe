//! How many transactions a second a node accepts and makes durable over loopback HTTP, beside the limit that the
//! signature check alone would set in the same run.
//!
//! `cargo bench --bench http` prints the medians of five runs. Transactions are signed beforehand, so that the clients
//! cost little; they still share the machine with the node. Without `--bench` it makes one tiny run.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../tests/it/support.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "it is test code, and the tests use more of it")]
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::{Duration, Instant};
use support::{Device, Node};
use weft_tangle::signing::VerifyingKey;
use weft_tangle::{NetworkId, Role, TxId};

/// What one measurement sends.
#[derive(Clone, Copy)]
struct Load {
    clients: usize,
    per_client: usize,
    per_request: usize,
}

/// What one measurement finds.
struct Figures {
    accepted_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    verifications_per_second: f64,
}

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let scale = if full { 1 } else { 100 };
    let runs = if full { 5 } else { 1 };
    let loads = [
        Load { clients: 1, per_client: 500 / scale, per_request: 1 },
        Load { clients: 64, per_client: 500 / scale, per_request: 1 },
        Load { clients: 64, per_client: 500 / scale, per_request: 50 },
    ];
    println!("clients  per request  accepted/s  p50 ms  p99 ms  verifications/s (all cores)  share");
    for load in loads {
        let mut results: Vec<Figures> = (0..runs).map(|_| measure(load)).collect();
        results.sort_by(|a, b| a.accepted_per_second.total_cmp(&b.accepted_per_second));
        let Figures { accepted_per_second: rate, p50_ms, p99_ms, verifications_per_second: limit } =
            results[results.len() / 2];
        let Load { clients, per_request, .. } = load;
        let share = rate / limit;
        println!(
            "{clients:7}  {per_request:11}  {rate:10.0}  {p50_ms:6.2}  {p99_ms:6.2}  {limit:27.0}  {share:.2}"
        );
    }
}

fn measure(load: Load) -> Figures {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let node = Node::start(directory.path());
    let requests = prepare(&node, load);
    let address = node.url.strip_prefix("http://").expect("the URL is ours").to_owned();
    let barrier = Barrier::new(load.clients + 1);
    let (elapsed, mut latencies) = std::thread::scope(|scope| {
        let (address, barrier) = (&address, &barrier);
        let clients: Vec<_> =
            requests.iter().map(|requests| scope.spawn(move || send(address, requests, barrier))).collect();
        barrier.wait();
        let begin = Instant::now();
        let latencies: Vec<Duration> =
            clients.into_iter().flat_map(|client| client.join().expect("no client panics")).collect();
        (begin.elapsed(), latencies)
    });
    latencies.sort_unstable();
    let percentile = |share: usize| latencies[(latencies.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    let accepted = load.clients * load.per_client;
    let [stored, witnesses] = figures(&node, ["weft_stored_transactions ", "weft_stored_witnesses "]);
    assert_eq!(stored - witnesses, accepted + load.clients, "everything that was sent is durable");
    Figures {
        accepted_per_second: accepted as f64 / elapsed.as_secs_f64(),
        p50_ms: percentile(50),
        p99_ms: percentile(99),
        verifications_per_second: verification_limit(accepted.clamp(64, 20_000)),
    }
}

/// Figures of the node's without labels, of one moment: it makes witnesses by itself.
fn figures<const N: usize>(node: &Node, names: [&str; N]) -> [usize; N] {
    let text = String::from_utf8(node.get_as("/metrics", "text/plain").1).expect("metrics are text");
    names.map(|name| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)).expect("every node tells it");
        value.parse().expect("it counts")
    })
}

/// Enrols a device for each client and writes its requests, each transaction approving the one before it.
fn prepare(node: &Node, load: Load) -> Vec<Vec<Vec<u8>>> {
    let network = node.network();
    let genesis = node.genesis();
    let prepare_one = |number: usize| {
        let mut device = Device::new(number as u8, network);
        device.enrol(node, Role::Sensor);
        chain(&mut device, genesis, load)
    };
    // Signing costs far more than what is measured, so every core has its share of the clients.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let share = |core| move || (core..load.clients).step_by(cores).map(prepare_one).collect::<Vec<_>>();
        let workers: Vec<_> = (0..cores).map(|core| scope.spawn(share(core))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect()
    })
}

fn chain(device: &mut Device, genesis: TxId, load: Load) -> Vec<Vec<u8>> {
    let mut last = genesis;
    let mut wires = Vec::new();
    for _ in 0..load.per_client {
        let mut wish = device.reading([last, genesis]);
        // With header, signature and nonce this makes 2.8 KB.
        wish.content.resize(200, b' ');
        last = device.sign(&wish).id();
        wires.push(device.wire(&wish));
    }
    wires.chunks(load.per_request).map(|wires| request(wires, load.per_request > 1)).collect()
}

fn request(wires: &[Vec<u8>], batch: bool) -> Vec<u8> {
    let framed = wires.iter().flat_map(|wire| [&(wire.len() as u32).to_be_bytes()[..], wire].concat());
    let (path, body): (_, Vec<u8>) = if batch {
        ("/api/v1/transactions/batch", framed.collect())
    } else {
        ("/api/v1/transactions", wires.concat())
    };
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: weft\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

/// Sends the requests one after another on one connection; the time that each took.
fn send(address: &str, requests: &[Vec<u8>], barrier: &Barrier) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).expect("the node listens");
    stream.set_nodelay(true).expect("a TCP socket");
    barrier.wait();
    let mut buffer = vec![0; 64 * 1024];
    let timed = |request: &Vec<u8>| {
        let begin = Instant::now();
        stream.write_all(request).expect("the node reads");
        read_answer(&mut stream, &mut buffer);
        begin.elapsed()
    };
    requests.iter().map(timed).collect()
}

fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).expect("the node answers");
        assert!(count > 0, "the node closed the connection");
        filled += count;
        let text = std::str::from_utf8(&buffer[..filled]).expect("JSON is text");
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        if body.len() >= length.parse::<usize>().expect("a number") {
            assert!(head.starts_with("HTTP/1.1 20") && !body.contains("problem"), "{text}");
            return;
        }
    }
}

/// Signatures that all cores together verify a second when they do nothing else.
fn verification_limit(count: usize) -> f64 {
    let device = Device::new(200, NetworkId::from_bytes([0; 32]));
    let message = [7; 90];
    let signature = device.key.sign(&message);
    let key = VerifyingKey::parse(device.key.public_key()).expect("the key is one");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                for _ in 0..count {
                    key.verify(&message, signature.as_bytes()).expect("the signature is right");
                }
            });
        }
    });
    (count * cores) as f64 / begin.elapsed().as_secs_f64()
}
