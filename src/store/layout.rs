//! The tables of `weft.redb` and their rows (`spec/11-storage.md`). Integers are big-endian, so keys sort by value.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `meta` | name | `schema`: u32; `network`: NetworkId; `indexed`, `settled`: u64; `resume` |
//! | `transactions` | TxId (40) | position (8) |
//! | `packs` | position of the first (8) | transactions in a row: `pack` |
//! | `arrivals` | position (8) | TxId (40), tag of parent 1 (16), tag of parent 2 (16) |
//! | `issued` | issuer (32), TxId (40) | counter (4), kind (1) |
//! | `enrolments` | device (32), TxId (40) | nothing |
//! | `revocations` | revoked device (32), TxId (40) | nothing |
//! | `equivocations` | issuer (32), epoch (8), counter (4), TxId (40) | nothing |
//! | `cursors` | device (32) | how far its log was read |
//!
//! Those of finality are in `commits`.
//!
//! Always true: every transaction has one row in `arrivals` and one slot in `packs`, and once it is indexed (`tail`) one in
//! `transactions` and `issued`;
//! positions run from zero without gaps.

use redb::TableDefinition;
use std::ops::Range;
use weft_pow::{Nonce, Seed};
use weft_tangle::{DeviceId, Epoch, Kind, Position, Timestamp, TxId, blake2s};

/// The schema that this version writes and reads.
pub(super) const SCHEMA: u32 = 4;

/// Bytes of a key in `issued`, `enrolments` and `revocations`.
pub(super) const DEVICE_KEY_BYTES: usize = DeviceId::BYTES + TxId::BYTES;

/// Bytes of a key in `equivocations`.
pub(super) const EQUIVOCATION_KEY_BYTES: usize = DeviceId::BYTES + 8 + 4 + TxId::BYTES;

/// Bytes of a row in `arrivals`.
pub(super) const ARRIVAL_BYTES: usize = TxId::BYTES + 2 * ParentTag::BYTES;

pub(super) type DeviceKey = [u8; DEVICE_KEY_BYTES];
pub(super) type EquivocationKey = [u8; EQUIVOCATION_KEY_BYTES];
pub(super) type DeviceTable = TableDefinition<'static, &'static DeviceKey, ()>;

pub(super) const META: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("meta");
pub(super) const TRANSACTIONS: TableDefinition<'static, &'static [u8; TxId::BYTES], &'static [u8; 8]> =
    TableDefinition::new("transactions");
pub(super) const ARRIVALS: TableDefinition<'static, &'static [u8; 8], &'static [u8; ARRIVAL_BYTES]> =
    TableDefinition::new("arrivals");
pub(super) const ISSUED: TableDefinition<'static, &'static DeviceKey, &'static [u8; 5]> =
    TableDefinition::new("issued");
pub(super) const ENROLMENTS: DeviceTable = TableDefinition::new("enrolments");
pub(super) const REVOCATIONS: DeviceTable = TableDefinition::new("revocations");
pub(super) const EQUIVOCATIONS: TableDefinition<'static, &'static EquivocationKey, ()> =
    TableDefinition::new("equivocations");

pub(super) const CURSORS: TableDefinition<'static, &'static [u8; DeviceId::BYTES], &'static [u8]> =
    TableDefinition::new("cursors");

/// The first 8 bytes of BLAKE2s-256 over position, the seed of the work, which covers id and signature, and nonce.
/// Whoever checked the work has the seed, so this is one compression and not forty.
pub(super) fn row_check(position: Position, seed: &Seed, nonce: Nonce) -> [u8; 8] {
    let [position, nonce] = [position.0.to_be_bytes(), nonce.to_bytes()];
    first_bytes(&blake2s(&[&position, &seed.0, &nonce]))
}

/// What the arrival log keeps of a parent: the first bytes of the digest in its id. A start finds by them whichever parents are
/// among the transactions that it reads; the whole ids would be half of the log, and stand in the header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ParentTag([u8; Self::BYTES]);

impl ParentTag {
    /// So many that nobody makes two transactions which have the same.
    pub(super) const BYTES: usize = 16;

    /// The tag of a transaction that is a parent.
    pub fn of(id: &TxId) -> Self {
        Self(first_bytes(&id.as_bytes()[size_of::<u64>()..]))
    }

    /// Those of both parents of a transaction.
    pub(super) fn of_both(parents: [TxId; 2]) -> [Self; 2] {
        parents.map(|parent| Self::of(&parent))
    }
}

/// The row of the arrival log, all that recovery needs.
pub(super) fn encode_arrival(id: TxId, parents: [ParentTag; 2]) -> [u8; ARRIVAL_BYTES] {
    let mut row = [0; ARRIVAL_BYTES];
    let (place, tags) = row.split_at_mut(TxId::BYTES);
    place.copy_from_slice(id.as_bytes());
    for (place, tag) in tags.chunks_exact_mut(ParentTag::BYTES).zip(parents) {
        place.copy_from_slice(&tag.0);
    }
    row
}

pub(super) fn decode_arrival(row: &[u8; ARRIVAL_BYTES]) -> (TxId, [ParentTag; 2]) {
    let tag = |index: usize| ParentTag(first_bytes(&row[TxId::BYTES + index * ParentTag::BYTES..]));
    (TxId::from_bytes(first_bytes(row)), [tag(0), tag(1)])
}

pub(super) fn device_key(device: &DeviceId, id: &TxId) -> DeviceKey {
    let mut key = [0; DEVICE_KEY_BYTES];
    key[..DeviceId::BYTES].copy_from_slice(device.as_bytes());
    key[DeviceId::BYTES..].copy_from_slice(id.as_bytes());
    key
}

/// The keys of a device in a range of time.
pub(super) fn device_keys(device: &DeviceId, times: &Range<Timestamp>) -> Range<DeviceKey> {
    let bound = |time| device_key(device, &TxId::first_at(time));
    bound(times.start)..bound(times.end.max(times.start))
}

/// The id that a key of `issued`, `enrolments`, `revocations` or `equivocations` ends with.
pub(super) fn id_of<const N: usize>(key: &[u8; N]) -> TxId {
    TxId::from_bytes(first_bytes(&key[N - TxId::BYTES..]))
}

pub(super) fn encode_issued(counter: u32, kind: Kind) -> [u8; 5] {
    let [a, b, c, d] = counter.to_be_bytes();
    [a, b, c, d, kind.to_byte()]
}

/// Counter and the kind's byte.
pub(super) fn decode_issued(row: &[u8; 5]) -> (u32, u8) {
    (u32::from_be_bytes(first_bytes(row)), row[4])
}

pub(super) fn equivocation_key(issuer: &DeviceId, epoch: Epoch, counter: u32, id: &TxId) -> EquivocationKey {
    let mut key = [0; EQUIVOCATION_KEY_BYTES];
    key[..32].copy_from_slice(issuer.as_bytes());
    key[32..40].copy_from_slice(&epoch.0.to_be_bytes());
    key[40..44].copy_from_slice(&counter.to_be_bytes());
    key[44..].copy_from_slice(id.as_bytes());
    key
}

/// Epoch and counter in a key of `equivocations`.
pub(super) fn slot_of(key: &EquivocationKey) -> (Epoch, u32) {
    (Epoch(u64::from_be_bytes(first_bytes(&key[32..]))), u32::from_be_bytes(first_bytes(&key[40..])))
}

pub(super) fn first_bytes<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes.first_chunk().expect("the layout's lengths are fixed, and this field lies within them")
}

/// The smallest and the largest id there could be.
pub(super) const ID_BOUNDS: [TxId; 2] =
    [TxId::from_bytes([0; TxId::BYTES]), TxId::from_bytes([0xFF; TxId::BYTES])];
