//! The second part of a check: each row of the index tables names what is there.

use super::place::{arrival, issued};
use super::report::{Fault, Report, Tally};
use crate::store::layout::{
    DEVICE_KEY_BYTES, DeviceKey, ENROLMENTS, EQUIVOCATIONS, ID_BOUNDS, ISSUED, REVOCATIONS, TRANSACTIONS,
    decode_issued, equivocation_key, first_bytes, id_of, slot_of,
};
use crate::store::pack::PACKS;
use crate::store::{Kept, Reader, StoreError};
use redb::{ReadableTable, ReadableTableMetadata};
use weft_tangle::body::Revocation;
use weft_tangle::{DeviceId, Epoch, Kind, Network, Position, TxId};

/// Pieces of work: the issuers by their first byte, and the other tables.
pub(super) const INDEX_UNITS: u64 = 256 + 4;

/// Does one piece of work.
pub(super) fn check_index(
    reader: &Reader,
    network: &Network,
    unit: u64,
    stop: &dyn Fn() -> bool,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    match (u8::try_from(unit), unit.saturating_sub(256)) {
        (Ok(prefix), _) => check_issued(reader, network, prefix, stop, tally),
        (_, 0) => check_transactions(reader, stop, tally),
        (_, 1) => check_enrolments(reader, tally),
        (_, 2) => check_revocations(reader, tally),
        _ => check_equivocations(reader, network, tally),
    }
}

fn check_transactions(reader: &Reader, stop: &dyn Fn() -> bool, tally: &mut Tally) -> Result<(), StoreError> {
    for row in reader.snapshot.open_table(TRANSACTIONS)?.iter()? {
        let (id, position) = row?;
        let (id, position) = (TxId::from_bytes(*id.value()), u64::from_be_bytes(*position.value()));
        // Whether the log's row leads back here was asked when its position was checked.
        if arrival(reader, position)?.is_none_or(|(there, _)| there != id) {
            let problem = "at its position stands another one, or none".into();
            tally.find(Fault::of_table("transactions", Some(id), Some(Position(position)), problem));
        }
        if position % 1_024 == 0 && stop() {
            break;
        }
    }
    Ok(())
}

/// The transactions of the issuers whose ids begin with one byte: each is stored, and counters that were used again are
/// listed as such.
fn check_issued(
    reader: &Reader,
    network: &Network,
    prefix: u8,
    stop: &dyn Fn() -> bool,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let mut bounds: [DeviceKey; 2] = [[0; DEVICE_KEY_BYTES], [0xFF; DEVICE_KEY_BYTES]];
    bounds.iter_mut().for_each(|key| key[0] = prefix);
    let mut group: Option<(DeviceId, Epoch)> = None;
    let mut counters: Vec<(u32, TxId)> = Vec::new();
    for row in reader.snapshot.open_table(ISSUED)?.range::<&_>(&bounds[0]..=&bounds[1])? {
        let (key, value) = row?;
        let (device, id) = (DeviceId::from_bytes(first_bytes(key.value())), id_of(key.value()));
        if reader.position(&id)?.is_none() {
            tally.find(Fault::of_table("issued", Some(id), None, "it is not stored".into()));
        }
        let this = Some((device, network.rules().epoch(id.timestamp())));
        if this != group {
            check_twins(reader, group, &mut counters, tally)?;
            group = this;
            if stop() {
                return Ok(());
            }
        }
        counters.push((decode_issued(value.value()).0, id));
    }
    check_twins(reader, group, &mut counters, tally)
}

/// What one issuer did in one epoch.
fn check_twins(
    reader: &Reader,
    group: Option<(DeviceId, Epoch)>,
    counters: &mut Vec<(u32, TxId)>,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let Some((device, epoch)) = group else { return Ok(()) };
    let table = reader.snapshot.open_table(EQUIVOCATIONS)?;
    counters.sort_unstable();
    for twins in counters.chunk_by(|one, next| one.0 == next.0).filter(|twins| twins.len() > 1) {
        for (counter, id) in twins {
            if table.get(&equivocation_key(&device, epoch, *counter, id))?.is_none() {
                let problem = format!("it shares counter {counter} with another one and is not listed");
                tally.find(Fault::of_table("equivocations", Some(*id), None, problem));
            }
        }
    }
    counters.clear();
    Ok(())
}

fn check_enrolments(reader: &Reader, tally: &mut Tally) -> Result<(), StoreError> {
    for row in reader.snapshot.open_table(ENROLMENTS)?.iter()? {
        let key = row?.0;
        let (device, id) = (DeviceId::from_bytes(first_bytes(key.value())), id_of(key.value()));
        if issued(reader, &device, &id)?.is_none_or(|(_, kind)| kind != Kind::Enrol.to_byte()) {
            let problem = format!("it is no enrolment of {device}");
            tally.find(Fault::of_table("enrolments", Some(id), None, problem));
        }
    }
    Ok(())
}

fn check_revocations(reader: &Reader, tally: &mut Tally) -> Result<(), StoreError> {
    for row in reader.snapshot.open_table(REVOCATIONS)?.iter()? {
        let key = row?.0;
        let (device, id) = (DeviceId::from_bytes(first_bytes(key.value())), id_of(key.value()));
        let revokes = match reader.kept(&id) {
            Ok(Some((Kept::Whole(one), _))) if one.header().kind == Kind::RevokeDevice => {
                Revocation::decode(one.content()).is_ok_and(|revocation| revocation.device == device)
            }
            // Its damage was found at its position.
            Err(StoreError::Damaged { .. }) => true,
            Ok(_) => false,
            Err(error) => return Err(error),
        };
        if !revokes {
            let problem = format!("it does not revoke {device}");
            tally.find(Fault::of_table("revocations", Some(id), None, problem));
        }
    }
    Ok(())
}

/// Each row names a transaction with this counter, and is not the only one.
fn check_equivocations(reader: &Reader, network: &Network, tally: &mut Tally) -> Result<(), StoreError> {
    let table = reader.snapshot.open_table(EQUIVOCATIONS)?;
    for row in table.iter()? {
        let key = row?.0;
        let (device, id) = (DeviceId::from_bytes(first_bytes(key.value())), id_of(key.value()));
        let (epoch, counter) = slot_of(key.value());
        let fits = issued(reader, &device, &id)?.is_some_and(|(used, _)| used == counter)
            && network.rules().epoch(id.timestamp()) == epoch;
        let [first, last] = ID_BOUNDS.map(|bound| equivocation_key(&device, epoch, counter, &bound));
        if !fits || table.range::<&_>(&first..=&last)?.take(2).count() < 2 {
            let problem = format!("no other one of {device} has counter {counter} in epoch {}", epoch.0);
            tally.find(Fault::of_table("equivocations", Some(id), None, problem));
        }
    }
    Ok(())
}

/// How many rows each table says that it has: with each position checked, more rows than positions are too many.
pub(super) fn check_lengths(reader: &Reader, report: &mut Report) -> Result<(), StoreError> {
    let tables = [
        ("packs", reader.snapshot.open_table(PACKS)?.len()?, report.rows),
        ("transactions", reader.snapshot.open_table(TRANSACTIONS)?.len()?, report.transactions),
        ("issued", reader.snapshot.open_table(ISSUED)?.len()?, report.transactions),
        ("enrolments", reader.snapshot.open_table(ENROLMENTS)?.len()?, report.enrolments),
        ("revocations", reader.snapshot.open_table(REVOCATIONS)?.len()?, report.revocations),
    ];
    // A damaged transaction is counted under none of its kinds.
    let is_damaged = report.faults_in_all() > 0;
    for (table, found, counted) in tables {
        if found != counted && !is_damaged {
            let problem = format!("it has {found} rows where {counted} are named");
            report.find(Fault::of_table(table, None, None, problem));
        }
    }
    Ok(())
}
