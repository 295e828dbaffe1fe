//! Witnesses that lying members send of their own accord: of rounds that are long over, many of one round, and such as none
//! can be.

use super::super::catalogue::Number;
use super::super::faults::pick;
use super::super::keys::{Key, signed};
use super::super::link::Parcel;
use super::super::net::Net;
use super::super::node::Node;
use super::super::random::Random;
use super::FalseWitness;
use super::made::invented;
use super::member::after;
use crate::body::{Vote, Witness};
use crate::finality::{Member, Round};
use crate::gossip::{Class, Frame, Tree};
use crate::replica::Source;
use crate::{Digest, Draft, Kind, TxId, content_format};

/// Witnesses of old rounds that go at once, at most.
const OLD_ROUNDS: u64 = 12;

/// Witnesses of one round that go at once, at most.
const OWN_TWINS: u64 = 40;

/// Ways for references to be wrong.
const SHAPES: u64 = 8;

impl Net {
    /// A lying member does something of its own accord.
    pub(super) fn bear_false_witness(&mut self, node: usize, sources: &[Source]) {
        let mut random = self.random_of(node);
        let kinds = self.perjury_now(node, &mut random).unwrap_or_default();
        let source = pick(&mut random, sources);
        if kinds.contains(&FalseWitness::Misshape) {
            self.send_misshapen(node, source, &mut random);
        }
        if kinds.contains(&FalseWitness::OwnTwins) {
            self.send_own_twins(node, source, &mut random);
        }
        if kinds.contains(&FalseWitness::OldRounds) {
            for _ in 0..random.between(1, OLD_ROUNDS) {
                let source = pick(&mut random, sources);
                self.send_old_round(node, source, &mut random);
            }
        }
    }

    /// One of the newest round that references many of the first, and behind it those, the newest first.
    fn send_own_twins(&mut self, node: usize, source: Source, random: &mut Random) {
        let Some(top) = self.nodes[node].replica.finality().round else { return };
        let mut twins = Vec::new();
        for _ in 0..random.between(4, OWN_TWINS) {
            twins.extend(self.make_right(node, Round::FIRST, (vec![], None), vec![], random));
        }
        twins.sort_unstable_by_key(|twin| std::cmp::Reverse(self.catalogue.id(*twin)));
        let ids = twins.iter().map(|twin| self.catalogue.id(*twin)).collect();
        let parents = self.parents_of(node, top, random);
        let above = self.make_right(node, top, parents, ids, random);
        for made in above.into_iter().chain(twins) {
            self.send_as_it_is(node, source, Parcel::Push(Tree(17), made));
        }
    }

    fn make_right(
        &mut self,
        node: usize,
        round: Round,
        (parents, previous): (Vec<TxId>, Option<TxId>),
        sweeps: Vec<TxId>,
        random: &mut Random,
    ) -> Option<Number> {
        let content = Witness::new(round, Vote::NONE, parents, sweeps).ok()?;
        let parents = content.header_parents(previous, self.catalogue.network.genesis());
        let draft = Draft {
            kind: Kind::Witness,
            content_format: content_format::WEFT,
            counter: random.below(64) as u32,
            timestamp: after(&content, &parents),
            parents,
            salt: random.bytes(),
            content: &content.encode(),
        };
        self.catalogue.make(&draft, &Node::key(node)).ok()
    }

    /// A witness that is right and long too late.
    fn send_old_round(&mut self, node: usize, source: Source, random: &mut Random) {
        let Some(top) = self.nodes[node].replica.finality().round else { return };
        let Some(round) = Round::new(random.between(1, top.get())) else { return };
        let (parents, previous) = self.parents_of(node, round, random);
        let vote = Vote { index: random.between(1, 4), digest: Digest(random.bytes()) };
        if let Ok(content) = Witness::new(round, vote, parents, vec![]) {
            self.send_witness(node, source, &content, previous, &Node::key(node), random);
        }
    }

    /// One witness of each author of the round before, and one's own of it.
    fn parents_of(&self, node: usize, round: Round, random: &mut Random) -> (Vec<TxId>, Option<TxId>) {
        let Some(before) = round.back(1) else { return (Vec::new(), None) };
        let (mut parents, mut previous) = (Vec::new(), None);
        for place in 0..self.catalogue.committee().size().members() {
            let Some(author) = Member::new(place) else { continue };
            let here = self.witnesses_here(node, before, author);
            if here.is_empty() {
                continue;
            }
            let one = pick(random, &here);
            parents.push(one);
            if self.catalogue.committee().device(author) == Some(&self.nodes[node].device) {
                previous = Some(one);
            }
        }
        (parents, previous)
    }

    /// A witness that none can be.
    fn send_misshapen(&mut self, node: usize, source: Source, random: &mut Random) {
        let Some(top) = self.nodes[node].replica.finality().round else { return };
        let round = top.back_to_first(random.below(3));
        let (mut parents, mut previous) = self.parents_of(node, round, random);
        let genesis = self.catalogue.network.genesis();
        let mut sweeps = Vec::new();
        let mut key = Node::key(node);
        let other = |net: &Self, random: &mut Random| net.parents_of(node, round.back_to_first(1), random).0;
        match random.below(SHAPES) {
            // One of an earlier round among the parents.
            0 => parents.extend(other(self, random).first()),
            // All of an earlier round.
            1 => parents = other(self, random),
            2 => parents.truncate(self.catalogue.committee().size().quorum().saturating_sub(1)),
            // What is no witness, or two of one author.
            3 => parents.extend(self.some_parents(node, random).into_iter().filter(|id| *id != genesis)),
            4 => {
                let near = self.some_parents(node, random)[0];
                sweeps.push(invented(random, near));
            }
            5 => {
                let Some(lies) = self.nodes[node].lies.as_ref() else { return };
                key = lies.key.clone();
            }
            // Somebody else's before it.
            6 => previous = parents.iter().copied().find(|id| Some(*id) != previous),
            // One's own of the round before left out.
            _ => parents.retain(|id| Some(*id) != previous),
        }
        parents.sort_unstable();
        parents.dedup();
        if let Ok(content) = Witness::new(round, Vote::NONE, parents, sweeps) {
            self.send_witness(node, source, &content, previous, &key, random);
        }
    }

    fn send_witness(
        &mut self,
        node: usize,
        source: Source,
        content: &Witness,
        previous: Option<TxId>,
        key: &Key,
        random: &mut Random,
    ) {
        let parents = content.header_parents(previous, self.catalogue.network.genesis());
        let draft = Draft {
            kind: Kind::Witness,
            content_format: content_format::WEFT,
            counter: random.below(64) as u32,
            timestamp: after(content, &parents),
            parents,
            salt: random.bytes(),
            content: &content.encode(),
        };
        let parcel = match self.catalogue.make(&draft, key) {
            Ok(made) => Parcel::Push(Tree(13), made),
            Err(_) => {
                let Ok(wire) = signed(self.catalogue.network.id(), &draft, key) else { return };
                Parcel::Raw(Class::Live, Frame::Pushed(Tree(13), vec![&wire]).encode().into())
            }
        };
        self.send_as_it_is(node, source, parcel);
    }
}
