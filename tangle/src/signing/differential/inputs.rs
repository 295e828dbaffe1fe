//! Wrong lengths, keys and messages: everything that a peer chooses besides the bits of a signature.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::{HINT_OFFSET, Subject, below};
use crate::signing::{SIGNATURE_BYTES, Seed, SigningError, SigningKey, VerifyingKey};

#[test]
fn other_lengths() {
    let mut subject = Subject::new(42);
    let lengths = [0, 1, 32, HINT_OFFSET, 2419, 2421, 2422, 3309, 4627, 4840];
    for length in lengths {
        subject.mutate(&format!("length {length}"), |signature| signature.resize(length, 0));
    }
    assert_eq!((subject.accepted, subject.refused), (0, lengths.len()));

    let key = SigningKey::from_seed(&Seed::from_bytes([42; 32])).unwrap();
    let verifying = VerifyingKey::parse(key.public_key()).unwrap();
    for length in lengths {
        let refused = verifying.verify(&subject.message, &vec![0; length]);
        assert_eq!(refused, Err(SigningError::SignatureLength { actual: length }));
    }
    let refused = verifying.verify(&subject.message, &[0; SIGNATURE_BYTES]);
    assert_eq!(refused, Err(SigningError::Invalid));
}

#[test]
fn other_keys_and_messages() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let mut first = Subject::new(43);
    let second = Subject::new(44);
    let (public, message, signature) = (first.public.clone(), first.message.clone(), first.signature.clone());
    first.compare(&second.public, &message, &signature, "another's key");
    first.compare(&public, &second.message, &signature, "another message");
    first.compare(&public, &message, &second.signature, "another's signature");
    first.compare(&public, &message[..90], &signature, "a shorter message");
    first.compare(&public, &[], &signature, "no message");
    first.compare(&public, &[&[0, 0], &message[..]].concat(), &signature, "the prefix given twice");
    for _ in 0..500 {
        let (index, bit) = (below(&mut random, public.len()), 1 << below(&mut random, 8));
        let mut changed = public.clone();
        changed[index] ^= bit;
        first.compare(&changed, &message, &signature, &format!("key byte {index} xor {bit:#x}"));
    }
    for fill in [0x00, 0xFF] {
        first.compare(&[fill; 1312], &message, &signature, "a key of one repeated byte");
    }
    for length in [0, 1, 1311, 1313, 1334, 1952] {
        let mut resized = public.clone();
        resized.resize(length, 0);
        first.compare(&resized, &message, &signature, &format!("key of {length} bytes"));
    }
    assert_eq!((first.accepted, first.refused), (0, 514));
}
