//! The rows of a batch in all tables but those of the index, and what they may be made of.
//!
//! Always true: what [`check`] lets pass, [`put`] refuses only where the database does not end at that position.

use crate::store::commits::{self, Settlement};
use crate::store::layout::{
    ARRIVALS, ENROLMENTS, EQUIVOCATIONS, ParentTag, REVOCATIONS, device_key, encode_arrival, equivocation_key,
};
use crate::store::pack::{self, PACKS};
use crate::store::reader::next_position;
use crate::store::{Record, StoreError};
use redb::WriteTransaction;
use weft_tangle::body::{Revocation, WitnessHead};
use weft_tangle::finality::{Committee, Member, Round};
use weft_tangle::{DeviceId, Kind, Network, Position, Transaction};

/// Puts the rows of all tables but those of the index (`tail`); the caller commits, or drops all of it. The position
/// behind the batch.
pub(in crate::store) fn put(
    commit: &WriteTransaction,
    network: &Network,
    batch: &[Record<'_>],
) -> Result<Position, StoreError> {
    let mut arrivals = commit.open_table(ARRIVALS)?;
    let first = next_position(&arrivals)?;
    if batch.is_empty() {
        return Ok(first);
    }
    check(first, network, batch)?;
    for record in batch {
        let Record { position, transaction, .. } = *record;
        let parents = ParentTag::of_both(transaction.header().parents);
        let row = encode_arrival(transaction.id(), parents);
        arrivals.insert(&position.0.to_be_bytes(), &row)?;
        put_rarities(commit, network, record)?;
    }
    let entries: Vec<_> =
        batch.iter().map(|record| pack::Entry::new(record.position, record.transaction)).collect();
    pack::put(&mut commit.open_table(PACKS)?, first, &entries)?;
    Ok(Position(first.0 + batch.len() as u64))
}

/// Puts the commits of a batch, behind its transactions.
pub(in crate::store) fn put_settlement(
    commit: &WriteTransaction,
    network: &Network,
    settlement: &Settlement,
) -> Result<(), StoreError> {
    commits::put(commit, network.id(), &settlement.commits)?;
    settlement.resume.as_ref().map_or(Ok(()), |resume| commits::put_resume(commit, resume))
}

/// Whether a batch continues a store that ends at `first`, and has no transaction of which the rows cannot be made.
///
/// # Errors
/// [`StoreError::Gap`], [`StoreError::Unverified`].
pub(super) fn check(first: Position, network: &Network, batch: &[Record<'_>]) -> Result<(), StoreError> {
    for (expected, record) in (first.0..).map(Position).zip(batch) {
        let found = record.position;
        if found != expected {
            return Err(StoreError::Gap { expected, found });
        }
        Rarity::of(network, record.transaction)?;
    }
    Ok(())
}

/// A transaction of a kind of which there are few, with what its row says.
enum Rarity {
    Enrolment,
    Revocation(DeviceId),
    Witness(Round, Member),
}

impl Rarity {
    /// What is to be noted of a transaction, if anything.
    ///
    /// # Errors
    /// [`StoreError::Unverified`].
    fn of(network: &Network, transaction: &Transaction) -> Result<Option<Self>, StoreError> {
        let unverified = || StoreError::Unverified(transaction.id());
        Ok(match transaction.header().kind {
            Kind::Enrol => Some(Self::Enrolment),
            Kind::RevokeDevice => {
                let revocation = Revocation::decode(transaction.content()).map_err(|_| unverified())?;
                Some(Self::Revocation(revocation.device))
            }
            Kind::Witness => {
                let head = transaction.content().first_chunk().map(WitnessHead::decode);
                let author = Committee::of(network).member(&transaction.header().issuer);
                let (Some(Ok(head)), Some(author)) = (head, author) else { return Err(unverified()) };
                Some(Self::Witness(head.round, author))
            }
            _ => None,
        })
    }
}

/// The rows that few transactions have: enrolments, revocations, witnesses and equivocations.
fn put_rarities(commit: &WriteTransaction, network: &Network, record: &Record<'_>) -> Result<(), StoreError> {
    let (id, header) = (record.transaction.id(), record.transaction.header());
    match Rarity::of(network, record.transaction)? {
        None => {}
        Some(Rarity::Enrolment) => {
            commit.open_table(ENROLMENTS)?.insert(&device_key(&header.issuer, &id), ())?;
        }
        Some(Rarity::Revocation(device)) => {
            commit.open_table(REVOCATIONS)?.insert(&device_key(&device, &id), ())?;
        }
        Some(Rarity::Witness(round, author)) => {
            commits::put_witness(commit, round, author, record.position)?;
        }
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
