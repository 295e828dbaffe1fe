//! Witnesses are a layer above: what they may reference, who may reference them, and how many are taken.

use super::town::Town;
use weft_tangle::body::{Vote, Witness};
use weft_tangle::finality::Round;
use weft_tangle::gossip::Fault;
use weft_tangle::replica::{Event, Source, Token};
use weft_tangle::{Draft, History, Kind, Malformed, Refusal, Timestamp, TxId, Verified, content_format};

/// A witness of a member, signed with a counter of its own.
fn witness(
    town: &Town,
    member: usize,
    counter: u32,
    round: u64,
    parents: &[TxId],
    sweeps: &[TxId],
    previous: Option<TxId>,
) -> Verified {
    let round = Round::new(round).unwrap();
    let witness = Witness::new(round, Vote::NONE, parents.to_vec(), sweeps.to_vec()).unwrap();
    let header = witness.header_parents(previous, town.network.genesis());
    let newest = parents.iter().chain(sweeps).chain(&header).map(TxId::timestamp).max().unwrap();
    let content = witness.encode();
    let draft = Draft {
        kind: Kind::Witness,
        content_format: content_format::WEFT,
        counter,
        timestamp: Timestamp::from_millis(town.now).max(newest.plus(1)),
        parents: header,
        salt: [counter as u8; 16],
        content: &content,
    };
    town.signed_by(&draft, town.key(member))
}

/// Node 0 gets this from node 1; says whether it is attached.
fn sends(town: &mut Town, transaction: &Verified) -> bool {
    let (source, transaction) = (town.peer(0, 1), transaction.clone());
    let id = transaction.id();
    town.event(0, Event::Received { transaction, source, token: Some(Token(1)) });
    town.nodes[0].attached.contains(&id)
}

fn points(town: &Town) -> u32 {
    town.nodes[0].replica.peers().iter().map(|peer| peer.points).max().unwrap()
}

/// A town in which only the first two nodes run, so that nobody makes witnesses by itself.
fn quiet() -> Town {
    let mut town = Town::new(4);
    town.crash(2);
    town.crash(3);
    town.run(100);
    town
}

#[test]
fn a_witness_is_no_parent_of_anything_else() {
    let mut town = quiet();
    let first = witness(&town, 2, 0, 1, &[], &[], None);
    assert!(sends(&mut town, &first));
    let genesis = town.network.genesis();
    for parents in [[first.id(), genesis], [genesis, first.id()]] {
        let reading = town.reading_above(parents, 0);
        // From a peer, from a client, and when the witness is on disk alone.
        assert!(!sends(&mut town, &reading));
        let door = Event::Received { transaction: reading, source: Source::Door, token: Some(Token(2)) };
        town.event(0, door);
        let refused = town.nodes[0].refused.drain(..).collect::<Vec<Refusal>>();
        assert_eq!(refused.len(), 2);
        for refusal in refused {
            let is_parent = matches!(refusal, Refusal::Malformed(Malformed::Field { field: "parent", .. }));
            assert!(is_parent, "{refusal}");
        }
    }
    assert!(points(&town) >= Fault::Transaction.points());
}

#[test]
fn a_reading_that_comes_before_the_witness_that_is_its_parent_is_refused_with_it() {
    let mut town = quiet();
    let first = witness(&town, 2, 0, 1, &[], &[], None);
    let reading = town.reading_above([first.id(), town.network.genesis()], 0);
    assert!(!sends(&mut town, &reading));
    assert_eq!(town.nodes[0].replica.occupancy().pending, 1, "nobody can tell yet");
    assert!(sends(&mut town, &first));
    assert_eq!(town.nodes[0].replica.occupancy().pending, 0);
    assert!(!town.nodes[0].attached.contains(&reading.id()));
    assert!(points(&town) >= Fault::Transaction.points());
}

#[test]
fn a_witness_of_a_wrong_shape_is_a_fault_of_who_sent_it() {
    let mut town = quiet();
    let ones: Vec<Verified> = (0..4).map(|member| witness(&town, member, 40, 1, &[], &[], None)).collect();
    let ids: Vec<TxId> = ones.iter().map(Verified::id).collect();
    assert!(ones.iter().all(|one| sends(&mut town, one)));
    assert!(points(&town) < Fault::Transaction.points());
    let reading = town.read(0, 0);
    // A reading among the witness parents; the previous witness of another.
    for (parents, previous) in [([ids[2], ids[0], reading], ids[2]), ([ids[0], ids[1], ids[2]], ids[1])] {
        let before = points(&town);
        let bad = witness(&town, 2, 50 + before, 2, &parents, &[], Some(previous));
        assert!(!sends(&mut town, &bad));
        assert!(points(&town) >= before + Fault::Transaction.points(), "{parents:?}");
        assert!(matches!(town.nodes[0].refused.pop(), Some(Refusal::Malformed(_))));
    }
}

#[test]
fn of_one_author_and_round_two_are_taken_and_more_when_they_are_referenced() {
    let mut town = quiet();
    town.is_honest = false;
    let twins: Vec<Verified> =
        (0..4u32).map(|number| witness(&town, 2, 60 + number, 1, &[], &[], None)).collect();
    assert!(sends(&mut town, &twins[0]) && sends(&mut town, &twins[1]));
    for twin in &twins[2..] {
        assert!(!sends(&mut town, twin));
        assert!(matches!(town.nodes[0].refused.pop(), Some(Refusal::Twins { .. })));
    }
    assert!(points(&town) < Fault::Transaction.points(), "whoever passes it on may have seen others first");
    // Once they are on disk and the node has started anew there are no more.
    town.run(100);
    town.crash(0);
    town.start(0);
    town.run(100);
    assert!(!sends(&mut town, &twins[2]));
    // Another member has seen that one, and sweeps it.
    let above = witness(&town, 3, 0, 1, &[], &[twins[2].id()], None);
    assert!(!sends(&mut town, &above));
    assert!(sends(&mut town, &twins[2]), "it is referenced");
    assert!(town.nodes[0].attached.contains(&above.id()));
    let seen = town.nodes[0].replica.finality().members;
    assert_eq!(seen.iter().map(|member| member.twins).sum::<u64>(), 2);
}

fn of_round(town: &Town, member: usize, round: u64) -> usize {
    let (history, author) = (&town.nodes[0].history, town.nodes[member].device);
    let mut count = 0;
    history.witnesses(&author, Round::new(round).unwrap(), &mut |_| count += 1).unwrap();
    count
}

#[test]
fn a_member_calls_for_no_twins_of_its_own() {
    let mut town = quiet();
    town.is_honest = false;
    let mut twins: Vec<Verified> =
        (0..60u32).map(|number| witness(&town, 2, number, 1, &[], &[], None)).collect();
    twins.sort_by_key(|twin| std::cmp::Reverse(twin.id()));
    let ids: Vec<TxId> = twins.iter().map(Verified::id).collect();
    // One that sweeps some of them, one that sweeps that and the others, and a reading that names one.
    let above = witness(&town, 2, 60, 1, &[], &ids[..30], None);
    let rest: Vec<TxId> = ids[30..].iter().copied().chain([above.id()]).collect();
    let top = witness(&town, 2, 61, 1, &[], &rest, None);
    let reading = town.reading_above([ids[5], town.network.genesis()], 0);
    for waiting in [&top, &above, &reading] {
        assert!(!sends(&mut town, waiting));
    }
    assert_eq!(town.nodes[0].replica.occupancy().pending, 3);
    assert_eq!(twins.iter().filter(|twin| sends(&mut town, twin)).count(), 2);
    town.run(100);
    assert_eq!(of_round(&town, 2, 1), 2);
    assert_eq!(town.nodes[0].replica.occupancy().pending, 0, "what only the refused would help is dropped");
    // Each came without having been asked for. Whoever passes twins on may have seen others first.
    assert!(points(&town) <= 63 * Fault::Unasked.points(), "{}", points(&town));
}

/// What another author's witness reaches is taken by whatever way it is reached, and in whatever order it comes.
#[test]
fn what_another_member_builds_on_is_taken_with_all_that_is_below() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut town = quiet();
        town.is_honest = false;
        let ones: Vec<Verified> = [0, 1, 2, 2, 2]
            .iter()
            .zip(40..)
            .map(|(member, counter)| witness(&town, *member, counter, 1, &[], &[], None))
            .collect();
        assert!(ones[..4].iter().all(|one| sends(&mut town, one)));
        let ids: Vec<TxId> = ones.iter().map(Verified::id).collect();
        // Member 2 goes on from its third witness of round 1, and only member 3 has that.
        let second = witness(&town, 2, 50, 2, &[ids[0], ids[1], ids[4]], &[], Some(ids[4]));
        assert!(!sends(&mut town, &second) && !sends(&mut town, &ones[4]));
        assert_eq!(town.nodes[0].replica.occupancy().pending, 0, "its author's own calls for nothing");
        let third = witness(&town, 3, 51, 1, &[], &[second.id()], None);
        let all = [&third, &second, &ones[4]];
        // Peers send again what something that waits misses, until nothing waits.
        for _ in 0..3 {
            for which in order {
                sends(&mut town, all[which]);
            }
        }
        assert!(all.iter().all(|one| town.nodes[0].attached.contains(&one.id())), "{order:?}");
        assert_eq!(town.nodes[0].replica.occupancy().pending, 0);
    }
}

#[test]
fn all_that_a_witness_misses_is_looked_for_at_once() {
    let mut town = quiet();
    // Node 1 does not get these, nor tells of them: node 0 hears of them by the witness alone.
    let mut readings: Vec<Verified> = Vec::new();
    for _ in 0..40 {
        readings.push(town.reading_above([town.network.genesis(); 2], 0));
    }
    let ids: Vec<TxId> = readings.iter().map(Verified::id).collect();
    let above = witness(&town, 3, 0, 1, &[], &ids, None);
    assert!(!sends(&mut town, &above));
    assert_eq!(town.nodes[0].replica.occupancy().wanted, 40);
    readings.iter().for_each(|reading| assert!(sends(&mut town, reading)));
    assert!(town.nodes[0].attached.contains(&above.id()));
    assert_eq!(town.nodes[0].replica.occupancy().wanted, 0);
}
