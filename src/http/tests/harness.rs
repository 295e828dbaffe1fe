//! A server on a free port with a few routes, and a client made of a raw socket.

use std::convert::Infallible;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_channel::{mpsc, oneshot};
use warp::http::Method;
use warp::{Filter, Reply};

use crate::http::body::{BodyBudget, WholeBody, whole};
use crate::http::server::{Server, ServerLimits};
use crate::http::stats::ServerStats;
use crate::http::{ConnectionId, problem, rejection};
use crate::runtime::{block_on, sleep};

/// The most bytes that `/body` takes.
pub(super) const MOST: usize = 100_000;
/// More than the kernel buffers on both sides of a connection.
pub(super) const LARGE: usize = 64 * 1_024 * 1_024;
/// Pieces that wait for the client of a stream.
const STREAM_PIECES: usize = 128;
/// Long enough that only a hang reaches it.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Fixture {
    pub(super) address: SocketAddr,
    pub(super) stats: Arc<ServerStats>,
    /// Of what the server was told that it was answered: path and status.
    pub(super) answers: Arc<Mutex<Vec<(String, u16)>>>,
    pub(super) budget: BodyBudget,
    /// Requests that reached `/gated`, which answers once `gate` is opened, and `/stuck`, which never does.
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) gate: Arc<AtomicUsize>,
    /// What clients of `/stream` are told, each by its own end.
    pub(super) streams: Streams,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Fixture {
    pub(super) fn new(limits: ServerLimits) -> Self {
        Self::with_budget(limits, 1_000_000)
    }

    pub(super) fn with_budget(limits: ServerLimits, budget: usize) -> Self {
        let server = Server::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = server.local_addr();
        let answers: Arc<Mutex<Vec<_>>> = Arc::default();
        let heard = Arc::clone(&answers);
        let stats = Arc::new(ServerStats::heard_by(move |path, status, _| {
            heard.lock().unwrap().push((path.to_owned(), status));
        }));
        let budget = BodyBudget::new(budget);
        let (waiting, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let streams = Streams::default();
        let filter = routes(budget.clone(), Arc::clone(&waiting), Arc::clone(&gate), Arc::clone(&streams));
        let (stop, stopped) = oneshot::channel();
        let counted = Arc::clone(&stats);
        let thread = std::thread::spawn(move || {
            block_on(server.run(filter, limits, async { _ = stopped.await }, counted));
        });
        Self {
            address,
            stats,
            answers,
            budget,
            waiting,
            gate,
            streams,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(super) fn connect(&self) -> Client {
        Client::to(self.address)
    }

    /// Tells the server to stop, without waiting for it.
    pub(super) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until `run` returned.
    pub(super) fn join(&mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the server panicked");
        }
    }
}

/// The ends from which open streams are told.
pub(super) type Streams = Arc<Mutex<Vec<mpsc::Sender<Result<Bytes, Infallible>>>>>;

fn routes(
    budget: BodyBudget,
    waiting: Arc<AtomicUsize>,
    gate: Arc<AtomicUsize>,
    streams: Streams,
) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
    #[derive(serde::Deserialize)]
    struct Query {
        count: u8,
    }
    let hello = warp::path!("hello").and(rejection::only(&[Method::GET])).and(warp::get()).map(|| "hello");
    let counted = warp::path!("counted")
        .and(warp::get())
        .and(warp::query())
        .map(|query: Query| format!("count {}", query.count));
    let large = warp::path!("large").and(warp::get()).map(|| vec![b'x'; LARGE]);
    let body = warp::path!("body")
        .and(warp::post())
        .and(whole("application/octet-stream", MOST, budget))
        .map(|body: WholeBody| {
            format!("{} bytes, {} ones", body.len(), body.iter().filter(|b| **b == 1).count())
        });
    let panics = warp::path!("panics").map(|| -> &'static str { panic!("on purpose") });
    let refused = warp::path!("refused")
        .map(|| problem::Problem::new(problem::Kind::Storage, "The disk is full.").with("free_bytes", 0));
    let entered = Arc::clone(&waiting);
    let gated = warp::path!("gated").and_then(move || {
        let gate = Arc::clone(&gate);
        entered.fetch_add(1, Ordering::SeqCst);
        async move {
            while gate.load(Ordering::SeqCst) == 0 {
                sleep(Duration::from_millis(2)).await;
            }
            Ok::<_, Infallible>("at last")
        }
    });
    let stuck = warp::path!("stuck").and_then(move || {
        waiting.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<Result<&'static str, Infallible>>()
    });
    let connection = warp::path!("connection")
        .and(warp::ext::get())
        .map(|ConnectionId(number): ConnectionId| number.to_string());
    let stream = warp::path!("stream").map(move || {
        let (sender, receiver) = mpsc::channel(STREAM_PIECES);
        streams.lock().unwrap().push(sender);
        warp::reply::stream(receiver)
    });
    let plain = hello.or(counted).or(large).or(connection).or(stream);
    plain.or(body).or(panics).or(refused).or(gated).or(stuck).recover(rejection::answer)
}

pub(super) struct Client {
    pub(super) stream: TcpStream,
    buffer: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Asserts that it is a problem of this kind, whole and well formed.
    #[track_caller]
    pub(super) fn assert_problem(&self, kind: problem::Kind) {
        assert_eq!(self.status, kind.status().as_u16(), "{self:?}");
        assert_eq!(self.header("content-type"), Some(problem::MEDIA_TYPE), "{self:?}");
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(json["type"], kind.urn());
        assert_eq!(json["title"], kind.title());
        assert_eq!(json["status"], self.status);
        assert!(json["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
}

impl Client {
    pub(super) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    pub(super) fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).answer()
    }

    /// Reads one answer with a declared length.
    pub(super) fn answer(&mut self) -> Answer {
        let head_end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.read_more(), "the connection ended within a head: {:?}", self.buffer);
        };
        let head = String::from_utf8(self.buffer.drain(..head_end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        while self.buffer.len() < length {
            assert!(self.read_more(), "the connection ended within a body");
        }
        answer.body = self.buffer.drain(..length).collect();
        answer
    }

    /// Reads until these words have come, and forgets all up to them.
    #[track_caller]
    pub(super) fn read_until(&mut self, words: &str) {
        loop {
            let found = self.buffer.windows(words.len()).position(|window| window == words.as_bytes());
            if let Some(at) = found {
                self.buffer.drain(..at + words.len());
                return;
            }
            assert!(self.read_more(), "the connection ended before {words:?}: {:?}", self.buffer);
        }
    }

    /// Waits for the end of the connection; nothing more may come before it.
    #[track_caller]
    pub(super) fn assert_ended(&mut self) {
        assert!(!self.read_more() && self.buffer.is_empty(), "more came: {:?}", self.buffer);
    }

    /// Reads some bytes; `false` at the end or a reset.
    pub(super) fn read_more(&mut self) -> bool {
        let mut bytes = [0; 65_536];
        match self.stream.read(&mut bytes) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => false,
            Err(error) => panic!("no answer and no end: {error}"),
        }
    }
}

/// Waits until `condition` holds.
#[track_caller]
pub(super) fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "never came: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
