//! Far more work than a node can do, from one device on most of the connections there are, beside a device that sends a
//! reading now and then.
//!
//! The flood is of transactions that are signed and worked for but approve one that nobody has: each costs the node a
//! signature check, none is ever stored, so a few hundred of them can be sent for ever. It does not wait when it is asked to.
//! `WEFT_OVERLOAD_SECONDS` says how long it lasts.

use crate::cluster::count;
use crate::support::{Device, Node};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use weft_tangle::{Role, TxId};

/// Connections of the flood. The node takes 1,024.
const CONNECTIONS: usize = 900;
/// Transactions of the flood that differ; less than the quota, so that each has the same work.
const TRANSACTIONS: usize = 512;
/// Transactions in one of its batches. Every other connection sends these, the others send single ones.
const BATCH: usize = 256;
/// What the process may have had in memory at most: its cache, the bodies and answers in flight, the buffers of all
/// connections (`src/limits.rs`), and as much again for what the allocator keeps.
const MEMORY_MIB: u64 = 640;
/// From one reading of the well-behaved device to the next.
const PERIOD: Duration = Duration::from_millis(250);
/// How long one of its readings may take, with all its repetitions. Not a figure of merit: beyond it something is stuck.
const READING_WITHIN: Duration = Duration::from_secs(120);

/// What became of the flood's transactions.
#[derive(Debug, Default)]
struct Flood {
    sent: AtomicU64,
    judged: AtomicU64,
    put_off: AtomicU64,
    connections_lost: AtomicU64,
    /// 503s that do not say when to come again.
    without_retry_after: AtomicU64,
}

/// What the well-behaved device has seen.
#[derive(Debug, Default)]
struct Readings {
    latencies: Vec<Duration>,
    put_off: u64,
    connections_lost: u64,
}

/// Stops the flood when it is dropped, also by a failed assertion.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn seconds() -> u64 {
    let text = std::env::var("WEFT_OVERLOAD_SECONDS").unwrap_or_else(|_| "20".into());
    text.parse().expect("WEFT_OVERLOAD_SECONDS is a number of seconds")
}

/// Lets this process hold the flood's connections, and what other tests have open beside them.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = CONNECTIONS as u64 + 1_000;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
        raised.unwrap_or_else(|error| panic!("{error}: let a process have {wanted} files open (ulimit -Hn)"));
    }
}

/// One request of HTTP/1.1.
fn request(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: weft\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The flood's requests: single transactions, and batches of them.
fn prepare(node: &Node) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut device = Device::new(1, node.network());
    let enrolment = device.enrol(node, Role::Sensor);
    // Of the time of a transaction that is there, but none that anybody has.
    let nobodys = TxId::from_bytes(std::array::from_fn(|at| enrolment.as_bytes()[at] ^ u8::from(at == 39)));
    let wires: Vec<Vec<u8>> = (0..TRANSACTIONS)
        .map(|_| {
            let mut wish = device.reading([nobodys, enrolment]);
            wish.content.resize(200, b' ');
            device.wire(&wish)
        })
        .collect();
    let frame = |wire: &Vec<u8>| [&(wire.len() as u32).to_be_bytes()[..], wire].concat();
    let batch = |wires: &[Vec<u8>]| wires.iter().flat_map(frame).collect::<Vec<u8>>();
    let batches = wires.chunks(BATCH).map(|wires| request("/api/v1/transactions/batch", &batch(wires)));
    let batches = batches.collect();
    (wires.iter().map(|wire| request("/api/v1/transactions", wire)).collect(), batches)
}

/// One answer: its head and body as text.
fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<(String, String)> {
    buffer.clear();
    let mut piece = [0; 4_096];
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        buffer.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(buffer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("every answer has its length").parse().unwrap();
        if body.len() >= length {
            return Ok((head, body.to_owned()));
        }
    }
}

/// Sends on one connection, and on a new one when that is lost, until it is told to stop.
fn flood(address: &str, requests: &[Vec<u8>], each: u64, from: usize, flood: &Flood, stop: &AtomicBool) {
    let add = |counter: &AtomicU64, count: u64| {
        counter.fetch_add(count, Ordering::Relaxed);
    };
    let mut buffer = Vec::new();
    let mut connection = None;
    for request in requests.iter().cycle().skip(from % requests.len()) {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let stream = match connection.take() {
            Some(stream) => Ok(stream),
            None => TcpStream::connect(address),
        };
        let answered = stream.and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            stream.set_write_timeout(Some(Duration::from_secs(60)))?;
            let written = stream.write_all(request);
            add(&flood.sent, each);
            // An answer that comes before the body is taken is read all the same.
            let answered = answer(&mut stream, &mut buffer)?;
            Ok((answered, written.is_ok().then_some(stream)))
        });
        let Ok(((head, body), stream)) = answered else {
            add(&flood.connections_lost, 1);
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        connection = stream.filter(|_| !head.contains("connection: close"));
        if head.starts_with("http/1.1 503") {
            add(&flood.put_off, each);
            let says_when = head.lines().any(|line| line.starts_with("retry-after: "));
            add(&flood.without_retry_after, u64::from(!says_when));
        } else {
            let put_off = body.matches(r#""status":503"#).count() as u64;
            let says_when = body.matches(r#""retry_after":"#).count() as u64;
            add(&flood.put_off, put_off);
            add(&flood.without_retry_after, put_off.saturating_sub(says_when));
            add(&flood.judged, each.saturating_sub(put_off));
        }
    }
}

/// A device that sends a reading now and then, and the same bytes again after the time that it is asked to wait.
fn behave(node: &Node, device: &mut Device, mut parents: [TxId; 2], until: Instant) -> Readings {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut readings = Readings::default();
    while Instant::now() < until {
        let wish = device.reading(parents);
        let wire = device.wire(&wish);
        let begun = Instant::now();
        loop {
            let request = agent.post(format!("{}/api/v1/transactions", node.url));
            let response = request.header("content-type", "application/octet-stream").send(&wire[..]);
            assert!(begun.elapsed() < READING_WITHIN, "it is never taken");
            // Where there is no room for the body the node closes the connection, perhaps before all was sent.
            let Ok(response) = response else {
                readings.connections_lost += 1;
                std::thread::sleep(PERIOD);
                continue;
            };
            match response.status().as_u16() {
                200 | 201 => break,
                503 => {
                    let seconds =
                        response.headers().get("retry-after").expect("a 503 says when to come again");
                    let seconds = seconds.to_str().unwrap().parse().unwrap();
                    readings.put_off += 1;
                    std::thread::sleep(Duration::from_secs(seconds));
                }
                status => panic!("a well-behaved device was answered {status}"),
            }
        }
        readings.latencies.push(begun.elapsed());
        parents[0] = device.sign(&wish).id();
        std::thread::sleep(PERIOD.saturating_sub(begun.elapsed()));
    }
    readings
}

/// The most that the process has had in memory, in MiB.
fn peak_mib(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1_024
}

#[test]
fn a_flood_costs_neither_memory_nor_the_readings_of_others() {
    raise_file_limit();
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path());
    let (singles, batches) = prepare(&node);
    let mut device = Device::new(2, node.network());
    let parents = [device.enrol(&node, Role::Sensor), node.genesis()];
    let address = node.url.strip_prefix("http://").unwrap();
    let (figures, stop, barrier) = (Flood::default(), AtomicBool::new(false), Barrier::new(CONNECTIONS + 1));
    let (readings, elapsed) = std::thread::scope(|scope| {
        for number in 0..CONNECTIONS {
            let (figures, stop, barrier, singles, batches) = (&figures, &stop, &barrier, &singles, &batches);
            let (requests, each) = if number % 2 == 0 { (singles, 1) } else { (batches, BATCH as u64) };
            let work = move || {
                barrier.wait();
                flood(address, requests, each, number / 2, figures, stop);
            };
            std::thread::Builder::new().stack_size(256 * 1_024).spawn_scoped(scope, work).unwrap();
        }
        barrier.wait();
        let begun = Instant::now();
        let _stop = Stop(&stop);
        let readings = behave(&node, &mut device, parents, begun + Duration::from_secs(seconds()));
        (readings, begun.elapsed().as_secs_f64())
    });

    let [sent, judged, put_off, lost, silent] = [
        &figures.sent,
        &figures.judged,
        &figures.put_off,
        &figures.connections_lost,
        &figures.without_retry_after,
    ]
    .map(|counter| counter.load(Ordering::Relaxed));
    let mut latencies = readings.latencies;
    latencies.sort_unstable();
    let percentile = |share: usize| latencies[(latencies.len() - 1) * share / 100].as_secs_f64() * 1_000.0;
    println!(
        "flood: {CONNECTIONS} connections, {:.0} transactions/s sent, {:.0}/s judged, {:.0}/s put off, {lost} connections lost",
        sent as f64 / elapsed,
        judged as f64 / elapsed,
        put_off as f64 / elapsed
    );
    println!(
        "well-behaved: {} readings, all accepted; p50 {:.0} ms, p99 {:.0} ms; put off {} times, {} connections lost",
        latencies.len(),
        percentile(50),
        percentile(99),
        readings.put_off,
        readings.connections_lost
    );
    println!("memory of the node at most: {} MiB", peak_mib(&node));
    assert!(judged > 0 && put_off > 0, "the node has worked, and had more to do than it could");
    assert_eq!(silent, 0, "every 503 says when to come again");
    assert!(peak_mib(&node) < MEMORY_MIB, "{} MiB", peak_mib(&node));
    assert_eq!(node.get("/readyz").0, 200);
    let stored = count(&node);
    assert_eq!(stored as usize, latencies.len() + 2, "the readings and two enrolments, nothing of the flood");
    assert_eq!(node.stop(), Some(0));
}
