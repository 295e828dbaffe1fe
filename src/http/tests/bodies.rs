//! Bodies: media type, length, chunks, the budget.

use super::harness::{Fixture, MOST, PATIENCE, until};
use crate::http::problem::Kind;
use crate::http::server::ServerLimits;

const OCTETS: &str = "POST /body HTTP/1.1\r\nhost: t\r\ncontent-type: application/octet-stream\r\n";

fn with_length(length: usize) -> String {
    format!("{OCTETS}content-length: {length}\r\n\r\n")
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

#[test]
fn whole_bodies_arrive_in_one_piece_or_many() {
    let fixture = Fixture::new(ServerLimits::default());
    let mut client = fixture.connect();
    client.send(with_length(MOST)).send(vec![1; MOST]);
    assert_eq!(client.answer().text(), format!("{MOST} bytes, {MOST} ones"));
    client.send(with_length(0));
    assert_eq!(client.answer().text(), "0 bytes, 0 ones");
    client.send(format!("{OCTETS}transfer-encoding: chunked\r\n\r\n"));
    for _ in 0..100 {
        client.send(chunk(&[1; 500])).send(chunk(&[2; 500]));
    }
    assert_eq!(client.send("0\r\n\r\n").answer().text(), "100000 bytes, 50000 ones");
    assert_eq!(fixture.budget.left(), 1_000_000, "every share was given back");
}

#[test]
fn another_media_type_is_refused() {
    let fixture = Fixture::new(ServerLimits::default());
    for header in ["content-type: application/json\r\n", "content-type: \u{7f}x\r\n", ""] {
        if header.contains('\u{7f}') {
            continue;
        }
        let request = format!("POST /body HTTP/1.1\r\nhost: t\r\n{header}content-length: 2\r\n\r\n{{}}");
        fixture.connect().send(request).answer().assert_problem(Kind::UnsupportedMediaType);
    }
    let parameter = "POST /body HTTP/1.1\r\nhost: t\r\ncontent-type: Application/Octet-Stream; a=b\r\ncontent-length: 1\r\n\r\nx";
    assert_eq!(fixture.connect().send(parameter).answer().text(), "1 bytes, 0 ones");
}

#[test]
fn a_declared_length_beyond_the_bound_is_refused_unread() {
    let fixture = Fixture::new(ServerLimits::default());
    for length in [MOST + 1, 1_000_000_000_000] {
        let mut client = fixture.connect();
        let answer = client.send(with_length(length)).answer();
        answer.assert_problem(Kind::TooLarge);
        assert_eq!(answer.header("connection"), Some("close"));
        client.assert_ended();
    }
    let mut client = fixture.connect();
    client.send(format!("{OCTETS}expect: 100-continue\r\ncontent-length: {}\r\n\r\n", MOST + 1));
    client.answer().assert_problem(Kind::TooLarge);
}

#[test]
fn a_client_may_go_on_sending_after_the_refusal_and_reads_it_then() {
    let fixture = Fixture::new(ServerLimits { linger: PATIENCE, ..ServerLimits::default() });
    let mut client = fixture.connect();
    client.send(with_length(MOST + 1));
    client.stream.peek(&mut [0]).unwrap();
    // Were the socket closed by now, the first of these would bring a reset and the next would fail.
    for _ in 0..10 {
        client.send(vec![1; MOST / 10]);
    }
    client.answer().assert_problem(Kind::TooLarge);
    client.assert_ended();
    drop(client);
    until("the place is left once the client closes", || fixture.stats.open() == 0);
}

#[test]
fn chunks_beyond_the_bound_are_refused_as_they_come() {
    let fixture = Fixture::new(ServerLimits::default());
    let mut client = fixture.connect();
    client.send(format!("{OCTETS}transfer-encoding: chunked\r\n\r\n"));
    // The last chunk is not sent: the server refuses without waiting for the end.
    client.send(chunk(&vec![1; MOST])).send(chunk(&[1]));
    client.answer().assert_problem(Kind::TooLarge);
    client.assert_ended();
    until("the share is given back", || fixture.budget.left() == 1_000_000);
}

#[test]
fn broken_chunks_are_malformed() {
    let fixture = Fixture::new(ServerLimits::default());
    let mut client = fixture.connect();
    client.send(format!("{OCTETS}transfer-encoding: chunked\r\n\r\n")).send("not a length\r\n");
    client.answer().assert_problem(Kind::Malformed);
}

#[test]
fn all_bodies_together_keep_to_the_budget() {
    let fixture = Fixture::with_budget(ServerLimits::default(), 500);
    let mut first = fixture.connect();
    first.send(with_length(400)).send([1; 399]);
    until("the first body holds its share", || fixture.budget.left() == 101);
    let mut second = fixture.connect();
    let refused = second.send(with_length(200)).send([1; 200]).answer();
    refused.assert_problem(Kind::Overloaded);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(first.send([1]).answer().text(), "400 bytes, 400 ones");
    until("all shares are given back", || fixture.budget.left() == 500);
    let mut third = fixture.connect();
    assert_eq!(third.send(with_length(200)).send([1; 200]).answer().text(), "200 bytes, 200 ones");
}
