//! The parts of a scenario: links, machines, sensors, members and faults, each between its bounds.

use super::super::Micros;
use super::super::liar::FalseWitness;
use super::super::random::{Chance, Random};
use crate::finality::Pace;

/// From and to, both possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The least.
    pub low: u64,
    /// The most.
    pub high: u64,
}

impl Span {
    /// One number and no other.
    pub const fn of(number: u64) -> Self {
        Self { low: number, high: number }
    }

    /// From and to.
    pub const fn new(low: u64, high: u64) -> Self {
        Self { low, high }
    }

    pub(in super::super) fn draw(self, random: &mut Random) -> u64 {
        random.between(self.low, self.high)
    }

    pub(super) fn fix(&mut self, random: &mut Random) {
        *self = Self::of(self.draw(random));
    }

    /// As a chance, in millionths.
    pub(in super::super) fn chance(self) -> Chance {
        Chance(u32::try_from(self.low).unwrap_or(u32::MAX))
    }
}

/// How links are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Links {
    /// Microseconds from end to end, drawn for each link.
    pub delay: Span,
    /// At most so many more, drawn once.
    pub jitter: Span,
    /// Millionths of frames that must be sent again, drawn once.
    pub loss: Span,
    /// Millionths of transactions that come twice, drawn once.
    pub repeat: Span,
    /// Bytes a second, drawn for each link; none where that is no matter.
    pub bandwidth: Option<Span>,
    /// Microseconds after which both ends notice that nothing comes any more.
    pub idle: Micros,
}

/// How machines are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Machines {
    /// Microseconds of a transaction's checks, drawn once.
    pub check: Span,
    /// Microseconds of a commit, drawn once.
    pub commit: Span,
    /// Milliseconds by which a node's clock is ahead or behind from the beginning, drawn for each.
    pub skew_ms: Span,
    /// Microseconds between two backups of each node.
    pub backups: Micros,
}

/// How sensors are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sensors {
    /// How many, drawn once.
    pub count: Span,
    /// How many of them equivocate, drawn once.
    pub equivocating: Span,
    /// How many of them revoke themselves, drawn once.
    pub revoking: Span,
    /// Microseconds from a ticket to handing in, drawn each time.
    pub think: Span,
    /// Microseconds from one reading to the next, drawn each time.
    pub pause: Span,
    /// Millionths of readings before which a sensor goes to another node.
    pub roam: Span,
    /// Millionths of answers that are lost.
    pub lost_answer: Span,
    /// Millionths of readings after which a sensor has lost its state.
    pub lost_state: Span,
    /// Bytes of a reading's content.
    pub bytes: u64,
    /// Whether they introduce themselves first.
    pub enrol: bool,
}

/// How many faults of each sort happen, and how they are. All are over when the simulation begins to settle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Faults {
    /// Losses of power.
    pub crash: Span,
    /// Backups restored.
    pub restore: Span,
    /// Links cut.
    pub cut: Span,
    /// Nodes split in two parts.
    pub split: Span,
    /// Connections dropped.
    pub drop: Span,
    /// Clocks set wrong.
    pub clock: Span,
    /// Disks slow.
    pub slow: Span,
    /// Microseconds that each lasts.
    pub lasting: Span,
    /// Milliseconds by which a clock is wrong, either way.
    pub ahead_ms: Span,
    /// Microseconds by which a commit takes longer.
    pub commit: Span,
}

/// Who of the nodes make witnesses, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Members {
    /// How many members the committee has, drawn once; at most as many as there are honest nodes. With none nothing
    /// becomes final.
    pub count: Span,
    /// How many of them are liars, drawn once; at most f of them.
    pub lying: Span,
    /// How these lie in their witnesses.
    pub lies: Vec<FalseWitness>,
    /// Millionths of their witnesses that they lie in.
    pub often: Span,
    /// Milliseconds between their rounds at full load, drawn once.
    pub fastest_ms: Span,
    /// Milliseconds between their rounds with next to nothing to do, drawn once.
    pub slowest_ms: Span,
    /// Milliseconds that a message takes between them, as they take it to be, drawn once.
    pub delta_ms: Span,
}

impl Members {
    /// How fast rounds follow each other, of what was drawn.
    pub(in super::super) fn pace(&self) -> Pace {
        let slowest = self.slowest_ms.low;
        Pace::new(self.fastest_ms.low.min(slowest), slowest, self.delta_ms.low).unwrap_or_default()
    }
}
