//! The one thread that signs this node's witnesses: a signature takes a third of a millisecond, for which the owner does
//! not stand still.
//!
//! Always true: what comes back was checked as if it came from elsewhere; nothing is signed but what the replica has
//! asked for.

use crate::bell::{Receiver, Sender};
use std::sync::Arc;
use weft_pow::Nonce;
use weft_tangle::finality::{Pace, Proposal};
use weft_tangle::signing::SigningKey;
use weft_tangle::{DeviceId, Issuer, Malformed, Network, Refusal, Screened, Transaction, Verified};

/// Who this node is, and how fast it makes witnesses if it is a member of the committee.
#[derive(Clone, Debug)]
pub struct Own {
    /// Its key.
    pub key: Arc<SigningKey>,
    /// How fast rounds follow each other.
    pub pace: Pace,
}

impl Own {
    /// Its id.
    pub(super) fn device(&self) -> DeviceId {
        DeviceId::of(self.key.public_key())
    }
}

/// What was made of a proposal.
pub(super) type Signed = Result<Verified, SignError>;

/// Why a witness could not be signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SignError {
    /// There is no salt.
    #[error("the system gives no entropy: {0}")]
    Entropy(getrandom::Error),
    /// The proposal is none.
    #[error("what was to be signed is no witness: {0}")]
    Malformed(#[from] Malformed),
    /// The replica has proposed what it would not take.
    #[error("the own witness does not pass the checks: {0}")]
    Refused(#[from] Refusal),
}

/// A member's key with what its witnesses are checked by.
pub(super) struct Signer {
    network: Arc<Network>,
    key: Arc<SigningKey>,
    issuer: Issuer,
}

impl Signer {
    /// The signer of a node; none when it is no member of the committee.
    pub(super) fn of(network: &Arc<Network>, own: &Own) -> Option<Self> {
        let device = own.device();
        network.committee().find(|(member, _)| **member == device)?;
        let (key, standing) = network.standing(&device)?;
        let issuer = Issuer::new(key, vec![standing]).ok()?;
        Some(Self { network: Arc::clone(network), key: Arc::clone(&own.key), issuer })
    }

    /// Signs what is proposed until nobody proposes any more.
    pub(super) fn run(&self, proposals: &Receiver<Box<Proposal>>, signed: &Sender<Signed>) {
        for proposal in proposals.iter() {
            if signed.send(self.sign(&proposal)).is_err() {
                return;
            }
        }
    }

    fn sign(&self, proposal: &Proposal) -> Signed {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(SignError::Entropy)?;
        let signed = proposal.draft(salt).sign(self.network.id(), &self.key)?;
        // A witness needs no work, so any nonce does.
        let wire = signed.with_nonce(Nonce::from_bytes([0; 8]));
        let transaction = Transaction::decode(&self.network, &wire)?;
        let screened = Screened::check(&self.network, transaction)?;
        Ok(Verified::check(&self.network, screened, &self.issuer)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_tangle::body::{Vote, Witness};
    use weft_tangle::finality::Round;
    use weft_tangle::signing::Seed;
    use weft_tangle::{Kind, NetworkParts, Rules, Timestamp};

    fn own(number: u8) -> Own {
        let key = SigningKey::from_seed(&Seed::from_bytes([number; 32])).unwrap();
        Own { key: Arc::new(key), pace: Pace::default() }
    }

    fn network(member: &Own) -> Arc<Network> {
        let parts = NetworkParts {
            name: "signer".into(),
            created: Timestamp::from_millis(1_800_000_000_000),
            open_enrolment: true,
            rules: Rules::default(),
            registrars: Vec::new(),
            committee: vec![member.key.public_key().clone()],
        };
        Arc::new(Network::new(parts).unwrap())
    }

    #[test]
    fn a_member_signs_what_is_proposed_with_a_salt_of_its_own_and_others_do_not() {
        let member = own(1);
        let network = network(&member);
        assert!(Signer::of(&network, &own(2)).is_none());
        let signer = Signer::of(&network, &member).unwrap();
        let sweep = weft_tangle::TxId::first_at(network.created().plus(1));
        let witness = Witness::new(Round::FIRST, Vote::NONE, Vec::new(), vec![sweep]).unwrap();
        let proposal = Proposal {
            round: Round::FIRST,
            content: witness.encode(),
            parents: witness.header_parents(None, network.genesis()),
            timestamp: network.created().plus(5),
            counter: 7,
        };
        let [one, other] = [(); 2].map(|()| signer.sign(&proposal).unwrap());
        let (transaction, header) = (one.transaction(), one.transaction().header());
        assert_eq!((header.kind, header.issuer, header.counter), (Kind::Witness, member.device(), 7));
        assert_eq!((header.timestamp, header.parents), (proposal.timestamp, proposal.parents));
        assert_eq!(transaction.content(), proposal.content);
        assert_ne!(one.id(), other.id(), "salts differ");
        let wrong = Proposal { content: vec![1; 7], ..proposal };
        assert!(matches!(signer.sign(&wrong), Err(SignError::Malformed(_))));
    }
}
