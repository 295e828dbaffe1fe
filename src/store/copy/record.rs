//! One transaction with all that the tables say of it, and its form on the node's local socket (`spec/11-storage.md`).

use crate::store::layout::{ARRIVAL_BYTES, ParentTag, decode_arrival, encode_arrival, first_bytes};
use crate::store::pack::Check;
use weft_tangle::finality::{Member, Round};
use weft_tangle::limits::TRANSACTION_MAX_BYTES;
use weft_tangle::{DeviceId, Epoch, TxId};

/// A transaction as it is copied; its position follows from the one before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copied {
    pub(super) id: TxId,
    pub(super) parents: [ParentTag; 2],
    pub(super) issuer: DeviceId,
    pub(super) counter: u32,
    pub(super) kind: u8,
    pub(super) revoked: Option<DeviceId>,
    /// Round and author of a witness.
    pub(super) witness: Option<(Round, Member)>,
    /// An earlier one that used the same counter, and the epoch in which it did.
    pub(super) twin: Option<(Epoch, TxId)>,
    pub(super) check: Check,
    pub(super) wire: Vec<u8>,
    pub(super) is_damaged: bool,
}

const TWIN_BYTES: usize = 8 + TxId::BYTES;
const FIXED_BYTES: usize = 1 + ARRIVAL_BYTES + DeviceId::BYTES + 4 + 1 + 8;
const TWIN: u8 = 1;
const REVOKED: u8 = 2;
const DAMAGED: u8 = 4;
const WITNESS: u8 = 8;

const WITNESS_BYTES: usize = 8 + 1;

/// Bytes of the longest record of a transaction.
pub(super) const MOST_BYTES: usize =
    FIXED_BYTES + TWIN_BYTES + DeviceId::BYTES + WITNESS_BYTES + TRANSACTION_MAX_BYTES;

impl Copied {
    /// Whether its bytes are not those that were once written.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Bytes of the transaction.
    pub fn wire_bytes(&self) -> usize {
        self.wire.len()
    }

    /// The record in bytes.
    pub fn encode(&self) -> Vec<u8> {
        let flag = |set: bool, flag| if set { flag } else { 0 };
        let flags = flag(self.twin.is_some(), TWIN)
            | flag(self.revoked.is_some(), REVOKED)
            | flag(self.is_damaged, DAMAGED)
            | flag(self.witness.is_some(), WITNESS);
        let mut bytes = Vec::with_capacity(MOST_BYTES - TRANSACTION_MAX_BYTES + self.wire.len());
        bytes.push(flags);
        bytes.extend(encode_arrival(self.id, self.parents));
        bytes.extend(self.issuer.as_bytes());
        bytes.extend(self.counter.to_be_bytes());
        bytes.push(self.kind);
        bytes.extend(self.check);
        if let Some((epoch, twin)) = self.twin {
            bytes.extend(epoch.0.to_be_bytes());
            bytes.extend(twin.as_bytes());
        }
        self.revoked.iter().for_each(|device| bytes.extend(device.as_bytes()));
        if let Some((round, author)) = &self.witness {
            bytes.extend(round.get().to_be_bytes());
            bytes.push(author.place() as u8);
        }
        bytes.extend(&self.wire);
        bytes
    }

    /// Reads a record; nothing when it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (fixed, mut rest) = bytes.split_at_checked(FIXED_BYTES)?;
        let flags = fixed[0];
        let (id, parents) = decode_arrival(fixed[1..].first_chunk()?);
        let behind_ids = &fixed[1 + ARRIVAL_BYTES..];
        let behind_issuer = &behind_ids[DeviceId::BYTES..];
        let mut take = |flag, length| {
            let (taken, left) = if flags & flag == 0 {
                (None, rest)
            } else {
                let (taken, left) = rest.split_at_checked(length)?;
                (Some(taken), left)
            };
            rest = left;
            Some(taken)
        };
        let twin = take(TWIN, TWIN_BYTES)?.map(|bytes| {
            (Epoch(u64::from_be_bytes(first_bytes(bytes))), TxId::from_bytes(first_bytes(&bytes[8..])))
        });
        let revoked = take(REVOKED, DeviceId::BYTES)?.map(|bytes| DeviceId::from_bytes(first_bytes(bytes)));
        let witness = match take(WITNESS, WITNESS_BYTES)? {
            Some(bytes) => {
                let round = Round::new(u64::from_be_bytes(first_bytes(bytes)))?;
                Some((round, Member::new(bytes[8].into())?))
            }
            None => None,
        };
        if flags > TWIN | REVOKED | DAMAGED | WITNESS || rest.len() > TRANSACTION_MAX_BYTES {
            return None;
        }
        Some(Self {
            id,
            parents,
            issuer: DeviceId::from_bytes(first_bytes(behind_ids)),
            counter: u32::from_be_bytes(first_bytes(behind_issuer)),
            kind: behind_issuer[4],
            revoked,
            witness,
            twin,
            check: first_bytes(&behind_issuer[5..]),
            wire: rest.to_vec(),
            is_damaged: flags & DAMAGED != 0,
        })
    }
}
