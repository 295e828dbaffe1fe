//! Trees: how they grow, what becomes of them when a link goes, and that a bad network does not make them flap.

use super::net::{apart, assert_agreed, full_mesh, slow, total};
use weft_tangle::replica::Event;
use weft_tangle::sim::Net;

/// The longest way of a transaction, in microseconds, of those that went while `act` ran.
fn longest(net: &mut Net, act: impl FnOnce(&mut Net)) -> u64 {
    net.reset_figures();
    act(net);
    assert!(net.latencies().count() > 0, "something went");
    net.latencies().most()
}

fn submit_one(net: &mut Net, node: usize) {
    net.submit(node);
    net.run(900_000);
}

#[test]
fn beyond_the_neighbours_a_tree_grows_with_the_first_transaction() {
    let mut net = apart(5, 11);
    (0..4).for_each(|node| net.connect(node, node + 1));
    net.run(100_000);
    let first = longest(&mut net, |net| (0..4).for_each(|_| submit_one(net, 0)));
    assert!(first > 100_000, "a repair timer brought the first one");
    let next = longest(&mut net, |net| (0..4).for_each(|_| submit_one(net, 0)));
    assert!(next < 10_000, "{next} us along a line of five");
    assert_eq!(net.traffic().duplicates, 0);
    assert_agreed(&net);
}

/// 0 reaches 3 through 1 or 2. Which of them pushes to 3 what came in at 0?
fn diamond(seed: u64) -> (Net, usize) {
    let mut net = apart(4, seed);
    [(0, 1), (0, 2), (1, 3), (2, 3)].into_iter().for_each(|(a, b)| net.connect(a, b));
    (0..3).for_each(|_| submit_one(&mut net, 0));
    let feeds = |node: usize| {
        let views = net.nodes()[node].replica().peers();
        views.iter().any(|view| view.device == net.nodes()[3].device() && view.trees > 1)
    };
    let feeder = if feeds(1) { 1 } else { 2 };
    assert!(!feeds(3 - feeder), "one is enough");
    (net, feeder)
}

#[test]
fn when_a_branch_goes_another_one_is_grafted() {
    let (mut net, feeder) = diamond(12);
    let fast = longest(&mut net, |net| submit_one(net, 0));
    net.disconnect(feeder, 3);
    let slow = longest(&mut net, |net| submit_one(net, 0));
    let again = longest(&mut net, |net| submit_one(net, 0));
    assert!(fast < 10_000 && slow > 100_000 && again < 10_000, "{fast}, {slow}, {again} us");
    assert_agreed(&net);
}

#[test]
fn two_ways_to_the_same_end_are_one_after_a_prune() {
    let (mut net, feeder) = diamond(13);
    let source = net.source_of(feeder, 3).expect("they are connected");
    // While the way through the one is blocked, the other one is grafted.
    net.event(feeder, Event::Congested { source });
    submit_one(&mut net, 0);
    net.event(feeder, Event::Drained { source });
    net.run(1_000_000);
    assert_eq!(net.traffic().duplicates, 0);
    submit_one(&mut net, 0);
    assert_eq!(net.traffic().duplicates, 1, "it comes both ways");
    (0..3).for_each(|_| submit_one(&mut net, 0));
    assert_eq!((net.traffic().duplicates, total(&net, |counts| counts.prunes)), (1, 1), "and then one way");
    assert_agreed(&net);
}

/// Two of the nodes whose ids begin with the same byte.
fn alike(net: &Net) -> [usize; 2] {
    let first = |node: usize| net.nodes()[node].device().as_bytes()[0];
    let pairs = (0..net.nodes().len()).flat_map(|b| (0..b).map(move |a| [a, b]));
    pairs.into_iter().find(|[a, b]| first(*a) == first(*b)).expect("of so many two begin alike")
}

#[test]
fn trees_of_nodes_whose_ids_begin_alike_do_not_cut_each_other() {
    let [a, b] = alike(&apart(48, 15));
    let others: Vec<usize> = (0..8).filter(|node| ![a, b].contains(node)).collect();
    // Who names first on which link, and whom is asked first, follows from who the others are and in which order they come.
    for (c, d) in others.iter().flat_map(|c| others.iter().map(move |d| (*c, *d))).filter(|(c, d)| c != d) {
        let mut net = apart(48, 15);
        [(c, d), (a, d), (a, c), (b, c)].into_iter().for_each(|(one, other)| net.connect(one, other));
        let go_on = |net: &mut Net, rounds: usize| {
            for _ in 0..rounds {
                for node in [b, a] {
                    net.submit(node);
                    net.run(600_000);
                }
            }
            total(net, |counts| counts.prunes)
        };
        let before = go_on(&mut net, 5);
        assert_eq!(go_on(&mut net, 8), before, "through {c} and {d}: what was a cycle stays cut");
    }
}

#[test]
fn a_slow_machine_does_not_make_links_flap() {
    // A push may take 300 ms: more than the announcement and the repair timer together.
    let mut net = full_mesh(6, slow(14, [1_000, 300_000, 20_000, 5_000]));
    net.load(100, 2_000_000);
    net.reset_figures();
    let before = total(&net, |counts| counts.grafts);
    net.load(100, 5_000_000);
    let grafts = total(&net, |counts| counts.grafts) - before;
    net.run(3_000_000);
    assert_agreed(&net);
    let (again, all) = (net.traffic().duplicates, net.traffic().bodies);
    assert!(again * 5 <= all, "{again} of {all} came twice");
    // Thirty links each way and six trees would allow nine hundred in that time.
    assert!((1..90).contains(&grafts), "{grafts} grafts");
}
