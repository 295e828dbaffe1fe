//! The ledger and the replica protocol, without I/O.

pub mod signing;
