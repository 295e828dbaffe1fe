//! Proof of work: difficulty, search, check.
#![no_std]
