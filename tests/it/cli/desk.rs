//! A desk at which a user types: a directory of its own, `weft` commands in it, and a real node that answers them.
//!
//! Always true: no variable of the machine reaches a command, and the node's network costs no work to send in, so
//! that a test waits for nothing but what it asks for. Its epochs are as long as can be: a day.

use crate::support::{Node, WEFT, now};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use weft::network_file::NetworkFile;
use weft::sensor::KeyFile;
use weft_tangle::finality::Pace;
use weft_tangle::signing::{PublicKey, Seed, SigningKey};
use weft_tangle::{Network, NetworkParts, Rules, Timestamp};

/// What a command left.
pub(super) struct Outcome {
    pub(super) code: Option<i32>,
    pub(super) bytes: Vec<u8>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Outcome {
    /// What was printed, when it went well.
    #[track_caller]
    pub(super) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self.out
    }

    /// The one object that was printed, when it went well and nothing else was said.
    #[track_caller]
    pub(super) fn json(self) -> Value {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""));
        assert_eq!(self.out.lines().count(), 1, "{}", self.out);
        serde_json::from_str(&self.out).unwrap()
    }

    /// The words of a refusal: exit code 1 and no results.
    #[track_caller]
    pub(super) fn refused(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{}", self.err);
        assert!(self.err.starts_with("weft: "), "{}", self.err);
        self.err
    }
}

/// A directory to work in, and the node that its commands speak to.
pub(super) struct Desk {
    directory: TempDir,
    api: String,
}

impl Desk {
    /// A desk without a node.
    pub(super) fn alone() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), api: String::new() }
    }

    /// A desk with a node of an open network.
    pub(super) fn with_node() -> (Self, Node) {
        Self::with_network(true)
    }

    /// A desk with a node of a network whose file the node did not make: open, or closed to all but the registrar.
    pub(super) fn with_network(open: bool) -> (Self, Node) {
        // It never starts, so that there are no witnesses among what is counted.
        let absent = SigningKey::from_seed(&Seed::from_bytes([9; 32])).unwrap().public_key().clone();
        Self::with_members(open, vec![(absent, "127.0.0.1:1".into())])
    }

    /// A desk with the node of an open network that is alone in its committee, so that it makes final what it takes.
    pub(super) fn that_finalises() -> (Self, Node) {
        Self::with_members(true, Vec::new())
    }

    /// A desk with a node of a network; the others of its committee are not there.
    fn with_members(open: bool, others: Vec<(PublicKey, String)>) -> (Self, Node) {
        let mut desk = Self::alone();
        std::fs::create_dir(desk.path("node")).unwrap();
        let key = |name: &str| KeyFile::create(&desk.path(name)).unwrap().key().public_key().clone();
        let (member, registrar) = (key("node/node.key"), key("registrar.key"));
        let addresses: Vec<_> = std::iter::once((member, "ward:8471".into())).chain(others).collect();
        let network = Network::new(NetworkParts {
            name: "ward".into(),
            created: Timestamp::from_millis(now() - 1_000),
            open_enrolment: open,
            rules: Rules::new(86_400_000, 600, 0, 1).unwrap(),
            registrars: vec![registrar.clone()],
            committee: addresses.iter().map(|(key, _)| key.clone()).collect(),
        });
        let file = NetworkFile { network: network.unwrap(), addresses, pace: Pace::default() };
        std::fs::write(desk.path("ward.toml"), file.to_toml(&[registrar])).unwrap();
        let node = desk.start_node();
        desk.api.clone_from(&node.url);
        (desk, node)
    }

    /// Starts the node again.
    pub(super) fn start_node(&self) -> Node {
        let network = self.path("ward.toml");
        let arguments = ["--network", network.to_str().unwrap(), "--gossip-listen", "127.0.0.1:0"];
        Node::start_with(&self.path("node"), &arguments)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Makes and enrols a sensor; its device id.
    pub(super) fn sensor(&self, key: &str) -> String {
        let device =
            self.weft(&format!("key new {key} --json")).json()["device"].as_str().unwrap().to_owned();
        self.weft(&format!("device enrol --key {key} --role sensor")).done();
        device
    }

    /// A command line, words parted by spaces.
    pub(super) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(WEFT);
        command.args(line.split(' ')).current_dir(self.directory.path()).env_clear().stdin(Stdio::null());
        command.env("WEFT_API", &self.api);
        command
    }

    /// Runs a command to its end.
    pub(super) fn weft(&self, line: &str) -> Outcome {
        let output = self.command(line).output().unwrap();
        Outcome {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8(output.stderr).unwrap(),
            bytes: output.stdout,
        }
    }

    /// Starts a command that is to go on.
    pub(super) fn start(&self, line: &str) -> Running {
        let mut command = self.command(line);
        Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }
}

/// A command that goes on. Killed when dropped.
pub(super) struct Running(Child);

impl Running {
    /// Waits until a line with these words stands on standard output; the line.
    pub(super) fn printed(&mut self, words: &str) -> String {
        line_with(self.0.stdout.as_mut().unwrap(), words)
    }

    /// Waits until a line with these words stands on standard error; the line.
    pub(super) fn said(&mut self, words: &str) -> String {
        line_with(self.0.stderr.as_mut().unwrap(), words)
    }

    /// Sends a signal, waits for the end; what was printed since.
    pub(super) fn end(mut self, signal: rustix::process::Signal) -> Outcome {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        self.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        Outcome { code: self.0.wait().unwrap().code(), bytes: Vec::new(), out, err }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already is what was wanted.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Byte by byte, for what follows the line is read by somebody else.
fn line_with(from: &mut impl Read, words: &str) -> String {
    let mut lines = BufReader::with_capacity(1, from).lines().map_while(Result::ok);
    lines.find(|line| line.contains(words)).unwrap_or_else(|| panic!("it ended without `{words}`"))
}

/// Asks until the answer is there; a node that never gives it fails the test.
pub(super) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A device's records as they are read back.
pub(super) fn readings(node: &Node, device: &str) -> Vec<Value> {
    let (status, pack) = node.get(&format!("/api/v1/devices/{device}/readings"));
    assert_eq!(status, 200, "{pack}");
    pack.as_array().unwrap().clone()
}

/// A device's epochs, when it has not equivocated: for each its transactions, its highest counter and its gaps.
pub(super) fn epochs(node: &Node, device: &str) -> Vec<(u64, u64, usize)> {
    let (status, known) = node.get(&format!("/api/v1/devices/{device}"));
    assert_eq!(status, 200, "{known}");
    assert_eq!(known["equivocations"], Value::Array(vec![]));
    let epochs = known["epochs"].as_array().unwrap().iter();
    let numbers = |epoch: &Value| {
        let gaps = epoch["gaps"].as_array().unwrap().len();
        (epoch["transactions"].as_u64().unwrap(), epoch["highest"].as_u64().unwrap(), gaps)
    };
    epochs.map(numbers).collect()
}

/// Everything in a directory, by name.
pub(super) fn files_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
