//! Faults planted in the ledger by tests, which show that the simulator's invariants can fail.
//!
//! Outside the unit tests of this crate there are none: [`is`] is a constant then.

/// A fault, one for each invariant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Planted {
    /// A transaction counts as taken before it is on disk.
    ToldBeforeDurable,
    /// A transaction is attached although a parent of it is missing.
    MissingParent,
    /// A transaction may be older than its parents.
    OlderThanParents,
    /// Transactions are taken however many wait for storage.
    BoundlessFlight,
    /// No verdict on a signature is remembered.
    ForgottenVerdicts,
    /// A peer is sent away for whatever it does wrong.
    NoPatience,
    /// A cursor goes on over what is not settled.
    HastyCursor,
    /// The second use of a counter is not noticed.
    UnseenTwin,
    /// A counter is not noted as used.
    ForgottenCounter,
    /// What has come is wanted all the same.
    LastingWants,
}

#[cfg(test)]
pub(crate) use active::{is, with};

/// Whether a fault is planted.
#[cfg(not(test))]
pub(crate) const fn is(_: Planted) -> bool {
    false
}

#[cfg(test)]
mod active {
    use super::Planted;
    use std::cell::Cell;

    thread_local! {
        static ACTIVE: Cell<Option<Planted>> = const { Cell::new(None) };
    }

    /// Whether a fault is planted in this thread.
    pub(crate) fn is(planted: Planted) -> bool {
        ACTIVE.get() == Some(planted)
    }

    /// Does something with a fault planted.
    pub(crate) fn with<T>(planted: Planted, act: impl FnOnce() -> T) -> T {
        ACTIVE.set(Some(planted));
        let result = act();
        ACTIVE.set(None);
        result
    }
}
