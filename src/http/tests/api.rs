//! The API over a whole ledger, on a disk that does what a test says.

use super::harness::{Answer, Client, until};
use crate::http::problem;
use crate::http::routes::{Api, filter};
use crate::http::server::{Server, ServerLimits};
use crate::limits::{API_READERS, BLOCKING_THREADS};
use crate::metrics::Metrics;
use crate::node::{Ledger, Own, Threads};
use crate::runtime::{block_on, spawn};
use crate::store::{Batch, Cursors, Fragile};
use crate::testing::chain::Chain;
use crate::testing::{self, Device, network};
use futures_channel::oneshot;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use weft_tangle::finality::{FinalVerdict, Pace};
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{DeviceId, Kind, Network, content_format};

/// A node that is no member of the committee, with its API on a free port.
struct Desk {
    disk: Fragile,
    api: Arc<Api>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    _threads: Threads,
}

impl Desk {
    /// With what `prepare` has stored before.
    fn new(network: &Arc<Network>, prepare: impl FnOnce(&Fragile)) -> Self {
        let disk = Fragile::new(network);
        prepare(&disk);
        let key = SigningKey::from_seed(&Seed::from_bytes([0xC1; 32])).unwrap();
        let node = DeviceId::of(key.public_key());
        let own = Own { key: Arc::new(key), pace: Pace::default() };
        let metrics = Metrics::new("network").unwrap();
        let (ledger, threads) =
            Ledger::start(Arc::clone(network), Arc::clone(&disk.store), metrics, own, None).unwrap();
        let api = Api::new(ledger, node);
        let stats = Arc::clone(&api.server);
        let server = Server::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let (address, served, (stop, stopped)) = (server.local_addr(), Arc::clone(&api), oneshot::channel());
        let server = std::thread::spawn(move || {
            let stop = async { _ = stopped.await };
            block_on(server.run(filter(served), ServerLimits::default(), stop, stats));
        });
        Self { disk, api, address, stop: Some(stop), server: Some(server), _threads: threads }
    }

    fn connect(&self) -> Client {
        Client::to(self.address)
    }

    /// Hands in a transaction.
    fn post(&self, wire: &[u8]) -> Answer {
        let mut client = self.connect();
        client.send(format!(
            "POST /api/v1/transactions HTTP/1.1\r\nhost: test\r\ncontent-type: application/octet-stream\r\n\
             content-length: {}\r\n\r\n",
            wire.len()
        ));
        client.send(wire).answer()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.stop.take());
        let server = self.server.take().map(JoinHandle::join);
        assert!(server.is_none_or(|ended| ended.is_ok()) || std::thread::panicking(), "the server panicked");
    }
}

/// Two enrolled devices' worth of a ledger, for readings that no door has seen.
fn ledger(name: &str) -> (testing::Ledger, Device) {
    let (mut ledger, device) = (testing::Ledger::new(&network(name), 7), Device::new(1));
    ledger.enrol(&device, 1);
    (ledger, device)
}

#[test]
fn whoever_looks_at_a_node_of_which_the_disk_hangs_stops_nobody_else() {
    let desk = Desk::new(&network("hanging"), |_| ());
    let cores = std::thread::available_parallelism().unwrap().get();
    let held = desk.disk.hold();
    let mut looking: Vec<Client> = Vec::new();
    for path in ["/metrics", "/api/v1/network"] {
        for _ in 0..cores + 2 {
            let mut client = desk.connect();
            client.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"));
            looking.push(client);
        }
    }
    until("they are connected", || desk.api.server.open() == looking.len() as u64);
    for _ in 0..2 * cores {
        assert_eq!(desk.connect().get("/healthz").status, 200);
        assert_eq!(desk.connect().get("/readyz").status, 200);
    }
    drop(held);
    assert!(looking.iter_mut().all(|client| client.answer().status == 200));
}

#[test]
fn what_is_read_at_once_has_a_bound_however_many_ask() {
    let desk = Desk::new(&network("readers"), |_| ());
    let cores = std::thread::available_parallelism().unwrap().get();
    let most = (cores / 2).clamp(API_READERS, BLOCKING_THREADS / 2);
    let [now, seen] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let readers: Vec<_> = (0..64)
        .map(|_| {
            let (api, now, seen) = (Arc::clone(&desk.api), Arc::clone(&now), Arc::clone(&seen));
            spawn(async move {
                let read = api.read(move |_, _| {
                    seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    // So long that others would come in between.
                    std::thread::sleep(Duration::from_millis(3));
                    now.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                });
                read.await.is_ok()
            })
        })
        .collect();
    for reader in readers {
        assert!(block_on(reader));
    }
    assert!((1..=most).contains(&seen.load(Ordering::SeqCst)), "{seen:?} of {most}");
}

#[test]
fn lists_that_can_be_long_share_the_memory_for_answers() {
    let (mut ledger, device) = ledger("lists");
    let reading = ledger.read(&device, 2);
    let commit =
        Chain::new(&ledger.network).commit(&[(reading.transaction(), FinalVerdict::Counts)], Vec::new());
    let desk = Desk::new(&ledger.network, |disk| {
        let (transactions, commits) = (&ledger.arrivals[..], &[commit][..]);
        disk.store.append_batch(&Batch { transactions, cursors: &Cursors::default(), commits }).unwrap();
    });
    let paths = [
        "/api/v1/commits".to_owned(),
        "/api/v1/commits/1".to_owned(),
        "/api/v1/network".to_owned(),
        format!("/api/v1/devices/{}/readings", device.id()),
    ];
    let spent = desk.api.spend_memory();
    for path in &paths {
        desk.connect().get(path).assert_problem(problem::Kind::Overloaded);
    }
    drop(spent);
    for path in &paths {
        let answer = desk.connect().get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    until("what they took is given back", || desk.api.answers_left() == crate::limits::HTTP_ANSWER_MEMORY);
}

#[test]
fn readings_that_no_door_takes_are_counted() {
    let (mut ledger, device) = ledger("unreadable");
    for (counter, format, content) in [
        (2, content_format::SENML_JSON, &b"{"[..]),
        (3, 9, b"[]"),
        (4, content_format::SENML_JSON, br#"[{"n":"a","v":1}]"#),
    ] {
        ledger.issue(&device, Kind::Reading, counter, format, content);
    }
    let desk = Desk::new(&ledger.network, |disk| disk.store.append(&ledger.arrivals).unwrap());
    let answer = desk.connect().get(&format!("/api/v1/devices/{}/readings", device.id()));
    assert_eq!((answer.status, answer.header("weft-unreadable")), (200, Some("2")), "{answer:?}");
    assert!(answer.text().contains(r#""n":"a""#), "the others are shown: {}", answer.text());
}

#[test]
fn a_transaction_that_comes_again_after_its_body_was_erased_has_its_status() {
    let (mut ledger, device) = ledger("erased");
    let reading = ledger.read(&device, 2);
    let desk = Desk::new(&ledger.network, |disk| disk.store.append(&ledger.arrivals).unwrap());
    desk.disk.store.erase(&[reading.id()]).unwrap();
    let path = format!("/api/v1/transactions/{}", reading.id());
    desk.connect().get(&path).assert_problem(problem::Kind::Erased);
    let answer = desk.post(reading.transaction().wire());
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text().contains(r#""status":"attached""#), "{}", answer.text());
}

#[test]
fn who_repeats_itself_does_not_wait_for_those_who_read() {
    let (mut ledger, device) = ledger("repeated");
    let reading = ledger.read(&device, 2);
    let desk = Desk::new(&ledger.network, |disk| disk.store.append(&ledger.arrivals).unwrap());
    let (hold, held) = mpsc::sync_channel::<()>(0);
    let held = Arc::new(Mutex::new(held));
    let readers: Vec<_> = (0..BLOCKING_THREADS / 2)
        .map(|_| {
            let (api, held) = (Arc::clone(&desk.api), Arc::clone(&held));
            spawn(async move { api.read(move |_, _| Ok(held.lock().unwrap().recv().is_err())).await })
        })
        .collect();
    assert_eq!(desk.post(reading.transaction().wire()).status, 200);
    drop(hold);
    assert!(readers.into_iter().all(|reader| block_on(reader).unwrap()));
}

#[test]
fn a_body_without_room_is_a_refusal_that_is_counted() {
    let desk = Desk::new(&network("full"), |_| ());
    let spent = desk.api.spend_memory();
    desk.post(&[1; 300]).assert_problem(problem::Kind::Overloaded);
    drop(spent);
    desk.post(&[1; 300]).assert_problem(problem::Kind::Malformed);
    let metrics = desk.connect().get("/metrics");
    for line in [
        r#"weft_refusals_total{reason="overloaded"} 1"#,
        r#"weft_http_requests_total{route="/api/v1/transactions",status="503"} 1"#,
        r#"weft_http_requests_total{route="/api/v1/transactions",status="400"} 1"#,
    ] {
        assert!(metrics.text().contains(line), "{line}: {}", metrics.text());
    }
}
