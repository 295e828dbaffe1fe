//! Stopping: requests in flight finish, everything else ends by the deadline.

use std::net::TcpStream;
use std::sync::atomic::Ordering;

use super::harness::{Fixture, PATIENCE, millis, until};
use crate::http::server::ServerLimits;
use crate::http::stats::Cut;

#[test]
fn requests_in_flight_finish() {
    let mut fixture = Fixture::new(ServerLimits { drain: millis(20_000), ..ServerLimits::default() });
    let mut idle = fixture.connect();
    assert_eq!(idle.get("/hello").text(), "hello");
    let mut busy = fixture.connect();
    busy.send("GET /gated HTTP/1.1\r\nhost: t\r\n\r\n");
    until("the handler has the request", || fixture.waiting.load(Ordering::SeqCst) == 1);
    fixture.stop();
    idle.assert_ended();
    until("new connections are refused", || TcpStream::connect(fixture.address).is_err());
    fixture.gate.store(1, Ordering::SeqCst);
    let answer = busy.answer();
    assert_eq!(answer.text(), "at last");
    assert_eq!(answer.header("connection"), Some("close"));
    busy.assert_ended();
    fixture.join();
    assert_eq!(fixture.stats.open(), 0);
    assert_eq!(fixture.stats.cuts(Cut::Drain), 0);
}

#[test]
fn whatever_clients_do_the_deadline_ends_it() {
    // The grace is long so that a busy machine cannot fail the test: `run` returns as soon as all are gone.
    let limits = ServerLimits { drain: millis(150), drop_grace: PATIENCE, ..ServerLimits::default() };
    let mut fixture = Fixture::new(limits);
    let requests = [
        "",
        "GET /hel",
        "POST /body HTTP/1.1\r\ncontent-type: application/octet-stream\r\ncontent-length: 9\r\n\r\nabc",
        "GET /stuck HTTP/1.1\r\n\r\n",
        "GET /large HTTP/1.1\r\n\r\n",
    ];
    let mut clients: Vec<_> = requests.iter().map(|_| fixture.connect()).collect();
    for (client, request) in clients.iter_mut().zip(requests) {
        client.send(request);
    }
    until("all are connected", || fixture.stats.open() == requests.len() as u64);
    until("the handler is stuck", || fixture.waiting.load(Ordering::SeqCst) == 1);
    until("the body is begun", || fixture.budget.left() < 1_000_000);
    clients[4].stream.peek(&mut [0]).unwrap();
    fixture.stop();
    fixture.join();
    assert_eq!(fixture.stats.open(), 0);
    assert!(fixture.stats.cuts(Cut::Drain) >= 3, "the stuck handler, the half body and the unread answer");
    assert_eq!(fixture.budget.left(), 1_000_000);
}

#[test]
fn a_server_without_clients_stops_at_once_and_its_address_is_free_again() {
    let mut fixture = Fixture::new(ServerLimits { drain: millis(600_000), ..ServerLimits::default() });
    fixture.stop();
    fixture.join();
    crate::http::server::Server::bind(fixture.address).unwrap();
}
