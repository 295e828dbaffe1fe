//! Peers that lie to a whole node, a process with its real QUIC port, while it serves honest ones.
//!
//! Each lie must be bounded, counted under its reason, logged once and end in being sent away, or not let in at all; what
//! honest ones send and get meanwhile is looked at by `siege`. Lies that take minutes to be found out are among the slow
//! tests.

mod committee;
pub(crate) mod liar;
mod members;
pub(crate) mod siege;
mod strangers;
