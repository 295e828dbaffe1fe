//! A real node in a process of its own, and a client that speaks raw wire form to it.
//!
//! Nothing here goes through the sensor side: what the tests send is built from the ledger's own types, so that they
//! can send what no honest sensor would.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use weft_pow::{Difficulty, search_on_threads};
use weft_tangle::body::Enrolment;
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{DeviceId, Draft, Kind, NetworkId, Role, Signed, Timestamp, TxId, content_format};

/// The binary under test.
pub(crate) const WEFT: &str = env!("CARGO_BIN_EXE_weft");

/// A node process on a data directory. Killed when dropped.
pub(crate) struct Node {
    child: Child,
    pub(crate) url: String,
}

impl Node {
    /// Starts a node on `data` and waits until it is ready.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    pub(crate) fn start_with(data: &Path, arguments: &[&str]) -> Self {
        Self::of(Self::command(data, arguments))
    }

    /// The command that starts a node on `data`.
    pub(crate) fn command(data: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(WEFT);
        command.args(["node", "--api-listen", "127.0.0.1:0", "--data"]).arg(data).args(arguments);
        command
    }

    /// Starts a node by a command and waits until it is ready.
    pub(crate) fn of(command: Command) -> Self {
        let node = Self::listening(command);
        assert_eq!(node.get("/readyz").0, 200);
        node
    }

    /// Starts a node by a command and waits until it listens.
    pub(crate) fn listening(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            let rest = line.split_once("http://")?.1;
            Some(rest.split('/').next()?.to_owned())
        });
        // What it prints later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("http://{}", address.expect("the node says where its API listens")) }
    }

    /// The node's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Mebibytes of the process in memory; nothing where the system does not say.
    pub(crate) fn resident_mib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; the exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }

    /// GET; status and JSON (null when the body is none).
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.get_as(path, "*/*");
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub(crate) fn get_as(&self, path: &str, accept: &str) -> (u16, Vec<u8>) {
        let mut response =
            agent().get(format!("{}{path}", self.url)).header("accept", accept).call().unwrap();
        let body = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        (response.status().as_u16(), body)
    }

    /// One page of JSON, and where the next one is.
    pub(crate) fn page(&self, path: &str) -> (Option<String>, Value) {
        let mut response = agent().get(format!("{}{path}", self.url)).call().unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let next = link.map(|link| {
            let (target, relation) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
            assert_eq!(relation, "; rel=\"next\"");
            target.to_owned()
        });
        let body = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        (next, serde_json::from_slice(&body).unwrap())
    }

    /// POST; status and JSON.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> (u16, Value) {
        self.post_as(path, "application/octet-stream", body)
    }

    pub(crate) fn post_as(&self, path: &str, media_type: &str, body: &[u8]) -> (u16, Value) {
        let request = agent().post(format!("{}{path}", self.url)).header("content-type", media_type);
        let mut response = request.send(body).unwrap();
        let text = response.body_mut().read_to_vec().unwrap();
        (response.status().as_u16(), serde_json::from_slice(&text).unwrap_or(Value::Null))
    }

    /// POST of one transaction; status and the word that matters: the problem's slug or the transaction's status.
    pub(crate) fn submit(&self, wire: &[u8]) -> (u16, String) {
        let (status, answer) = self.post("/api/v1/transactions", wire);
        (status, word(&answer))
    }

    pub(crate) fn network(&self) -> NetworkId {
        self.get("/api/v1/network").1["network"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn genesis(&self) -> TxId {
        self.get("/api/v1/network").1["genesis"].as_str().unwrap().parse().unwrap()
    }

    /// One pair of parents from a ticket.
    pub(crate) fn parents(&self, device: &DeviceId) -> [TxId; 2] {
        let (status, ticket) = self.get(&format!("/api/v1/ticket?device={device}"));
        assert_eq!(status, 200, "{ticket}");
        [0, 1].map(|side| ticket["parents"][0][side].as_str().unwrap().parse().unwrap())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A process that has ended already is what was wanted.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The problem's slug or the transaction's status.
pub(crate) fn word(answer: &Value) -> String {
    let kind = answer["type"].as_str().and_then(|kind| kind.strip_prefix("urn:weft:problem:"));
    kind.or_else(|| answer["status"].as_str()).unwrap_or("neither problem nor status").to_owned()
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(60))).build().into()
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// The seed of a key file that the node made.
pub(crate) fn key_in(data: &Path, name: &str) -> SigningKey {
    let file = weft::sensor::KeyFile::read(&PathBuf::from(data).join(name)).unwrap();
    let text = std::fs::read_to_string(file.path()).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let seed = weft_tangle::from_text("the seed", table["seed"].as_str().unwrap()).unwrap();
    SigningKey::from_seed(&Seed::from_bytes(seed)).unwrap()
}

/// A device that says whatever a test wants.
pub(crate) struct Device {
    pub(crate) key: SigningKey,
    pub(crate) network: NetworkId,
    pub(crate) counter: u32,
}

/// A draft that a test may change before it is signed; see [`Device::reading`].
pub(crate) struct Wish {
    pub(crate) kind: Kind,
    pub(crate) content_format: u16,
    pub(crate) counter: u32,
    pub(crate) timestamp: u64,
    pub(crate) parents: [TxId; 2],
    pub(crate) content: Vec<u8>,
    pub(crate) work: u8,
}

impl Device {
    pub(crate) fn new(seed: u8, network: NetworkId) -> Self {
        let key = SigningKey::from_seed(&Seed::from_bytes([seed; 32])).unwrap();
        Self { key, network, counter: 0 }
    }

    pub(crate) fn id(&self) -> DeviceId {
        DeviceId::of(self.key.public_key())
    }

    /// An enrolment of this key as `role`, valid from a day ago for a year, admitted by nobody.
    pub(crate) fn enrolment(&self, role: Role) -> Enrolment {
        Enrolment {
            role,
            valid_from: Timestamp::from_millis(now() - 86_400_000),
            valid_until: Timestamp::from_millis(now() + 31_536_000_000),
            owner: [0; 32],
            public_key: self.key.public_key().clone(),
            kem_public_key: None,
            address: None,
            admission: None,
        }
    }

    /// A transaction of Weft's own encoding, with the next counter.
    pub(crate) fn control(&mut self, kind: Kind, content: Vec<u8>, parents: [TxId; 2]) -> Wish {
        let work = if kind == Kind::Enrol { 18 } else { 10 };
        Wish { kind, content_format: content_format::WEFT, content, work, ..self.reading(parents) }
    }

    /// A heart rate, with the next counter.
    pub(crate) fn reading(&mut self, parents: [TxId; 2]) -> Wish {
        let counter = self.counter;
        self.counter += 1;
        let newest = parents.iter().map(|parent| parent.timestamp().as_millis()).max().unwrap();
        Wish {
            kind: Kind::Reading,
            content_format: content_format::SENML_JSON,
            counter,
            timestamp: now().max(newest + 1),
            parents,
            content: br#"[{"n":"urn:dev:ow:10e2073a0108006:hr","u":"beat/min","v":72}]"#.to_vec(),
            work: 10,
        }
    }

    pub(crate) fn sign(&self, wish: &Wish) -> Signed {
        let draft = Draft {
            kind: wish.kind,
            content_format: wish.content_format,
            counter: wish.counter,
            timestamp: Timestamp::from_millis(wish.timestamp),
            parents: wish.parents,
            salt: [7; 16],
            content: &wish.content,
        };
        draft.sign(&self.network, &self.key).unwrap()
    }

    /// The wish in wire form, signed and worked for.
    pub(crate) fn wire(&self, wish: &Wish) -> Vec<u8> {
        let signed = self.sign(wish);
        let difficulty = Difficulty::new(wish.work).unwrap();
        let nonce = search_on_threads(
            signed.seed(),
            difficulty,
            std::num::NonZero::<usize>::MIN,
            &AtomicBool::new(false),
        );
        signed.with_nonce(nonce.unwrap())
    }

    /// Enrols as `role` in an open network.
    pub(crate) fn enrol(&mut self, node: &Node, role: Role) -> TxId {
        let content = self.enrolment(role).encode();
        let wish = self.control(Kind::Enrol, content, node.parents(&self.id()));
        let signed = self.wire(&wish);
        assert_eq!(node.submit(&signed), (201, "attached".into()));
        self.sign(&wish).id()
    }
}

/// Sends a reading to a node; its id.
#[track_caller]
pub(crate) fn read(node: &Node, device: &mut Device) -> TxId {
    let wish = device.reading(node.parents(&device.id()));
    assert_eq!(node.submit(&device.wire(&wish)), (201, "attached".into()));
    device.sign(&wish).id()
}
