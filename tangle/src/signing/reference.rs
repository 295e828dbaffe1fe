//! The reference verifier: pqcrypto-dilithium's portable C code, by other authors than the production verifier.
//!
//! It is built without default features: the AVX2 code skips the exact bound on z and would accept what others
//! refuse. Wycheproof's vectors fail at once if a feature brings that code back.

use pqcrypto_dilithium::dilithium2;
use pqcrypto_traits::sign::{DetachedSignature as _, PublicKey as _};

/// Whether `signature` is a pure ML-DSA-44 signature over `message` in `context` by `public_key`, any lengths given.
pub(super) fn accepts(public_key: &[u8], context: &[u8], message: &[u8], signature: &[u8]) -> bool {
    // FIPS 204 (algorithm 3) allows contexts of up to 255 bytes, which is what one byte can say.
    let Ok(context_length) = u8::try_from(context.len()) else {
        return false;
    };
    let Ok(public_key) = dilithium2::PublicKey::from_bytes(public_key) else {
        return false;
    };
    let Ok(signature) = dilithium2::DetachedSignature::from_bytes(signature) else {
        return false;
    };
    let internal = [&[0, context_length], context, message].concat();
    dilithium2::verify_detached_signature(&signature, &internal, &public_key).is_ok()
}
