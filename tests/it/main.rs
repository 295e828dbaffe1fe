//! The integration tests of the package, in one binary so that they link once.
//!
//! `tidy`, `documents` and `layers` read the project's own files: style and layering are failing tests, not promises.
//! Each of their checks is a function of a text, and is shown to fail on a planted bad sample.

mod documents;
mod layers;
mod tidy;
mod tree;
