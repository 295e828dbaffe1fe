//! A commit with the positions of what it delivers, before it is written; and its form in the log and in copies.

use super::layout::{RESUME_BYTES, ROW_POSITIONS, decode_resume, encode_resume};
use crate::store::layout::first_bytes;
use crate::store::{Record, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weft_tangle::finality::{COMMIT_BYTES, Commit, FinalVerdict, Handed, Resume};
use weft_tangle::{Position, TxId};

/// Bytes of what is delivered in the form of a log or a copy: position, and verdict with whether it is disputed.
const PLACE_BYTES: usize = 8 + 1;

/// Bytes of a page of the database.
const PAGE_BYTES: u64 = 4_096;

/// One commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::store) struct Settled {
    pub(in crate::store) commit: Commit,
    /// What it delivers, in the final order: position, verdict, and whether a later commit has disputed it.
    pub(in crate::store) delivered: Vec<(Position, FinalVerdict, bool)>,
    /// Transactions of earlier commits to be shown as disputed from now on.
    pub(in crate::store) disputed: Vec<Position>,
}

/// The commits of a batch, and where finality goes on behind the last.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(in crate::store) struct Settlement {
    pub(in crate::store) commits: Vec<Settled>,
    pub(in crate::store) resume: Option<Resume>,
}

impl Store {
    /// Finds where the transactions of commits stand: in the batch that they come with, or in the store. Only whoever holds
    /// the writer's lock may ask.
    ///
    /// # Errors
    /// [`StoreError::NotStored`], and [`StoreError::BadCommit`] of one that does not deliver as many as it says.
    pub(in crate::store) fn settle(
        &self,
        batch: &[Record<'_>],
        commits: &[Arc<Handed>],
    ) -> Result<Settlement, StoreError> {
        let Some(last) = commits.last() else { return Ok(Settlement::default()) };
        let here: BTreeMap<TxId, Position> =
            batch.iter().map(|record| (record.transaction.id(), record.position)).collect();
        let find = |id: &TxId| match here.get(id) {
            Some(position) => Ok(*position),
            None => self.position(id)?.ok_or(StoreError::NotStored(*id)),
        };
        let mut settled = Vec::with_capacity(commits.len());
        for handed in commits {
            let delivered = &handed.delivered;
            let commit = delivered.commit;
            if delivered.transactions.len() as u64 != u64::from(commit.count) {
                let problem = "it does not deliver as many transactions as it says";
                return Err(StoreError::BadCommit { index: commit.index, problem });
            }
            let judged = delivered.transactions.iter();
            let places = judged.map(|judged| Ok((find(&judged.id)?, judged.verdict, false)));
            let places = places.collect::<Result<Vec<_>, StoreError>>()?;
            let disputed =
                delivered.also_disputed.iter().map(find).collect::<Result<Vec<_>, StoreError>>()?;
            settled.push(Settled { commit, delivered: places, disputed });
        }
        Ok(Settlement { commits: settled, resume: Some(last.resume) })
    }
}

impl Settlement {
    /// Whether there is none.
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.commits.is_empty()
    }

    /// Takes the commits that follow on these.
    pub(in crate::store) fn append(&mut self, later: Self) {
        self.commits.extend(later.commits);
        self.resume = later.resume.or(self.resume);
    }

    /// Bytes of the pages that writing it changes, but for those above them.
    pub(in crate::store) fn page_bytes(&self) -> u64 {
        let positions = self.commits.iter().flat_map(|settled| {
            settled.delivered.iter().map(|(position, ..)| position).chain(&settled.disputed)
        });
        let rows: BTreeSet<u64> = positions.map(|position| position.0 / ROW_POSITIONS).collect();
        // Each list begins a page at worst, and two bytes a position are usual.
        let lists = self.commits.iter().map(|settled| PAGE_BYTES + 2 * settled.delivered.len() as u64);
        rows.len() as u64 * PAGE_BYTES + lists.sum::<u64>()
    }

    /// Bytes of its form in the log.
    pub(in crate::store) fn encoded_bytes(&self) -> usize {
        let resume = if self.resume.is_some() { RESUME_BYTES } else { 0 };
        2 + self.commits.iter().map(Settled::encoded_bytes).sum::<usize>() + resume
    }

    /// Its form in the log: the number of commits, the commits, and if there is one, where to go on. Nothing for more than
    /// can be counted.
    pub(in crate::store) fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.encoded_bytes());
        bytes.extend(u16::try_from(self.commits.len()).ok()?.to_be_bytes());
        self.commits.iter().for_each(|settled| settled.encode(&mut bytes));
        self.resume.iter().for_each(|resume| bytes.extend(encode_resume(resume)));
        Some(bytes)
    }

    /// Reads what `bytes` begin with, and the rest.
    pub(in crate::store) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (count, mut rest) = bytes.split_first_chunk::<2>()?;
        let mut commits = Vec::new();
        for _ in 0..u16::from_be_bytes(*count) {
            let settled;
            (settled, rest) = Settled::decode(rest)?;
            commits.push(settled);
        }
        let Some(last) = commits.last() else { return Some((Self::default(), rest)) };
        let (resume, rest) = rest.split_at_checked(RESUME_BYTES)?;
        let resume = decode_resume(resume, last.commit)?;
        Some((Self { commits, resume: Some(resume) }, rest))
    }
}

impl Settled {
    pub(in crate::store) fn encoded_bytes(&self) -> usize {
        COMMIT_BYTES + PLACE_BYTES * self.delivered.len() + 4 + 8 * self.disputed.len()
    }

    /// The commit; position and verdict, plus 4 where it is disputed, of each that it delivers; how many earlier ones it
    /// disputes, and their positions.
    pub(in crate::store) fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.commit.encode());
        for (position, verdict, is_disputed) in &self.delivered {
            bytes.extend(position.0.to_be_bytes());
            bytes.push(verdict.to_byte() | (u8::from(*is_disputed) << 2));
        }
        // A commit disputes at most what it delivers, each for another that used its counter.
        bytes.extend((self.disputed.len() as u32).to_be_bytes());
        self.disputed.iter().for_each(|position| bytes.extend(position.0.to_be_bytes()));
    }

    /// Reads what `bytes` begin with, and the rest. No length is believed that the bytes do not bear out.
    pub(in crate::store) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (commit, rest) = bytes.split_first_chunk::<COMMIT_BYTES>()?;
        let commit = Commit::decode(commit).ok()?;
        let (places, rest) = rest.split_at_checked((commit.count as usize).checked_mul(PLACE_BYTES)?)?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let count = u32::from_be_bytes(*count) as usize;
        let (disputed, rest) = rest.split_at_checked(count.checked_mul(8)?)?;
        let position = |bytes: &[u8]| Position(u64::from_be_bytes(first_bytes(bytes)));
        let place = |bytes: &[u8]| {
            let state = bytes[8];
            let verdict = FinalVerdict::from_byte(state & 3).filter(|_| state < 8)?;
            Some((position(bytes), verdict, state & 4 != 0))
        };
        let delivered = places.chunks_exact(PLACE_BYTES).map(place).collect::<Option<Vec<_>>>()?;
        let disputed = disputed.chunks_exact(8).map(position).collect();
        Some((Self { commit, delivered, disputed }, rest))
    }
}
