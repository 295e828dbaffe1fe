//! The `weft` command as a user runs it, against a real node: keys, enrolments, readings, and looking at them.

mod db;
mod demo;
mod desk;
mod finality;
mod join;
mod network;
mod node;
mod replay;
mod simulate;

use desk::{Desk, readings};
use rustix::process::Signal;
use serde_json::json;

#[test]
fn a_key_is_made_once_and_shown() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::alone();
    let made = desk.weft("key new a.key --json").json();
    assert_eq!((&made["key_file"], &made["state_file"]), (&json!("a.key"), &json!("a.key.state")));
    let before = std::fs::read(desk.path("a.key")).unwrap();
    assert!(desk.weft("key new a.key").refused().contains("a.key exists; a key file is never overwritten"));
    assert_eq!(std::fs::read(desk.path("a.key")).unwrap(), before);
    for file in ["a.key", "a.key.state"] {
        assert_eq!(std::fs::metadata(desk.path(file)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let shown = desk.weft("key show a.key --json").json();
    assert_eq!(shown["device"], made["device"]);
    let text = desk.weft("key show a.key").done();
    let [device, key] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert_eq!(device.split_whitespace().last(), made["device"].as_str());
    assert_eq!(key.split_whitespace().last(), shown["public_key"].as_str());
    assert!(desk.weft("key show b.key").refused().contains("make one with `weft key new b.key`"));
    std::fs::set_permissions(desk.path("a.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = desk.weft("key show a.key");
    assert!(exposed.err.contains("chmod 600 a.key"), "{}", exposed.err);
    exposed.done();
    std::fs::rename(desk.path("a.key"), desk.path("old.key")).unwrap();
    assert!(desk.weft("key new a.key").refused().contains("belongs to an earlier key"));
    assert!(!desk.path("a.key").exists());
}

#[test]
fn a_sensor_enrols_sends_and_is_read_back() {
    let (desk, node) = Desk::with_node();
    let key = desk.weft("key new a.key --json").json();
    let device = key["device"].as_str().unwrap();
    let refused = desk.weft("sensor send --key a.key hr=61").refused();
    let remedy = format!("weft device enrol --key a.key --role sensor --api {}", node.url);
    assert!(refused.contains("not enrolled") && refused.contains(&remedy), "{refused}");

    let enrolled = desk.weft("device enrol --key a.key --role sensor --valid-days 3 --json").json();
    assert_eq!((&enrolled["status"], &enrolled["role"]), (&json!("attached"), &json!("sensor")));
    let known = node.get(&format!("/api/v1/devices/{device}")).1;
    assert_eq!(known["enrolments"][0]["id"], enrolled["id"]);
    assert_eq!(known["enrolments"][0]["valid_until"], enrolled["valid_until"]);
    assert_eq!(known["enrolments"][0]["registrar"], json!(null));
    let doctor = desk.weft("device enrol --key a.key --role practitioner").refused();
    assert!(doctor.contains("need a registrar's signature"), "{doctor}");
    assert!(
        desk.weft("device enrol --key a.key --role sensor --valid-days 0").refused().contains("1 to 36500")
    );

    let text = desk.weft("sensor send --key a.key hr=61 worn=true glucose=5.4:mmol/l").done();
    let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["id", "status", "counter"]);
    let sent = desk.weft("sensor send --key a.key spo2=0.97 --json").json();
    assert_eq!(sent["status"], "attached");
    let records = readings(&node, device);
    let expected = [
        ("hr", json!(61), json!("beat/min")),
        ("worn", json!(true), json!(null)),
        ("glucose", json!(5.4), json!("mmol/l")),
        ("spo2", json!(0.97), json!("/")),
    ];
    assert_eq!(records.len(), expected.len());
    for (record, (name, value, unit)) in records.iter().zip(expected) {
        assert_eq!(record["n"], format!("urn:dev:weft:{device}:{name}"));
        let seen = if value.is_boolean() { &record["vb"] } else { &record["v"] };
        assert_eq!(seen.as_f64(), value.as_f64(), "{record}");
        assert_eq!((seen.as_bool(), &record["u"]), (value.as_bool(), &unit), "{record}");
    }
}

#[test]
fn a_closed_network_takes_whom_its_registrar_admits() {
    let (desk, node) = Desk::with_network(false);
    let device = desk.weft("key new a.key --json").json()["device"].as_str().unwrap().to_owned();
    let refused = desk.weft("device enrol --key a.key --role sensor").refused();
    assert!(refused.contains("with --registrar FILE"), "{refused}");
    desk.weft("key new stranger.key").done();
    let refused = desk.weft("device enrol --key a.key --role sensor --registrar stranger.key").refused();
    assert!(refused.contains("registrar"), "{refused}");
    let admitted = desk.weft("device enrol --key a.key --role practitioner --registrar registrar.key --json");
    assert_eq!(admitted.json()["role"], "practitioner");
    let registrar = desk.weft("key show registrar.key --json").json();
    let known = node.get(&format!("/api/v1/devices/{device}")).1;
    assert_eq!(known["enrolments"][0]["registrar"], registrar["device"]);
    let wrong_role = desk.weft("sensor send --key a.key hr=61").refused();
    assert!(wrong_role.contains("role"), "{wrong_role}");
    desk.weft("key new b.key").done();
    desk.weft("device enrol --key b.key --role sensor --registrar registrar.key").done();
    desk.weft("sensor send --key b.key hr=61").done();
}

#[test]
fn a_transaction_is_shown_for_people_for_programs_and_as_it_is() {
    let (desk, node) = Desk::with_node();
    let device = desk.sensor("a.key");
    let sent = desk.weft("sensor send --key a.key hr=61 worn=true --json").json();
    let id = sent["id"].as_str().unwrap();
    let shown = desk.weft(&format!("show {id} --json")).json();
    assert_eq!(shown, node.get(&format!("/api/v1/transactions/{id}")).1);
    assert_eq!((&shown["issuer"], &shown["counter"]), (&json!(device), &sent["counter"]));
    let text = desk.weft(&format!("show {id}")).done();
    assert!(text.starts_with("id ") && text.contains(" hr=61 beat/min; worn=true\n"), "{text}");
    let date = weft::network_file::time_text(weft_tangle::Timestamp::from_millis(
        shown["timestamp"].as_u64().unwrap(),
    ));
    assert!(text.contains(&date), "{text}");
    let wire = desk.weft(&format!("show {id} --wire")).bytes;
    let (_, expected) = node.get_as(&format!("/api/v1/transactions/{id}"), "application/octet-stream");
    assert_eq!(wire, expected);

    let missing = desk.weft(&format!("show {}", "0".repeat(64))).refused();
    assert!(missing.contains("No transaction of this id"), "{missing}");
    let wrong = desk.weft("show 0123");
    assert!(wrong.code == Some(2) && wrong.err.contains("64 characters"), "{}", wrong.err);

    let tips = desk.weft("tips --count 3 --json").json();
    let pairs = tips["parents"].as_array().unwrap();
    assert_eq!(pairs.len(), 3);
    let newest = |pair: &serde_json::Value| pair.as_array().unwrap().iter().any(|parent| parent == id);
    assert!(pairs.iter().any(newest), "{tips}");
    let lines = desk.weft("tips --count 2").done();
    assert!(lines.lines().all(|line| line.len() == 129) && lines.lines().count() == 2, "{lines}");
}

#[test]
fn a_node_that_cannot_be_asked_is_told_from_one_that_refuses() {
    let desk = Desk::alone();
    desk.weft("key new a.key").done();
    let send = |api: &str| desk.weft(&format!("sensor send --key a.key hr=1 --api {api}")).refused();
    assert!(send("127.0.0.1:8470").contains("give one like http://127.0.0.1:8470"));
    assert!(send("ftp://ward").contains("does not begin with http://"));
    assert!(send("https://ward").contains("plain HTTP only"));
    // A port that was free a moment ago and that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = send(&format!("http://{free}"));
    assert!(silent.contains(&format!("no node answers at http://{free} (Connection refused")), "{silent}");
    assert!(silent.contains("start one with `weft node`"), "{silent}");
    for wrong in ["sensor send --key a.key", "sensor send --key a.key hr=x", "tips --frob", "frob"] {
        let wrong = desk.weft(wrong);
        assert_eq!((wrong.code, wrong.out.as_str()), (Some(2), ""));
        assert!(wrong.err.contains("--help"), "{}", wrong.err);
    }
    // The flag is stronger than the variable.
    let (other, _node) = Desk::with_node();
    other.weft("tips").done();
    assert!(other.weft("tips --api https://ward").refused().contains("https://ward"));
}

#[test]
fn a_lost_state_file_makes_the_device_wait_and_say_so() {
    let (desk, node) = Desk::with_node();
    let device = desk.sensor("a.key");
    std::fs::remove_file(desk.path("a.key.state")).unwrap();
    let mut sending = desk.start("sensor send --key a.key hr=61");
    let said = sending.said("waiting");
    assert!(said.contains("the state file was lost"), "{said}");
    let used = desk.weft("sensor send --key a.key hr=61").refused();
    assert!(used.contains("another process is using the key a.key"), "{used}");
    let stopped = sending.end(Signal::INT);
    assert_eq!((stopped.code, stopped.out.as_str()), (Some(1), ""));
    assert_eq!(stopped.err, "weft: stopped\n");
    // It goes on waiting the next time, and nothing was sent meanwhile.
    let mut sending = desk.start("sensor send --key a.key hr=61");
    sending.said("waiting");
    assert_eq!(sending.end(Signal::TERM).code, Some(1));
    assert_eq!(readings(&node, &device).len(), 0);
}
