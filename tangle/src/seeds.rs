//! Seeds of many transactions at once: their hashes run side by side, each in its lane of the processor's vectors.
//!
//! Always true: what is made here is what [`Transaction::seed`] makes, byte for byte; it only comes sooner.

use crate::Transaction;
use crate::signing::SIGNATURE_BYTES;
use blake2s_simd::Params;
use blake2s_simd::many::{HashManyJob, degree, hash_many};
use weft_pow::{Seed, TRANSACTION_ID_LENGTH};

/// What is hashed: id and signature.
const MESSAGE_BYTES: usize = TRANSACTION_ID_LENGTH + SIGNATURE_BYTES;

/// Lanes of the narrower vectors, where the wider ones have eight.
const FEW: usize = 4;

/// Makes the seeds of those transactions that have none yet. The seed is most of what is hashed of a small
/// transaction, and eight together cost what one alone does; one alone is left until it is asked for.
pub fn make_seeds<'a>(transactions: impl IntoIterator<Item = &'a Transaction>) {
    let lacking: Vec<_> = transactions.into_iter().filter(|transaction| !transaction.has_seed()).collect();
    // A processor without such vectors has one lane.
    let (lanes, params) = (degree(), Params::new());
    for group in lacking.chunks(lanes).filter(|group| group.len() > 1) {
        let messages: Vec<_> = group.iter().map(|transaction| message_of(transaction)).collect();
        let job = |message| HashManyJob::new(&params, message);
        // Lanes that have nothing to do repeat what others do: otherwise those of a group that does not fill the vector would be
        // made one after the other.
        let filled = if group.len() <= FEW { FEW } else { lanes };
        let mut jobs: Vec<_> =
            messages.iter().cycle().take(filled).map(|message| job(&message[..])).collect();
        hash_many(&mut jobs);
        for (transaction, job) in group.iter().zip(&jobs) {
            transaction.keep_seed(Seed(*job.to_hash().as_array()));
        }
    }
}

fn message_of(transaction: &Transaction) -> [u8; MESSAGE_BYTES] {
    let mut message = [0; MESSAGE_BYTES];
    let (id, signature) = message.split_at_mut(TRANSACTION_ID_LENGTH);
    id.copy_from_slice(transaction.id().as_bytes());
    signature.copy_from_slice(transaction.signature());
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::SigningKey;
    use crate::{Draft, HEADER_BYTES, Kind, Network, NetworkParts, Rules, Timestamp};

    #[test]
    fn seeds_made_together_are_those_made_alone_however_many_they_are() {
        let all = transactions(2 * 8 + 3);
        for count in 0..=all.len() {
            let fresh: Vec<_> = all[..count].iter().map(again).collect();
            make_seeds(&fresh);
            assert_eq!(fresh.iter().filter(|one| one.has_seed()).count(), made_of(count), "{count}");
            assert!(fresh.iter().zip(&all).all(|(one, alone)| one.seed() == alone.seed()), "{count}");
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_widest_vectors_are_used() {
        let has_avx2 = std::arch::is_x86_feature_detected!("avx2");
        assert!(!has_avx2 || degree() == 8, "hashes go one after the other: it was built without looking");
    }

    #[test]
    fn a_seed_that_is_there_is_not_made_again() {
        let all = transactions(3);
        all[1].keep_seed(Seed([7; 32]));
        make_seeds(&all);
        assert_eq!(all[1].seed(), Seed([7; 32]));
        assert!(all.iter().all(Transaction::has_seed) || degree() == 1);
    }

    /// All but one that would be alone, and none where there is one lane.
    fn made_of(count: usize) -> usize {
        match degree() {
            1 => 0,
            lanes => count - usize::from(count % lanes == 1),
        }
    }

    fn again(transaction: &Transaction) -> Transaction {
        Transaction::decode(&network(), transaction.wire()).unwrap()
    }

    /// They differ in their signatures, of which one is right at most.
    fn transactions(count: u8) -> Vec<Transaction> {
        let (network, key) = (network(), key());
        let draft = Draft {
            kind: Kind::Reading,
            content_format: 110,
            counter: 0,
            timestamp: Timestamp::from_millis(2),
            parents: [network.genesis(); 2],
            salt: [0; 16],
            content: b"[]",
        };
        let wire = draft.sign(network.id(), &key).unwrap().with_nonce(weft_pow::Nonce::from_bytes([0; 8]));
        let variant = |number| {
            let mut wire = wire.clone();
            wire[HEADER_BYTES] = number;
            Transaction::decode(&network, &wire).unwrap()
        };
        (0..count).map(variant).collect()
    }

    fn key() -> SigningKey {
        SigningKey::from_seed(&crate::signing::Seed::from_bytes([1; 32])).unwrap()
    }

    fn network() -> Network {
        Network::new(NetworkParts {
            name: "seeds".into(),
            created: Timestamp::from_millis(1),
            open_enrolment: true,
            rules: Rules::new(1_000, 600, 0, 0).unwrap(),
            registrars: vec![],
            committee: vec![key().public_key().clone()],
        })
        .unwrap()
    }
}
