//! Nodes that do not keep to the rules: each runs the real replica and changes what that wants to say.
//!
//! So its lies come where they hurt, in the midst of what would have been true. Liars are numbered behind all others, and
//! sensors do not go to them. They have keys of their own, which every node knows.

mod made;
mod member;
mod misshapen;
mod tamper;

pub use member::FalseWitness;

use super::Micros;
use super::faults::pick;
use super::happening::Happening;
use super::keys::Key;
use super::link::Parcel;
use super::net::Net;
use super::random::{Chance, Random};
use crate::TxId;
use crate::replica::Source;
use member::Perjury;

/// A way to lie.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lie {
    /// Frames that are none, or that are broken.
    Garbage,
    /// Transactions that its log names and that it does not send.
    Withhold,
    /// Transactions that do not exist, in its log and among parents.
    Invent,
    /// The same again and again, and more than anybody wants.
    Flood,
    /// Two and more transactions of one counter, each to somebody else.
    Twins,
    /// Positions that are not.
    Positions,
    /// Copies with signatures that are wrong.
    Forge,
    /// Transactions that are older than what they reference.
    Backdate,
    /// Transactions without their bodies, as if these were erased.
    Strip,
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Garbage,
        Self::Withhold,
        Self::Invent,
        Self::Flood,
        Self::Twins,
        Self::Positions,
        Self::Forge,
        Self::Backdate,
        Self::Strip,
    ];

    /// A short stable name, as scenario files have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Garbage => "garbage",
            Self::Withhold => "withhold",
            Self::Invent => "invent",
            Self::Flood => "flood",
            Self::Twins => "twins",
            Self::Positions => "positions",
            Self::Forge => "forge",
            Self::Backdate => "backdate",
            Self::Strip => "strip",
        }
    }
}

/// Microseconds between two things that a liar does of its own accord, at most.
const PAUSE: Micros = 400_000;

/// Keys of liars have numbers from here on.
const LIARS_KEYS: u64 = 1 << 40;

/// What a liar is like.
#[derive(Debug)]
pub(super) struct Lies {
    kinds: Vec<Lie>,
    /// How often what it says is changed.
    often: Chance,
    key: Key,
    counter: u32,
    random: Random,
    /// What it has sent without its body since its last answer was over.
    stripped: Vec<TxId>,
    /// How a member of the committee lies in its witnesses.
    perjury: Option<Perjury>,
}

impl Net {
    /// Makes the last of the nodes liars.
    pub(super) fn corrupt(&mut self, count: usize, kinds: &[Lie], often: Chance) {
        let first = self.nodes.len().saturating_sub(count);
        for number in first..self.nodes.len() {
            let key = Key::new(LIARS_KEYS + number as u64);
            self.catalogue.give(&key);
            let random = Random::new(self.settings.seed, &[4, number as u64]);
            let kinds = kinds.to_vec();
            let (stripped, perjury) = (Vec::new(), None);
            self.nodes[number].lies = Some(Lies { kinds, often, key, counter: 0, random, stripped, perjury });
            self.lie_later(number);
        }
    }

    pub(super) fn lie_later(&mut self, node: usize) {
        let life = self.nodes[node].life;
        let Some(lies) = self.nodes[node].lies.as_mut() else { return };
        let pause = lies.random.between(PAUSE / 8, PAUSE);
        self.later(pause, Happening::Lies { node: node as u32, life });
    }

    /// A liar does something of its own accord.
    pub(super) fn lie(&mut self, node: usize) {
        let sources: Vec<Source> = self.nodes[node].ends.keys().copied().collect();
        let is_member = self.settings.members().contains(&node);
        if is_member && !sources.is_empty() {
            self.bear_false_witness(node, &sources);
        }
        if let Some(lies) = self.nodes[node].lies.as_mut()
            && !sources.is_empty()
            && !lies.kinds.is_empty()
            && !(is_member && lies.random.below(2) == 0)
        {
            let (kind, source) = (pick(&mut lies.random, &lies.kinds), pick(&mut lies.random, &sources));
            match kind {
                Lie::Garbage => self.send_garbage(node, source),
                Lie::Flood => self.flood(node, source),
                Lie::Twins => self.send_twins(node, &sources),
                Lie::Invent => self.send_orphan(node, source),
                Lie::Forge => self.send_forged(node, source),
                Lie::Backdate => self.send_backdated(node, source),
                Lie::Withhold | Lie::Positions | Lie::Strip => {}
            }
        }
        self.lie_later(node);
    }

    /// Sends what a liar's replica wants said, or something else.
    pub(super) fn send_tampered(&mut self, node: usize, source: Source, parcel: Parcel) {
        let Some(parcel) = self.other_witness(node, source, parcel) else { return };
        let Some(lies) = self.nodes[node].lies.as_mut() else { return };
        let parcel = match (lies.random.happens(lies.often), parcel) {
            (true, Parcel::Body(number)) if lies.strips(self.catalogue.get(number)) => {
                Some(Parcel::Bare(number))
            }
            (true, parcel) => lies.tamper(parcel),
            (false, parcel) => Some(parcel),
        };
        let parcel = parcel.map(|parcel| lies.say_withheld(parcel));
        if let Some(parcel) = parcel {
            self.send_as_it_is(node, source, parcel);
        }
    }

    fn random_of(&mut self, node: usize) -> Random {
        match self.nodes[node].lies.as_mut() {
            Some(lies) => Random::new(lies.random.number(), &[]),
            None => Random::new(0, &[]),
        }
    }
}
