//! Any bytes decode to an error or to a transaction whose wire form is these bytes.
//!
//! `cargo +nightly fuzz run transaction` in `tangle/`. The body's digest is put right first, for no fuzzer would
//! ever find it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use weft_tangle::limits::BODY_OFFSET;
use weft_tangle::signing::{PUBLIC_KEY_BYTES, PublicKey};
use weft_tangle::{Network, NetworkParts, Rules, Screened, Timestamp, Transaction, blake2s};

static NETWORK: LazyLock<Network> = LazyLock::new(|| {
    Network::new(NetworkParts {
        name: "fuzz".into(),
        created: Timestamp::from_millis(1),
        open_enrolment: true,
        rules: Rules::new(600_000, 600, 0, 0).expect("these rules are within bounds"),
        registrars: vec![],
        committee: vec![PublicKey::from_bytes(&[1; PUBLIC_KEY_BYTES]).expect("the length is right")],
    })
    .expect("these parts are within bounds")
});

fuzz_target!(|input: &[u8]| {
    let mut wire = input.to_vec();
    check(&wire);
    if wire.len() > BODY_OFFSET {
        wire[0] = 1;
        let digest = blake2s(&[&wire[BODY_OFFSET..]]);
        wire[128..160].copy_from_slice(&digest);
        check(&wire);
    }
});

fn check(wire: &[u8]) {
    let Ok(transaction) = Transaction::decode(&NETWORK, wire) else { return };
    assert_eq!(transaction.wire(), wire);
    assert_eq!(transaction.header().encode()[..], wire[..160]);
    assert!(transaction.header().parents.iter().all(|parent| *parent < transaction.id()));
    let _ = Screened::check(&NETWORK, transaction);
}
