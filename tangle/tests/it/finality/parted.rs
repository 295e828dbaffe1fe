//! A replica whose chain a quorum contradicts finalises nothing more, makes no witnesses, and does all else.

use super::town::Town;
use weft_tangle::body::{Vote, Witness};
use weft_tangle::finality::{Divergence, Round};
use weft_tangle::replica::Event;
use weft_tangle::{Digest, Draft, Kind, Timestamp, TxId, Verified, content_format};

/// A witness of a member above these, which are all of the round before.
fn witness(town: &Town, member: usize, round: u64, vote: Vote, parents: &[TxId]) -> Verified {
    let own = parents.get(member - 1).copied();
    let witness = Witness::new(Round::new(round).unwrap(), vote, parents.to_vec(), Vec::new()).unwrap();
    let header = witness.header_parents(own, town.network.genesis());
    let newest = parents.iter().chain(&header).map(TxId::timestamp).max().unwrap();
    let content = witness.encode();
    let draft = Draft {
        kind: Kind::Witness,
        content_format: content_format::WEFT,
        counter: 100 + round as u32,
        timestamp: Timestamp::from_millis(town.now).max(newest.plus(1)),
        parents: header,
        salt: [round as u8; 16],
        content: &content,
    };
    town.signed_by(&draft, town.key(member))
}

/// Node 0 gets a round of the three others, who make it on what they made before.
fn round(town: &mut Town, number: u64, vote: Vote, before: &mut Vec<TxId>) {
    let made: Vec<Verified> = (1..4).map(|member| witness(town, member, number, vote, before)).collect();
    *before = made.iter().map(Verified::id).collect();
    for transaction in made {
        let source = town.peer(0, 1);
        town.event(0, Event::Received { transaction, source, token: None });
    }
    town.run(400);
}

/// What node 0 has made: commits, and witnesses of its own.
fn made(town: &Town) -> (usize, usize) {
    let own = town.nodes[0].device;
    (
        town.nodes[0].history.commits().len(),
        town.witnesses.keys().filter(|(author, _)| *author == own).count(),
    )
}

/// Node 0 alone with what the others made: it commits and witnesses with them.
fn alone_with_the_words_of_others() -> (Town, Vec<TxId>) {
    let mut town = Town::new(4);
    town.run(500);
    (1..4).for_each(|place| town.crash(place));
    town.run(100);
    town.read(0, 0);
    let mut before = Vec::new();
    (1..=4).for_each(|number| round(&mut town, number, Vote::NONE, &mut before));
    (town, before)
}

const FALSE: Vote = Vote { index: 1, digest: Digest([7; 32]) };

#[test]
fn a_replica_that_a_quorum_contradicts_makes_neither_commits_nor_witnesses() {
    for vote in [Vote::NONE, FALSE] {
        let (mut town, mut before) = alone_with_the_words_of_others();
        let (commits, witnesses) = made(&town);
        assert!(commits > 0 && witnesses > 0, "{commits} commits, {witnesses} witnesses");
        round(&mut town, 5, vote, &mut before);
        let stood = made(&town);
        let reading = town.read(0, 1);
        (6..12).for_each(|number| round(&mut town, number, vote, &mut before));
        town.run(60_000);
        assert!(town.nodes[0].history.find(&reading).is_some(), "what comes is taken");
        let last = before.last().unwrap();
        assert!(town.nodes[0].history.find(last).is_some(), "and so are witnesses");
        let divergence = town.nodes[0].replica.finality().divergence;
        if vote == FALSE {
            assert!(matches!(divergence, Some(Divergence::Contradicted { index: 1, .. })), "{divergence:?}");
            assert_eq!(made(&town), stood);
        } else {
            assert_eq!(divergence, None);
            assert!(made(&town).0 > stood.0 && made(&town).1 > stood.1, "else nothing is shown here");
        }
    }
}

#[test]
fn a_replica_that_is_told_so_at_its_start_is_stopped_from_the_start() {
    let (mut town, mut before) = alone_with_the_words_of_others();
    let members = (1..4).filter_map(weft_tangle::finality::Member::new).collect();
    let divergence = Divergence::Contradicted { index: 1, members };
    town.crash(0);
    town.start(0);
    town.nodes[0].replica.diverged(divergence);
    let stood = made(&town);
    town.read(0, 1);
    (5..12).for_each(|number| round(&mut town, number, Vote::NONE, &mut before));
    assert_eq!((made(&town), town.nodes[0].replica.finality().divergence), (stood, Some(divergence)));
}
