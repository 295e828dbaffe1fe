//! Writing a batch, whole or not at all.

use super::layout::{
    ARRIVALS, ENROLMENTS, EQUIVOCATIONS, ISSUED, REVOCATIONS, TRANSACTIONS, device_key, encode_arrival,
    encode_issued, encode_row, equivocation_key,
};
use super::{StoreError, reader::next_position};
use redb::{Database, Durability, WriteTransaction};
use std::sync::Arc;
use weft_tangle::{Attached, Kind, Network, Position, body::Revocation};

/// Begins a commit that is on disk when it returns and that a crash does not make the next start wait for.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, StoreError> {
    let mut commit = database.begin_write()?;
    commit.set_durability(Durability::Immediate)?;
    commit.set_quick_repair(true);
    Ok(commit)
}

/// Puts the rows of all tables; the caller commits, or drops all of it.
pub(super) fn put(
    commit: &WriteTransaction,
    network: &Network,
    batch: &[Arc<Attached>],
) -> Result<(), StoreError> {
    let mut transactions = commit.open_table(TRANSACTIONS)?;
    let mut arrivals = commit.open_table(ARRIVALS)?;
    let mut issued = commit.open_table(ISSUED)?;
    let mut expected = next_position(&arrivals)?;
    for attached in batch {
        let (id, transaction) = (attached.id(), attached.transaction());
        let header = transaction.header();
        let found = attached.position();
        if found != expected {
            return Err(StoreError::Gap { expected, found });
        }
        expected = Position(found.0 + 1);
        let row = encode_row(found, transaction.wire());
        if transactions.insert(id.as_bytes(), &row[..])?.is_some() {
            return Err(StoreError::Twice(id));
        }
        arrivals.insert(&found.0.to_be_bytes(), &encode_arrival(id, header.parents))?;
        let counter = encode_issued(header.counter, header.kind);
        issued.insert(&device_key(&header.issuer, &id), &counter)?;
        put_rarities(commit, network, attached)?;
    }
    Ok(())
}

/// The rows that few transactions have: enrolments, revocations and equivocations.
fn put_rarities(commit: &WriteTransaction, network: &Network, attached: &Attached) -> Result<(), StoreError> {
    let (id, header) = (attached.id(), attached.transaction().header());
    if header.kind == Kind::Enrol {
        commit.open_table(ENROLMENTS)?.insert(&device_key(&header.issuer, &id), ())?;
    }
    if header.kind == Kind::RevokeDevice {
        let revocation = Revocation::decode(attached.transaction().content())
            .expect("the check that made it verified has decoded its content");
        commit.open_table(REVOCATIONS)?.insert(&device_key(&revocation.device, &id), ())?;
    }
    if let Some(twin) = attached.twin() {
        let mut equivocations = commit.open_table(EQUIVOCATIONS)?;
        let epoch = network.rules().epoch(header.timestamp);
        for id in [twin, id] {
            equivocations.insert(&equivocation_key(&header.issuer, epoch, header.counter, &id), ())?;
        }
    }
    Ok(())
}
