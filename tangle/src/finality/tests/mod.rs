//! The commit rule held against itself: see each file.

mod agreement;
mod by_hand;
mod exhaustive;
mod plain;
mod universe;
