//! What a replica is told before its first event: who it is, and what is stored.
//!
//! Always true: a replica that was told all goes on as the one before it would have, whatever that one held in memory.

use super::{HistoryError, Position, Replica};
use crate::body::Vote;
use crate::finality::{Divergence, Entry, Ledger, Pace, Resume, Status};
use crate::{DeviceId, Digest, Kind, Remains, Timestamp, Transaction, TxId};
use std::ops::Range;

/// An entry of the stored order of arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// Where it stands.
    pub position: Position,
    /// The transaction.
    pub id: TxId,
    /// What it approves, as far as that is among what the replica is told of.
    pub parents: [Option<TxId>; 2],
    /// Whether it is a witness.
    pub is_witness: bool,
}

impl Replica {
    /// Says who this node is to its peers; a member of the committee makes witnesses from the first event on. `lives` are
    /// the bytes of the newest [`Effect::Remember`](super::Effect::Remember) of this device itself that is durable; empty
    /// without one.
    pub fn set_device(&mut self, device: DeviceId, lives: &[u8]) {
        self.gossip.set_device(device, lives);
        self.device = Some(device);
        self.finality.set_device(&device, self.pace);
    }

    /// Says that storage may lack own witnesses which it once held and others were sent: it is a copy of an older state, or
    /// its log was damaged. The node then makes one only of a round that it cannot have signed. It is to be said at every
    /// start until a transaction that [`Attached::is_made_here`](super::Attached::is_made_here) is durable.
    pub fn forgot(&mut self) {
        self.finality.forgot();
    }

    /// Says how fast rounds follow each other. Nodes that differ in it agree all the same.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
        self.device.into_iter().for_each(|device| self.finality.set_device(&device, pace));
    }

    /// Goes on behind the newest stored commit. `digests` are those of the newest [`OWN_DIGESTS`] commits up to it,
    /// ascending. Without a stored commit there is nothing to say.
    ///
    /// [`OWN_DIGESTS`]: crate::limits::OWN_DIGESTS
    pub fn resume(&mut self, resume: &Resume, digests: impl Iterator<Item = Vote>) {
        self.finality.resume(resume, digests);
    }

    /// Says that chains have parted, for that does not pass: nothing is finalised. Of several the first counts.
    pub fn diverged(&mut self, divergence: Divergence) {
        self.finality.diverged(divergence);
    }

    /// Takes back what finality still needs: in the order of positions every transaction that no stored commit has
    /// delivered, and every witness of a round from [`Resume::first_round`] on.
    ///
    /// # Errors
    /// It is a witness whose body is none, which the checks exclude.
    pub fn restore(
        &mut self,
        position: Position,
        transaction: &Transaction,
        is_delivered: bool,
    ) -> Result<(), HistoryError> {
        self.finality.attached(position.0, transaction, is_delivered, &Unread)?;
        if !is_delivered {
            let (id, header) = (transaction.id(), transaction.header());
            self.keep(position, id, header.parents, header.kind == Kind::Witness);
        }
        Ok(())
    }

    /// As [`Replica::restore`], of a transaction that no stored commit has delivered and whose body was erased.
    pub fn restore_erased(&mut self, position: Position, remains: &Remains) {
        self.finality.attached_erased(position.0, remains);
        self.keep(position, remains.id(), remains.header().parents, false);
    }

    /// As [`Replica::restore`], of one that is damaged so that it cannot be said what finality needs of it. Finality stands
    /// still then, and all else goes on.
    pub fn restore_damaged(&mut self, id: TxId, is_delivered: bool) {
        self.finality.stand_still(id);
        if !is_delivered {
            self.finality.attached_damaged();
        }
    }

    fn keep(&mut self, position: Position, id: TxId, parents: [TxId; 2], is_witness: bool) {
        self.graph.insert(position.0, id, parents, is_witness);
        self.graph.reopen(&id);
    }

    /// Takes back a stored transaction into the window. Call it for the newest [`WINDOW`] in their order of arrival.
    ///
    /// [`WINDOW`]: crate::limits::WINDOW
    pub fn recover(&mut self, arrival: &Arrival) {
        let Arrival { position, id, parents, is_witness } = *arrival;
        let parents = || parents.into_iter().flatten();
        if !self.graph.contains(&id) {
            self.graph.insert(position.0, id, parents(), is_witness);
            self.graph.finish(&id);
        }
        if !is_witness {
            self.tips.insert(id, parents());
        }
        self.gossip.recover(id);
    }

    /// How finality stands.
    pub fn finality(&self) -> Status {
        self.finality.status()
    }
}

/// A ledger that nothing is read of. A vote for a commit older than those in memory is then none for it.
struct Unread;

fn unread<T>() -> Result<T, HistoryError> {
    Err(HistoryError::Unread("nothing is read before the first event".into()))
}

impl Ledger for Unread {
    fn entry(&self, _: &TxId) -> Result<Entry, HistoryError> {
        unread()
    }

    fn is_delivered(&self, _: &TxId) -> Result<bool, HistoryError> {
        unread()
    }

    fn position(&self, _: &TxId) -> Result<u64, HistoryError> {
        unread()
    }

    fn at(&self, _: u64) -> Result<TxId, HistoryError> {
        unread()
    }

    fn delivered(
        &self,
        _: &DeviceId,
        _: Range<Timestamp>,
        _: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        unread()
    }

    fn is_revoked(&self, _: &DeviceId) -> Result<bool, HistoryError> {
        unread()
    }

    fn digest(&self, _: u64) -> Result<Option<Digest>, HistoryError> {
        Ok(None)
    }
}
