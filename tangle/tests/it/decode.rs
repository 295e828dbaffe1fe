//! Bytes that nobody vouches for: an error, or a value that stands for exactly these bytes.

use crate::support::{START, world};
use proptest::prelude::*;
use weft_tangle::body::{Anchor, Enrolment, Revocation};
use weft_tangle::limits::{BODY_OFFSET, TRANSACTION_MAX_BYTES, TRANSACTION_MIN_BYTES};
use weft_tangle::{
    Draft, HEADER_BYTES, Malformed, ParentsFault, Refusal, Screened, Transaction, TxId, Verified, blake2s,
};

fn decode(wire: &[u8]) -> Result<Transaction, Refusal> {
    Transaction::decode(&world().network, wire)
}

fn draft(content: &[u8]) -> Draft<'_> {
    Draft { content, ..world().reading(3, START.plus(9), [world().genesis(); 2]) }
}

#[test]
fn a_transaction_has_a_shortest_and_a_longest_form() {
    let length = |bytes: usize| decode(&vec![0; bytes]).unwrap_err();
    for bytes in [0, 1, HEADER_BYTES, BODY_OFFSET, TRANSACTION_MIN_BYTES - 1, TRANSACTION_MAX_BYTES + 1] {
        assert_eq!(length(bytes), Malformed::Length { found: bytes }.into());
    }
    for bytes in [TRANSACTION_MIN_BYTES, TRANSACTION_MAX_BYTES] {
        assert_eq!(length(bytes), Malformed::Version(0).into());
        let content = vec![5; bytes - TRANSACTION_MIN_BYTES];
        assert_eq!(decode(&world().wire(&draft(&content), 0)).unwrap().wire().len(), bytes);
    }
    let over = vec![5; TRANSACTION_MAX_BYTES - TRANSACTION_MIN_BYTES + 1];
    assert!(draft(&over).sign(world().network.id(), world().key(0)).is_err());
}

#[test]
fn every_header_field_stands_where_the_layout_says() {
    let wire = world().wire(&draft(b"[1]"), 2);
    let transaction = decode(&wire).unwrap();
    assert_eq!(wire[..2], [1, 2]);
    assert_eq!(wire[2..8], [0, 110, 0, 0, 0, 3]);
    assert_eq!(wire[8..16], START.plus(9).as_millis().to_be_bytes());
    assert_eq!(wire[16..48], *world().device(2).as_bytes());
    assert_eq!(wire[48..88], *world().genesis().as_bytes());
    assert_eq!(wire[128..160], blake2s(&[&wire[BODY_OFFSET..]]));
    assert_eq!(transaction.signature()[..], wire[160..2580]);
    assert_eq!(transaction.body(), &wire[2588..]);
    assert_eq!(transaction.content(), b"[1]");
    assert_eq!(transaction.id().as_bytes()[..8], wire[8..16]);
}

#[test]
fn parents_differ_and_are_older() {
    let genesis = world().genesis();
    let at = |ms| TxId::first_at(START.plus(ms));
    let check = |parents| {
        let draft = Draft { parents, ..draft(b"") };
        decode(&world().wire(&draft, 0)).map(drop)
    };
    assert_eq!(check([genesis; 2]), Ok(()));
    assert_eq!(check([genesis, at(8)]), Ok(()));
    assert_eq!(check([at(8); 2]), Err(ParentsFault::Equal(at(8)).into()));
    for ms in [9, 10] {
        let refused = Err(ParentsFault::NotOlder { parent: at(ms), child: START.plus(9) }.into());
        assert_eq!(check([genesis, at(ms)]), refused);
        assert_eq!(check([at(ms), genesis]), refused);
    }
}

#[test]
fn the_digest_is_that_of_the_body_salt_and_all() {
    let wire = world().wire(&draft(b"[1]"), 0);
    for at in [BODY_OFFSET, BODY_OFFSET + 16, wire.len() - 1] {
        let mut changed = wire.clone();
        changed[at] ^= 1;
        assert_eq!(decode(&changed), Err(Refusal::BodyDigest));
    }
    assert_eq!(decode(&[&wire[..], b" "].concat()), Err(Refusal::BodyDigest));
}

#[test]
fn an_id_covers_the_header_and_nothing_else() {
    let wire = world().wire(&draft(b"[1]"), 0);
    let id = decode(&wire).unwrap().id();
    for at in (HEADER_BYTES..BODY_OFFSET).step_by(97) {
        let mut variant = wire.clone();
        variant[at] ^= 0x80;
        assert_eq!(decode(&variant).unwrap().id(), id);
    }
    let mut counter = draft(b"[1]");
    counter.counter += 1;
    assert_ne!(decode(&world().wire(&counter, 0)).unwrap().id(), id);
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_come_back(
        mut header in proptest::collection::vec(any::<u8>(), HEADER_BYTES),
        plausible in any::<[bool; 4]>(),
        body in proptest::collection::vec(any::<u8>(), 0..40),
        cut in 0usize..3,
    ) {
        if plausible[0] { header[0] = 1; }
        if plausible[1] { header[1] = [1, 2, 6, 7, 3, 200][usize::from(header[1]) % 6]; }
        // Parents of the past: their times begin with a zero byte, the child's does not.
        if plausible[2] { header[8] |= 1; header[48] = 0; header[88] = 0; }
        if plausible[3] { header[128..].copy_from_slice(&blake2s(&[&body])); }
        let mut wire = [&header[..], &[7; 2428], &body].concat();
        wire.truncate(wire.len() - cut * 1_000);
        match decode(&wire) {
            Ok(transaction) => {
                prop_assert!(cut == 0 && body.len() >= 16);
                prop_assert_eq!(transaction.wire(), &wire[..]);
                prop_assert_eq!(&transaction.header().encode()[..], &header[..]);
            }
            // No body here is as long as a witness's head.
            Err(_) => prop_assert!(
                cut > 0 || body.len() < 16 || plausible != [true; 4] || header[1] == 3 || header[48..88] == header[88..128]
            ),
        }
    }

    #[test]
    fn any_content_is_refused_or_comes_back(content in proptest::collection::vec(any::<u8>(), 0..80), first in 0u8..8) {
        let content = [&[first][..], &content].concat();
        if let Ok(anchor) = Anchor::decode(&content) { prop_assert_eq!(anchor.encode().unwrap(), content.clone()); }
        if let Ok(revocation) = Revocation::decode(&content) { prop_assert_eq!(revocation.encode(), content.clone()); }
        prop_assert!(Enrolment::decode(&content).is_err(), "shorter than any key");
    }

    /// One change anywhere in a valid transaction, and it is no longer one: only the nonce is nobody's word.
    #[test]
    fn a_changed_transaction_is_never_verified(at in 0usize..BODY_OFFSET + 22, flip in 1u8..=255) {
        let wire = world().wire(&draft(b"[1,2]\n"), 0);
        let mut changed = wire.clone();
        changed[at] ^= flip;
        let verified = decode(&changed)
            .and_then(|transaction| Screened::check(&world().network, transaction))
            .and_then(|screened| Verified::check(&world().network, screened, world().issuer(0)));
        let in_nonce = (BODY_OFFSET - 8..BODY_OFFSET).contains(&at);
        prop_assert_eq!(verified.is_ok(), in_nonce, "byte {}", at);
        if let Ok(verified) = verified {
            prop_assert_eq!(verified.id(), decode(&wire).unwrap().id());
        }
    }
}
