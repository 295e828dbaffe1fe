//! Single rows, as a check asks for them.

use crate::store::layout::{
    ARRIVALS, DeviceTable, ISSUED, ParentTag, decode_arrival, decode_issued, device_key,
};
use crate::store::{Reader, StoreError};
use weft_tangle::{DeviceId, TxId};

/// The id at a position, and the tags of its parents.
pub(super) fn arrival(reader: &Reader, position: u64) -> Result<Option<(TxId, [ParentTag; 2])>, StoreError> {
    let row = reader.snapshot.open_table(ARRIVALS)?.get(&position.to_be_bytes())?;
    Ok(row.map(|row| decode_arrival(row.value())))
}

/// The counter and the kind's byte under which an issuer's transaction is listed.
pub(super) fn issued(reader: &Reader, issuer: &DeviceId, id: &TxId) -> Result<Option<(u32, u8)>, StoreError> {
    let row = reader.snapshot.open_table(ISSUED)?.get(&device_key(issuer, id))?;
    Ok(row.map(|row| decode_issued(row.value())))
}

/// Whether a table of devices lists a transaction.
pub(super) fn is_listed(
    reader: &Reader,
    table: DeviceTable,
    device: &DeviceId,
    id: &TxId,
) -> Result<bool, StoreError> {
    Ok(reader.snapshot.open_table(table)?.get(&device_key(device, id))?.is_some())
}
