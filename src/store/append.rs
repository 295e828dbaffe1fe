//! Writing a batch, whole or not at all.

use super::layout::{
    ARRIVALS, ENROLMENTS, EQUIVOCATIONS, REVOCATIONS, device_key, encode_arrival, equivocation_key,
};
use super::pack::{self, PACKS};
use super::{Record, StoreError, reader::next_position};
use redb::{Database, Durability, WriteTransaction};
use weft_tangle::{Kind, Network, Position, body::Revocation};

/// Begins a commit that is on disk when it returns and that a crash does not make the next start wait for.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, StoreError> {
    let mut commit = database.begin_write()?;
    commit.set_durability(Durability::Immediate)?;
    commit.set_quick_repair(true);
    Ok(commit)
}

/// Puts the rows of all tables but those of the index (`tail`); the caller commits, or drops all of it. The position
/// behind the batch.
pub(super) fn put(
    commit: &WriteTransaction,
    network: &Network,
    batch: &[Record<'_>],
) -> Result<Position, StoreError> {
    let mut arrivals = commit.open_table(ARRIVALS)?;
    let first = next_position(&arrivals)?;
    if batch.is_empty() {
        return Ok(first);
    }
    for (expected, record) in (first.0..).map(Position).zip(batch) {
        let Record { position: found, transaction, .. } = *record;
        if found != expected {
            return Err(StoreError::Gap { expected, found });
        }
        let row = encode_arrival(transaction.id(), transaction.header().parents);
        arrivals.insert(&found.0.to_be_bytes(), &row)?;
        put_rarities(commit, network, record)?;
    }
    let entries: Vec<_> =
        batch.iter().map(|record| pack::Entry::new(record.position, record.transaction)).collect();
    pack::put(&mut commit.open_table(PACKS)?, first, &entries)?;
    Ok(Position(first.0 + batch.len() as u64))
}

/// The rows that few transactions have: enrolments, revocations and equivocations.
fn put_rarities(commit: &WriteTransaction, network: &Network, record: &Record<'_>) -> Result<(), StoreError> {
    let (id, header) = (record.transaction.id(), record.transaction.header());
    if header.kind == Kind::Enrol {
        commit.open_table(ENROLMENTS)?.insert(&device_key(&header.issuer, &id), ())?;
    }
    if header.kind == Kind::RevokeDevice {
        let revocation =
            Revocation::decode(record.transaction.content()).map_err(|_| StoreError::Unverified(id))?;
        commit.open_table(REVOCATIONS)?.insert(&device_key(&revocation.device, &id), ())?;
    }
    if let Some(twin) = record.twin {
        let mut equivocations = commit.open_table(EQUIVOCATIONS)?;
        let epoch = network.rules().epoch(header.timestamp);
        for id in [twin, id] {
            equivocations.insert(&equivocation_key(&header.issuer, epoch, header.counter, &id), ())?;
        }
    }
    Ok(())
}
