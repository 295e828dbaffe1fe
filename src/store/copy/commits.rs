//! One commit as it is copied, and where finality goes on behind the last; their forms on the node's local socket
//! (`spec/11-storage.md`).

use super::record;
use crate::limits::COPY_SLICE_BYTES;
use crate::store::commits::{self, RESUME_BYTES, Settled};
use crate::store::{Reader, StoreError};
use std::ops::Range;
use weft_tangle::finality::{COMMIT_BYTES, Commit, Resume};
use weft_tangle::limits::COMMIT_TRANSACTIONS;

/// Bytes of the longest record, of whatever kind.
pub const MOST_BYTES: usize =
    if COMMIT_MOST_BYTES > record::MOST_BYTES { COMMIT_MOST_BYTES } else { record::MOST_BYTES };

const COMMIT_MOST_BYTES: usize = COMMIT_BYTES + 9 * COMMIT_TRANSACTIONS + 4;

/// A commit with the positions of what it delivers, and how these stand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopiedCommit(pub(super) Settled);

impl CopiedCommit {
    /// The commit.
    pub fn commit(&self) -> &Commit {
        &self.0.commit
    }

    /// The record in bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.encoded_bytes());
        self.0.encode(&mut bytes);
        bytes
    }

    /// Reads a record; nothing when it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (settled, rest) = Settled::decode(bytes)?;
        (rest.is_empty() && settled.disputed.is_empty()).then_some(Self(settled))
    }
}

/// The record behind the last commit: where finality goes on.
pub fn encode_end(resume: &Resume) -> Vec<u8> {
    commits::encode_resume(resume).to_vec()
}

/// Reads that record, which follows on a commit; nothing when it is none.
pub fn decode_end(bytes: &[u8], last: &Commit) -> Option<Resume> {
    commits::decode_resume(bytes, *last)
}

const _: () = assert!(RESUME_BYTES < record::MOST_BYTES);

impl Reader {
    /// The commits with these indexes from the first on, as many as a slice holds, one at least; none at the end of the
    /// range.
    ///
    /// # Errors
    /// The store cannot be read; [`StoreError::Torn`] and [`StoreError::TornCommit`] where the tables contradict each
    /// other so that nothing can be copied.
    pub fn copy_commits(&self, indexes: Range<u64>) -> Result<Vec<CopiedCommit>, StoreError> {
        let (mut slice, mut bytes) = (Vec::new(), 0);
        for index in indexes {
            let Some(stored) = self.commit(index)? else { return Err(StoreError::TornCommit(index)) };
            let settled = self.settled(stored.commit)?;
            if settled.delivered.len() != stored.commit.count as usize {
                return Err(StoreError::TornCommit(index));
            }
            bytes += settled.encoded_bytes();
            slice.push(CopiedCommit(settled));
            if bytes >= COPY_SLICE_BYTES {
                break;
            }
        }
        Ok(slice)
    }
}
