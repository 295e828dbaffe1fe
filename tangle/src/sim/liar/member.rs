//! Members of the committee that lie in their witnesses: two of one round, some to these and some to those, or none; votes
//! for what is not, or none; times that are not; references that no witness may have; rounds that are long over; more and
//! more of one round, that reference each other.
//!
//! A lying member runs the real replica. What that proposes it signs, changed or not, and beside it others; which of
//! them a peer gets is for the peer's link to say, so one peer always gets the same one.

use super::super::catalogue::Number;
use super::super::faults::pick;
use super::super::link::Parcel;
use super::super::net::Net;
use super::super::node::Node;
use super::super::random::{Chance, Random, mix};
use crate::body::{Vote, Witness};
use crate::finality::{Member, Proposal, Round};
use crate::gossip::Tree;
use crate::replica::Source;
use crate::{Digest, Timestamp, TxId};
use std::collections::BTreeMap;

/// A way for a member to lie in its witnesses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FalseWitness {
    /// Two and more of one round, each to others.
    Equivocate,
    /// None to some, or to all.
    Hide,
    /// As few witness parents as may be, so that leaders lack votes.
    Abstain,
    /// Votes for commits that do not exist, or for none.
    Misvote,
    /// Times as early or as late as may be.
    Mistime,
    /// References that a witness must not have, and witnesses of those who are no members.
    Misshape,
    /// More and more of rounds that are over.
    OldRounds,
    /// One that references many of one's own of one round.
    OwnTwins,
}

impl FalseWitness {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Equivocate,
        Self::Hide,
        Self::Abstain,
        Self::Misvote,
        Self::Mistime,
        Self::Misshape,
        Self::OldRounds,
        Self::OwnTwins,
    ];

    /// A short stable name, as scenario files have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equivocate => "equivocate",
            Self::Hide => "hide",
            Self::Abstain => "abstain",
            Self::Misvote => "misvote",
            Self::Mistime => "mistime",
            Self::Misshape => "misshape",
            Self::OldRounds => "old-rounds",
            Self::OwnTwins => "own-twins",
        }
    }
}

/// Milliseconds by which a witness is made later than it should be, at most. Beyond ten seconds it waits everywhere.
const LATE_MS: u64 = 15_000;

/// How a member lies.
#[derive(Debug)]
pub(super) struct Perjury {
    kinds: Vec<FalseWitness>,
    /// How many of its witnesses it changes.
    often: Chance,
    /// What peers get in place of a witness: one of these, or nothing.
    instead: BTreeMap<Number, Vec<Option<Number>>>,
}

impl Net {
    /// Lets liars that are members lie in their witnesses too.
    pub(in super::super) fn forswear(&mut self, kinds: &[FalseWitness], often: Chance) {
        for node in self.settings.members() {
            if let Some(lies) = self.nodes[node].lies.as_mut() {
                let instead = BTreeMap::new();
                lies.perjury = Some(Perjury { kinds: kinds.to_vec(), often, instead });
            }
        }
    }

    /// What a node signs when its replica proposes a witness: that, or what a liar makes of it. Returns what its replica
    /// is to go on with.
    pub(in super::super) fn sign_as_it_likes(&mut self, node: usize, proposal: &Proposal) -> Option<Number> {
        let mut random = Random::new(self.random.number(), &[]);
        let Some(kinds) = self.perjury_now(node, &mut random) else {
            return self.make_witness(node, proposal, &mut random);
        };
        let has = |kind| kinds.contains(&kind);
        let mut own = proposal.clone();
        if has(FalseWitness::Abstain) || has(FalseWitness::Misvote) || has(FalseWitness::Mistime) {
            own = self.varied(node, proposal, &kinds, &mut random).unwrap_or(own);
        }
        let made = self
            .make_witness(node, &own, &mut random)
            .or_else(|| self.make_witness(node, proposal, &mut random))?;
        let mut instead = vec![Some(made)];
        if has(FalseWitness::Equivocate) {
            for _ in 0..random.between(1, 3) {
                let twin = self.varied(node, proposal, &FalseWitness::ALL, &mut random);
                instead.extend(twin.and_then(|twin| self.make_witness(node, &twin, &mut random)).map(Some));
            }
            let sources: Vec<Source> = self.nodes[node].ends.keys().copied().collect();
            for twin in instead[1..].iter().copied().flatten().filter(|_| !sources.is_empty()) {
                self.send_as_it_is(node, pick(&mut random, &sources), Parcel::Push(Tree(5), twin));
            }
        }
        if has(FalseWitness::Hide) {
            match random.below(3) {
                0 => instead = vec![None],
                1 => instead.push(None),
                _ => instead.extend([None; 4]),
            }
        }
        if let Some(perjury) = self.nodes[node].lies.as_mut().and_then(|lies| lies.perjury.as_mut()) {
            perjury.instead.insert(made, instead);
        }
        Some(made)
    }

    /// The ways in which a member lies this time; none when it does not.
    pub(super) fn perjury_now(&mut self, node: usize, random: &mut Random) -> Option<Vec<FalseWitness>> {
        let perjury = self.nodes[node].lies.as_ref()?.perjury.as_ref()?;
        if !random.happens(perjury.often) {
            return None;
        }
        Some(perjury.kinds.iter().copied().filter(|_| random.below(2) == 0).collect())
    }

    fn make_witness(&mut self, node: usize, proposal: &Proposal, random: &mut Random) -> Option<Number> {
        self.catalogue.make(&proposal.draft(random.bytes()), &Node::key(node)).ok()
    }

    /// What a peer of a lying member gets in place of what its replica wants sent.
    pub(super) fn other_witness(&self, node: usize, source: Source, parcel: Parcel) -> Option<Parcel> {
        let chosen = |number: Number| {
            let lies = self.nodes[node].lies.as_ref()?;
            let Some(instead) = lies.perjury.as_ref().and_then(|perjury| perjury.instead.get(&number)) else {
                return Some(number);
            };
            let link = self.nodes[node].ends.get(&source)?.link;
            let which = mix(u64::from(link) << 32 | u64::from(number)) % instead.len() as u64;
            instead[which as usize]
        };
        match parcel {
            Parcel::Push(tree, number) => chosen(number).map(|number| Parcel::Push(tree, number)),
            Parcel::Body(number) => chosen(number).map(Parcel::Body),
            parcel => Some(parcel),
        }
    }

    /// The same witness with other references, another vote or another time.
    fn varied(
        &self,
        node: usize,
        proposal: &Proposal,
        kinds: &[FalseWitness],
        random: &mut Random,
    ) -> Option<Proposal> {
        let witness = Witness::decode(&proposal.content).ok()?;
        let (round, mut vote) = (witness.head().round, witness.head().vote);
        let previous = Some(proposal.parents[0]).filter(|id| *id != self.catalogue.network.genesis());
        let quorum = self.catalogue.committee().size().quorum();
        let mut parents = witness.parents().to_vec();
        if kinds.contains(&FalseWitness::Abstain) {
            while parents.len() > quorum && random.below(4) > 0 {
                let at = random.index(parents.len());
                if Some(parents[at]) != previous {
                    parents.remove(at);
                }
            }
        }
        let mut sweeps = witness.sweeps().to_vec();
        if kinds.contains(&FalseWitness::Equivocate) {
            parents.iter_mut().filter(|id| Some(**id) != previous).for_each(|id| {
                *id = self.twin_of(node, *id, random).unwrap_or(*id);
            });
            sweeps.retain(|_| random.below(2) == 0);
        }
        sweeps.retain(|id| !parents.contains(id));
        if kinds.contains(&FalseWitness::Misvote) {
            let index = [0, vote.index.saturating_add(1), vote.index.max(1), u64::MAX][random.index(4)];
            vote = if index == 0 { Vote::NONE } else { Vote { index, digest: Digest(random.bytes()) } };
        }
        let content = Witness::new(round, vote, parents, sweeps).ok()?;
        let parents = content.header_parents(previous, self.catalogue.network.genesis());
        let earliest = after(&content, &parents);
        let timestamp = match random.below(3) {
            0 if kinds.contains(&FalseWitness::Mistime) => earliest,
            1 if kinds.contains(&FalseWitness::Mistime) => earliest.plus(random.below(LATE_MS)),
            _ => proposal.timestamp.max(earliest),
        };
        Some(Proposal { content: content.encode(), parents, timestamp, ..proposal.clone() })
    }

    /// Another witness of the same author and round that the node has, if there is one and chance will have it.
    fn twin_of(&self, node: usize, id: TxId, random: &mut Random) -> Option<TxId> {
        let witness = self.catalogue.witness(self.catalogue.number(&id)?)?;
        let here = self.witnesses_here(node, witness.round, witness.author);
        Some(here[random.index(here.len().max(1)).min(here.len().checked_sub(1)?)])
    }

    pub(super) fn witnesses_here(&self, node: usize, round: Round, author: Member) -> Vec<TxId> {
        let all = self.catalogue.of_round(round, author).iter();
        let here = all.filter(|number| self.nodes[node].disk.has(**number));
        here.map(|number| self.catalogue.id(*number)).collect()
    }
}

/// The earliest time that a witness can have.
pub(super) fn after(content: &Witness, parents: &[TxId; 2]) -> Timestamp {
    let newest = content.references().chain(parents).map(TxId::timestamp).max();
    newest.unwrap_or_default().plus(1)
}
