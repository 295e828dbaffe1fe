//! The replica as it was before the node ended, however it ended: rebuilt from the store alone.
//!
//! Always true: what is rebuilt follows from what is stored and from nothing else, so tests that crash a store rebuild
//! the very replica that a node would.

use crate::store::{Arrived, Kept, ParentTag, Store, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use weft_tangle::replica::Arrival;
use weft_tangle::{Network, Replica, TxId, limits::WINDOW};

/// A replica of `network` that goes on where `store` ends: finality behind the newest commit, with all that is not final, and
/// the newest [`WINDOW`] transactions in its window. Where finality needs what is damaged it stands still
/// ([`weft_tangle::finality::Status::illegible`]), and the replica does all else.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn replica(network: &Arc<Network>, store: &Store) -> Result<Replica, StoreError> {
    let mut replica = Replica::new(Arc::clone(network), store.next_position()?);
    let reader = store.reader()?;
    if let Some(newest) = reader.newest_commit()? {
        replica.resume(&newest, reader.own_digests()?.into_iter());
    }
    if let Some(divergence) = reader.divergence()? {
        replica.diverged(divergence);
    }
    drop(reader);
    let mut window = Vec::new();
    store.recover(WINDOW, &mut |arrival| window.push(arrival))?;
    // In the order of positions, or the window would lack the edges from what is open to what is final.
    let mut window = window.into_iter().peekable();
    let (mut told, mut wrong) = (Told::default(), None);
    store.restore_finality(&mut |position, kept, is_delivered| {
        while let Some(arrived) = window.next_if(|arrived| arrived.position < position) {
            replica.recover(&told.arrival(&arrived));
        }
        told.note(match &kept {
            Ok(kept) => kept.id(),
            Err(id) => *id,
        });
        match kept {
            Ok(Kept::Whole(transaction)) => {
                if let Err(error) = replica.restore(position, &transaction, is_delivered) {
                    let cause = error.to_string();
                    wrong.get_or_insert(StoreError::Damaged { id: transaction.id(), cause });
                }
            }
            Ok(Kept::Erased(remains)) => replica.restore_erased(position, &remains),
            // Readings must be taken all the same.
            Err(id) => replica.restore_damaged(id, is_delivered),
        }
    })?;
    wrong.map_or(Ok(()), Err)?;
    window.for_each(|arrived| replica.recover(&told.arrival(&arrived)));
    Ok(replica)
}

/// The ids that a replica was told of, by what the arrival log keeps of them where they are parents.
#[derive(Default)]
pub(crate) struct Told(HashMap<ParentTag, TxId>);

impl Told {
    fn note(&mut self, id: TxId) {
        self.0.insert(ParentTag::of(&id), id);
    }

    /// What the replica is told of a row. Its parents stand before it, so those that it is told of are known.
    pub(crate) fn arrival(&mut self, arrived: &Arrived) -> Arrival {
        let Arrived { position, id, parents, is_witness } = *arrived;
        self.note(id);
        Arrival { position, id, parents: parents.map(|tag| self.0.get(&tag).copied()), is_witness }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_tangle::Position;

    fn arrived(position: u64, id: TxId, parents: [TxId; 2]) -> Arrived {
        let parents = parents.map(|parent| ParentTag::of(&parent));
        Arrived { position: Position(position), id, parents, is_witness: false }
    }

    #[test]
    fn parents_are_found_among_all_that_the_replica_was_told_of_and_no_others() {
        let [open, first, second, unknown] = [1, 2, 3, 4].map(|number| TxId::from_bytes([number; 40]));
        let mut told = Told::default();
        // It is not final, and stands before the window.
        told.note(open);
        assert_eq!(told.arrival(&arrived(7, first, [open, unknown])).parents, [Some(open), None]);
        let arrival = told.arrival(&arrived(8, second, [first, open]));
        assert_eq!((arrival.id, arrival.parents), (second, [Some(first), Some(open)]));
    }
}
