//! Signatures that cost nothing: one is valid if its key has made it, and a book says which were made.
//!
//! So nobody can forge any, as if the real scheme were perfect, and a thousand nodes check them a thousand times. All
//! other checks are those of production, and so is what a node remembers of signatures.

use crate::issue::Signs;
use crate::signing::{PUBLIC_KEY_BYTES, PublicKey, SIGNATURE_BYTES, Signature};
use crate::verdicts::{Claim, Recall, Verdict, Verdicts};
use crate::{DeviceId, Draft, Malformed, Network, NetworkId, Refusal, Transaction, blake2s, blake2s_keyed};
use indexmap::IndexMap;
use std::cell::{Cell, RefCell};
use weft_pow::Nonce;

/// A key that only this simulation knows.
#[derive(Clone, Debug)]
pub(super) struct Key {
    secret: [u8; 32],
    public: PublicKey,
    device: DeviceId,
}

impl Key {
    /// The key of this number, the same in every simulation.
    pub(super) fn new(number: u64) -> Self {
        let secret = blake2s(&[b"simulated key", &number.to_be_bytes()]);
        let mut bytes = [0; PUBLIC_KEY_BYTES];
        bytes[..32].copy_from_slice(&blake2s_keyed(&secret, &[b"public"]));
        let public = PublicKey::from_bytes(&bytes).expect("it has the length of a key");
        let device = DeviceId::of(&public);
        Self { secret, public, device }
    }

    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn device(&self) -> DeviceId {
        self.device
    }
}

impl Signs for Key {
    fn device(&self) -> DeviceId {
        self.device
    }

    fn sign(&self, message: &[u8]) -> Signature {
        let mut bytes = [0; SIGNATURE_BYTES];
        bytes[..32].copy_from_slice(&blake2s_keyed(&self.secret, &[message]));
        Signature::from_bytes(&bytes).expect("it has the length of a signature")
    }
}

/// Every signature that was made or checked, and whether it was made.
#[derive(Default, Debug)]
pub(super) struct Book {
    made: RefCell<IndexMap<Claim, bool>>,
}

impl Book {
    /// Signs a draft. No simulated network asks for work.
    ///
    /// # Errors
    /// The content is too long.
    pub(super) fn sign(
        &self,
        network: &Network,
        draft: &Draft<'_>,
        key: &Key,
    ) -> Result<Transaction, Refusal> {
        let wire = signed(network.id(), draft, key)?;
        let transaction = Transaction::decode(network, &wire)?;
        let claim = Claim::of_transaction(network.id(), &key.device, &transaction);
        self.made.borrow_mut().insert(claim, true);
        Ok(transaction)
    }

    /// Whether its issuer has signed a transaction.
    pub(super) fn has_made(&self, network: &Network, transaction: &Transaction) -> bool {
        let claim = Claim::of_transaction(network.id(), &transaction.header().issuer, transaction);
        self.made.borrow().get(&claim) == Some(&true)
    }

    /// The number of a claim and whether its signature was made.
    fn look_up(&self, claim: Claim) -> (usize, bool) {
        let mut made = self.made.borrow_mut();
        let entry = made.entry(claim);
        (entry.index(), *entry.or_insert(false))
    }
}

/// A signed draft in wire form.
///
/// # Errors
/// The content is too long.
pub(super) fn signed(network: &NetworkId, draft: &Draft<'_>, key: &Key) -> Result<Vec<u8>, Malformed> {
    Ok(draft.sign_by(network, key)?.with_nonce(Nonce::from_bytes([0; 8])))
}

/// What one node has found out about signatures since it started.
#[derive(Default, Debug)]
pub(super) struct Memory {
    verdicts: RefCell<Verdicts>,
    /// Claims that were checked, by their numbers, a bit each.
    checked: RefCell<Vec<u64>>,
    again: Cell<bool>,
}

impl Memory {
    /// Verdicts that are remembered.
    pub(super) fn len(&self) -> usize {
        self.verdicts.borrow().len()
    }

    /// Whether a signature was checked that had been checked before; asked once.
    pub(super) fn take_again(&self) -> bool {
        self.again.take()
    }

    /// Notes that a claim is checked now.
    fn note(&self, number: usize) {
        let mut checked = self.checked.borrow_mut();
        let (word, bit) = (number / 64, 1 << (number % 64));
        if checked.len() <= word {
            checked.resize(word + 1, 0);
        }
        self.again.set(self.again.get() || checked[word] & bit != 0);
        checked[word] |= bit;
    }
}

/// A node's checks of signatures.
pub(super) struct Checks<'a> {
    pub(super) book: &'a Book,
    pub(super) memory: &'a Memory,
}

impl Recall for Checks<'_> {
    fn verdict(&self, claim: Claim, _: &mut dyn FnMut() -> Verdict) -> Verdict {
        if let Some(verdict) = self.memory.verdicts.borrow().recall(&claim) {
            return verdict;
        }
        let (number, is_made) = self.book.look_up(claim);
        self.memory.note(number);
        let verdict = Verdict::new(claim, is_made);
        self.memory.verdicts.borrow_mut().remember(verdict);
        verdict
    }
}
