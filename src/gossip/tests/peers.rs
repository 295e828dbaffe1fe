//! Honest peers: meeting, leaving, coming back, and dialling each other at once.

use super::*;
use crate::runtime::block_on;

#[test]
fn frames_of_all_classes_come_both_ways_and_in_order() {
    let (a, to_b, b, to_a) = pair("both ways");
    for class in Class::ALL {
        let sent: Vec<Vec<u8>> = (1..=50usize).map(|number| vec![number as u8; number * 97]).collect();
        for (from, peer, to, source) in [(&a, to_b, &b, to_a), (&b, to_a, &a, to_b)] {
            sent.iter().for_each(|frame| from.send(peer, class, frame));
            for frame in &sent {
                assert_eq!(to.frame(), (source, class, frame.clone()));
            }
        }
    }
    let longest = vec![7; Class::Bulk.frame_bytes()];
    a.send(to_b, Class::Bulk, &longest);
    assert_eq!(b.frame().2, longest);
    let (stats, bytes) =
        (b.shell.stats(), longest.len() as u64 + 4 + (1..=50).map(|n| n * 97 + 4).sum::<u64>());
    assert_eq!(stats.traffic.received[Class::Bulk].frames(), 51);
    assert_eq!(stats.traffic.received[Class::Bulk].bytes(), bytes);
    until("the sender has counted them", || a.shell.stats().traffic.sent[Class::Bulk].bytes() == bytes);
}

#[test]
fn three_nodes_that_know_each_other_are_all_connected() {
    let network = network("three", 3);
    let nodes: Vec<Node> = (1..=3).map(|number| Node::start(&network, number)).collect();
    for node in &nodes {
        nodes.iter().for_each(|other| node.learn(other));
    }
    for node in &nodes {
        until("two peers each", || node.connections().len() == 2);
        assert_eq!(node.shell.peers().len(), 2, "a node does not know itself");
    }
}

#[test]
fn both_dial_at_once_and_one_connection_remains() {
    let network = network("both dial", 2);
    for _ in 0..5 {
        let (a, b) = (Node::start(&network, 1), Node::start(&network, 2));
        a.learn(&b);
        b.learn(&a);
        let frame_comes = |from: &Node, to: &Node| {
            let (number, _) = *from.connections().first()?;
            from.shell.send(number, Class::Control, vec![1].into()).ok()?;
            let got = to.events.recv_timeout(Duration::from_millis(100)).ok()?;
            matches!(got, ShellEvent::Frame(_)).then_some(())
        };
        until("frames come from a to b", || frame_comes(&a, &b).is_some());
        until("frames come from b to a", || frame_comes(&b, &a).is_some());
        assert_eq!((a.connections().len(), b.connections().len()), (1, 1));
        block_on(async {
            a.shell.stop().await;
            b.shell.stop().await;
        });
    }
}

#[test]
fn a_newcomer_that_a_registrar_admitted_is_let_in() {
    let network = network("newcomer", 1);
    let member = Node::start(&network, 1);
    let shown = credential(&network, 9, Role::Fog, in_a_year(), REGISTRAR);
    let newcomer = Node::with(&network, 9, options(), shown);
    newcomer.learn(&member);
    assert_eq!(member.connected().1, newcomer.device);
    assert_eq!(newcomer.connected().1, member.device);
    let views = member.shell.peers();
    assert!(views.len() == 1 && !views[0].is_committee && views[0].addresses.is_empty(), "{views:?}");
}

#[test]
fn a_peer_that_is_started_anew_on_its_port_is_found_again() {
    let (a, first, b, _) = pair("restart");
    let address = b.address();
    let network = network("restart", 2);
    block_on(b.shell.stop());
    let said = a.left();
    assert_eq!(said.slug(), "stopping", "{said:?}");
    assert!(a.shell.send(first, Class::Live, vec![1].into()).is_err(), "the old number is void");
    let again = ShellOptions { listen: address, ..options() };
    until("the port is free", || std::net::UdpSocket::bind(address).is_ok());
    let b = Node::with(&network, 2, again, Vec::new());
    let (second, _) = a.connected();
    assert_ne!(first, second);
    a.send(second, Class::Live, b"again");
    assert_eq!(b.frame().2, b"again");
}

#[test]
fn a_peer_that_crashed_and_comes_back_replaces_its_old_connection() {
    let (a, first, b, _) = pair("crash");
    // A second process with the key of b: as if b had died without a word, and come back from elsewhere.
    let network = network("crash", 2);
    let reborn = Node::start(&network, 2);
    reborn.learn(&a);
    reborn.connected();
    let (second, who) = a.connected();
    assert_eq!((who, a.connections()), (b.device, vec![(second, b.device)]));
    assert_ne!(first, second);
}

#[test]
fn nobody_is_waited_for_and_everybody_is_tried_again() {
    let network = network("late", 2);
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut short = options();
    short.limits.step_timeout = Duration::from_secs(1);
    let a = Node::with(&network, 1, short, Vec::new());
    a.shell.learn(device(2), &free.to_string());
    until("an attempt has failed", || a.shell.peers()[0].failures > 1);
    assert_eq!(a.shell.peers()[0].last, Some(Departure::Silent));
    let b = Node::with(&network, 2, ShellOptions { listen: free, ..options() }, Vec::new());
    assert_eq!(a.connected().1, b.device);
}

#[test]
fn a_node_does_not_connect_with_itself() {
    let network = network("itself", 2);
    let a = Node::start(&network, 1);
    a.shell.learn(a.device, &a.address().to_string());
    assert!(a.shell.peers().is_empty(), "an own key is dropped");
    a.shell.learn(device(2), &a.address().to_string());
    until("the attempt has failed", || a.shell.peers()[0].last.is_some());
    assert_eq!(a.shell.peers()[0].last.as_ref().unwrap().slug(), "address", "an own address is not dialled");
}

#[test]
fn another_node_than_the_one_dialled_is_not_taken_for_it() {
    let network = network("another", 3);
    let (a, b) = (Node::start(&network, 1), Node::start(&network, 2));
    a.shell.learn(device(3), &b.address().to_string());
    until("the attempt has failed", || a.failures("other-node") > 0);
    assert!(a.connections().is_empty());
}

#[test]
fn a_full_node_sends_others_away_but_keeps_room_for_the_committee() {
    let network = network("full", 3);
    let a = Node::with(&network, 1, ShellOptions { peers: 3, ..options() }, Vec::new());
    let newcomers: Vec<Node> = [9, 10]
        .map(|number| {
            let shown = credential(&network, number, Role::Fog, in_a_year(), REGISTRAR);
            let node = Node::with(&network, number, options(), shown);
            node.learn(&a);
            node
        })
        .into();
    until("the other newcomer is sent away", || a.failures("too-many") > 0);
    assert_eq!(a.connections().len(), 1);
    let members = [2, 3].map(|number| Node::start(&network, number));
    members.iter().for_each(|member| member.learn(&a));
    let is_there = |member: &Node| a.connections().iter().any(|peer| peer.1 == member.device);
    until("the committee finds its places", || members.iter().all(is_there));
    drop(newcomers);
}

#[test]
fn whoever_is_banned_stays_out_for_its_time() {
    let (a, to_b, b, _) = pair("ban");
    a.shell.ban(&b.device, Duration::from_secs(600));
    a.shell.disconnect(to_b, Reason::Fault);
    assert_eq!(a.left(), closed(Reason::Fault));
    let said = b.left();
    assert!(matches!(said, Departure::ClosedByPeer { reason: Some(Reason::Fault), .. }), "{said:?}");
    b.learn(&a);
    until("b tries and is refused", || a.failures("banned") > 1);
    assert!(a.connections().is_empty());
    assert_eq!(b.shell.peers()[0].last.as_ref().unwrap().slug(), "banned");
}

#[test]
fn a_revocation_ends_the_connection() {
    let network = network("recheck", 1);
    let mut often = options();
    often.limits.recheck = Duration::from_millis(20);
    let member = Node::with(&network, 1, often, Vec::new());
    let shown = credential(&network, 9, Role::Fog, in_a_year(), REGISTRAR);
    let newcomer = Node::with(&network, 9, options(), shown);
    newcomer.learn(&member);
    member.connected();
    member.revoked.0.lock().unwrap().insert(newcomer.device);
    assert_eq!(member.left(), closed(Reason::Revoked));
    until("it is refused from now on", || member.failures("revoked") > 0);
}

#[test]
fn an_enrolment_holds_for_its_time_only() {
    let at = Timestamp::from_millis;
    let member = Member { device: device(9), is_committee: false, valid: Some(at(5)..at(9)) };
    let is_expired = |millis: &u64| member.recheck(&Revoked::default(), at(*millis)) == Err(Reason::Expired);
    assert_eq!((0..12).filter(is_expired).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 9, 10, 11]);
}

#[test]
fn prometheus_hears_what_the_shell_counts() {
    let (a, to_b, b, _) = pair("metrics");
    a.shell.learn(device(77), "nowhere.invalid:1");
    a.send(to_b, Class::Live, &[7; 96]);
    b.frame();
    until("the name does not resolve", || a.failures("address") > 0);
    let metrics = crate::metrics::Metrics::new("network").unwrap();
    metrics.set_gossip(&b.shell);
    let text = metrics.registered();
    assert!(text.contains("weft_gossip_bytes_total{class=\"live\",direction=\"received\"} 100"), "{text}");
    assert!(text.contains("weft_gossip_frames_total{class=\"live\",direction=\"received\"} 1"), "{text}");
    metrics.set_gossip(&a.shell);
    let text = metrics.registered();
    assert!(text.contains("weft_gossip_peers{state=\"connected\"} 1"), "{text}");
    assert!(
        text.contains("weft_gossip_handshake_failures_total{by=\"nobody\",reason=\"address\"}"),
        "{text}"
    );
}
