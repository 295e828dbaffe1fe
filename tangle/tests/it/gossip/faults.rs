//! Away, cut off, crashed, restored: what was acknowledged stays, and in the end all hold the same.

use super::net::{apart, assert_agreed, full_mesh, ids, link_states};
use weft_tangle::gossip::LinkState;
use weft_tangle::sim::Settings;

#[test]
fn a_newcomer_gets_all_while_others_go_on_and_continues_where_it_was() {
    let mut net = apart(3, 3);
    net.connect(0, 1);
    net.load(1_000, 2_500_000);
    net.run(1_000_000);
    net.reset_figures();
    let before = net.nodes()[0].attached();
    assert_eq!(net.nodes()[2].attached(), net.made() - before, "alone until now");
    for interruption in 0..10 {
        net.connect(2, interruption % 2);
        net.submit(0);
        net.run(5_000);
        net.disconnect(2, interruption % 2);
    }
    assert!(net.nodes()[2].attached() < net.made(), "ten interruptions come before its end");
    net.connect(2, 0);
    net.connect(2, 1);
    net.load(100, 500_000);
    net.run(3_000_000);
    assert_agreed(&net);
    // What was under way when a connection ended is sent again, and nothing else.
    let (again, all) = (net.traffic().duplicates, net.traffic().bodies);
    assert!(again * 20 <= all, "{again} of {all} came twice");
    assert!(link_states(&net).iter().all(|state| *state == LinkState::Eager));
}

#[test]
fn both_sides_of_a_split_go_on_and_are_one_again_after_it() {
    let mut net = apart(5, 4);
    (0..5).for_each(|node| net.connect(node, (node + 1) % 5));
    net.connect(0, 2);
    net.load(100, 1_000_000);
    for (a, b) in [(0, 1), (0, 2), (3, 4), (4, 0)] {
        net.disconnect(a, b);
    }
    net.connect(4, 0);
    net.load(100, 3_000_000);
    assert_ne!(ids(&net, 0), ids(&net, 1), "they are split");
    for (a, b) in [(0, 1), (0, 2), (3, 4)] {
        net.connect(a, b);
    }
    net.load(100, 1_000_000);
    net.run(3_000_000);
    assert_agreed(&net);
}

#[test]
fn crashes_one_after_the_other_lose_nothing_that_was_acknowledged() {
    let mut net = full_mesh(3, Settings { commit: 20_000, ..Settings::new(5) });
    for round in 0..12 {
        net.load(200, 250_000);
        let victim = round % 3;
        net.crash(victim);
        net.load(200, 250_000);
        net.restart(victim);
        net.connect_all();
    }
    net.load(200, 500_000);
    net.run(3_000_000);
    assert_agreed(&net);
    assert!(net.acknowledged() > 1_000);
}

#[test]
fn a_log_cut_back_to_a_backup_is_tailed_from_what_is_common() {
    let mut net = full_mesh(3, Settings::new(6));
    net.load(200, 2_000_000);
    net.run(6_000_000);
    net.back_up_node(0);
    let backup = net.nodes()[0].durable();
    assert_eq!(net.nodes()[0].cursors().len(), 3, "its places in the logs of both others, and its life");
    net.load(200, 2_000_000);
    net.run(6_000_000);
    let whole = ids(&net, 1);
    net.crash(0);
    net.restore(0, 0);
    net.restart(0);
    // It takes in others before it hears of what it has lost, so its log is another from there on.
    (0..50).for_each(|_| net.submit(0));
    net.run(100_000);
    net.connect_all();
    net.load(100, 500_000);
    net.run(3_000_000);
    assert_agreed(&net);
    assert!(ids(&net, 0).is_superset(&whole), "what it had lost came back");
    let told = net.nodes()[1].replica().peers().iter().map(|view| view.counts.entries).max().unwrap();
    assert!(told < 5 * (whole.len() - backup) as u64, "{told} entries: not its whole log again");
    assert!(net.nodes().iter().all(|node| node.dropped().is_empty()), "a backup is no fault");
}
