//! Mutated encodings of the hint. It has one valid encoding (FIPS 204, algorithm 21): positions ascend within a
//! row, nothing is repeated, the unused rest is zero. A decoder that is laxer makes signatures malleable.

use super::{HINT_OFFSET, OMEGA, Subject};

/// Encodings of the same hint in another order, with repetitions or with rubbish after its end: a careless decoder
/// reads the very same hint from them and accepts, which would make signatures malleable.
#[test]
fn other_encodings_of_the_same_hint() {
    for byte in 3..35 {
        let mut subject = Subject::new(byte);
        let counts: Vec<usize> =
            (0..4).map(|row| usize::from(subject.signature[HINT_OFFSET + OMEGA + row])).collect();
        let mut expected = 0;
        let mut start = 0;
        for &end in &counts {
            for index in start + 1..end {
                subject.mutate("two positions swapped", |signature| {
                    signature.swap(HINT_OFFSET + index - 1, HINT_OFFSET + index);
                });
                subject.mutate("a position repeated", |signature| {
                    signature[HINT_OFFSET + index] = signature[HINT_OFFSET + index - 1];
                });
                expected += 2;
            }
            start = end;
        }
        for index in start..OMEGA {
            subject.mutate("rubbish behind the hint", |signature| signature[HINT_OFFSET + index] = 1);
            expected += 1;
        }
        assert!(start > 4, "the signature of seed {byte} has a hint worth mutating");
        assert_eq!((subject.accepted, subject.refused), (0, expected));
    }
}

#[test]
fn counts_of_the_hint() {
    let mut subject = Subject::new(40);
    for row in 0..4 {
        for count in 0..=u8::MAX {
            subject.mutate(&format!("hint count {row} = {count}"), |signature| {
                signature[HINT_OFFSET + OMEGA + row] = count;
            });
        }
    }
    // Each row meets its own true count once.
    assert_eq!((subject.accepted, subject.refused), (4, 4 * 255));
}
