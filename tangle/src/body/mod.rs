//! Weft's own encodings of a body's content (`spec/04-bodies.md`). Each is canonical: what decodes encodes to the
//! same bytes, and nothing trails.

mod anchor;
mod enrolment;
mod revocation;
mod witness;

pub use anchor::Anchor;
pub use enrolment::{Address, Admission, Enrolment, KEM_PUBLIC_KEY_BYTES};
pub use revocation::{Reason, Revocation};
pub use witness::{Vote, WITNESS_HEAD_BYTES, Witness, WitnessHead};
