//! Reading: one snapshot, checked against its hashes.
//!
//! Always true: a transaction that is served is, byte for byte, the one that was stored. What the index tables say
//! is used to find transactions, never instead of one.

mod devices;
mod history;

use super::commits::Rulings;
use super::damage::Damage;
use super::layout::{ARRIVAL_BYTES, ARRIVALS, TRANSACTIONS};
use super::pack::{self, PACKS};
use super::reopen::Snapshot;
use super::tail::{Tail, Whereabouts};
use super::{Kept, StoreError, Stored};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable};
use std::sync::{Arc, OnceLock};
use weft_tangle::{Network, Position, Transaction, TxId};

/// The store as it was when the reader was made. While it lives the file keeps that state, so hold it briefly.
pub struct Reader {
    pub(super) snapshot: ReadTransaction,
    pub(super) tail: Arc<Tail>,
    /// Of what waits there, this reader sees what stands before.
    end: Position,
    network: Arc<Network>,
    damage: Arc<Damage>,
    /// Opened at the first look, for opening costs more than looking.
    transactions: OnceLock<ReadOnlyTable<&'static [u8; TxId::BYTES], &'static [u8; 8]>>,
    /// The same.
    pub(super) rulings: OnceLock<Rulings>,
    /// Dropped last, for the file is not opened again, nor what was erased overwritten, while somebody reads it.
    _held: [Arc<()>; 2],
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("network", self.network.id()).finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn new(snapshot: Snapshot, network: Arc<Network>, damage: Arc<Damage>) -> Self {
        let Snapshot { rows, tail, end, held } = snapshot;
        let (transactions, rulings) = Default::default();
        Self { snapshot: rows, tail, end, network, damage, transactions, rulings, _held: held }
    }

    /// The transaction with this id, if it is stored.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the row is not what was written, [`StoreError::Erased`] when the body was erased.
    pub fn transaction(&self, id: &TxId) -> Result<Option<Stored>, StoreError> {
        match self.kept(id)? {
            Some((Kept::Whole(transaction), position)) => Ok(Some(Stored { transaction, position })),
            Some((Kept::Erased(_), _)) => Err(StoreError::Erased(*id)),
            None => Ok(None),
        }
    }

    /// What is stored under this id, its body or not, and its position.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the row is not what was written; it is remembered as such.
    pub fn kept(&self, id: &TxId) -> Result<Option<(Kept, Position)>, StoreError> {
        let Some(position) = self.position(id)? else { return Ok(None) };
        let kept = pack::get(&self.snapshot.open_table(PACKS)?, &self.network, id, position);
        if let Err(StoreError::Damaged { id, cause }) = &kept {
            self.damage.note(id, cause);
        }
        Ok(Some((kept?, position)))
    }

    /// Where the transaction with this id stands in this node's order of arrival, if it is stored.
    pub fn position(&self, id: &TxId) -> Result<Option<Position>, StoreError> {
        match self.tail.find(id, self.end) {
            Whereabouts::Here(position) => return Ok(Some(position)),
            Whereabouts::Nowhere => return Ok(None),
            Whereabouts::InTable => {}
        }
        let table = match self.transactions.get() {
            Some(table) => table,
            None => {
                let opened = self.snapshot.open_table(TRANSACTIONS)?;
                self.transactions.get_or_init(|| opened)
            }
        };
        Ok(table.get(id.as_bytes())?.map(|position| Position(u64::from_be_bytes(*position.value()))))
    }

    /// How many transactions are stored; equally the position of the next.
    pub fn transactions(&self) -> Result<u64, StoreError> {
        Ok(next_position(&self.snapshot.open_table(ARRIVALS)?)?.0)
    }

    /// Reads transactions that stand in one row.
    pub(super) fn decode_together(
        &self,
        wanted: &[(TxId, Position)],
        first: Position,
        row: &[u8],
    ) -> Vec<Result<Kept, StoreError>> {
        pack::decode_together(&self.network, wanted, first, row)
    }

    /// Reads what stands in a slot.
    pub(super) fn decode_entry(
        &self,
        id: &TxId,
        position: Position,
        entry: pack::Entry<'_>,
    ) -> Result<Kept, StoreError> {
        pack::decode_entry(&self.network, id, position, entry)
    }

    pub(super) fn note_damage(&self, id: &TxId, cause: &str) {
        self.damage.note(id, cause);
    }

    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    /// The transactions with these ids, which an index names.
    fn load(&self, ids: Vec<TxId>) -> Result<Vec<Transaction>, StoreError> {
        let missing =
            |id| StoreError::Damaged { id, cause: "the index names it but it is not stored".into() };
        let load = |id| Ok(self.transaction(&id)?.ok_or_else(|| missing(id))?.transaction);
        ids.into_iter().map(load).collect()
    }
}

/// The position behind the last one of the arrival log.
pub(super) fn next_position(
    arrivals: &impl ReadableTable<&'static [u8; 8], &'static [u8; ARRIVAL_BYTES]>,
) -> Result<Position, StoreError> {
    let last = arrivals.last()?.map(|(key, _)| u64::from_be_bytes(*key.value()));
    Ok(Position(last.map_or(0, |last| last.saturating_add(1))))
}
