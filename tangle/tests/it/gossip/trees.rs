//! Trees: how they grow, what becomes of them when a link goes, and that a bad network does not make them flap.

use super::net::{LOOPBACK, Net, Speeds};

/// The longest way of a transaction, in microseconds, of those that went while `act` ran.
fn longest(net: &mut Net, act: impl FnOnce(&mut Net)) -> u64 {
    net.latencies.clear();
    act(net);
    net.latencies.iter().copied().max().expect("something went")
}

fn submit_one(net: &mut Net, node: usize) {
    net.submit(node);
    net.run(900_000);
}

#[test]
fn beyond_the_neighbours_a_tree_grows_with_the_first_transaction() {
    let mut net = Net::new(5, 11, LOOPBACK);
    (0..4).for_each(|node| net.connect(node, node + 1));
    net.run(100_000);
    let first = longest(&mut net, |net| (0..4).for_each(|_| submit_one(net, 0)));
    assert!(first > 100_000, "a repair timer brought the first one");
    let next = longest(&mut net, |net| (0..4).for_each(|_| submit_one(net, 0)));
    assert!(next < 10_000, "{next} us along a line of five");
    assert_eq!(net.traffic.duplicates, 0);
    net.assert_converged();
}

#[test]
fn when_a_branch_goes_another_one_is_grafted() {
    // 0 reaches 3 through 1 or 2.
    let mut net = Net::new(4, 12, LOOPBACK);
    [(0, 1), (0, 2), (1, 3), (2, 3)].into_iter().for_each(|(a, b)| net.connect(a, b));
    (0..3).for_each(|_| submit_one(&mut net, 0));
    let fast = longest(&mut net, |net| submit_one(net, 0));
    let feeds = |net: &Net, node: usize| {
        let views = net.nodes[node].replica.peers();
        views.iter().find(|view| view.device == net.device(3)).is_some_and(|view| view.trees > 1)
    };
    let feeder = if feeds(&net, 1) { 1 } else { 2 };
    net.disconnect(feeder, 3);
    let slow = longest(&mut net, |net| submit_one(net, 0));
    let again = longest(&mut net, |net| submit_one(net, 0));
    assert!(fast < 10_000 && slow > 100_000 && again < 10_000, "{fast}, {slow}, {again} us");
    net.assert_converged();
}

#[test]
fn two_ways_to_the_same_end_are_one_after_a_prune() {
    let mut net = Net::new(4, 13, LOOPBACK);
    [(0, 1), (0, 2), (1, 3), (2, 3)].into_iter().for_each(|(a, b)| net.connect(a, b));
    // Both 1 and 2 are grafted by 3, each when the other is not there.
    submit_one(&mut net, 0);
    net.disconnect(1, 3);
    submit_one(&mut net, 0);
    net.disconnect(2, 3);
    net.connect(1, 3);
    submit_one(&mut net, 0);
    submit_one(&mut net, 0);
    net.connect(2, 3);
    net.disconnect(1, 3);
    submit_one(&mut net, 0);
    submit_one(&mut net, 0);
    net.connect(1, 3);
    (0..3).for_each(|_| submit_one(&mut net, 0));
    let before = net.traffic.duplicates;
    (0..3).for_each(|_| submit_one(&mut net, 0));
    assert_eq!(net.traffic.duplicates, before, "no cycle is left");
    net.assert_converged();
}

#[test]
fn a_slow_machine_does_not_make_links_flap() {
    // A push may take 300 ms: more than the announcement and the repair timer together.
    let slow = Speeds { delay: 1_000, jitter: 300_000, check: 20_000, commit: 5_000 };
    let mut net = Net::full_mesh(6, 14, slow);
    net.load(100, 2_000_000);
    net.traffic = Default::default();
    let before = net.total(|counts| counts.grafts);
    net.load(100, 5_000_000);
    let grafts = net.total(|counts| counts.grafts) - before;
    net.run(3_000_000);
    net.assert_converged();
    let (again, all) = (net.traffic.duplicates, net.traffic.bodies);
    assert!(again * 5 <= all, "{again} of {all} came twice");
    // Thirty links each way and six trees would allow nine hundred in that time.
    assert!((1..90).contains(&grafts), "{grafts} grafts");
}
