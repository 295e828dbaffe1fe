//! The root over what a commit delivers: the tree of RFC 6962 §2.1 with BLAKE2s-256 (`spec/17-finality.md`).
//!
//! Leaves come one after the other and only the roots of complete subtrees are kept, at most one of each height, so a
//! commit of 65,536 needs two hashes a leaf and 17 digests. `ct-merkle` hashes a path to the root for each leaf; tests hold
//! this to it.

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
