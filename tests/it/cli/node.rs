//! `weft node` and `weft config check`: what is in force, what a start says, what a stop and a restart keep.

use super::desk::{Desk, files_in, readings};
use crate::support::Node;
use rustix::process::Signal;

#[test]
fn flags_are_stronger_than_variables_and_these_than_the_file() {
    let desk = Desk::alone();
    desk.write("weft.toml", "data = \"kept\"\n[api]\nlisten = \"127.0.0.1:1\"\n[storage]\ncache_mib = 7\n");
    let check = |line: &str, variables: &[(&str, &str)]| {
        let output = desk.command(line).envs(variables.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let listen =
        |text: &str| text.parse::<toml::Table>().unwrap()["api"]["listen"].as_str().unwrap().to_owned();
    let file = [("WEFT_CONFIG", "weft.toml")];
    let both = [("WEFT_CONFIG", "weft.toml"), ("WEFT_API_LISTEN", "127.0.0.1:2")];
    assert_eq!(listen(&check("config check", &[])), "127.0.0.1:8470");
    assert_eq!(listen(&check("config check", &file)), "127.0.0.1:1");
    assert_eq!(listen(&check("config check", &both)), "127.0.0.1:2");
    assert_eq!(listen(&check("config check --api-listen 127.0.0.1:3", &both)), "127.0.0.1:3");

    let printed = check("config check --config weft.toml --log debug", &[]);
    assert!(printed.contains("cache_mib = 7"), "{printed}");
    desk.write("again.toml", &printed);
    assert_eq!(check("config check --config again.toml", &[]), printed);
    assert_eq!(files_in(&desk.path("")), ["again.toml", "weft.toml"], "looking makes nothing");

    let empty = check("config check --config weft.toml", &[("WEFT_API_LISTEN", ""), ("WEFT_CONFIG", "")]);
    assert_eq!(listen(&empty), "127.0.0.1:1");

    let wrong = desk.weft("config check --api-listen localhost").refused();
    assert!(wrong.contains("--api-listen") && wrong.contains("127.0.0.1:8470"), "{wrong}");
    desk.write("weft.toml", "[api]\nlissten = \"127.0.0.1:1\"\n");
    assert!(desk.weft("node --config weft.toml").refused().contains("lissten"));
    assert_eq!(desk.weft("node --frob").code, Some(2));
}

#[test]
fn the_commands_of_a_first_start_work_as_they_are_printed() {
    let desk = Desk::alone();
    let mut node = desk.start("node --data d --api-listen 127.0.0.1:0");
    let mut commands = Vec::new();
    for words in ["weft key new", "weft device enrol", "weft sensor send"] {
        commands.push(node.printed(words).trim().strip_prefix("weft ").unwrap().to_owned());
    }
    for command in &commands {
        desk.weft(command).done();
    }
    let stopped = node.end(Signal::TERM);
    assert_eq!((stopped.code, stopped.err.as_str()), (Some(0), ""));
    assert!(stopped.out.starts_with("stopped;"), "{}", stopped.out);
    let own = desk.weft("key show d/node.key --json").json();
    let mut again = desk.start("node --data d --api-listen 127.0.0.1:0");
    let line = again.printed("  node ");
    assert_eq!(line.split_whitespace().last(), own["device"].as_str());
    let rest = again.end(Signal::INT);
    assert_eq!(rest.code, Some(0));
    assert!(!rest.out.contains("made a private network"), "{}", rest.out);
}

#[test]
fn a_node_beyond_this_machine_admits_by_its_registrar_and_warns() {
    let desk = Desk::alone();
    let mut node = desk.start("node --data d --api-listen 0.0.0.0:0");
    desk.weft("key new sensor.key").done();
    for words in ["weft device enrol", "weft sensor send"] {
        let command = node.printed(words).trim().strip_prefix("weft ").unwrap().to_owned();
        assert!(command.contains("--api http://127.0.0.1:"), "{command}");
        assert_eq!(command.contains("--registrar d/registrar.key"), command.contains("enrol"), "{command}");
        desk.weft(&command).done();
    }
    let warned = node.end(Signal::TERM).err;
    assert!(warned.contains("WARN") && warned.contains("not sealed yet"), "{warned}");
    assert!(!warned.contains('\x1b'), "no colours where no terminal is: {warned}");
}

#[test]
fn a_taken_port_and_a_taken_directory_are_told() {
    let desk = Desk::alone();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let refused = desk.weft(&format!("node --data d --api-listen {address}")).refused();
    assert!(refused.contains(&format!("{address} is in use")), "{refused}");
    assert!(!desk.path("d").exists(), "the next start is still the first");
    let _node = Node::start(&desk.path("d"));
    let refused = desk.weft("node --data d --api-listen 127.0.0.1:0").refused();
    assert!(refused.contains("in use by another process"), "{refused}");
}

#[test]
fn a_restart_keeps_network_key_and_data() {
    let (desk, node) = Desk::with_node();
    let device = desk.sensor("a.key");
    desk.weft("sensor send --key a.key hr=61").done();
    let about =
        |node: &Node| ["network", "node", "genesis"].map(|name| node.get("/api/v1/network").1[name].clone());
    let before = (about(&node), readings(&node, &device));
    assert_eq!(node.stop(), Some(0));
    let node = desk.start_node();
    assert_eq!((about(&node), readings(&node, &device)), before);
    let api = node.url.clone();
    desk.weft(&format!("sensor send --key a.key hr=62 --api {api}")).done();
    assert_eq!(readings(&node, &device).len(), 2);
}
