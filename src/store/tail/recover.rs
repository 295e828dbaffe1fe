//! Making the rows again that a crash has taken from memory.

use super::{INDEXED_KEY, IndexRow, Tail};
use crate::store::StoreError;
use crate::store::append::begin;
use crate::store::layout::{ARRIVALS, META, TRANSACTIONS, decode_arrival};
use crate::store::pack::{self, PACKS};
use redb::{Database, ReadableDatabase, ReadableTable};
use weft_tangle::{HEADER_BYTES, Header, NetworkId, Position, TxId};

/// Writes the rows that a crash has taken from memory, and says what waits from now on: nothing.
///
/// # Errors
/// The file cannot be read or written.
pub(in crate::store) fn recover(database: &Database, network: &NetworkId) -> Result<Tail, StoreError> {
    let snapshot = database.begin_read()?;
    let transactions = snapshot.open_table(TRANSACTIONS)?;
    let indexed = snapshot.open_table(META)?.get(INDEXED_KEY)?;
    let indexed = indexed.and_then(|indexed| indexed.value().try_into().ok()).map_or(0, u64::from_be_bytes);
    let newest = transactions.last()?.map(|(id, _)| TxId::from_bytes(*id.value()));
    let (packs, arrivals) = (snapshot.open_table(PACKS)?, snapshot.open_table(ARRIVALS)?);
    let mut missing = Vec::new();
    let mut row: Option<(u64, Vec<u8>)> = None;
    for arrival in arrivals.range::<&[u8; 8]>(&indexed.to_be_bytes()..)? {
        let (key, arrival) = arrival?;
        let position = u64::from_be_bytes(*key.value());
        let id = decode_arrival(arrival.value()).0;
        let mut header = row.as_ref().and_then(|row| header_in(network, row, position, &id));
        if header.is_none() {
            let found = pack::row_of(&packs, Position(position))?;
            row = found.map(|(first, row)| (first.0, row.value().to_vec()));
            header = row.as_ref().and_then(|row| header_in(network, row, position, &id));
        }
        let index = header.map(|header| IndexRow::new(id, Position(position), &header));
        missing.push(index.unwrap_or(IndexRow { id, position: Position(position), issued: None }));
    }
    let tail = Tail::behind(indexed, newest);
    drop((transactions, packs, arrivals, snapshot));
    if missing.is_empty() {
        return Ok(tail);
    }
    let commit = begin(database)?;
    let tail = tail.write(&commit, &missing)?;
    commit.commit()?;
    Ok(tail)
}

/// The header of a transaction, if it is what was written: a damaged one may read as another device's.
fn header_in(network: &NetworkId, (first, row): &(u64, Vec<u8>), position: u64, id: &TxId) -> Option<Header> {
    let slot = usize::try_from(position.checked_sub(*first)?).ok()?;
    let wire = pack::entries(row)?.get(slot)?.wire;
    let encoded = wire.first_chunk::<HEADER_BYTES>()?;
    let header = Header::decode(encoded).ok()?;
    (TxId::of(network, header.timestamp, encoded) == *id).then_some(header)
}
