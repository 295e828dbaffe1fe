//! A batch as it stands in the log.
//!
//! | bytes | field |
//! | --- | --- |
//! | 16 | the file's secret |
//! | 16 | check: the first bytes of BLAKE2s-256 over the secret and all that follows up to the wire forms |
//! | 8 | position of the first transaction |
//! | 2 | number of transactions n |
//! | 51 n | for each: length of its wire form (2), check of its slot (8), whether a twin follows (1), twin (40) or zeros |
//! | 8 | number of commits before this batch |
//! | | its commits, as [`Settlement::encode`] writes them |
//! | | the wire forms |
//!
//! The check covers neither wire form nor need it: body digest, id and the slot's check cover every byte of those. So a
//! record that was torn anywhere is none.

use super::front::{CHECK_BYTES, Secret, check};
use crate::store::commits::Settlement;
use crate::store::layout::{first_bytes, row_check};
use crate::store::{Kept, Record};
use weft_tangle::{Network, Position, Transaction, TxId};

const FIXED_BYTES: usize = 16 + CHECK_BYTES + 8 + 2;
const ENTRY_BYTES: usize = 2 + 8 + 1 + TxId::BYTES;

/// Where what the check covers begins.
const CHECKED: usize = 16 + CHECK_BYTES;

/// How far a store is: the next position, and the number of commits. Neither goes back, and each record moves one on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub(crate) position: Position,
    pub(crate) commits: u64,
}

impl Mark {
    /// Whether one of both lies behind what this store has.
    pub(crate) fn is_behind(self, other: Self) -> bool {
        self.position > other.position || self.commits > other.commits
    }
}

/// Transactions as they were stored, the first at `first`, and commits behind them.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) first: Position,
    pub(crate) transactions: Vec<(Transaction, Option<TxId>)>,
    /// The number of commits before these.
    pub(crate) before: u64,
    pub(crate) settlement: Settlement,
}

impl Batch {
    /// The position and the number of commits before it.
    pub(crate) fn begin(&self) -> Mark {
        Mark { position: self.first, commits: self.before }
    }

    /// The position and the number of commits behind it.
    pub(crate) fn end(&self) -> Mark {
        let position = Position(self.first.0 + self.transactions.len() as u64);
        Mark { position, commits: self.before + self.settlement.commits.len() as u64 }
    }

    /// The transactions of it that a store lacks which is so far.
    pub(crate) fn records(&self, next: Mark) -> Vec<Record<'_>> {
        (self.first.0..)
            .zip(&self.transactions)
            .filter(|(position, _)| *position >= next.position.0)
            .map(|(position, (transaction, twin))| Record {
                position: Position(position),
                transaction,
                twin: *twin,
            })
            .collect()
    }

    /// The commits of it that a store lacks which is so far; where finality goes on belongs to the last of them.
    pub(crate) fn settlement(&self, next: Mark) -> Settlement {
        let lacking = self.settlement.commits.iter().filter(|settled| settled.commit.index > next.commits);
        let commits: Vec<_> = lacking.cloned().collect();
        let resume = self.settlement.resume.filter(|_| !commits.is_empty());
        Settlement { commits, resume }
    }
}

/// Bytes that a batch takes in the log.
pub(super) fn bytes_of(batch: &[Record<'_>], settlement: &Settlement) -> u64 {
    let entry = |record: &Record<'_>| ENTRY_BYTES + record.transaction.wire().len();
    (FIXED_BYTES + batch.iter().map(entry).sum::<usize>() + 8 + settlement.encoded_bytes()) as u64
}

/// The record of a batch; none of an empty one, and of one that has more than can be counted in it.
pub(super) fn encode(
    secret: &Secret,
    begin: Mark,
    batch: &[Record<'_>],
    settlement: &Settlement,
) -> Option<Vec<u8>> {
    if batch.is_empty() && settlement.is_empty() {
        return None;
    }
    let count = u16::try_from(batch.len()).ok()?;
    let mut bytes = Vec::with_capacity(bytes_of(batch, settlement) as usize);
    bytes.extend_from_slice(secret);
    bytes.extend_from_slice(&[0; CHECK_BYTES]);
    bytes.extend_from_slice(&begin.position.0.to_be_bytes());
    bytes.extend_from_slice(&count.to_be_bytes());
    for Record { position, transaction, twin } in batch {
        let length = u16::try_from(transaction.wire().len()).ok()?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&row_check(*position, &transaction.seed(), transaction.nonce()));
        bytes.push(u8::from(twin.is_some()));
        bytes.extend_from_slice(twin.as_ref().map_or(&[0; TxId::BYTES], |twin| twin.as_bytes()));
    }
    bytes.extend_from_slice(&begin.commits.to_be_bytes());
    bytes.extend_from_slice(&settlement.encode()?);
    let checked = check(&[secret, &bytes[CHECKED..]]);
    bytes[16..CHECKED].copy_from_slice(&checked);
    batch.iter().for_each(|record| bytes.extend_from_slice(record.transaction.wire()));
    Some(bytes)
}

/// The record that `bytes` begin with, and its length; none unless every byte of it is as it was written.
pub(super) fn decode(secret: &Secret, network: &Network, bytes: &[u8]) -> Option<(Batch, usize)> {
    let fixed: &[u8; FIXED_BYTES] = bytes.first_chunk()?;
    if !fixed.starts_with(secret) {
        return None;
    }
    let count = usize::from(u16::from_be_bytes(first_bytes(&fixed[CHECKED + 8..])));
    let (entries, behind) = bytes[FIXED_BYTES..].split_at_checked(count * ENTRY_BYTES)?;
    let (before, behind) = behind.split_first_chunk()?;
    let before = u64::from_be_bytes(*before);
    let (settlement, wires) = Settlement::decode(behind)?;
    if count == 0 && settlement.is_empty() {
        return None;
    }
    let mut end = bytes.len() - wires.len();
    if check(&[secret, &bytes[CHECKED..end]]) != fixed[16..CHECKED] {
        return None;
    }
    let first = u64::from_be_bytes(first_bytes(&fixed[CHECKED..]));
    let mut transactions = Vec::with_capacity(count);
    for (position, entry) in (first..).zip(entries.chunks_exact(ENTRY_BYTES)) {
        let length = usize::from(u16::from_be_bytes(first_bytes(entry)));
        let transaction = Kept::decode(network, bytes.get(end..end + length)?).ok()?.into_transaction()?;
        if row_check(Position(position), &transaction.seed(), transaction.nonce()) != entry[2..10] {
            return None;
        }
        let twin = (entry[10] == 1).then(|| TxId::from_bytes(first_bytes(&entry[11..])));
        transactions.push((transaction, twin));
        end += length;
    }
    Some((Batch { first: Position(first), transactions, before, settlement }, end))
}
