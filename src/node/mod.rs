//! The fog node: one thread owns the replica, everything else reaches it through bounded channels.
//!
//! ```text
//! HTTP  -> Intake -> checkers (pool) -> owner (one thread) -> writer (one thread) -> Durable -> owner -> answer
//! peers -> feeder ->                    owner -> signer -> owner                  -> bus, figures
//! ```
//!
//! Always true: an answer that says "attached" is sent after the commit that made it so, and no queue between two
//! stages grows without bound: when one is full, the stage before it stops, and the first one says 503.

pub mod admin;
pub mod bootstrap;
pub mod bus;
mod check_peer;
mod checker;
mod clock;
mod company;
pub mod credential;
mod directory;
mod fair;
mod finality;
mod healing;
mod health;
mod home;
mod intake;
mod job;
pub mod joining;
mod node_files;
mod opened;
mod owner;
mod peering;
pub mod peers;
mod progress;
pub(crate) mod recover;
mod room;
mod run;
mod scrub;
mod signer;
mod staging;
mod start;
mod supervisor;
mod teller;
#[cfg(test)]
mod tests;
mod verdicts;
mod waiting;
mod writer;

pub use clock::now;
pub(crate) use clock::now_nanos;
pub use directory::Directory;
pub use finality::{FinalityView, Totals as FinalityTotals};
pub use health::Health;
pub use home::{Home, HomeError, NETWORK_FILE, NODE_KEY, REGISTRAR_KEY};
pub(crate) use home::{lock_directory, read_network};
pub use intake::{Fault, Intake};
pub use node_files::CONFIG_FILE;
pub use peering::{Link, Peering, Totals};
pub use run::{Node, NodeError};
pub use scrub::Scrub;
pub use signer::Own;
pub use staging::StagingError;
pub use start::{Ledger, StartError, Threads};
