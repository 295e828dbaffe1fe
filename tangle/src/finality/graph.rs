//! The witnesses that decisions are made of, as a graph in memory.
//!
//! With first round *b*, the vertices are the witnesses of rounds >= *b* that were inserted; each has an edge to every
//! one of its witness parents, all of exactly the round before, and one to its author's previous witness, as far as
//! those are of rounds >= *b*. Edges lead to earlier rounds only. Nothing else is an edge: a witness that is swept is
//! delivered, but says nothing.

use super::{Member, Members, Round};
use crate::TxId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Where a witness stands in a graph: its round, and its place in the order of arrival among those of its round.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The round.
    pub round: Round,
    /// Which of the round's, from 0.
    pub index: u32,
}

/// A witness as the commit rule sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vertex {
    /// The transaction.
    pub id: TxId,
    /// Who has made it.
    pub author: Member,
    /// Its witness parents: which of the round before, ascending.
    pub parents: Vec<u32>,
    /// Its author's previous witness.
    pub previous: Option<Place>,
}

impl Vertex {
    /// Whether it is a vote for that witness of the round before.
    pub fn votes_for(&self, index: u32) -> bool {
        self.parents.binary_search(&index).is_ok()
    }
}

/// What the commit rule reads: attached witnesses, each with its history.
pub trait WitnessGraph {
    /// The witnesses of a round in their order of arrival; none where there are none or they have been dropped.
    fn round(&self, round: Round) -> &[Vertex];

    /// The authors of the witnesses of a round.
    fn authors(&self, round: Round) -> Members {
        self.round(round).iter().map(|vertex| vertex.author).collect()
    }

    /// The highest round of any witness.
    fn top(&self) -> Option<Round>;

    /// The witness at a place.
    fn vertex(&self, place: Place) -> Option<&Vertex> {
        self.round(place.round).get(place.index as usize)
    }

    /// Walks the history of a witness, itself included, from its round down to and including `until`; calls `visit`
    /// with each round and the witnesses of it that are in the history.
    fn walk(&self, from: Place, until: Round, visit: &mut dyn FnMut(Round, &BTreeSet<u32>)) {
        let mut layers = BTreeMap::from([(from.round, BTreeSet::from([from.index]))]);
        while let Some((round, layer)) = layers.pop_last().filter(|(round, _)| *round >= until) {
            visit(round, &layer);
            for vertex in layer.iter().filter_map(|index| self.vertex(Place { round, index: *index })) {
                if let Some(before) = round.back(1).filter(|_| !vertex.parents.is_empty()) {
                    layers.entry(before).or_default().extend(&vertex.parents);
                }
                if let Some(previous) = vertex.previous {
                    layers.entry(previous.round).or_default().insert(previous.index);
                }
            }
        }
    }
}

/// The witnesses of the rounds that can still decide something.
#[derive(Clone, Debug)]
pub struct Window {
    rounds: VecDeque<Vec<Vertex>>,
    /// Of each of those rounds the authors, however many witnesses they have made of it.
    authors: VecDeque<Members>,
    first: Round,
    places: BTreeMap<TxId, Place>,
}

impl Window {
    /// An empty window whose first round is this.
    pub fn new(first: Round) -> Self {
        let (rounds, authors, places) = Default::default();
        Self { rounds, authors, first, places }
    }

    /// Adds a witness whose shape was checked ([`super::Shape::check`]) and whose references were added before.
    /// Returns its place; nothing when it is here already or of a round that was dropped.
    pub fn insert(
        &mut self,
        id: TxId,
        author: Member,
        round: Round,
        parents: &[TxId],
        previous: Option<TxId>,
    ) -> Option<Place> {
        if round < self.first || self.places.contains_key(&id) {
            return None;
        }
        let offset = usize::try_from(round.since(self.first)).ok()?;
        let before = round.back(1);
        let placed = parents.iter().filter_map(|parent| self.places.get(parent));
        let mut parents: Vec<u32> =
            placed.filter(|place| Some(place.round) == before).map(|place| place.index).collect();
        parents.sort_unstable();
        let previous = previous.and_then(|id| self.places.get(&id)).copied();
        // A witness of a round has parents in the one before, so there is at most one round to be added.
        if offset == self.rounds.len() {
            self.rounds.push_back(Vec::new());
            self.authors.push_back(Members::NONE);
        }
        self.authors.get_mut(offset)?.insert(author);
        let of_round = self.rounds.get_mut(offset)?;
        let place = Place { round, index: of_round.len() as u32 };
        of_round.push(Vertex { id, author, parents, previous });
        self.places.insert(id, place);
        Some(place)
    }

    fn offset(&self, round: Round) -> Option<usize> {
        if round < self.first { None } else { usize::try_from(round.since(self.first)).ok() }
    }

    /// Where a witness stands.
    pub fn place(&self, id: &TxId) -> Option<Place> {
        self.places.get(id).copied()
    }

    /// The first round that is held.
    pub fn first(&self) -> Round {
        self.first
    }

    /// How many witnesses are held.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// How many rounds are held.
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Drops all rounds before this one.
    pub fn drop_before(&mut self, first: Round) {
        while self.first < first {
            let Some(dropped) = self.rounds.pop_front() else {
                self.first = first;
                return;
            };
            self.authors.pop_front();
            for vertex in dropped {
                self.places.remove(&vertex.id);
            }
            self.first = self.first.plus(1);
        }
    }
}

impl WitnessGraph for Window {
    fn round(&self, round: Round) -> &[Vertex] {
        self.offset(round).and_then(|offset| self.rounds.get(offset)).map_or(&[], Vec::as_slice)
    }

    fn authors(&self, round: Round) -> Members {
        self.offset(round).and_then(|offset| self.authors.get(offset)).copied().unwrap_or(Members::NONE)
    }

    fn top(&self) -> Option<Round> {
        let above = self.rounds.len().checked_sub(1)?;
        Some(self.first.plus(above as u64))
    }
}
