//! Every error is a problem, and the connection goes on wherever HTTP lets it.

use super::harness::Fixture;
use crate::http::problem::{Kind, Problem};
use crate::http::server::ServerLimits;

#[test]
fn the_catalogue_is_as_specified() {
    let expected = [
        (400, "malformed"),
        (400, "bad-request"),
        (401, "not-enrolled"),
        (403, "role"),
        (404, "not-found"),
        (405, "method-not-allowed"),
        (406, "not-acceptable"),
        (408, "request-timeout"),
        (409, "equivocation"),
        (410, "erased"),
        (413, "too-large"),
        (414, "uri-too-long"),
        (415, "unsupported-media-type"),
        (422, "digest"),
        (422, "pow"),
        (422, "signature"),
        (422, "parents"),
        (422, "timestamp"),
        (422, "content"),
        (422, "kind-not-yet"),
        (422, "kind-not-at-door"),
        (429, "too-many-requests"),
        (431, "head-too-large"),
        (500, "internal"),
        (503, "storage"),
        (503, "damaged"),
        (503, "overloaded"),
        (503, "too-many-subscribers"),
        (503, "shutting-down"),
    ];
    let listed: Vec<_> = Kind::ALL.iter().map(|kind| (kind.status().as_u16(), kind.slug())).collect();
    assert_eq!(listed, expected);
    let unique: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
    assert_eq!(unique.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        let later = matches!(kind.status().as_u16(), 429 | 503);
        assert_eq!(kind.retry_after().is_some(), later, "{kind:?}");
    }
}

#[test]
fn extra_members_never_replace_the_standard_ones() {
    let problem = Problem::new(Kind::Pow, "too little").with("status", 200).with("difficulty", 12);
    let json = problem.to_json();
    assert_eq!(json["status"], 422);
    assert_eq!(json["difficulty"], 12);
    assert_eq!(json["type"], "urn:weft:problem:pow");
}

#[test]
fn every_request_knows_its_connection() {
    let fixture = Fixture::new(ServerLimits::default());
    let (mut first, mut second) = (fixture.connect(), fixture.connect());
    let numbers = [&mut first, &mut second].map(|client| client.get("/connection").text().to_owned());
    assert_ne!(numbers[0], numbers[1]);
    assert_eq!(first.get("/connection").text(), numbers[0]);
    drop(first);
    assert!(
        !numbers.contains(&fixture.connect().get("/connection").text().to_owned()),
        "no number comes twice"
    );
}

#[test]
fn rejections_and_problems_keep_the_connection() {
    let fixture = Fixture::new(ServerLimits::default());
    let mut client = fixture.connect();
    client.get("/nowhere").assert_problem(Kind::NotFound);
    client.get("/counted?count=many").assert_problem(Kind::BadRequest);
    client.get("/counted").assert_problem(Kind::BadRequest);
    assert_eq!(client.get("/counted?count=3").text(), "count 3");
    let wrong = client.send("DELETE /hello HTTP/1.1\r\nhost: t\r\n\r\n").answer();
    wrong.assert_problem(Kind::MethodNotAllowed);
    assert_eq!(wrong.header("allow"), Some("GET"));
    client.send("PUT /counted HTTP/1.1\r\nhost: t\r\n\r\n").answer().assert_problem(Kind::MethodNotAllowed);
    let refused = client.get("/refused");
    refused.assert_problem(Kind::Storage);
    assert_eq!(refused.header("retry-after"), Some("30"));
    client.get("/panics").assert_problem(Kind::Internal);
    assert_eq!(fixture.stats.panics(), 1);
    assert_eq!(client.get("/hello").text(), "hello");
}

#[test]
fn what_is_not_http_is_told_so_and_ends() {
    let fixture = Fixture::new(ServerLimits::default());
    let garbage: [&[u8]; 4] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    ];
    for bytes in garbage {
        let mut client = fixture.connect();
        client.send(bytes).answer().assert_problem(Kind::Malformed);
        client.assert_ended();
    }
    assert_eq!(fixture.stats.malformed(), garbage.len() as u64);
    assert_eq!(fixture.connect().get("/hello").text(), "hello");
}

#[test]
fn contradicting_lengths_are_refused() {
    let fixture = Fixture::new(ServerLimits::default());
    let lengths = [
        "content-length: 5\r\ncontent-length: 6",
        "content-length: -1",
        "content-length: 99999999999999999999999",
    ];
    for length in lengths {
        let mut client = fixture.connect();
        client
            .send(format!("POST /body HTTP/1.1\r\nhost: t\r\n{length}\r\n\r\n"))
            .answer()
            .assert_problem(Kind::Malformed);
        client.assert_ended();
    }
}

#[test]
fn heads_are_bounded_in_bytes_and_fields() {
    let fixture = Fixture::new(ServerLimits::default());
    let long = format!("GET /hello HTTP/1.1\r\nhost: t\r\nx: {}\r\n\r\n", "a".repeat(17 * 1_024));
    let many = format!("GET /hello HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
    let endless = format!("GET /{}", "a".repeat(20 * 1_024));
    for bytes in [long, many, endless] {
        let mut client = fixture.connect();
        client.send(bytes).answer().assert_problem(Kind::HeadTooLarge);
        client.assert_ended();
    }
    let most = format!("GET /hello HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(64));
    assert_eq!(fixture.connect().send(most).answer().text(), "hello");
}

#[test]
fn pipelined_requests_are_answered_in_order_on_one_connection() {
    let fixture = Fixture::new(ServerLimits::default());
    let mut client = fixture.connect();
    let requests: String =
        (0..40).map(|count| format!("GET /counted?count={count} HTTP/1.1\r\nhost: t\r\n\r\n")).collect();
    client.send(requests);
    for count in 0..40 {
        assert_eq!(client.answer().text(), format!("count {count}"));
    }
    assert_eq!(client.get("/hello").text(), "hello");
    assert_eq!(fixture.stats.accepted(), 1);
}
