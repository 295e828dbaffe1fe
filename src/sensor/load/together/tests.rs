//! Devices and connections on sockets that misbehave.

use super::*;
use crate::sensor::State;
use crate::sensor::device::{Device, Terms};
use crate::sensor::limits::LOAD_FAILURES;
use crate::sensor::load::connection::Connection;
use crate::sensor::load::maker::Maker;
use crate::sensor::load::report::Tally;
use crate::sensor::load::schedule::Schedule;
use crate::sensor::load::target::Target;
use crate::sensor::test_node::TestNode;
use mio::Registry;
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

struct Node {
    listener: TcpListener,
    poll: RefCell<Poll>,
    registry: Registry,
}

impl Node {
    fn start() -> Self {
        let poll = Poll::new().unwrap();
        let registry = poll.registry().try_clone().unwrap();
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap(), poll: RefCell::new(poll), registry }
    }

    fn line(&self) -> Line<'_> {
        let target = Target::new(&format!("http://{}/x", self.listener.local_addr().unwrap())).unwrap();
        Line::new(target, Token(0), &self.registry)
    }

    fn accept(&self) -> TcpStream {
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// Serves events until there is an answer, or an error.
    fn answer(&self, line: &mut Line<'_>) -> Result<(u16, Vec<u8>), ConnectionError> {
        let (mut events, end) = (Events::with_capacity(8), Instant::now() + LIMIT);
        loop {
            assert!(Instant::now() < end, "nothing comes");
            if let Some(head) = line.go_on()? {
                let answer = line.answer(&head);
                return Ok((answer.status, answer.body.to_vec()));
            }
            self.poll.borrow_mut().poll(&mut events, Some(LOOK_EVERY)).unwrap();
        }
    }
}

fn get(target: &Target, out: &mut Vec<u8>) -> io::Result<()> {
    target.get("/a", out)
}

/// Reads a request without a body.
fn asked(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    assert!(seen.starts_with(b"GET /x/a HTTP/1.1\r\n"));
}

#[test]
fn requests_and_answers_pass_in_pieces() {
    let node = Node::start();
    let mut line = node.line();
    let body = vec![7; 20 << 20];
    let post = |target: &Target, out: &mut Vec<u8>| {
        target.post("/b", body.len(), out)?;
        out.extend_from_slice(&body);
        Ok(())
    };
    line.send(post).unwrap();
    let mut stream = node.accept();
    let served = thread::spawn(move || {
        let mut seen = vec![0; 20 << 20];
        stream.read_exact(&mut seen).unwrap();
        let answer = format!("HTTP/1.1 201 Created\r\ncontent-length: 40000\r\n\r\n{}", "x".repeat(40_000));
        for piece in answer.as_bytes().chunks(30_000) {
            stream.write_all(piece).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
        stream
    });
    let (status, answer) = node.answer(&mut line).unwrap();
    assert_eq!((status, answer.len()), (201, 40_000));
    // The server has read as many bytes as the body has, head included, so the end of the body is still to come.
    let mut stream = served.join().unwrap();
    let mut rest = [0; 4_096];
    let count = stream.read(&mut rest).unwrap();
    assert!(count > 0 && rest[..count].iter().all(|byte| *byte == 7));
    // And the connection goes on.
    line.send(get).unwrap();
    asked(&mut stream);
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    assert_eq!(node.answer(&mut line).unwrap(), (200, b"{}".to_vec()));
}

#[test]
fn what_comes_unasked_is_no_answer_to_the_next_request() {
    let node = Node::start();
    let mut line = node.line();
    let answer = |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    for (unasked, ends) in
        [("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", false), ("H", false), ("", true)]
    {
        line.send(get).unwrap();
        let mut stream = node.accept();
        asked(&mut stream);
        stream.write_all(answer("1").as_bytes()).unwrap();
        assert_eq!(node.answer(&mut line).unwrap().1, b"1");
        stream.write_all(unasked.as_bytes()).unwrap();
        let _held = (!ends).then_some(stream);
        let (mut events, end) = (Events::with_capacity(8), Instant::now() + LIMIT);
        while line.is_connected() {
            assert!(Instant::now() < end, "{unasked:?} went unheard");
            node.poll.borrow_mut().poll(&mut events, Some(LOOK_EVERY)).unwrap();
            line.expect_nothing();
        }
    }
    // An answer that is longer than it says ends the connection at once.
    line.send(get).unwrap();
    let mut stream = node.accept();
    asked(&mut stream);
    stream.write_all(format!("{}more", answer("2")).as_bytes()).unwrap();
    assert_eq!(node.answer(&mut line).unwrap().1, b"2");
    assert!(!line.is_connected());
}

/// An address that nobody listens at.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_connection_that_ends_or_cannot_be_made_is_an_error() {
    let node = Node::start();
    let mut line = node.line();
    line.send(get).unwrap();
    drop(node.accept());
    assert!(matches!(node.answer(&mut line), Err(ConnectionError::Io(_))));
    assert!(!line.is_connected());
    let target = Target::new(&format!("http://{}/x", nobody())).unwrap();
    let mut away = Line::new(target, Token(0), &node.registry);
    let refused = away.send(get).map_err(ConnectionError::from).and_then(|()| node.answer(&mut away));
    assert!(matches!(refused, Err(ConnectionError::Io(_))));
    assert!(!away.is_connected());
}

#[test]
fn a_socket_that_was_reset_before_it_was_taken_over_costs_one_request() {
    let node = Node::start();
    let client = TcpStream::connect(node.listener.local_addr().unwrap()).unwrap();
    let mut client = Some(client);
    client.as_mut().unwrap().write_all(b"x").unwrap();
    let served = node.accept();
    // Bytes that were not read make a reset of the end.
    drop(served);
    while client.as_ref().unwrap().peer_addr().is_ok() {
        thread::sleep(Duration::from_millis(1));
    }
    let mut line = node.line().over(client.take());
    let lost = line.send(get).map_err(ConnectionError::from).and_then(|()| node.answer(&mut line));
    assert!(matches!(lost, Err(ConnectionError::Io(_))));
    line.send(get).unwrap();
    asked(&mut node.accept());
}

#[test]
fn where_nobody_is_the_next_address_is_tried() {
    let node = Node::start();
    let mut line = node.line();
    line.try_in_turn(&[nobody(), nobody(), node.listener.local_addr().unwrap()]).unwrap();
    let listener = &node.listener;
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = listener.accept().unwrap().0;
            asked(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        });
        line.send(get).unwrap();
        assert_eq!(node.answer(&mut line).unwrap().0, 200);
    });
}

/// What a seat does, of a device that has nothing of its own to send.
fn with_seat(node: &Node, test: impl FnOnce(&mut Seat<'_, '_>)) {
    let home = TestNode::start(600_000, &[]);
    let network = home.seat.lock().unwrap().network.clone();
    let terms = Terms { network: *network.id(), rules: *network.rules(), open_enrolment: true };
    let device = Device::new(home.key.key(), State::open(&home.key).unwrap(), terms);
    let line = node.line();
    let mut worker = Worker {
        maker: Maker::new(device, 0),
        connection: Connection::new(Target::new("http://127.0.0.1:1").unwrap(), Stop::default()),
        tally: Tally::new(),
        schedule: Schedule::new(None, 1, 1, 0),
        batch: 1,
        chained: true,
        ids: None,
        stop: Stop::default(),
        requests_begun: 0,
    };
    let start = Instant::now();
    let doing = Doing::Resting(Delivery::new(Vec::new(), start));
    test(&mut Seat { worker: &mut worker, line, start, doing, alarm: Some(start) });
}

#[test]
fn an_answer_that_does_not_come_is_an_error_until_patience_ends() {
    let node = Node::start();
    with_seat(&node, |seat| {
        for attempt in 1..=LOAD_FAILURES {
            seat.ring();
            assert!(matches!(seat.doing, Doing::Waiting(_)));
            assert!(seat.alarm.unwrap() > Instant::now() + EXCHANGE_TIMEOUT / 2);
            let _silent = node.accept();
            seat.ring();
            assert_eq!(seat.worker.tally.errors, u64::from(attempt));
            assert!(!seat.line.is_connected(), "a late answer would be taken for another's");
            assert_eq!(seat.alarm.is_some(), attempt < LOAD_FAILURES);
        }
        assert!(matches!(seat.doing, Doing::Nothing));
        assert_eq!(seat.worker.tally.requests, u64::from(LOAD_FAILURES));
    });
}

#[cfg(feature = "node")]
#[test]
fn whoever_is_not_there_is_not_waited_for_as_long_as_an_answer() {
    let node = Node::start();
    // Whoever comes behind the first one that nobody accepts gets no answer from the system.
    rustix::net::listen(&node.listener, 0).unwrap();
    let first = TcpStream::connect(node.listener.local_addr().unwrap()).unwrap();
    with_seat(&node, |seat| {
        seat.ring();
        assert!(seat.line.is_connecting());
        assert!(seat.alarm.unwrap() <= Instant::now() + CONNECT_TIMEOUT);
        // There is room again, and the system's next attempt finds it.
        drop((node.accept(), first));
        let (mut events, end) = (Events::with_capacity(8), Instant::now() + LIMIT);
        while seat.line.is_connecting() {
            assert!(Instant::now() < end, "nobody comes");
            node.poll.borrow_mut().poll(&mut events, Some(LOOK_EVERY)).unwrap();
            seat.hear();
        }
        assert!(matches!(seat.doing, Doing::Waiting(_)));
        assert!(seat.alarm.unwrap() > Instant::now() + CONNECT_TIMEOUT);
    });
}

#[cfg(feature = "node")]
#[test]
fn whoever_does_not_answer_at_one_address_is_looked_for_at_the_next() {
    let (silent, node) = (Node::start(), Node::start());
    rustix::net::listen(&silent.listener, 0).unwrap();
    let addresses = [&silent, &node].map(|node| node.listener.local_addr().unwrap());
    let _first = TcpStream::connect(addresses[0]).unwrap();
    with_seat(&node, |seat| {
        seat.line.try_in_turn(&addresses).unwrap();
        seat.ring();
        assert!(seat.line.is_connecting());
        seat.ring();
        assert!(matches!(seat.doing, Doing::Waiting(_)));
        assert_eq!(seat.worker.tally.errors, 0, "the request is on its way");
        drop(node.accept());
    });
}

#[test]
fn who_is_stopped_sends_nothing_more_and_waits_a_little_for_what_was_sent() {
    let node = Node::start();
    with_seat(&node, |seat| {
        seat.end(false);
        assert!(matches!(seat.doing, Doing::Nothing) && seat.alarm.is_none());
    });
    with_seat(&node, |seat| {
        seat.ring();
        seat.end(false);
        assert!(matches!(seat.doing, Doing::Waiting(_)) && seat.alarm.is_some());
        seat.end(true);
        assert!(matches!(seat.doing, Doing::Nothing) && seat.alarm.is_none());
    });
}
