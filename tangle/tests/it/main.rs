//! The integration tests of the ledger: one binary, everything through the public API.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

mod checks;
mod decode;
mod door;
mod equivocation;
mod failing;
mod finality;
mod flight;
mod gossip;
mod network;
mod orders;
mod vectors;
mod verdicts;
mod waiting;
