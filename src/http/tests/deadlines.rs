//! Slow and silent clients are cut off; the cap on connections holds.

use std::io::Write;
use std::time::Duration;

use super::harness::{Fixture, millis, until};
use crate::http::problem::Kind;
use crate::http::server::ServerLimits;
use crate::http::stats::Cut;

/// Sends a byte every few milliseconds, so that something always moves, until the connection fails or the
/// returned guard is dropped.
fn trickle(stream: &std::net::TcpStream, byte: u8) -> std::sync::mpsc::SyncSender<()> {
    let mut stream = stream.try_clone().unwrap();
    let (guard, dropped) = std::sync::mpsc::sync_channel(0);
    std::thread::spawn(move || {
        while dropped.recv_timeout(millis(10)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
        }
    });
    guard
}

#[test]
fn slow_heads_are_cut_off() {
    let fixture = Fixture::new(ServerLimits { head_timeout: millis(150), ..ServerLimits::default() });
    let mut client = fixture.connect();
    client.send("GET /hello HTTP/1.1\r\nx: ");
    let guard = trickle(&client.stream, b'a');
    client.answer().assert_problem(Kind::RequestTimeout);
    drop(guard);
    client.assert_ended();
    assert_eq!(fixture.stats.cuts(Cut::Head), 1);
}

#[test]
fn a_slow_head_is_cut_off_on_a_kept_connection_too() {
    let fixture = Fixture::new(ServerLimits { head_timeout: millis(800), ..ServerLimits::default() });
    let mut client = fixture.connect();
    assert_eq!(client.get("/hello").text(), "hello");
    client.send("GET /hel");
    client.answer().assert_problem(Kind::RequestTimeout);
    client.assert_ended();
}

#[test]
fn silent_connections_end_without_a_word() {
    let fixture = Fixture::new(ServerLimits { head_timeout: millis(100), ..ServerLimits::default() });
    fixture.connect().assert_ended();
    assert_eq!(fixture.stats.cuts(Cut::Head), 1);
    until("the place is left", || fixture.stats.open() == 0);
}

#[test]
fn resting_connections_end_without_a_word() {
    let fixture = Fixture::new(ServerLimits { idle_timeout: millis(100), ..ServerLimits::default() });
    let mut client = fixture.connect();
    assert_eq!(client.get("/hello").text(), "hello");
    client.assert_ended();
    assert_eq!(fixture.stats.cuts(Cut::Idle), 1);
    until("the place is left", || fixture.stats.open() == 0);
}

#[test]
fn slow_bodies_are_cut_off_though_they_move() {
    let fixture = Fixture::new(ServerLimits { body_timeout: millis(150), ..ServerLimits::default() });
    let mut client = fixture.connect();
    client.send(
        "POST /body HTTP/1.1\r\ncontent-type: application/octet-stream\r\ncontent-length: 9999\r\n\r\n",
    );
    let guard = trickle(&client.stream, 1);
    let answer = client.answer();
    drop(guard);
    answer.assert_problem(Kind::RequestTimeout);
    assert_eq!(answer.header("connection"), Some("close"));
    client.assert_ended();
    assert_eq!(fixture.stats.cuts(Cut::Body), 1);
}

#[test]
fn bodies_that_stall_are_cut_off_early() {
    let fixture = Fixture::new(ServerLimits { body_stall: millis(100), ..ServerLimits::default() });
    let mut client = fixture.connect();
    client.send(
        "POST /body HTTP/1.1\r\ncontent-type: application/octet-stream\r\ncontent-length: 9\r\n\r\nabc",
    );
    client.answer().assert_problem(Kind::RequestTimeout);
    client.assert_ended();
    until("the share is given back", || fixture.budget.left() == 1_000_000);
}

#[test]
fn a_handler_that_never_answers_becomes_overloaded_and_the_connection_goes_on() {
    let fixture = Fixture::new(ServerLimits { answer_timeout: millis(100), ..ServerLimits::default() });
    let mut client = fixture.connect();
    let answer = client.get("/stuck");
    answer.assert_problem(Kind::Overloaded);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(client.get("/hello").text(), "hello");
    assert_eq!(fixture.stats.cuts(Cut::Answer), 1);
    assert_eq!(*fixture.answers.lock().unwrap(), [("/stuck".to_owned(), 503), ("/hello".to_owned(), 200)]);
}

#[test]
fn a_client_that_never_reads_is_cut_off() {
    let fixture = Fixture::new(ServerLimits { write_stall: millis(150), ..ServerLimits::default() });
    let mut client = fixture.connect();
    client.send("GET /large HTTP/1.1\r\nhost: t\r\n\r\n");
    until("the connection is ended", || fixture.stats.cuts(Cut::Write) == 1 && fixture.stats.open() == 0);
}

#[test]
fn a_client_that_reads_too_slowly_is_cut_off() {
    // However fast this machine is, nobody reads 4 GiB of a 64 MiB answer.
    let limits =
        ServerLimits { write_stall: millis(150), write_progress: 1 << 32, ..ServerLimits::default() };
    let fixture = Fixture::new(limits);
    let mut client = fixture.connect();
    client.send("GET /large HTTP/1.1\r\nhost: t\r\n\r\n");
    while fixture.stats.cuts(Cut::Write) == 0 && client.read_more() {
        std::thread::sleep(Duration::from_millis(10));
    }
    until("the connection is ended", || fixture.stats.cuts(Cut::Write) == 1 && fixture.stats.open() == 0);
}

#[test]
fn a_patient_reader_gets_a_large_answer_whole() {
    let fixture = Fixture::new(ServerLimits::default());
    let answer = fixture.connect().get("/large");
    assert_eq!(answer.body.len(), super::harness::LARGE);
}

#[test]
fn connections_beyond_the_cap_are_closed_and_counted() {
    let fixture = Fixture::new(ServerLimits { connections: 3, ..ServerLimits::default() });
    let mut kept: Vec<_> = (0..3).map(|_| fixture.connect()).collect();
    for client in &mut kept {
        assert_eq!(client.get("/hello").text(), "hello");
    }
    for refused in 1..=5 {
        fixture.connect().assert_ended();
        assert_eq!(fixture.stats.refused(), refused);
    }
    assert_eq!(fixture.stats.open(), 3);
    kept.pop();
    until("a place is left", || fixture.stats.open() == 2);
    assert_eq!(fixture.connect().get("/hello").text(), "hello");
    for client in &mut kept {
        assert_eq!(client.get("/hello").text(), "hello");
    }
    assert_eq!(fixture.stats.accepted(), 4);
}
