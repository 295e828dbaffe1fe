//! A disk that fills up, and gets room again: the node stops taking, serves all it has acknowledged, and goes on by itself.
//!
//! The disk is a tmpfs of 64 MiB, for which the test must be root, or be allowed to mount.

use crate::cluster::count;
use crate::support::{Device, Node, WEFT, word};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use weft_tangle::Role;

/// How long the disk may take to fill up, and the node to notice that it has room.
const PATIENCE: Duration = Duration::from_secs(300);

/// A file system of its own. Unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    /// Nothing where this system lets nobody mount, for whatever reason.
    fn mount(path: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir(&path).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&path);
        match run(&mut command) {
            Ok(()) => Some(Self(path)),
            Err(words) => {
                crate::skip(&format!("for no tmpfs can be mounted here: {words}"));
                None
            }
        }
    }

    fn resize(&self, size: &str) {
        let mut command = Command::new("mount");
        run(command.args(["-o", &format!("remount,size={size}")]).arg(&self.0)).unwrap();
    }

    fn free_bytes(&self) -> u64 {
        let found = rustix::fs::statvfs(&self.0).unwrap();
        found.f_bavail * found.f_frsize
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A node that a panic has left running may still use it.
        if let Err(words) = run(Command::new("umount").arg("-l").arg(&self.0)) {
            println!("{} stays mounted: {words}", self.0.display());
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("permission? {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn load(node: &Node, directory: &Path, count: u32) -> Child {
    let count = count.to_string();
    let mut command = Command::new(WEFT);
    command.args(["sensor", "load", "--json", "--devices", "40", "--batch", "20", "--count", &count]);
    command.args(["--api", &node.url, "--ids"]).arg(directory.join("ids")).env("TMPDIR", directory);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn wait_for(node: &Node, status: u16) -> Value {
    let begun = Instant::now();
    loop {
        let (found, body) = node.get("/readyz");
        if found == status {
            return body;
        }
        assert!(begun.elapsed() < PATIENCE, "{body}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn metric(node: &Node, name: &str) -> String {
    let text = String::from_utf8(node.get_as("/metrics", "*/*").1).unwrap();
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    line.unwrap_or_else(|| panic!("no {name}")).rsplit(' ').next().unwrap().to_owned()
}

/// Every acknowledged id is served, at a place of its own; how many there are.
fn check(node: &Node, directory: &Path) -> usize {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let text = std::fs::read_to_string(directory.join("ids")).unwrap();
    let mut positions = BTreeSet::new();
    for id in text.lines() {
        let mut response = agent.get(format!("{}/api/v1/transactions/{id}", node.url)).call().unwrap();
        assert_eq!(response.status().as_u16(), 200, "{id} was acknowledged and is lost");
        let transaction: Value = serde_json::from_slice(&response.body_mut().read_to_vec().unwrap()).unwrap();
        assert_eq!(transaction["id"], id);
        assert!(positions.insert(transaction["position"].as_u64().unwrap()), "{id} is there twice");
    }
    positions.len()
}

/// POST of one transaction: status, `Retry-After`, and the word that matters.
fn post(node: &Node, wire: &[u8]) -> (u16, Option<u64>, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("{}/api/v1/transactions", node.url));
    let mut response = request.header("content-type", "application/octet-stream").send(wire).unwrap();
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.map(|seconds| seconds.to_str().unwrap().parse().unwrap());
    let body: Value = serde_json::from_slice(&response.body_mut().read_to_vec().unwrap()).unwrap();
    (response.status().as_u16(), retry_after, word(&body))
}

#[test]
fn a_node_on_a_full_disk_goes_on_once_there_is_room() {
    let outside = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(outside.path().join("disk"), "64m") else { return };
    let data = disk.0.join("node");
    let node = Node::start(&data);
    let mut device = Device::new(1, node.network());
    let enrolment = device.enrol(&node, Role::Sensor);
    let parents = [enrolment, node.genesis()];

    let mut filling = load(&node, outside.path(), 60_000);
    let reason = wait_for(&node, 503);
    assert!(reason["reasons"][0].as_str().unwrap().contains("make room"), "{reason}");
    assert_eq!(metric(&node, "weft_store_read_only"), "1");
    assert!(disk.free_bytes() > 8 << 20, "no write has met the end: {}", disk.free_bytes());
    let wish = device.reading(parents);
    let refused = device.wire(&wish);
    let (status, retry_after, slug) = post(&node, &refused);
    assert_eq!((status, slug.as_str()), (503, "storage"));
    assert!(retry_after.is_some_and(|seconds| seconds > 0));
    assert_eq!(node.get(&format!("/api/v1/ticket?device={}", device.id())).0, 503);
    assert_eq!(filling.try_wait().unwrap(), None, "the load waits, as it is asked to");
    kill_process(Pid::from_child(&filling), Signal::INT).unwrap();
    let filled = report(&filling.wait_with_output().unwrap());
    // Devices that were without a ticket just then have ended with an error, the others were put off.
    assert_eq!(filled["refused"].as_u64(), Some(0), "{filled}");
    let acknowledged = check(&node, outside.path());
    assert_eq!(filled["accepted"].as_u64(), Some(acknowledged as u64), "{filled}");
    println!("{acknowledged} acknowledged when the disk was full, {} bytes free", disk.free_bytes());

    // Others take what was left, the node is killed, and there is no room to recover the file in.
    let others = disk.0.join("others");
    let mut file = std::fs::File::create(&others).unwrap();
    while file.write_all(&[1; 4_096]).is_ok() {}
    assert_eq!(disk.free_bytes(), 0);
    node.kill();
    let node = Node::listening(Node::command(&data, &[]));
    let reason = wait_for(&node, 503);
    assert!(reason["reasons"][0].as_str().unwrap().contains("make room"), "{reason}");
    assert_eq!(metric(&node, "weft_store_read_only"), "1");
    assert_eq!(check(&node, outside.path()), acknowledged);
    let backup = |file: &Path| {
        let mut command = Command::new(WEFT);
        command.args(["db", "backup", "--data"]).arg(&data).arg(file).output().unwrap()
    };
    let refused_backup = backup(&disk.0.join("copy"));
    let words = String::from_utf8(refused_backup.stderr).unwrap();
    assert!(!refused_backup.status.success() && words.contains("there is no room for"), "{words}");
    assert!(backup(&outside.path().join("copy")).status.success(), "what it holds can be saved elsewhere");

    std::fs::remove_file(&others).unwrap();
    disk.resize("256m");
    wait_for(&node, 200);
    assert_eq!(metric(&node, "weft_store_read_only"), "0");
    assert_eq!(metric(&node, "weft_store_recoveries_total"), "1");
    assert_eq!(post(&node, &refused), (201, None, "attached".into()), "it had not been taken");
    let (status, _, word) = post(&node, &refused);
    assert!(status == 200 && ["attached", "final"].contains(&word.as_str()), "{status} {word}");
    let more = load(&node, outside.path(), 2_000).wait_with_output().unwrap();
    assert!(more.status.success(), "{}", report(&more));
    assert_eq!(check(&node, outside.path()), acknowledged + 2_000);
    let stored = count(&node);
    assert_eq!(node.stop(), Some(0));

    let node = Node::start(&data);
    assert_eq!(check(&node, outside.path()), acknowledged + 2_000);
    assert_eq!(count(&node), stored);
    assert_eq!(node.get(&format!("/api/v1/transactions/{}", device.sign(&wish).id())).0, 200);
    assert_eq!(node.stop(), Some(0));
}
