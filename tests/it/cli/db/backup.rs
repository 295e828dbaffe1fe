//! Backups, what comes of them, and the socket that they are asked for at.

use super::super::desk::{Desk, files_in};
use super::{PLACE, send, spoil, stopped_node};
use crate::support::Node;
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn a_backup_of_a_running_node_is_restored_elsewhere() {
    let (desk, node) = Desk::with_node();
    let ids = send(&desk, 3);
    let taken = desk.weft("db backup copy.redb --data node --json").json();
    assert_eq!((&taken["transactions"], &taken["damaged"]), (&json!(4), &json!(0)));
    assert_eq!(taken["file_bytes"], std::fs::metadata(desk.path("copy.redb")).unwrap().len());
    // It goes on meanwhile and afterwards.
    desk.weft("sensor send --key a.key hr=60").done();
    let again = desk.weft("db backup copy.redb --data node").refused();
    assert!(again.contains("copy.redb exists") && again.contains("--force"), "{again}");
    let told = desk.weft("db backup copy.redb --data node --force");
    assert!(told.err.contains("keys and the network file are not in the backup"), "{}", told.err);
    assert!(told.done().contains("transactions             5"));
    assert!(!desk.path("copy.redb.part").exists());
    let checked = desk.weft("db check --file copy.redb --network ward.toml --json").json();
    assert_eq!((&checked["transactions"], &checked["faults"]), (&json!(5), &json!([])));
    for words in ["db compact", "db restore copy.redb"] {
        let refused = desk.weft(&format!("{words} {PLACE}")).refused();
        assert!(refused.contains("a node runs on node: stop it first"), "{refused}");
    }
    let own = std::fs::read(desk.path("node/node.key")).unwrap();
    // The lives of its own log, from which peers learn that they need not read it from its beginning.
    let cursors = |path: &str| {
        let network = weft::network_file::NetworkFile::read(&desk.path("ward.toml")).unwrap().network;
        let view = weft::store::View::open(&desk.path(path), &network).unwrap();
        view.reader().unwrap().copy_cursors().unwrap()
    };
    assert_eq!(node.stop(), Some(0));
    assert_eq!((cursors("copy.redb").len(), cursors("copy.redb").held()), (1, 5));
    assert_eq!(cursors("copy.redb"), cursors("node/weft.redb"));
    assert!(!desk.path("node/admin.sock").exists());

    let occupied = desk.weft(&format!("db restore copy.redb {PLACE}")).refused();
    assert!(occupied.contains("node/weft.redb is there already"), "{occupied}");
    let restored = desk.weft("db restore copy.redb --data other --network ward.toml --json").json();
    assert_eq!(restored["transactions"], json!(5));
    assert_eq!(cursors("other/weft.redb"), cursors("copy.redb"));
    std::fs::write(desk.path("other/node.key"), own).unwrap();
    set_private(&desk.path("other/node.key"));
    let network = desk.path("ward.toml");
    let other = Node::start_with(
        &desk.path("other"),
        &["--network", network.to_str().unwrap(), "--gossip-listen", "127.0.0.1:0"],
    );
    for id in &ids {
        let path = format!("/api/v1/transactions/{id}");
        assert_eq!(other.get(&path).0, 200);
    }
    desk.weft(&format!("sensor send --key a.key hr=61 --api {}", other.url)).done();
    assert_eq!(other.stop(), Some(0));
}

#[test]
fn a_backup_replaces_backups_and_nothing_else() {
    let (desk, node) = Desk::with_node();
    let ids = send(&desk, 1);
    let own = std::fs::read(desk.path("node/node.key")).unwrap();
    std::fs::write(desk.path("empty.redb"), "").unwrap();
    for (file, words) in [
        ("node/weft.redb", "the database of a node"),
        ("./node/../node/weft.redb", "the database of a node"),
        ("node/node.key", "is no database"),
        ("ward.toml", "is no database"),
        ("/dev/null", "is no database"),
        ("node", "is no database"),
    ] {
        let refused = desk.weft(&format!("db backup {file} --data node --force")).refused();
        assert!(refused.contains(words), "{file}: {refused}");
    }
    for _ in 0..2 {
        desk.weft("db backup empty.redb --data node --force").done();
    }
    desk.weft("sensor send --key a.key hr=60").done();
    assert_eq!(node.stop(), Some(0));
    assert_eq!(std::fs::read(desk.path("node/node.key")).unwrap(), own);
    let refused = desk.weft("db backup node/weft.redb --data node --force").refused();
    assert!(refused.contains("the database of a node"), "also of one that is stopped: {refused}");
    let node = desk.start_node();
    assert_eq!(node.get(&format!("/api/v1/transactions/{}", ids[0])).0, 200);
    assert_eq!(node.stop(), Some(0));
    let checked = desk.weft(&format!("db check {PLACE} --json")).json();
    assert_eq!(checked["transactions"], json!(3));
}

#[test]
fn what_a_restore_replaces_is_kept() {
    let (desk, ids) = stopped_node(2);
    let taken = desk.weft(&format!("db backup copy.redb {PLACE} --json")).json();
    assert_eq!(taken["transactions"], json!(3));
    let node = desk.start_node();
    let later = desk.weft(&format!("sensor send --key a.key hr=60 --api {} --json", node.url)).json();
    assert_eq!(node.stop(), Some(0));
    let restored = desk.weft(&format!("db restore copy.redb {PLACE} --force"));
    assert!(restored.err.contains("makes no witness before it has asked"), "{}", restored.err);
    let aside = restored.err.lines().next().unwrap();
    let kept = aside.split(" is ").nth(1).unwrap().trim_end_matches(" now").to_owned();
    restored.done();
    let old = desk.weft(&format!("db check --file {kept} --network ward.toml --json")).json();
    assert_eq!((&old["transactions"], &old["faults"]), (&json!(4), &json!([])));
    let node = desk.start_node();
    let status = |id: &str| node.get(&format!("/api/v1/transactions/{id}")).0;
    assert_eq!((status(&ids[1]), status(later["id"].as_str().unwrap())), (200, 404));
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_backup_that_is_not_sound_is_restored_only_when_that_is_asked_for() {
    let (desk, ids) = stopped_node(3);
    spoil(&desk.path("node/weft.redb"), "reading-number-1");
    let taken = desk.weft(&format!("db backup copy.redb {PLACE} --json")).json();
    assert_eq!((&taken["transactions"], &taken["damaged"]), (&json!(4), &json!(1)));
    let restore = "db restore copy.redb --data other --network ward.toml";
    let refused = desk.weft(restore).refused();
    assert!(refused.contains(&ids[1]) && refused.contains("--damaged"), "{refused}");
    assert!(!desk.path("other/weft.redb").exists());
    desk.weft(&format!("{restore} --damaged")).done();
    let report = desk.weft("db check --data other --network ward.toml --json");
    let report: Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!(report["faults"].as_array().unwrap().len(), 1);
    assert_eq!(report["faults"][0]["id"], json!(ids[1]));
    // A backup of which the pages themselves are damaged, where no row says so, is none to be trusted either.
    std::fs::copy(desk.path("node/weft.redb"), desk.path("old.redb")).unwrap();
    let refused = desk.weft("db restore old.redb --data fourth --network ward.toml").refused();
    assert!(refused.contains("2 faults") && refused.contains("--damaged"), "{refused}");
    desk.weft("db restore old.redb --data fourth --network ward.toml --damaged").done();
    // Another network's directory does not take it.
    let node = Node::start(&desk.path("third"));
    assert_eq!(node.stop(), Some(0));
    let refused = desk.weft("db restore copy.redb --data third --force").refused();
    assert!(refused.contains("belongs to network"), "{refused}");
}

#[test]
fn compacting_loses_nothing() {
    let (desk, ids) = stopped_node(3);
    let done = desk.weft(&format!("db compact {PLACE} --json")).json();
    let [before, after] = ["bytes_before", "bytes_after"].map(|name| done[name].as_u64().unwrap());
    assert!(after > 0 && after <= before, "{done}");
    assert_eq!(done["freed"], json!(before - after));
    let report = desk.weft(&format!("db check {PLACE} --json")).json();
    assert_eq!((&report["transactions"], &report["faults"]), (&json!(4), &json!([])));
    let node = desk.start_node();
    assert_eq!(node.get(&format!("/api/v1/transactions/{}", ids[2])).0, 200);
    assert_eq!(node.stop(), Some(0));
    let refused = desk.weft("db compact --data nowhere --network ward.toml").refused();
    assert!(refused.contains("there is no database"), "{refused}");
}

#[test]
fn nobody_else_may_ask_a_node_for_a_backup() {
    use std::os::unix::fs::PermissionsExt;
    let (desk, node) = Desk::with_node();
    let socket = desk.path("node/admin.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    node.kill();
    // What a killed node leaves does not hinder the next one.
    assert!(socket.exists());
    let node = desk.start_node();
    desk.weft("db backup copy.redb --data node").done();
    assert_eq!(node.stop(), Some(0));
}

fn set_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_full_disk_leaves_no_half_backup() {
    let (desk, _) = stopped_node(1);
    // Files may have 64 KiB, as if the disk ended there.
    let line =
        format!("trap '' XFSZ; ulimit -f 128; exec {} db backup copy.redb {PLACE}", crate::support::WEFT);
    let mut shell = std::process::Command::new("bash");
    let output = shell.args(["-c", &line]).current_dir(desk.path("")).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("too large") || words.contains("cannot be"), "{words}");
    let left = files_in(&desk.path(""));
    assert!(left.iter().all(|name| !name.starts_with("copy.redb")), "{left:?}");
    desk.weft(&format!("db backup copy.redb {PLACE}")).done();
}

#[test]
fn whoever_is_silent_at_the_socket_does_not_keep_a_node_from_ending() {
    let (desk, node) = Desk::with_node();
    let silent = std::os::unix::net::UnixStream::connect(desk.path("node/admin.sock")).unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(node.stop(), Some(0));
    assert!(begun.elapsed() < weft::limits::ADMIN_PATIENCE, "it was not waited for");
    drop(silent);
}
