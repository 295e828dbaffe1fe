//! Any content decodes to an error or to a value that encodes to the same bytes.
//!
//! `cargo +nightly fuzz run bodies` in `tangle/`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_tangle::body::{Anchor, Enrolment, Revocation, Witness};

fuzz_target!(|content: &[u8]| {
    if let Ok(enrolment) = Enrolment::decode(content) {
        assert_eq!(enrolment.encode(), content);
    }
    if let Ok(anchor) = Anchor::decode(content) {
        assert_eq!(anchor.encode().as_deref(), Ok(content));
    }
    if let Ok(revocation) = Revocation::decode(content) {
        assert_eq!(revocation.encode(), content);
    }
    if let Ok(witness) = Witness::decode(content) {
        assert_eq!(witness.encode(), content);
    }
});
