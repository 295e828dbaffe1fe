//! What has left the replica's memory, read through one trait: a database in the node, a map in the simulator.

use crate::{DeviceId, Standing, Timestamp, TxId};
use std::ops::Range;

/// The history could not be read. The replica has not changed; the node stops taking transactions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored history cannot be read: {0}")]
pub struct HistoryError(pub String);

/// What is durable. A transaction appears here no later than the replica is told [`super::Event::Durable`] of it;
/// what is attached and not yet durable the replica remembers itself.
pub trait History {
    /// Whether the transaction is stored.
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError>;

    /// Calls `visit` with id and counter of every stored transaction of `issuer` in a range of time, in id order.
    fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError>;

    /// The standings that stored enrolments of `device` give it ([`crate::body::Enrolment::standing`]), in any order.
    fn standings(&self, device: &DeviceId) -> Result<Vec<Standing>, HistoryError>;

    /// Calls `visit` with the ids of the stored transactions at a range of positions, in their order. What lies behind
    /// the last one that is stored is left out.
    fn log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError>;
}
