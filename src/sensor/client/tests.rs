//! The client against a real server that answers as nodes do, and as they never would.

use super::scripted::{Script, Seen, in_turn, json, serve};
use super::*;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use weft_tangle::Timestamp;

const QUICK: Patience =
    Patience { attempts: 4, first_wait: Duration::from_millis(1), longest_wait: Duration::from_millis(20) };

fn client(script: Script) -> (Client, Receiver<Seen>) {
    let (url, seen) = serve(script);
    (Client::new(&url, QUICK, Stop::default()).unwrap(), seen)
}

fn id() -> TxId {
    TxId::first_at(Timestamp::from_millis(77))
}

fn attached() -> String {
    format!(r#"{{"id":"{}","status":"attached","later":[1]}}"#, id())
}

fn refused(status: &str, slug: &str) -> Option<Vec<u8>> {
    json(
        status,
        "",
        &format!(
            r#"{{"type":"urn:weft:problem:{slug}","title":"t","status":400,"detail":"search on","needed":12}}"#
        ),
    )
}

#[test]
fn a_transaction_goes_out_whole_and_its_id_comes_back() {
    for status in ["201 Created", "200 OK"] {
        let (client, seen) = client(in_turn(vec![json(status, "", &attached())]));
        let accepted = client.submit(b"\0wire\xff").unwrap();
        assert_eq!((accepted.id, accepted.status.as_str()), (id(), "attached"));
        let seen = seen.recv().unwrap();
        assert_eq!(
            (seen.line.as_str(), seen.body.as_slice()),
            ("POST /api/v1/transactions HTTP/1.1", &b"\0wire\xff"[..])
        );
        assert!(
            seen.headers
                .iter()
                .any(|header| header.eq_ignore_ascii_case("content-type: application/octet-stream"))
        );
    }
}

#[test]
fn a_problem_is_typed_and_not_repeated() {
    let (client, seen) = client(in_turn(vec![
        refused("422 Unprocessable Content", "pow"),
        json("201 Created", "", &attached()),
    ]));
    let error = client.submit(b"x").unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!((problem.status, problem.slug(), problem.detail.as_str()), (422, "pow", "search on"));
    assert_eq!(error.to_string(), "search on (pow, HTTP 422)");
    seen.recv().unwrap();
    assert!(seen.try_recv().is_err(), "refused once and for all");
}

#[test]
fn a_busy_node_is_asked_again_with_the_same_bytes() {
    let busy = || {
        json(
            "503 Service Unavailable",
            "retry-after: 1\r\n",
            r#"{"type":"urn:weft:problem:overloaded","detail":"busy"}"#,
        )
    };
    let lost = None;
    let many = refused("429 Too Many Requests", "too-many-requests");
    let (client, seen) = client(in_turn(vec![busy(), lost, many, json("201 Created", "", &attached())]));
    assert_eq!(client.submit(b"same").unwrap().id, id());
    let bodies: Vec<Vec<u8>> = (0..4).map(|_| seen.recv().unwrap().body).collect();
    assert_eq!(bodies, vec![b"same".to_vec(); 4]);
}

#[test]
fn a_body_that_did_not_arrive_in_time_is_sent_again_with_the_same_bytes() {
    let late = refused("408 Request Timeout", "request-timeout");
    let (client, seen) = client(in_turn(vec![late, json("201 Created", "", &attached())]));
    assert_eq!(client.submit(b"same").unwrap().id, id());
    let bodies: Vec<Vec<u8>> = (0..2).map(|_| seen.recv().unwrap().body).collect();
    assert_eq!(bodies, vec![b"same".to_vec(); 2]);
}

#[test]
fn patience_ends_with_the_nodes_own_words() {
    let busy = || {
        json(
            "503 Service Unavailable",
            "retry-after: 7\r\n",
            r#"{"type":"urn:weft:problem:storage","detail":"disk full"}"#,
        )
    };
    let (client, seen) = client(in_turn((0..9).map(|_| busy()).collect()));
    let error = client.submit(b"x").unwrap_err();
    assert_eq!(error.problem().unwrap().retry_after, Some(7));
    assert!(error.to_string().starts_with("disk full"));
    assert_eq!(seen.try_iter().count(), 4);
}

#[test]
fn the_node_says_how_long_to_wait_within_bounds() {
    let patience = Patience {
        attempts: 9,
        first_wait: Duration::from_millis(200),
        longest_wait: Duration::from_secs(20),
    };
    let wait = |retry, asked| patience.wait_before(retry, asked);
    assert_eq!(wait(0, None), Duration::from_millis(200));
    assert_eq!(wait(3, None), Duration::from_millis(1_600));
    assert_eq!(wait(0, Some(5)), Duration::from_secs(5));
    assert_eq!(wait(0, Some(u64::MAX)), Duration::from_secs(20));
    assert_eq!(wait(u32::MAX, None), Duration::from_secs(20));
}

#[test]
fn answers_that_no_node_gives_are_refused() {
    let long = format!("{}{}", attached(), " ".repeat(2 << 20));
    let unbounded = || {
        let mut bytes = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
        bytes.resize(3 << 20, b' ');
        Some(bytes)
    };
    let cases: Vec<(Option<Vec<u8>>, &str)> = vec![
        (json("200 OK", "", &long), "more than 1048576 bytes"),
        (unbounded(), "more than 1048576 bytes"),
        (json("200 OK", "", "<html>"), "not understood"),
        (json("200 OK", "", r#"{"id":"x","status":"attached"}"#), "a transaction id is written in 64"),
        (Some(b"SSH-2.0-OpenSSH_9\r\n\r\n".to_vec()), "not understood"),
        (
            json("301 Moved Permanently", "location: http://127.0.0.1:1/\r\n", "gone"),
            "HTTP 301 without a reason",
        ),
        (json("404 Not Found", "", "\u{1b}[31mnginx"), "It says:  [31mnginx"),
    ];
    for (answer, expected) in cases {
        let (client, seen) = client(in_turn(vec![answer]));
        let error = client.submit(b"x").unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
        drop(seen);
    }
}

#[test]
fn a_ticket_has_one_to_sixty_four_pairs() {
    let ticket = |pairs: usize| {
        let pair = format!(r#"["{0}","{0}"]"#, id());
        let network = weft_tangle::to_text(&[1; 32]);
        let pairs = vec![pair; pairs].join(",");
        json(
            "200 OK",
            "",
            &format!(
                r#"{{"network":"{network}","time":5,"epoch":1,"counter":3,"difficulty":10,"enrolment_difficulty":18,"parents":[{pairs}]}}"#
            ),
        )
    };
    let device = DeviceId::from_bytes([2; 32]);
    let (client, seen) = client(in_turn(vec![ticket(2), ticket(0), ticket(65)]));
    let got = client.ticket(&device, 1_000).unwrap();
    assert_eq!((got.counter, got.parents), (3, vec![[id(); 2]; 2]));
    assert_eq!(seen.recv().unwrap().line, format!("GET /api/v1/ticket?device={device}&count=64 HTTP/1.1"));
    for pairs in [0, 65] {
        let error = client.ticket(&device, 0).unwrap_err().to_string();
        assert!(error.contains(&format!("{pairs} pairs of parents")), "{error}");
    }
}

#[test]
fn a_batch_is_framed_and_its_results_stand_in_order() {
    let results = format!(
        r#"{{"results":[{},{{"problem":{{"type":"urn:weft:problem:digest","status":422,"detail":"no"}}}}]}}"#,
        attached()
    );
    let short = json("200 OK", "", r#"{"results":[]}"#);
    let (client, seen) = client(in_turn(vec![json("200 OK", "", &results), short]));
    let wires = [b"ab".to_vec(), b"cde".to_vec()];
    let answers = client.submit_batch(&wires).unwrap();
    assert_eq!(answers[0].as_ref().unwrap().id, id());
    assert_eq!(answers[1].as_ref().unwrap_err().slug(), "digest");
    assert_eq!(seen.recv().unwrap().body, b"\0\0\0\x02ab\0\0\0\x03cde");
    assert!(client.submit_batch(&wires).unwrap_err().to_string().contains("0 results for 2"));
    assert!(matches!(client.submit_batch(&[]), Err(ClientError::Request(_))));
    assert!(matches!(client.submit_batch(&vec![Vec::new(); 257]), Err(ClientError::Request(_))));
}

#[test]
fn json_and_wire_are_asked_for_by_accept() {
    let (client, seen) = client(in_turn(vec![json("200 OK", "", &attached()), json("200 OK", "", "wire")]));
    assert_eq!(client.transaction(&id()).unwrap()["status"], "attached");
    assert_eq!(client.transaction_wire(&id()).unwrap(), b"wire");
    for accept in ["accept: application/json", "accept: application/octet-stream"] {
        let seen = seen.recv().unwrap();
        assert_eq!(seen.line, format!("GET /api/v1/transactions/{} HTTP/1.1", id()));
        assert!(seen.headers.iter().any(|header| header.eq_ignore_ascii_case(accept)), "{seen:?}");
    }
}

#[test]
fn addresses_are_checked_before_anything_is_sent() {
    let new = |url: &str| Client::new(url, QUICK, Stop::default()).map(|client| client.url().to_owned());
    assert_eq!(new("http://[::1]:8470/").unwrap(), "http://[::1]:8470");
    assert_eq!(new("http://ward3:80/weft/").unwrap(), "http://ward3:80/weft");
    assert!(new("https://node:8470").unwrap_err().to_string().contains("plain HTTP only"));
    for bad in ["", "node:8470", "ftp://node", "http://", "http://u:p@node", "http://node/?a=b", "/x"] {
        assert!(matches!(new(bad), Err(ClientError::Url { .. })), "{bad}");
    }
}

#[test]
fn nobody_there_says_so_and_a_stop_ends_the_waiting() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let error = Client::new(&url, QUICK, Stop::default()).unwrap().network().unwrap_err();
    assert!(error.to_string().contains("start one with `weft node`"), "{error}");
    let stop = Stop::default();
    stop.raise();
    assert!(matches!(
        Client::new(&url, Patience::SENSOR, stop).unwrap().network(),
        Err(ClientError::Stopped)
    ));
}
