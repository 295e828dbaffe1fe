//! The sensor side: keys, counters, the node's API as a client, readings and replayed recordings.
//!
//! Always true here: a counter is reserved on disk before it is used, and no counter is ever used twice by a device
//! whose state file is whole. Nothing here needs the node's storage, HTTP server or executor.

pub mod admission;
pub mod client;
pub mod device;
pub(crate) mod durable;
pub mod enrol;
pub mod finality;
pub mod follow;
pub mod key;
pub mod limits;
pub mod load;
mod naming;
pub mod replay;
pub mod send;
pub mod session;
pub mod signals;
pub mod state;
mod stop;
mod survey;
#[cfg(test)]
mod test_node;

pub use client::{Client, ClientError, Patience, Problem};
pub use device::{Device, DeviceError};
pub use key::{KeyError, KeyFile};
pub use session::{Notice, Sent, Session, SessionError};
pub use state::{State, StateError};
pub use stop::{Stop, system_now};
pub use survey::{Survey, SurveyError};
