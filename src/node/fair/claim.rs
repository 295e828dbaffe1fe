//! Whom a job claims to be from, and what it weighs, read before anything is checked.

use crate::limits::CHECK_BYTES_A_WEIGHT;
use crate::node::Directory;
use bytes::Bytes;
use std::collections::BTreeMap;
use weft_tangle::DeviceId;

/// Where the issuer stands in a transaction (`spec/03-transaction.md`).
const ISSUER: std::ops::Range<usize> = 16..48;

/// The line of those who are not known: no key has this digest.
const STRANGERS: DeviceId = DeviceId::from_bytes([0; 32]);

/// The line that these transactions wait in. Who was found to be enrolled, not long ago, has its own; all others share
/// one, for ids that nobody has enrolled are free to make up.
pub(in crate::node) fn line_of(directory: &Directory, transactions: &[Bytes]) -> DeviceId {
    let claimed = busiest_issuer(transactions);
    if directory.is_cached(&claimed) { claimed } else { STRANGERS }
}

/// The device that most of these transactions claim as their issuer; among equals the smallest id. What is too short
/// to name one, and so is no transaction, claims the id of [`STRANGERS`].
fn busiest_issuer(transactions: &[Bytes]) -> DeviceId {
    let mut counts: BTreeMap<[u8; 32], usize> = BTreeMap::new();
    for wire in transactions {
        let issuer =
            wire.get(ISSUER).and_then(|issuer| issuer.try_into().ok()).unwrap_or(*STRANGERS.as_bytes());
        *counts.entry(issuer).or_default() += 1;
    }
    let busiest = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    DeviceId::from_bytes(busiest.map_or(*STRANGERS.as_bytes(), |(issuer, _)| issuer))
}

/// One for each transaction, which is decoding and a signature check, and one more for each
/// [`CHECK_BYTES_A_WEIGHT`] bytes of all, which take as long to hash.
pub(in crate::node) fn weight_of(transactions: &[Bytes]) -> usize {
    let bytes: usize = transactions.iter().map(Bytes::len).sum();
    transactions.len() + bytes / CHECK_BYTES_A_WEIGHT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(issuer: u8, length: usize) -> Bytes {
        let mut wire = vec![9; 16];
        wire.extend([issuer; 32]);
        wire.resize(length, 9);
        wire.into()
    }

    fn busiest(issuers: &[u8]) -> u8 {
        let wires: Vec<Bytes> = issuers.iter().map(|issuer| wire(*issuer, 100)).collect();
        busiest_issuer(&wires).as_bytes()[0]
    }

    #[test]
    fn the_busiest_issuer_counts_and_among_equals_the_smallest() {
        assert_eq!(busiest(&[3]), 3);
        assert_eq!(busiest(&[1, 3, 2, 3]), 3);
        assert_eq!(busiest(&[3, 2, 2, 3, 1]), 2);
        assert_eq!(busiest(&[2, 3, 3, 2, 1]), 2);
        assert_eq!(busiest(&[]), 0);
    }

    #[test]
    fn what_is_too_short_claims_nobody() {
        assert_eq!(busiest_issuer(&[wire(7, 47)]).as_bytes(), &[0; 32]);
        assert_eq!(busiest_issuer(&[wire(7, 48)]).as_bytes(), &[7; 32]);
    }

    #[test]
    fn bytes_weigh_as_well() {
        assert_eq!(weight_of(&[wire(1, 100)]), 1);
        assert_eq!(weight_of(&[wire(1, 5_000), wire(1, 5_000)]), 3);
        assert_eq!(weight_of(&[]), 0);
    }
}
