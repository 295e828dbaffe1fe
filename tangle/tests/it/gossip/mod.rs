//! Replicas that gossip, in virtual time and one against a peer that the test plays.

mod faults;
mod liars;
mod links;
mod net;
mod node;
mod played;
mod steady;
mod trees;
