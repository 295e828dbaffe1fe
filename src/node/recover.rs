//! The replica as it was before the node ended, however it ended: rebuilt from the store alone.
//!
//! Always true: what is rebuilt follows from what is stored and from nothing else, so tests that crash a store rebuild
//! the very replica that a node would.

use crate::store::{Store, StoreError};
use std::sync::Arc;
use weft_tangle::{Network, Replica, limits::WINDOW};

/// A replica of `network` that goes on where `store` ends, with the newest [`WINDOW`] transactions in its window.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn replica(network: &Arc<Network>, store: &Store) -> Result<Replica, StoreError> {
    let mut replica = Replica::new(Arc::clone(network), store.next_position()?);
    store.recover(WINDOW, &mut |arrival| replica.recover(&arrival))?;
    Ok(replica)
}
