//! Commits: numbered from 1, chained by their digests (`spec/17-finality.md`).

use super::{FinalVerdict, Judged, Member};
use crate::body::Vote;
use crate::{DeviceId, Digest, Malformed, NetworkId, Timestamp, TxId, codec::Reader, hash::blake2s_keyed};

/// Bytes of a commit.
pub const COMMIT_BYTES: usize = 124;

/// What a commit's digest is made over, before the commit's bytes.
const LABEL: &[u8] = b"weft/commit/1\0";

/// A batch of transactions that are final together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Commit {
    /// Its number, from 1 without gaps.
    pub index: u64,
    /// The digest of the commit before; zero in the first one.
    pub previous: Digest,
    /// The leader's witness, which reaches all that is delivered.
    pub leader: TxId,
    /// When it became final by the committee's clocks; never earlier than the commit before.
    pub time: Timestamp,
    /// The Merkle root over the leaves of what is delivered.
    pub root: Digest,
    /// How many transactions are delivered: 1 to [`crate::limits::COMMIT_TRANSACTIONS`].
    pub count: u32,
}

impl Commit {
    /// The commit's bytes.
    pub fn encode(&self) -> [u8; COMMIT_BYTES] {
        let mut bytes = [0; COMMIT_BYTES];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        put(&self.index.to_be_bytes());
        put(&self.previous.0);
        put(self.leader.as_bytes());
        put(&self.time.as_millis().to_be_bytes());
        put(&self.root.0);
        put(&self.count.to_be_bytes());
        bytes
    }

    /// Reads a commit's bytes.
    ///
    /// # Errors
    /// Index 0, or a first commit with a digest before it.
    pub fn decode(bytes: &[u8; COMMIT_BYTES]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("the commit", bytes);
        let commit = Self {
            index: reader.u64()?,
            previous: Digest(*reader.array()?),
            leader: TxId::from_bytes(*reader.array()?),
            time: Timestamp::from_millis(reader.u64()?),
            root: Digest(*reader.array()?),
            count: u32::from_be_bytes(*reader.array()?),
        };
        reader.end()?;
        if commit.index == 0 || (commit.index == 1 && commit.previous != Vote::NONE.digest) {
            let problem = "must be at least 1, and 1 where there is no commit before";
            return Err(Malformed::Field { field: "index", problem });
        }
        Ok(commit)
    }

    /// BLAKE2s-256 keyed with the network's id of label, zero byte and the commit's bytes.
    pub fn digest(&self, network: &NetworkId) -> Digest {
        Digest(blake2s_keyed(network.as_bytes(), &[LABEL, &self.encode()]))
    }
}

/// A commit with all that it delivers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivered {
    /// The commit.
    pub commit: Commit,
    /// Its digest.
    pub digest: Digest,
    /// Whose witness leads it.
    pub leader: Member,
    /// What it delivers, in the final order, which is that of the ids.
    pub transactions: Vec<Judged>,
    /// Transactions of earlier commits that count no longer from now on: one delivered now is the second that has their
    /// issuer, epoch and counter. Their leaves stay what they are.
    pub also_disputed: Vec<TxId>,
    /// The devices whose revocations are delivered now and count, in their order.
    pub revoked: Vec<DeviceId>,
}

impl Delivered {
    /// The vote that says a member has made this commit.
    pub fn vote(&self) -> Vote {
        Vote { index: self.commit.index, digest: self.digest }
    }

    /// The leaves that the commit's root is over.
    pub fn leaves(&self) -> impl Iterator<Item = (TxId, FinalVerdict)> {
        self.transactions.iter().map(|judged| (judged.id, judged.verdict))
    }
}

/// The time of a commit: the lower median of the times of its leader's witness parents, but not before that of the
/// commit before. A leader without parents, of the first round, changes nothing.
pub(super) fn time(parents: impl Iterator<Item = Timestamp>, before: Timestamp) -> Timestamp {
    let mut times: Vec<Timestamp> = parents.collect();
    times.sort_unstable();
    let median = times.len().checked_sub(1).map(|last| times[last / 2]);
    median.map_or(before, |median| median.max(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(index: u64) -> Commit {
        Commit {
            index,
            previous: Digest([if index == 1 { 0 } else { 3 }; 32]),
            leader: TxId::from_bytes([4; 40]),
            time: Timestamp::from_millis(0x0506),
            root: Digest([7; 32]),
            count: 0x0809,
        }
    }

    #[test]
    fn the_layout_and_what_is_no_commit() {
        let bytes = commit(2).encode();
        assert_eq!(bytes[..8], [0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!((&bytes[8..40], &bytes[40..80]), (&[3; 32][..], &[4; 40][..]));
        assert_eq!(bytes[80..88], [0, 0, 0, 0, 0, 0, 5, 6]);
        assert_eq!((&bytes[88..120], &bytes[120..]), (&[7; 32][..], &[0, 0, 8, 9][..]));
        for index in [1, 2] {
            assert_eq!(Commit::decode(&commit(index).encode()), Ok(commit(index)));
        }
        assert!(Commit::decode(&commit(0).encode()).is_err());
        let chained = Commit { previous: Digest([1; 32]), ..commit(1) };
        assert!(Commit::decode(&chained.encode()).is_err());
    }

    #[test]
    fn a_digest_is_of_one_network_and_one_commit() {
        let [here, there] = [1, 2].map(|byte| NetworkId::from_bytes([byte; 32]));
        let digest = commit(2).digest(&here);
        assert_ne!(digest, commit(2).digest(&there));
        assert_ne!(digest, commit(3).digest(&here));
        let message = [&b"weft/commit/1\0"[..], &commit(2).encode()].concat();
        assert_eq!(digest.0, blake2s_keyed(&[1; 32], &[&message]));
    }

    #[test]
    fn the_table_of_times() {
        for (parents, before, expected) in [
            (&[][..], 5, 5),
            (&[9], 5, 9),
            (&[9, 7], 5, 7),
            (&[9, 7, 8], 5, 8),
            (&[1_000, 7, 8, 9], 5, 8),
            (&[0, 7, 8, 9], 5, 7),
            (&[3, 3, 4], 5, 5),
        ] {
            let parents = parents.iter().map(|ms| Timestamp::from_millis(*ms));
            assert_eq!(time(parents, Timestamp::from_millis(before)).as_millis(), expected);
        }
    }

    /// However f of a quorum or more lie about the time, it lies between those of honest members.
    #[test]
    fn liars_do_not_move_the_time_beyond_the_honest() {
        for members in [1, 4, 7, 10, 50] {
            let size = crate::CommitteeSize::new(members).unwrap();
            for parents in size.quorum()..=members {
                for lie in [0, u64::MAX] {
                    let honest = (0..parents - size.faulty()).map(|at| 100 + at as u64);
                    let times =
                        honest.clone().chain((0..size.faulty()).map(|_| lie)).map(Timestamp::from_millis);
                    let time = time(times, Timestamp::from_millis(0)).as_millis();
                    assert!(honest.clone().any(|honest| honest == time), "{members} {parents} {lie}");
                }
            }
        }
    }
}
