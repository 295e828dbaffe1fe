//! A simulator of networks: the replica of production, in virtual time, in a world that fails (`spec/16-simulation.md`).
//!
//! Only what surrounds a replica is simulated: clocks, links, disks, sensors, and who signs. What runs is what runs in
//! hospitals: [`Replica::handle`](crate::Replica::handle) with its gossip, the checks of [`crate::check_peer`], the
//! codecs.
//!
//! What always holds:
//! - the same scenario and seed give the same happenings, in the same order, on every machine;
//! - every fault begins and ends at its own time, so each can be left out;
//! - what must hold is looked at all along, and the simulation stops where it does not ([`Invariant`]).
//!
//! [`run`] runs a scenario, [`measure`] with figures, [`shrink`] makes one that failed shorter, [`Net`] is the network to be driven by hand.

mod agreement;
mod catalogue;
mod chain;
mod disk;
mod effects;
mod faults;
mod finality;
mod happening;
mod history;
mod intake;
mod invariant;
mod invariants;
mod keys;
mod liar;
mod link;
mod measure;
mod member;
mod net;
mod node;
mod random;
mod run;
mod scenario;
mod sending;
mod sensor;
mod settings;
mod shrink;
mod stats;
#[cfg(test)]
mod tests;
mod trace;
mod wire;

pub use faults::{Fault, Planned};
pub use invariant::{Invariant, Violation};
pub use liar::{FalseWitness, Lie};
pub use link::LinkSettings;
pub use measure::{Held, Look, Measured, measure};
pub use net::Net;
pub use node::Node;
pub use random::{CERTAIN, Chance, Random};
pub use run::{NODES, Outcome, build, run};
pub use scenario::{Faults, Links, Machines, Members, Scenario, Sensors, Span, Topology};
pub use sensor::SensorSettings;
pub use settings::Settings;
pub use shrink::shrink;
pub use stats::{Latencies, Traffic};

use crate::Timestamp;

/// Microseconds, since the start or of a duration.
pub type Micros = u64;

/// When simulated networks were made: the beginning of an hour.
const CREATED: Timestamp = Timestamp::from_millis(1_699_999_200_000);

/// What a clock shows that is right when a simulation starts: enough later that clocks may be behind.
const BASE: Timestamp = Timestamp::from_millis(CREATED.as_millis() + 3_600_000);
