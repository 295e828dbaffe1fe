//! What must hold in a simulated network, by names that stay.
//!
//! Always true: each of them has a fault that is planted in tests and found (`tests/mod.rs`), and stands on the page
//! (`spec/16-simulation.md`).

use super::Micros;
use super::trace::seconds;

/// What must hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Invariant {
    /// What was acknowledged, or handed out as a parent, is on disk, and in the end everywhere.
    Kept,
    /// What a transaction references is attached before it, without gaps in the order.
    Order,
    /// Ids, sorted, stand in causal order.
    Causal,
    /// What is attached was signed by its issuer, and has its body.
    Genuine,
    /// No bound is exceeded.
    Bounds,
    /// No signature is checked twice in one life of a node.
    Once,
    /// Honest nodes do not take each other for liars.
    Trust,
    /// When faults have ended, all honest nodes come to hold the same.
    Alike,
    /// The evidence against devices is the same everywhere, and what follows from the transactions.
    Evidence,
    /// The next counter of every device is the same everywhere, and what follows from the transactions.
    Counters,
    /// When nothing happens any more nothing waits, and nothing is asked for.
    Rest,
    /// The commits of honest nodes are prefixes of each other.
    Chain,
    /// What a commit delivers follows from its leader: order, verdicts, time, and whose turn it was.
    Verdicts,
    /// No honest member signs a round twice.
    Signed,
    /// When faults have ended, all that was taken becomes final everywhere.
    Final,
    /// When all is final and known to be, no witness is made.
    Idle,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Kept,
        Self::Order,
        Self::Causal,
        Self::Genuine,
        Self::Bounds,
        Self::Once,
        Self::Trust,
        Self::Alike,
        Self::Evidence,
        Self::Counters,
        Self::Rest,
        Self::Chain,
        Self::Verdicts,
        Self::Signed,
        Self::Final,
        Self::Idle,
    ];

    /// A short stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Order => "order",
            Self::Causal => "causal",
            Self::Genuine => "genuine",
            Self::Bounds => "bounds",
            Self::Once => "once",
            Self::Trust => "trust",
            Self::Alike => "alike",
            Self::Evidence => "evidence",
            Self::Counters => "counters",
            Self::Rest => "rest",
            Self::Chain => "chain",
            Self::Verdicts => "verdicts",
            Self::Signed => "signed",
            Self::Final => "final",
            Self::Idle => "idle",
        }
    }
}

/// Something that is not as it must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// What does not hold.
    pub invariant: Invariant,
    /// Microseconds since the start.
    pub at: Micros,
    /// The node where it shows.
    pub node: usize,
    /// What was seen.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { invariant, at, node, what } = self;
        write!(f, "{}: at {}, node {node}: {what}", invariant.name(), seconds(*at).trim_start())
    }
}
