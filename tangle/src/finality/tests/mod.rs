//! The commit rule held against itself: see each file.

mod agreement;
mod book;
mod by_hand;
mod delivering;
mod exhaustive;
mod network;
mod plain;
pub(super) mod universe;
mod world;
