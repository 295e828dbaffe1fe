//! Networks of the simulator, driven by hand.

use std::collections::BTreeSet;
use weft_tangle::TxId;
use weft_tangle::gossip::{LinkState, PeerCounts};
use weft_tangle::sim::{LinkSettings, Net, Settings};

/// Nodes side by side, none of them linked.
pub(super) fn apart(nodes: usize, seed: u64) -> Net {
    Net::new(nodes, Settings::new(seed))
}

/// Everybody with everybody.
pub(super) fn full_mesh(nodes: usize, settings: Settings) -> Net {
    let mut net = Net::new(nodes, settings);
    net.connect_all();
    net
}

/// Links and machines of these delays, in microseconds.
pub(super) fn slow(seed: u64, [delay, jitter, check, commit]: [u64; 4]) -> Settings {
    let link = LinkSettings { delay, jitter, ..LinkSettings::LOOPBACK };
    Settings { link, check, commit, ..Settings::new(seed) }
}

/// What a node has attached.
pub(super) fn ids(net: &Net, node: usize) -> BTreeSet<TxId> {
    net.ids(node).collect()
}

/// All that must hold has held, and all nodes hold the same.
pub(super) fn assert_agreed(net: &Net) {
    assert_eq!(net.violation(), None);
    assert!(net.is_agreed(), "not all hold the same, or what was acknowledged");
}

/// The state of every link, from both ends.
pub(super) fn link_states(net: &Net) -> Vec<LinkState> {
    net.nodes().iter().flat_map(|node| node.replica().peers()).map(|view| view.state).collect()
}

/// The sum of a figure over all links, from both ends.
pub(super) fn total(net: &Net, count: impl Fn(&PeerCounts) -> u64) -> u64 {
    net.nodes().iter().flat_map(|node| node.replica().peers()).map(|view| count(&view.counts)).sum()
}
