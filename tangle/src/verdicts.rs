//! What signature checks have found, so that no signature is checked twice.
//!
//! Always true: only a signature check makes a [`Verdict`], so whoever keeps verdicts can lose them but not make them
//! up; and a verdict tells of one signature over one message by one key in one network, which its [`Claim`] names. The
//! checks before it have passed by then (`spec/03-transaction.md`), so every entry has cost its work, and somebody
//! enrolled, or a well-formed enrolment, is named in it.

use crate::limits::VERDICTS;
use crate::planted::{self, Planted};
use crate::{DeviceId, NetworkId, Transaction, blake2s_keyed};
use indexmap::IndexSet;

/// That a signature is right: a digest of network, signer, what is signed, and the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim([u8; 32]);

impl Claim {
    /// That `signer` has signed the transaction. The seed of its work stands for its id and its signature.
    pub(crate) fn of_transaction(network: &NetworkId, signer: &DeviceId, transaction: &Transaction) -> Self {
        Self(blake2s_keyed(network.as_bytes(), &[signer.as_bytes(), &transaction.seed().0]))
    }

    /// That `registrar` has signed the message that admits a device. It is longer than what stands for a transaction,
    /// so the two are never the same.
    pub(crate) fn of_admission(
        network: &NetworkId,
        registrar: &DeviceId,
        message: &[u8],
        signature: &[u8],
    ) -> Self {
        Self(blake2s_keyed(network.as_bytes(), &[registrar.as_bytes(), message, signature]))
    }
}

/// What the check of a claim has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    claim: Claim,
    is_valid: bool,
}

impl Verdict {
    pub(crate) fn new(claim: Claim, is_valid: bool) -> Self {
        Self { claim, is_valid }
    }

    /// What was checked.
    pub fn claim(&self) -> Claim {
        self.claim
    }

    /// Whether the signature is valid.
    pub fn is_valid(&self) -> bool {
        self.is_valid
    }
}

/// Where signature checks look before they compute.
pub trait Recall {
    /// The verdict on `claim`: one that an earlier `check` of it gave, or that of `check` now.
    fn verdict(&self, claim: Claim, check: &mut dyn FnMut() -> Verdict) -> Verdict;
}

/// Remembers nothing: every signature is checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Forgetful;

impl Recall for Forgetful {
    fn verdict(&self, _: Claim, check: &mut dyn FnMut() -> Verdict) -> Verdict {
        check()
    }
}

/// The latest verdicts, at most [`VERDICTS`] that a signature is valid and as many that one is not. Neither displaces
/// the other: a wrong signature costs its sender nothing but the work.
#[derive(Debug, Default)]
pub struct Verdicts {
    valid: Latest,
    invalid: Latest,
}

impl Verdicts {
    /// The verdict on a claim, if it is remembered.
    pub fn recall(&self, claim: &Claim) -> Option<Verdict> {
        let is_valid = self.valid.contains(claim);
        (is_valid || self.invalid.contains(claim)).then_some(Verdict { claim: *claim, is_valid })
    }

    /// Remembers a verdict.
    pub fn remember(&mut self, verdict: Verdict) {
        if planted::is(Planted::ForgottenVerdicts) {
            return;
        }
        let side = if verdict.is_valid { &mut self.valid } else { &mut self.invalid };
        side.insert(verdict.claim);
    }

    /// Verdicts that are remembered.
    pub fn len(&self) -> usize {
        [&self.valid, &self.invalid].iter().map(|side| side.young.len() + side.old.len()).sum()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Two generations: when the young one is full, the old one is dropped. So the latest half are there, and up to as
/// many before.
#[derive(Debug, Default)]
struct Latest {
    young: IndexSet<Claim>,
    old: IndexSet<Claim>,
}

impl Latest {
    fn contains(&self, claim: &Claim) -> bool {
        self.young.contains(claim) || self.old.contains(claim)
    }

    fn insert(&mut self, claim: Claim) {
        if self.young.len() >= VERDICTS / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(claim);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(number: usize, is_valid: bool) -> Verdict {
        let mut claim = [0; 32];
        claim[..8].copy_from_slice(&number.to_be_bytes());
        Verdict { claim: Claim(claim), is_valid }
    }

    #[test]
    fn the_latest_verdicts_are_remembered_and_wrong_signatures_push_out_no_right_one() {
        let mut verdicts = Verdicts::default();
        assert!(verdicts.is_empty());
        let valid = verdict(0, true);
        verdicts.remember(valid);
        for number in 1..4 * VERDICTS {
            verdicts.remember(verdict(number, false));
            assert!(verdicts.len() <= VERDICTS + 1);
        }
        assert_eq!(verdicts.recall(&valid.claim), Some(valid));
        let kept = |number| verdicts.recall(&verdict(number, false).claim).is_some();
        assert!((4 * VERDICTS - VERDICTS / 2..4 * VERDICTS).all(kept));
        assert!(!kept(1));
    }

    #[test]
    fn right_ones_are_bounded_too() {
        let mut verdicts = Verdicts::default();
        for number in 0..2 * VERDICTS {
            verdicts.remember(verdict(number, true));
        }
        assert!(verdicts.len() <= VERDICTS);
        assert_eq!(verdicts.recall(&verdict(0, true).claim), None);
    }
}
