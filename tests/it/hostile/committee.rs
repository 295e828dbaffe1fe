//! Members of the committee that vote for what never was. A quorum of them is more than may lie, so the node that is left
//! cannot know who is right: it stops finalising, says so, and does all else.

use super::liar::{LIVE, Liar, push};
use crate::chain::{newest, wait_until_final};
use crate::cluster::{Cluster, figure, wait_until};
use crate::support::{Device, Node, now, read};
use weft_pow::Nonce;
use weft_tangle::body::{Vote, Witness};
use weft_tangle::finality::Round;
use weft_tangle::signing::SigningKey;
use weft_tangle::{Digest, Draft, Kind, Network, Role, Timestamp, content_format};

/// A witness of the first round by whoever has this key, which votes for another first commit.
fn contradicting(network: &Network, key: &SigningKey) -> Vec<u8> {
    let vote = Vote { index: 1, digest: Digest([7; 32]) };
    let witness = Witness::new(Round::FIRST, vote, Vec::new(), Vec::new()).unwrap();
    let content = witness.encode();
    let draft = Draft {
        kind: Kind::Witness,
        content_format: content_format::WEFT,
        counter: 1_000_000,
        timestamp: Timestamp::from_millis(now()),
        parents: witness.header_parents(None, network.genesis()),
        salt: [7; 16],
        content: &content,
    };
    draft.sign(network.id(), key).unwrap().with_nonce(Nonce::from_bytes([0; 8]))
}

#[test]
fn a_node_that_a_quorum_contradicts_stops_finalising_says_so_and_goes_on_with_all_else() {
    let cluster = Cluster::new(4);
    let (network, log) = (cluster.network(), cluster.data(0).join("standard-error"));
    let mut command = cluster.command(0);
    command.stderr(std::fs::File::create(&log).unwrap());
    let node = Node::of(command);
    let others: Vec<Node> = (1..4).map(|member| cluster.start(member)).collect();
    let mut device = Device::new(1, *network.id());
    device.enrol(&node, Role::Sensor);
    read(&node, &mut device);
    assert!(wait_until_final(&[&node]) > 0);
    // Else a false one of round 1 would be a member's first, and no twin.
    wait_until("all have made a witness", || {
        (0..4).all(|member| figure(&node, &format!("weft_finality_member_round{{member=\"{member}\"}}")) > 0)
    });
    others.into_iter().for_each(Node::kill);

    let server = cluster.key(0).public_key().clone();
    let mut liars = Vec::new();
    for member in 1..4 {
        let key = cluster.key(member);
        let mut liar = Liar::member(*network.id(), &key, &server, cluster.gossip_address(0));
        liar.join(0);
        let mut stream = liar.open(LIVE);
        assert!(push(&mut stream, 9, &[contradicting(network, &key)]));
        liars.push((liar, stream));
        // Whether chains have parted is looked at before this figure is.
        wait_until("the witness was looked at", || {
            figure(&node, "weft_finality_equivocations_total") >= member as u64
        });
        if member < 3 {
            assert_eq!(node.get("/readyz").0, 200, "{member} of four are no quorum");
        }
    }
    wait_until("it says so", || node.get("/readyz").0 == 503);
    let ready = node.get("/readyz").1;
    let reason = ready["reasons"][0].as_str().unwrap();
    assert!(
        reason.contains("nothing becomes final here any more") && reason.contains("3 members"),
        "{reason}"
    );
    assert_eq!(figure(&node, "weft_finality_diverged"), 1);
    let own_witnesses = |node: &Node| figure(node, "weft_finality_own_witnesses_total");
    let (stood, made) = (newest(&node), own_witnesses(&node));
    assert_eq!(
        node.get("/api/v1/network").1["diverged"].as_str().map(|said| reason.contains(said)),
        Some(true)
    );

    // The others come back; this one is served and serves, and makes nothing final, nor does it after a restart.
    liars.iter().for_each(|(liar, _)| liar.leave());
    drop(liars);
    let others: Vec<Node> = (1..4).map(|member| cluster.start(member)).collect();
    let id = read(&node, &mut device);
    wait_until("the others have it", || {
        others.iter().all(|other| other.get(&format!("/api/v1/transactions/{id}")).0 == 200)
    });
    assert_eq!((newest(&node), own_witnesses(&node), node.get("/readyz").0), (stood, made, 503));
    assert!(node.get(&format!("/api/v1/transactions/{id}")).1["commit"].is_null());
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(text.matches("finality has stopped").count(), 1, "{text}");
    assert_eq!(node.stop(), Some(0));
    let node = cluster.start(0);
    wait_until("it says so again", || node.get("/readyz").0 == 503);
    let again = node.get("/readyz").1["reasons"][0].as_str().unwrap().to_owned();
    assert_eq!((again.as_str(), newest(&node)), (reason, stood));
    assert!(node.get(&format!("/api/v1/transactions/{id}")).1["commit"].is_null());
    assert_eq!(node.stop(), Some(0));
}
