//! The integration tests of the package, in one binary so that they link once.
//!
//! `cli` runs the `weft` command; `door`, `api`, `events` and `load` talk to a real node in a process of its own,
//! `gossip` lets several talk to each other, `finality` lets them agree, `hostile` lets peers lie to one, `withheld` takes bodies away, `stop` tells it to end, `stress` is greedy.
//! `tidy`, `documents`, `catalogues` and `layers` read the project's own files: style and layering are failing tests,
//! not promises.
//! Each of their checks is a function of a text, and is shown to fail on a planted bad sample.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is test code, also outside test functions")]

mod api;
mod catalogues;
#[allow(dead_code, reason = "other test binaries use more of it")]
mod chain;
mod cli;
#[allow(dead_code, reason = "other test binaries use more of it")]
mod cluster;
mod documents;
mod door;
mod events;
mod finality;
mod gossip;
mod hostile;
mod layers;
mod load;
mod stop;
mod stress;
#[allow(dead_code, reason = "other test binaries use more of it")]
mod support;
mod tidy;
mod tree;
mod withheld;
mod world;
