//! What the file says of the node that it is of: that it may lack what the node has signed, and that chains have parted
//! (`spec/11-storage.md`, `meta`).
//!
//! Always true: a mark is on disk before what makes it true is forgotten in any other way. The first divergence stays.

use super::layout::{META, first_bytes};
use super::{Reader, Store, StoreError};
use redb::{ReadableTable, WriteTransaction};
use weft_tangle::Digest;
use weft_tangle::finality::{Divergence, Member, Members};
use weft_tangle::limits::COMMITTEE;

const FORGOT_KEY: &str = "forgot";
const DIVERGED_KEY: &str = "diverged";

/// The file may lack own witnesses that others were sent.
pub(super) fn put_forgot(commit: &WriteTransaction) -> Result<(), StoreError> {
    commit.open_table(META)?.insert(FORGOT_KEY, &[][..])?;
    Ok(())
}

impl Store {
    /// A witness that the node has made since it was started is on disk: what it signed before is behind it.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`].
    pub fn recall(&self) -> Result<(), StoreError> {
        let mut log = self.writing()?;
        self.commit(&mut log, |commit| {
            commit.open_table(META)?.remove(FORGOT_KEY)?;
            Ok(())
        })
    }

    /// As a copy does.
    #[cfg(test)]
    pub(crate) fn forget(&self) {
        let mut log = self.writing().unwrap();
        self.commit(&mut log, put_forgot).unwrap();
    }

    /// Chains have parted. The first proof of it stays.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`].
    pub fn note_divergence(&self, divergence: &Divergence) -> Result<(), StoreError> {
        let mut log = self.writing()?;
        self.commit(&mut log, |commit| {
            let mut meta = commit.open_table(META)?;
            if meta.get(DIVERGED_KEY)?.is_none() {
                meta.insert(DIVERGED_KEY, &encode(divergence)[..])?;
            }
            Ok(())
        })
    }
}

impl Reader {
    /// Whether own witnesses that others were sent may be missing: the file is a copy, or its log was damaged.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn has_forgotten(&self) -> Result<bool, StoreError> {
        Ok(self.snapshot.open_table(META)?.get(FORGOT_KEY)?.is_some())
    }

    /// The proof that chains have parted, if there was one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn divergence(&self) -> Result<Option<Divergence>, StoreError> {
        Ok(self.snapshot.open_table(META)?.get(DIVERGED_KEY)?.map(|row| decode(row.value())))
    }
}

fn encode(divergence: &Divergence) -> Vec<u8> {
    match divergence {
        Divergence::Contradicted { index, members } => {
            let mut set = [0; COMMITTEE / 8];
            members.iter().for_each(|member| set[member.place() / 8] |= 0x80 >> (member.place() % 8));
            [&[0][..], &index.to_be_bytes(), &set].concat()
        }
        Divergence::Twofold { index, digests: [one, other] } => {
            [&[1][..], &index.to_be_bytes(), &one.0, &other.0].concat()
        }
    }
}

/// Whatever stands there says that chains have parted, readable or not.
fn decode(row: &[u8]) -> Divergence {
    const CONTRADICTED: usize = 9 + COMMITTEE / 8;
    let index = || u64::from_be_bytes(first_bytes(&row[1..]));
    match (row.first(), row.len()) {
        (Some(0), CONTRADICTED) => {
            let has = |member: &Member| row[9 + member.place() / 8] & (0x80 >> (member.place() % 8)) != 0;
            let members = (0..COMMITTEE).filter_map(Member::new).filter(has).collect();
            Divergence::Contradicted { index: index(), members }
        }
        (Some(1), 73) => {
            let digests = [9, 41].map(|at| Digest(first_bytes(&row[at..])));
            Divergence::Twofold { index: index(), digests }
        }
        _ => Divergence::Contradicted { index: 0, members: Members::NONE },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_divergence_is_read_as_it_was_written_and_nothing_is_taken_for_none() {
        let members = [0, 2, 9, COMMITTEE - 1].into_iter().filter_map(Member::new).collect();
        let twofold = Divergence::Twofold { index: 8, digests: [Digest([1; 32]), Digest([2; 32])] };
        for divergence in [Divergence::Contradicted { index: 7, members }, twofold] {
            assert_eq!(decode(&encode(&divergence)), divergence);
            assert!(matches!(decode(&encode(&divergence)[1..]), Divergence::Contradicted { index: 0, .. }));
        }
        assert!(matches!(decode(&[]), Divergence::Contradicted { index: 0, .. }));
    }
}
