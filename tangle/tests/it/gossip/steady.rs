//! The steady state: what is new reaches everybody once, fast, and costs few bytes beside itself.

use super::net::{assert_agreed, full_mesh, link_states};
use weft_tangle::gossip::LinkState;
use weft_tangle::sim::Settings;

/// Stream bytes sent for each byte of a transaction that came to a node for the first time, once trees have grown.
fn ratio(nodes: usize, per_second: u64, micros: u64) -> f64 {
    let mut net = full_mesh(nodes, Settings::new(1));
    net.load(per_second, 500_000);
    net.run(1_500_000);
    net.reset_figures();
    net.load(per_second, micros);
    net.run(1_500_000);
    assert_agreed(&net);
    let slowest = net.latencies().most();
    assert!((1..1_000).contains(&slowest), "{slowest} us: pushed by who took it in, one link on the way");
    assert_eq!(net.traffic().duplicates, 0, "no body comes twice");
    net.traffic().bytes as f64 / net.traffic().delivered as f64
}

#[test]
fn bytes_sent_for_each_byte_delivered_among_8_nodes() {
    for (rate, micros) in [(50, 4_000_000), (1_000, 1_000_000)] {
        let ratio = ratio(8, rate, micros);
        assert!(ratio <= 1.15, "{ratio} at {rate} a second");
    }
}

#[test]
fn bytes_sent_for_each_byte_delivered_among_16_nodes() {
    for (rate, micros) in [(50, 4_000_000), (1_000, 1_000_000)] {
        let ratio = ratio(16, rate, micros);
        assert!(ratio <= 1.15, "{ratio} at {rate} a second");
    }
}

#[test]
fn every_link_of_a_mesh_is_live() {
    let mut net = full_mesh(4, Settings::new(2));
    net.load(50, 1_000_000);
    assert!(link_states(&net).iter().all(|state| *state == LinkState::Eager));
}
