//! Replicas that gossip, in the simulator and one against a peer that the test plays.

mod excused;
mod faults;
mod liars;
mod links;
mod net;
mod played;
mod steady;
mod trees;
