//! Simulations of networks, by the scenarios of files and with many seeds (`spec/16-simulation.md`).
//!
//! What is simulated and how is for [`weft_tangle::sim`] alone; here are files and threads.

mod campaign;
mod file;
mod report;

pub use campaign::{Campaign, Finding, Summary};
pub use file::{ScenarioFile, ScenarioFileError};
pub use report::{Report, Seen};
