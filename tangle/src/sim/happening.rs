//! What can happen in a simulated network, and the order in which it does.
//!
//! Always true: of two happenings the earlier one comes first, of two at one time the one that was planned first.

use super::Micros;
use super::catalogue::{Catalogue, Number};
use super::link::Parcel;
use super::sensor::Step;
use super::trace::{print, print_of};
use crate::Screened;
use crate::finality::Proposal;
use crate::gossip::Tree;
use crate::replica::Source;
use std::sync::Arc;

/// What is to be checked.
#[derive(Debug)]
pub(super) enum Load {
    Known(Number),
    Wire(Arc<[u8]>),
    Again(Box<Screened>),
}

impl Load {
    fn print(&self, catalogue: &Catalogue) -> u64 {
        match self {
            Self::Known(number) => print_of(&catalogue.id(*number)),
            Self::Wire(wire) => print(wire),
            Self::Again(screened) => print_of(&screened.transaction().id()),
        }
    }
}

/// The bulk stream that something came on: link and connection.
pub(super) type Bulk = Option<(u32, u32)>;

/// What happens.
#[derive(Debug)]
pub(super) enum Happening {
    Arrives { link: u32, generation: u32, side: u8, parcel: Parcel },
    Check { node: u32, life: u32, source: Source, tree: Option<Tree>, load: Load, bulk: Bulk },
    Door { node: u32, life: u32, sensor: u32, turn: u32, number: Number },
    Committed { node: u32, life: u32 },
    Wake { node: u32, life: u32 },
    Lost { link: u32, generation: u32, side: u8 },
    Idle { link: u32, cut: u32 },
    Dial { link: u32 },
    Drained { link: u32, generation: u32, side: u8 },
    Begins(u32),
    Ends(u32),
    Sensor { sensor: u32, turn: u32, step: Step },
    Lies { node: u32, life: u32 },
    Signs { node: u32, life: u32, proposal: Box<Proposal> },
    BackUp,
}

impl Happening {
    /// What sets it apart from others of the same time, for the trace: two that bring something else differ.
    pub(super) fn words(&self, catalogue: &Catalogue) -> [u64; 4] {
        let words = |kind, a: u32, b: u32| [kind, u64::from(a), u64::from(b), 0];
        let with = |[kind, a, b, _]: [u64; 4], content: u64| [kind, a, b, content];
        match self {
            Self::Arrives { link, generation, side, parcel } => {
                with(words(u64::from(*side), *link, *generation), parcel.print(catalogue))
            }
            Self::Check { node, life, load, .. } => with(words(2, *node, *life), load.print(catalogue)),
            Self::Door { node, sensor, number, .. } => {
                with(words(3, *node, *sensor), print_of(&catalogue.id(*number)))
            }
            Self::Committed { node, life } => words(4, *node, *life),
            Self::Wake { node, life } => words(5, *node, *life),
            Self::Lost { link, generation, side } => words(6 + u64::from(*side), *link, *generation),
            Self::Idle { link, cut } => words(8, *link, *cut),
            Self::Dial { link } => words(9, *link, 0),
            Self::Drained { link, generation, side } => words(10 + u64::from(*side), *link, *generation),
            Self::Begins(fault) => words(12, *fault, 0),
            Self::Ends(fault) => words(13, *fault, 0),
            Self::Sensor { sensor, turn, .. } => words(14, *sensor, *turn),
            Self::Lies { node, life } => words(15, *node, *life),
            Self::BackUp => words(16, 0, 0),
            Self::Signs { node, life, .. } => words(17, *node, *life),
        }
    }
}

/// A happening in the queue.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) at: Micros,
    pub(super) sequence: u64,
    pub(super) happening: Happening,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}
