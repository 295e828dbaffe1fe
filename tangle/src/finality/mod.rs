//! Finality: which transactions are final, in which order, by what the committee's witnesses say
//! (`spec/17-finality.md`).

mod committer;
mod graph;
mod members;
mod rotation;
mod round;
mod rule;
mod shape;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use committer::{Committer, SlotView};
pub use graph::{Place, Vertex, Window, WitnessGraph};
pub use members::{Committee, Member, Members};
pub use rotation::Rotation;
pub use round::Round;
pub use shape::{Known, Shape};
