//! The root over what a commit delivers: the tree of RFC 6962 §2.1 with BLAKE2s-256 (`spec/17-finality.md`).
//!
//! Leaves come one after the other and only the roots of complete subtrees are kept, at most one of each height, so a
//! commit of 65,536 needs two hashes a leaf and 17 digests. A path proves one leaf of a root. `ct-merkle` hashes a path to
//! the root for each leaf; tests hold this to it.

use super::FinalVerdict;
use crate::{Digest, TxId, blake2s};

/// Bytes of a leaf: TxId and verdict.
pub const LEAF_BYTES: usize = 41;

/// What a leaf's digest covers.
pub fn leaf(id: &TxId, verdict: FinalVerdict) -> [u8; LEAF_BYTES] {
    let mut leaf = [0; LEAF_BYTES];
    leaf[..TxId::BYTES].copy_from_slice(id.as_bytes());
    leaf[TxId::BYTES] = verdict.to_byte();
    leaf
}

/// The root over these leaves, in their order; the digest of nothing when there are none.
pub fn root(leaves: impl Iterator<Item = [u8; LEAF_BYTES]>) -> Digest {
    let mut complete: Vec<(u32, [u8; 32])> = Vec::new();
    for leaf in leaves {
        let mut height = 0;
        let mut digest = blake2s(&[&[0], &leaf]);
        while let Some((_, left)) = complete.pop_if(|(of_left, _)| *of_left == height) {
            digest = node(&left, &digest);
            height += 1;
        }
        complete.push((height, digest));
    }
    let right = complete.pop().map(|(_, digest)| digest);
    Digest(
        complete
            .iter()
            .rev()
            .fold(right, |right, (_, left)| right.map(|right| node(left, &right)))
            .unwrap_or_else(|| blake2s(&[])),
    )
}

/// The audit path of a leaf (RFC 6962 §2.1.1): the roots of the subtrees beside its way up, the lowest first. None where
/// there is no leaf at that place. It costs two hashes a leaf, as the root does.
pub fn path(leaves: impl Iterator<Item = [u8; LEAF_BYTES]>, place: usize) -> Option<Vec<Digest>> {
    let mut row: Vec<[u8; 32]> = leaves.map(|leaf| blake2s(&[&[0], &leaf])).collect();
    let mut at = Some(place).filter(|place| *place < row.len())?;
    let mut path = Vec::new();
    while row.len() > 1 {
        path.extend(row.get(at ^ 1).copied().map(Digest));
        // One without another beside it goes up as it is: it is the root of all that is left.
        let pairs = row.chunks(2);
        row = pairs.map(|pair| pair.get(1).map_or(pair[0], |right| node(&pair[0], right))).collect();
        at /= 2;
    }
    Some(path)
}

/// The root to which a leaf's audit path leads, where it stands at `place` of `count` leaves (RFC 9162 §2.1.3.2). None where
/// no leaf has that place or its path another length. To be compared with the commit's.
pub fn root_of(leaf: &[u8; LEAF_BYTES], place: u32, count: u32, path: &[Digest]) -> Option<Digest> {
    let (mut at, mut last) = (place, Some(count.checked_sub(1)?).filter(|last| place <= *last)?);
    let mut digest = blake2s(&[&[0], leaf]);
    let mut beside = path.iter();
    while last > 0 {
        // The last of a row stands alone when its place is even, and goes up as it is.
        if at % 2 == 1 {
            digest = node(&beside.next()?.0, &digest);
        } else if at < last {
            digest = node(&digest, &beside.next()?.0);
        }
        (at, last) = (at / 2, last / 2);
    }
    beside.next().is_none().then_some(Digest(digest))
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    blake2s(&[&[1], left, right])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finality::testing::{id, round};
    use blake2::Blake2s256;
    use ct_merkle::RootHash;
    use ct_merkle::mem_backed_tree::MemoryBackedTree;

    fn leaves(count: u64) -> Vec<[u8; LEAF_BYTES]> {
        let verdicts = [FinalVerdict::Counts, FinalVerdict::Disputed];
        (0..count).map(|at| leaf(&id(round(at + 1), "leaf"), verdicts[(at % 2) as usize])).collect()
    }

    #[test]
    fn the_root_is_that_of_rfc_6962_as_another_computes_it() {
        for count in (0..70).chain([127, 128, 129, 1_000]) {
            let mut tree = MemoryBackedTree::<Blake2s256, Vec<u8>>::new();
            for leaf in leaves(count) {
                tree.push(leaf.to_vec());
            }
            let root = root(leaves(count).into_iter());
            assert_eq!(root.0[..], tree.root().as_bytes()[..], "{count} leaves");
        }
    }

    #[test]
    fn paths_are_those_that_another_makes_and_lead_to_the_root() {
        for count in [1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 100] {
            let leaves = leaves(count);
            let mut tree = MemoryBackedTree::<Blake2s256, Vec<u8>>::new();
            leaves.iter().for_each(|leaf| tree.push(leaf.to_vec()));
            let root = root(leaves.iter().copied());
            for (at, leaf) in leaves.iter().enumerate() {
                let path = path(leaves.iter().copied(), at).unwrap();
                let bytes: Vec<u8> = path.iter().flat_map(|digest| digest.0).collect();
                assert_eq!(bytes, tree.prove_inclusion(at).as_bytes(), "{at} of {count}");
                let leads = |leaf: &_, at: usize, path: &[Digest]| {
                    root_of(leaf, at as u32, count as u32, path) == Some(root)
                };
                assert!(leads(leaf, at, &path), "{at} of {count}");
                let mut wrong = *leaf;
                wrong[40] ^= 1;
                assert!(!leads(&wrong, at, &path), "another verdict");
                assert!(count == 1 || !leads(leaf, (at + 1) % leaves.len(), &path), "another place");
                assert!(!leads(leaf, at, &[&path[..], &[root]].concat()), "a path too long");
                assert!(path.is_empty() || !leads(leaf, at, &path[1..]), "a path too short");
            }
            assert_eq!(path(leaves.iter().copied(), leaves.len()), None);
            assert_eq!(root_of(&leaves[0], count as u32, count as u32, &[]), None);
        }
        assert_eq!(path(std::iter::empty(), 0), None);
        assert_eq!(root_of(&leaves(1)[0], 0, 0, &[]), None);
    }

    #[test]
    fn an_inclusion_proof_of_the_other_holds_for_the_root() {
        let leaves = leaves(300);
        let mut tree = MemoryBackedTree::<Blake2s256, Vec<u8>>::new();
        leaves.iter().for_each(|leaf| tree.push(leaf.to_vec()));
        let root = RootHash::<Blake2s256>::new(root(leaves.iter().copied()).0.into(), 300);
        for at in [0, 7, 255, 256, 299] {
            let proof = tree.prove_inclusion(at);
            let right = leaves[at].to_vec();
            assert!(root.verify_inclusion(&right, at as u64, &proof).is_ok(), "{at}");
            let mut wrong = right;
            wrong[40] ^= 1;
            assert!(root.verify_inclusion(&wrong, at as u64, &proof).is_err(), "{at} with another verdict");
        }
    }
}
