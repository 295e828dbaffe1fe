//! The server against raw sockets: every test speaks bytes, with deadlines short enough to pass in a moment.
//!
//! Tests wait for outcomes (an answer, an end, a counter), never for a stretch of time to have been enough.

mod api;
mod bodies;
mod deadlines;
mod errors;
mod harness;
mod stopping;
mod streams;
