//! HTTP: the server that drives the API's filters, the form of its errors, and the reader of request bodies.
//!
//! No client can hold a connection, memory or the process's end for longer than `crate::limits` says, and no
//! error leaves as anything but `application/problem+json`.

pub mod accept;
pub mod body;
pub mod problem;
pub mod query;
pub mod rejection;
pub mod routes;
pub mod server;
pub mod stats;
pub mod streams;

mod bounds;
mod connection;
mod gate;
mod kind;
mod pace;
mod readable;
mod roster;
mod stream;
mod turns;

pub use roster::ConnectionId;

#[cfg(test)]
mod tests;
