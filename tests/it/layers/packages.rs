//! The layers between packages, read from what cargo itself resolves.

use crate::tree::{assert_none, root};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What no part of the ledger may depend on, however indirectly: executors, sockets, databases, entropy, clocks.
const OUTSIDE: [&str; 26] = [
    "async-io",
    "async-std",
    "chrono",
    "fastrand",
    "getrandom",
    "hyper",
    "jiff",
    "mio",
    "polling",
    "quinn",
    "rand",
    "rayon",
    "redb",
    "reqwest",
    "rustix",
    "rustls",
    "signal-hook",
    "smol",
    "socket2",
    "tempfile",
    "time",
    "tokio",
    "tracing",
    "ureq",
    "warp",
    "weft",
];

/// Roads that are not followed: (package, dependency), with the reason here. PQClean's glue links an entropy source
/// for a `keypair()` that `clippy.toml` bans.
const ROADS_CLOSED: [(&str, &str); 1] = [("pqcrypto-internals", "getrandom")];

/// Direct dependencies, build ones too, by package name; those for tests alone are not in it.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// The graph below `package` for this host.
fn graph(package: &str) -> Graph {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--all-features", "--edges", "normal,build", "--prefix", "depth"])
        .args(["--format", " {p}", "--package", package])
        .current_dir(root())
        .output()
        .expect("cargo runs, for it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    graph_of(&String::from_utf8(output.stdout).expect("cargo prints UTF-8"))
}

/// Reads lines of depth and package, each below the last line before it that is one less deep.
fn graph_of(tree: &str) -> Graph {
    let mut graph = Graph::new();
    let mut path: Vec<String> = Vec::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        let (Some(depth), Some(name)) = (words.next(), words.next()) else { continue };
        let depth: usize = depth.parse().expect("a line begins with its depth");
        path.truncate(depth);
        if let Some(parent) = path.last() {
            graph.entry(parent.clone()).or_default().insert(name.to_owned());
        }
        path.push(name.to_owned());
        graph.entry(name.to_owned()).or_default();
    }
    graph
}

/// Everything that `package` depends on, however indirectly.
fn closure(graph: &Graph, package: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![package.to_owned()];
    while let Some(name) = open.pop() {
        for dependency in graph.get(&name).into_iter().flatten() {
            let is_closed = ROADS_CLOSED.contains(&(name.as_str(), dependency.as_str()));
            if !is_closed && found.insert(dependency.clone()) {
                open.push(dependency.clone());
            }
        }
    }
    found
}

fn outside_faults(graph: &Graph, package: &str) -> Vec<String> {
    let found = closure(graph, package);
    let outside = OUTSIDE.iter().filter(|name| found.contains(**name));
    outside.map(|name| format!("{package} depends on {name}")).collect()
}

fn direct(graph: &Graph, package: &str) -> Vec<String> {
    graph[package].iter().cloned().collect()
}

#[test]
fn proof_of_work_depends_on_blake2_alone() {
    let graph = graph("weft-pow");
    assert_eq!(direct(&graph, "weft-pow"), ["blake2"]);
    assert_none(&outside_faults(&graph, "weft-pow"));
}

#[test]
fn the_ledger_depends_on_nothing_outside() {
    let graph = graph("weft-tangle");
    assert!(closure(&graph, "weft-tangle").contains("weft-pow"), "the graph is not read rightly");
    assert_none(&outside_faults(&graph, "weft-tangle"));
}

#[test]
fn the_ledger_knows_no_json() {
    let direct = direct(&graph("weft-tangle"), "weft-tangle");
    let json: Vec<_> = direct.into_iter().filter(|name| name.contains("json")).collect();
    assert_eq!(json, Vec::<String>::new(), "JSON lives at the edge");
}

#[test]
fn a_layer_that_reaches_upward_is_seen() {
    let tree = "0 weft-tangle v0.1.0 (/a)\n1 helper v1.0.0\n2 tokio v1.0.0\n3 bytes v1.0.0\n1 weft-pow v0.1.0 (/b)\n";
    let graph = graph_of(tree);
    assert_eq!(direct(&graph, "weft-tangle"), ["helper", "weft-pow"]);
    assert_eq!(outside_faults(&graph, "weft-tangle"), ["weft-tangle depends on tokio"]);
}
