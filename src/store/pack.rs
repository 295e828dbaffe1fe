//! Rows of many transactions: what stands in them, and which are still to be filled.
//!
//! A row holds transactions with consecutive positions, the first of which is its key. A commit writes what it brings
//! as one open row. When the open rows at the end and a new batch fill more than one row together, all of them are
//! packed anew into full rows, and what remains is open again. Always true: open rows come after all full ones, and
//! hold at most [`ROW_BYTES`] together; a transaction is written at most twice, but for the remainder of a batch.

mod salvage;

pub(super) use salvage::salvage;

use super::StoreError;
use super::kept::Kept;
use super::layout::{first_bytes, row_check};
use redb::{AccessGuard, ReadableTable, Table, TableDefinition};
use weft_tangle::{Network, Position, Remains, Transaction, TxId, limits::BODY_OFFSET, make_seeds};

pub(super) const PACKS: TableDefinition<'static, &'static [u8; 8], &'static [u8]> =
    TableDefinition::new("packs");

/// Bytes of a row. With key and page header it fills a page of 64 KiB: what a row leaves empty is half a transaction
/// on average, and in pages of 16 or 32 KiB that is several percent of the disk.
pub(super) const ROW_BYTES: usize = 65_536 - 64;

/// Transactions of a row at most.
pub(super) const ROW_MOST: u64 = (ROW_BYTES / BODY_OFFSET) as u64;

/// State and number of transactions.
const PREFIX_BYTES: usize = 2;

/// Length of the wire form and check.
const SLOT_BYTES: usize = 2 + CHECK_BYTES;

const CHECK_BYTES: usize = 8;

/// Rows at the end that one commit looks at: the open ones, each of which holds a transaction at least.
const OPEN_ROWS: usize = ROW_BYTES / BODY_OFFSET + 1;

pub(super) const OPEN: u8 = 0;
pub(super) const FULL: u8 = 1;

const _: () = {
    assert!(weft_tangle::limits::TRANSACTION_MAX_BYTES <= u16::MAX as usize, "a slot holds every length");
    assert!(ROW_BYTES / BODY_OFFSET <= u8::MAX as usize, "the prefix holds every number");
    assert!(PREFIX_BYTES + SLOT_BYTES + weft_tangle::limits::TRANSACTION_MAX_BYTES <= ROW_BYTES);
};

/// The position of a row's first transaction.
type Key = [u8; 8];

/// A transaction as it stands in a row.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) check: [u8; CHECK_BYTES],
    pub(super) wire: &'a [u8],
}

impl<'a> Entry<'a> {
    pub(super) fn new(position: Position, transaction: &'a Transaction) -> Self {
        Self {
            check: row_check(position, &transaction.seed(), transaction.nonce()),
            wire: transaction.wire(),
        }
    }

    /// What stays when the body is erased.
    pub(super) fn of_remains(position: Position, remains: &'a Remains) -> Self {
        Self { check: row_check(position, &remains.seed(), remains.nonce()), wire: remains.wire() }
    }

    fn bytes(&self) -> usize {
        SLOT_BYTES + self.wire.len()
    }
}

/// Puts transactions behind those that are stored; the first has position `first`.
pub(super) fn put(
    packs: &mut Table<'_, &'static [u8; 8], &'static [u8]>,
    first: Position,
    batch: &[Entry<'_>],
) -> Result<(), StoreError> {
    let added: usize = batch.iter().map(Entry::bytes).sum();
    if PREFIX_BYTES + open_bytes(packs)? + added <= ROW_BYTES {
        packs.insert(&first.0.to_be_bytes(), &encode(OPEN, batch)[..])?;
        return Ok(());
    }
    let open = open_rows(packs)?;
    let held: Vec<Entry<'_>> =
        open.iter().rev().flat_map(|(_, row)| entries(row).into_iter().flatten()).collect();
    for (key, _) in &open {
        packs.remove(key)?;
    }
    let mut position = first.0 - held.len() as u64;
    let all = [&held[..], batch].concat();
    let mut rest = &all[..];
    while !rest.is_empty() {
        let count = fitting(rest);
        let (row, behind) = rest.split_at(count);
        let state = if behind.is_empty() { OPEN } else { FULL };
        packs.insert(&position.to_be_bytes(), &encode(state, row)[..])?;
        position += count as u64;
        rest = behind;
    }
    Ok(())
}

/// The bytes of what lies in the open rows. Small commits only ask this, so that they copy no row.
fn open_bytes(packs: &impl ReadableTable<&'static [u8; 8], &'static [u8]>) -> Result<usize, StoreError> {
    let mut bytes = 0;
    for row in packs.iter()?.rev().take(OPEN_ROWS) {
        let row = row?.1;
        match row.value() {
            [OPEN, held @ ..] => bytes += held.len() + 1 - PREFIX_BYTES,
            _ => break,
        }
    }
    Ok(bytes)
}

/// The open rows, newest first. One that does not read as a row stays as it is: its damage is for its reader to find.
fn open_rows(
    packs: &impl ReadableTable<&'static [u8; 8], &'static [u8]>,
) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
    let mut open = Vec::new();
    for row in packs.iter()?.rev().take(OPEN_ROWS) {
        let (key, row) = row?;
        let row = row.value();
        if row.first() != Some(&OPEN) || entries(row).is_none() {
            break;
        }
        open.push((*key.value(), row.to_vec()));
    }
    Ok(open)
}

/// How many of the first entries fit in a row: one at least.
fn fitting(entries: &[Entry<'_>]) -> usize {
    let ends = entries.iter().scan(PREFIX_BYTES, |end, entry| {
        *end += entry.bytes();
        Some(*end)
    });
    ends.take_while(|end| *end <= ROW_BYTES).count().max(1)
}

/// The row of these transactions; its first byte is `state`.
pub(super) fn encode(state: u8, entries: &[Entry<'_>]) -> Vec<u8> {
    let count = u8::try_from(entries.len()).expect("a row is too short for more");
    let mut row = Vec::with_capacity(ROW_BYTES);
    row.extend_from_slice(&[state, count]);
    for Entry { check, wire } in entries {
        let length = u16::try_from(wire.len()).expect("the longest transaction is shorter");
        row.extend_from_slice(&length.to_be_bytes());
        row.extend_from_slice(check);
    }
    for entry in entries {
        row.extend_from_slice(entry.wire);
    }
    row
}

/// The transactions of a row; nothing when the lengths in it do not add up to its own.
pub(super) fn entries(row: &[u8]) -> Option<Vec<Entry<'_>>> {
    let (&[_, count], rest) = row.split_first_chunk::<PREFIX_BYTES>()?;
    let (slots, mut wires) = rest.split_at_checked(usize::from(count) * SLOT_BYTES)?;
    let mut entries = Vec::with_capacity(usize::from(count));
    for slot in slots.chunks_exact(SLOT_BYTES) {
        let length = u16::from_be_bytes(first_bytes(slot));
        let (wire, behind) = wires.split_at_checked(usize::from(length))?;
        wires = behind;
        entries.push(Entry { check: first_bytes(&slot[2..]), wire });
    }
    wires.is_empty().then_some(entries)
}

/// Bytes of a check.
pub(super) type Check = [u8; CHECK_BYTES];

/// The bytes of a row in its page.
pub(super) type Row<'a> = AccessGuard<'a, &'static [u8]>;

/// The row that holds `position`, with the position of its first transaction: the last row whose key is not larger.
pub(super) fn row_of<'a>(
    packs: &'a impl ReadableTable<&'static [u8; 8], &'static [u8]>,
    position: Position,
) -> Result<Option<(Position, Row<'a>)>, StoreError> {
    let row = packs.range::<&[u8; 8]>(..=&position.0.to_be_bytes())?.next_back().transpose()?;
    Ok(row.map(|(key, row)| (Position(u64::from_be_bytes(*key.value())), row)))
}

/// Reads the transaction at `position` from its row and checks every byte of it.
///
/// # Errors
/// [`StoreError::Damaged`] when it is not stored, or when position, signature, nonce, header or body are not those that
/// were written for `id`.
pub(super) fn get(
    packs: &impl ReadableTable<&'static [u8; 8], &'static [u8]>,
    network: &Network,
    id: &TxId,
    position: Position,
) -> Result<Kept, StoreError> {
    let missing = || damaged(id, "it lies in no row");
    let (first, row) = row_of(packs, position)?.ok_or_else(missing)?;
    let entries = entries(row.value()).ok_or_else(|| damaged(id, UNREADABLE))?;
    decode_entry(network, id, position, slot_of(id, position, first, &entries)?)
}

/// Reads transactions from the row that begins at `first`, as many, with their hashes side by side.
pub(super) fn decode_together(
    network: &Network,
    wanted: &[(TxId, Position)],
    first: Position,
    row: &[u8],
) -> Vec<Result<Kept, StoreError>> {
    let entries = entries(row);
    let open = |(id, position): &(TxId, Position)| {
        let entries = entries.as_deref().ok_or_else(|| damaged(id, UNREADABLE))?;
        let entry = slot_of(id, *position, first, entries)?;
        Ok((open_entry(network, id, entry)?, entry))
    };
    let opened: Vec<Result<(Kept, Entry<'_>), StoreError>> = wanted.iter().map(open).collect();
    make_seeds(opened.iter().filter_map(|opened| opened.as_ref().ok()?.0.whole()));
    let check = |(opened, (id, position)): (Result<_, _>, &(TxId, Position))| {
        opened.and_then(|(kept, entry)| check_entry(kept, id, *position, entry))
    };
    opened.into_iter().zip(wanted).map(check).collect()
}

/// Reads the transaction that stands in a slot.
pub(super) fn decode_entry(
    network: &Network,
    id: &TxId,
    position: Position,
    entry: Entry<'_>,
) -> Result<Kept, StoreError> {
    check_entry(open_entry(network, id, entry)?, id, position, entry)
}

const UNREADABLE: &str = "the lengths in its row do not add up";

fn slot_of<'a>(
    id: &TxId,
    position: Position,
    first: Position,
    entries: &[Entry<'a>],
) -> Result<Entry<'a>, StoreError> {
    let slot = position.0.checked_sub(first.0).and_then(|slot| usize::try_from(slot).ok());
    slot.and_then(|slot| entries.get(slot)).copied().ok_or_else(|| damaged(id, "its row ends before it"))
}

/// Everything but position, signature and nonce is right of what this gives.
fn open_entry(network: &Network, id: &TxId, entry: Entry<'_>) -> Result<Kept, StoreError> {
    let kept = Kept::decode(network, entry.wire).map_err(|refusal| damaged(id, &refusal.to_string()))?;
    if kept.id() == *id {
        Ok(kept)
    } else {
        Err(damaged(id, &format!("its header is that of {}", kept.id())))
    }
}

fn check_entry(kept: Kept, id: &TxId, position: Position, entry: Entry<'_>) -> Result<Kept, StoreError> {
    let is_right = kept.check_at(position) == entry.check;
    if is_right { Ok(kept) } else { Err(damaged(id, "position, signature or nonce have changed")) }
}

fn damaged(id: &TxId, cause: &str) -> StoreError {
    StoreError::Damaged { id: *id, cause: cause.into() }
}

/// A row with other bytes in some slots; the rest stays as it is. A row whose lengths do not add up, or that holds another
/// number of transactions, is made anew for `count` of them, all missing but those that are put in.
pub(super) fn with_slots(row: &[u8], count: usize, slots: &[(usize, Entry<'_>)]) -> Vec<u8> {
    let missing = Entry { check: [0; CHECK_BYTES], wire: &[] };
    let whole = entries(row).filter(|held| held.len() == count);
    let mut held = whole.unwrap_or_else(|| vec![missing; count]);
    for (slot, entry) in slots {
        if let Some(place) = held.get_mut(*slot) {
            *place = *entry;
        }
    }
    encode(state_of(row), &held)
}

/// The state of a row; a full one stays as it is.
pub(super) fn state_of(row: &[u8]) -> u8 {
    if row.first() == Some(&OPEN) { OPEN } else { FULL }
}
