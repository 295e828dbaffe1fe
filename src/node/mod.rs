//! The fog node: one thread owns the replica, everything else reaches it through bounded channels.
//!
//! ```text
//! HTTP -> Intake -> checkers (pool) -> owner (one thread) -> writer (one thread) -> Durable -> owner -> answer
//! ```
//!
//! Always true: an answer that says "attached" is sent after the commit that made it so, and no queue between two
//! stages grows without bound: when one is full, the stage before it stops, and the first one says 503.

pub mod admin;
mod checker;
mod clock;
mod directory;
mod health;
mod home;
mod intake;
mod owner;
mod run;
mod scrub;
mod start;
mod writer;

pub use clock::now;
pub use directory::Directory;
pub use health::Health;
pub use home::{Home, HomeError, NETWORK_FILE, NODE_KEY, REGISTRAR_KEY};
pub(crate) use home::{lock_directory, read_network};
pub use intake::{Fault, Intake};
pub use run::{Node, NodeError};
pub use scrub::Scrub;
pub use start::{Ledger, StartError, Threads};
