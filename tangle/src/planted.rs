//! Faults planted in the ledger by tests, which show that the tests of finality and the simulator's invariants can fail.
//!
//! Outside the unit tests of this crate there are none: [`is`] is a constant then.

/// A fault.
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
    /// A log is taken for the one that it was where it has one and the same entry at one place.
    OneEntryProves,
    /// The second use of a counter is not noticed.
    UnseenTwin,
    /// A counter is not noted as used.
    ForgottenCounter,
    /// What has come is wanted all the same.
    LastingWants,
    /// One less than a quorum is taken for one.
    SmallQuorum,
    /// A leader's witness that is swept has a vote.
    SweptVotes,
    /// Two witnesses of one author count as two authors. What counts them is there in tests alone.
    #[cfg(test)]
    CountedWitnesses,
    /// A member that starts anew does not ask which rounds it has signed.
    AsksNobody,
    /// A member whose disk may lack its newest witnesses takes what it holds for all that it has signed.
    TrustsOldDisk,
    /// What only a witness of a round long ago has covered is not delivered.
    CollectedByRound,
    /// Witness parents may be two of one author.
    TwinParents,
    /// New turns are taken one commit too early.
    RotatesEarly,
    /// What was decided by the turns before stays decided when turns change.
    KeepsDecisions,
    /// A member's own witnesses call for twins of its own.
    OwnTwins,
    /// A member rests when one vote is missing to a certificate.
    RestsEarly,
    /// A member rests although something waits to become final.
    RestsWithWork,
    /// Every signature is right.
    AnySignature,
    /// Anybody is believed at once that a body was erased.
    AnyErasure,
    /// Who does not answer is waited for as long as he is there.
    EndlessPatience,
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

    /// Takes the fault out again, however what was done ends.
    struct Taken;

    impl Drop for Taken {
        fn drop(&mut self) {
            ACTIVE.set(None);
        }
    }

    /// Does something with a fault planted.
    pub(crate) fn with<T>(planted: Planted, act: impl FnOnce() -> T) -> T {
        ACTIVE.set(Some(planted));
        let _taken = Taken;
        act()
    }
}
