//! Away, cut off, crashed, restored: what was acknowledged stays, and in the end all hold the same.

use super::net::{LOOPBACK, Net, Speeds};
use weft_tangle::gossip::LinkState;

fn ring(nodes: usize, seed: u64, speeds: Speeds) -> Net {
    let mut net = Net::new(nodes, seed, speeds);
    (0..nodes).for_each(|node| net.connect(node, (node + 1) % nodes));
    net
}

#[test]
fn a_newcomer_gets_all_while_others_go_on_and_continues_where_it_was() {
    let mut net = Net::new(3, 3, LOOPBACK);
    net.connect(0, 1);
    net.load(1_000, 2_500_000);
    net.run(1_000_000);
    net.traffic = Default::default();
    let before = net.nodes[0].attached.len();
    assert_eq!(net.nodes[2].attached.len(), net.entered.len() - before, "alone until now");
    for interruption in 0..10 {
        net.connect(2, interruption % 2);
        net.submit(0);
        net.run(5_000);
        net.disconnect(2, interruption % 2);
    }
    assert!(net.nodes[2].attached.len() < net.entered.len(), "ten interruptions come before its end");
    net.connect(2, 0);
    net.connect(2, 1);
    net.load(100, 500_000);
    net.run(3_000_000);
    net.assert_converged();
    // What was under way when a connection ended is sent again, and nothing else.
    let (again, all) = (net.traffic.duplicates, net.traffic.bodies);
    assert!(again * 20 <= all, "{again} of {all} came twice");
    assert!(net.link_states().iter().all(|state| *state == LinkState::Eager));
}

#[test]
fn both_sides_of_a_split_go_on_and_are_one_again_after_it() {
    let mut net = ring(5, 4, LOOPBACK);
    net.connect(0, 2);
    net.load(100, 1_000_000);
    for (a, b) in [(0, 1), (0, 2), (3, 4), (4, 0)] {
        net.disconnect(a, b);
    }
    net.connect(4, 0);
    net.load(100, 3_000_000);
    assert_ne!(net.nodes[0].attached, net.nodes[1].attached, "they are split");
    for (a, b) in [(0, 1), (0, 2), (3, 4)] {
        net.connect(a, b);
    }
    net.load(100, 1_000_000);
    net.run(3_000_000);
    net.assert_converged();
}

#[test]
fn crashes_one_after_the_other_lose_nothing_that_was_acknowledged() {
    let mut net = Net::full_mesh(3, 5, Speeds { commit: 20_000, ..LOOPBACK });
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
    net.assert_converged();
    assert!(net.acknowledged.len() > 1_000);
}

#[test]
fn a_log_cut_back_to_a_backup_is_tailed_from_what_is_common() {
    let mut net = Net::full_mesh(3, 6, LOOPBACK);
    net.load(200, 2_000_000);
    net.run(6_000_000);
    let (backup, cursors) = (net.nodes[0].saved.clone(), net.nodes[0].cursors.clone());
    assert_eq!(cursors.len(), 2, "its places in the logs of both others are written down");
    net.load(200, 2_000_000);
    net.run(6_000_000);
    let whole = net.nodes[1].attached.clone();
    net.crash(0);
    net.nodes[0].restore(backup.clone(), cursors);
    net.restart(0);
    // It takes in others before it hears of what it has lost, so its log is another from there on.
    (0..50).for_each(|_| net.submit(0));
    net.run(100_000);
    net.connect_all();
    net.load(100, 500_000);
    net.run(3_000_000);
    net.assert_converged();
    assert!(net.nodes[0].attached.is_superset(&whole), "what it had lost came back");
    let told: u64 = net.nodes[1].replica.peers().iter().map(|view| view.counts.entries).max().unwrap();
    assert!(told < 5 * (whole.len() - backup.len()) as u64, "{told} entries: not its whole log again");
    assert!(net.nodes.iter().all(|node| node.dropped.is_empty()), "a backup is no fault");
}

#[test]
fn whatever_happens_all_is_well_when_it_is_over() {
    for seed in 0..8 {
        let nodes = 3 + seed as usize % 4;
        let slow = Speeds { delay: 20_000, jitter: 60_000, check: 2_000, commit: 15_000 };
        let mut net = Net::full_mesh(nodes, seed, if seed % 2 == 0 { LOOPBACK } else { slow });
        for _ in 0..25 {
            let [a, b] = [0; 2].map(|_| net.roll(nodes as u64) as usize);
            match net.roll(5) {
                0 => net.crash(a),
                1 => (0..nodes)
                    .filter(|node| !net.nodes[*node].is_up)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .for_each(|node| net.restart(node)),
                2 if a != b => net.disconnect(a, b),
                3 if a != b => net.connect(a, b),
                _ => net.connect_all(),
            }
            net.load(100, 100_000);
        }
        (0..nodes)
            .filter(|node| !net.nodes[*node].is_up)
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|node| net.restart(node));
        net.connect_all();
        net.load(100, 500_000);
        net.run(8_000_000);
        net.assert_converged();
        for node in &net.nodes {
            assert!(node.dropped.is_empty(), "seed {seed}: honest peers drop each other: {:?}", node.dropped);
            let held = node.replica.occupancy();
            assert_eq!((held.wanted, held.pending, held.in_flight), (0, 0, 0), "seed {seed}");
            assert!(
                node.replica.peers().iter().all(|view| view.behind == 0 && view.asked == 0),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let run = || {
        let mut net = Net::full_mesh(4, 9, LOOPBACK);
        net.load(200, 500_000);
        net.crash(1);
        net.load(200, 300_000);
        net.restart(1);
        net.connect_all();
        net.run(1_000_000);
        let logs: Vec<Vec<_>> =
            net.nodes.iter().map(|node| node.saved.iter().map(|a| a.id()).collect()).collect();
        (logs, net.traffic.bytes, net.traffic.messages, net.latencies.clone())
    };
    assert_eq!(run(), run());
}
