//! The checks that make a [`Verified`], cheapest first (`spec/03-transaction.md`).
//!
//! Always true: a [`Screened`] has done its network's work, and a [`Verified`] was permitted by a standing of its
//! issuer and signed by its issuer's key, and what Weft itself encoded in its body is well formed. Nothing else can
//! construct either.

use crate::body::{Anchor, Enrolment, Revocation, Witness};
use crate::limits::{AHEAD_MS, DOOR_BEHIND_MS};
use crate::planted::{self, Planted};
use crate::signing::VerifyingKey;
use crate::verdicts::{Claim, Forgetful, Recall, Verdict};
use crate::{DeviceId, Issuer, Kind, Malformed, Network, Refusal, Standing, Timestamp, Transaction, TxId};
use crate::{Header, content_format};

/// A transaction whose work is done. Its issuer may still be unknown.
#[derive(Clone, Debug)]
pub struct Screened(Transaction);

/// A transaction whose work, issuer and signature are right.
#[derive(Clone, Debug)]
pub struct Verified {
    transaction: Transaction,
    enrolment: Option<std::sync::Arc<Enrolment>>,
}

/// What the door alone asks, before anything is computed: the kind and the clock. Peers are not asked, for a
/// day's worth of an ambulance's transactions is as valid as any.
pub fn check_door(header: &Header, now: Timestamp) -> Result<(), Refusal> {
    if !header.kind.is_for_the_door() {
        return Err(Refusal::KindNotAtDoor(header.kind));
    }
    check_at_work(header.kind)?;
    let ahead_ms = header.timestamp.since(now);
    let behind_ms = now.since(header.timestamp);
    if ahead_ms > AHEAD_MS {
        return Err(Refusal::Ahead { ahead_ms });
    }
    if behind_ms > DOOR_BEHIND_MS {
        return Err(Refusal::Behind { behind_ms });
    }
    Ok(())
}

impl Screened {
    /// Checks the proof of work, which needs no knowledge of the issuer; and, for a witness does none, that its issuer is
    /// a member of the committee.
    ///
    /// # Errors
    /// [`Refusal::KindNotYet`], [`Refusal::Malformed`] for a witness of somebody else, [`Refusal::Work`].
    pub fn check(network: &Network, transaction: Transaction) -> Result<Self, Refusal> {
        let header = transaction.header();
        check_at_work(header.kind)?;
        let is_member = || matches!(network.standing(&header.issuer), Some((_, Standing::Committee)));
        if header.kind == Kind::Witness && !is_member() {
            return Err(Malformed::NO_MEMBER.into());
        }
        transaction.check_work(network)?;
        Ok(Self(transaction))
    }

    /// The transaction.
    pub fn transaction(&self) -> &Transaction {
        &self.0
    }
}

impl Verified {
    /// Checks issuer and signature of a transaction that is not an enrolment.
    ///
    /// # Errors
    /// [`Refusal::NotEnrolled`] when `issuer` is somebody else, what [`Issuer::permits`] refuses,
    /// [`Refusal::Signature`], and [`Refusal::Malformed`] for a body that Weft's own encoding does not allow.
    pub fn check(network: &Network, screened: Screened, issuer: &Issuer) -> Result<Self, Refusal> {
        Self::check_once(network, screened, issuer, &Forgetful)
    }

    /// The same, computing no verdict that `verdicts` recalls.
    ///
    /// # Errors
    /// Those of [`Verified::check`].
    pub fn check_once(
        network: &Network,
        screened: Screened,
        issuer: &Issuer,
        verdicts: &dyn Recall,
    ) -> Result<Self, Refusal> {
        let transaction = screened.0;
        let header = transaction.header();
        if header.kind == Kind::Enrol {
            return Self::check_enrolment_once(network, Screened(transaction), verdicts);
        }
        if issuer.id() != header.issuer {
            return Err(Refusal::NotEnrolled(header.issuer));
        }
        issuer.permits(&transaction)?;
        check_signature(network, &transaction, issuer.key(), verdicts)?;
        check_encoding(network, &transaction)?;
        Ok(Self { transaction, enrolment: None })
    }

    /// Checks an enrolment, which brings its own key: the key's digest is the issuer, the role is one that the
    /// network lets it take, and both the key and the registrar, where one is named, have signed.
    pub fn check_enrolment(network: &Network, screened: Screened) -> Result<Self, Refusal> {
        Self::check_enrolment_once(network, screened, &Forgetful)
    }

    /// The same, computing no verdict on either signature that `verdicts` recalls.
    ///
    /// # Errors
    /// Those of [`Verified::check_enrolment`].
    pub fn check_enrolment_once(
        network: &Network,
        screened: Screened,
        verdicts: &dyn Recall,
    ) -> Result<Self, Refusal> {
        let transaction = screened.0;
        let enrolment = self_introduced(&transaction)?;
        check_roles(network, &enrolment)?;
        let key = VerifyingKey::parse(&enrolment.public_key).map_err(|_| Refusal::Signature)?;
        check_signature(network, &transaction, &key, verdicts)?;
        check_registrar(network, &enrolment, verdicts)?;
        Ok(Self { transaction, enrolment: Some(std::sync::Arc::new(enrolment)) })
    }

    /// The transaction's id.
    pub fn id(&self) -> TxId {
        self.transaction.id()
    }

    /// The transaction.
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// The enrolment in its body, if it is one.
    pub fn enrolment(&self) -> Option<&Enrolment> {
        self.enrolment.as_deref()
    }
}

impl Enrolment {
    /// The standing that a checked enrolment gives its issuer.
    pub fn standing(&self) -> Standing {
        Standing::Enrolled { role: self.role, valid: self.valid_from..self.valid_until }
    }
}

/// Cheap checks of an enrolment, before its work is looked at: the encoding, the key's id, and who may admit whom.
pub fn check_enrolment_cheaply(network: &Network, transaction: &Transaction) -> Result<(), Refusal> {
    let enrolment = self_introduced(transaction)?;
    check_roles(network, &enrolment)
}

/// Whether the network lets the key take its role: by itself, or admitted by a registrar, whose signature is checked.
/// The enrolment's own transaction is not looked at.
///
/// # Errors
/// [`Refusal::Admission`] for a role or registrar that the network does not allow, [`Refusal::RegistrarSignature`].
pub fn check_admission(network: &Network, enrolment: &Enrolment) -> Result<(), Refusal> {
    check_roles(network, enrolment)?;
    check_registrar(network, enrolment, &Forgetful)
}

fn check_registrar(network: &Network, enrolment: &Enrolment, verdicts: &dyn Recall) -> Result<(), Refusal> {
    let Some(admission) = &enrolment.admission else { return Ok(()) };
    let refused = || Refusal::RegistrarSignature;
    let key = network.registrar(&admission.registrar).ok_or_else(refused)?;
    let key = VerifyingKey::parse(key).map_err(|_| refused())?;
    let message = enrolment.admission_message(network.id(), &admission.registrar);
    let signature = &admission.signature[..];
    let claim = Claim::of_admission(network.id(), &admission.registrar, &message, signature);
    if is_valid(verdicts, claim, || key.verify(&message, signature).is_ok()) {
        Ok(())
    } else {
        Err(refused())
    }
}

fn check_at_work(kind: Kind) -> Result<(), Refusal> {
    if kind.is_at_work() { Ok(()) } else { Err(Refusal::KindNotYet(kind)) }
}

fn check_signature(
    network: &Network,
    transaction: &Transaction,
    key: &VerifyingKey,
    verdicts: &dyn Recall,
) -> Result<(), Refusal> {
    let claim = Claim::of_transaction(network.id(), &transaction.header().issuer, transaction);
    let check = || key.verify(&transaction.signed_message(network.id()), transaction.signature()).is_ok();
    if is_valid(verdicts, claim, check) || planted::is(Planted::AnySignature) {
        Ok(())
    } else {
        Err(Refusal::Signature)
    }
}

/// The verdict that is recalled, or that of the check. One on something else proves nothing here.
fn is_valid(verdicts: &dyn Recall, claim: Claim, check: impl Fn() -> bool) -> bool {
    let verdict = verdicts.verdict(claim, &mut || Verdict::new(claim, check()));
    if verdict.claim() == claim { verdict.is_valid() } else { check() }
}

fn self_introduced(transaction: &Transaction) -> Result<Enrolment, Refusal> {
    check_content_format(transaction.header())?;
    let enrolment = Enrolment::decode(transaction.content())?;
    if DeviceId::of(&enrolment.public_key) != transaction.header().issuer {
        let problem = "must be the issuer's: the issuer is its BLAKE2s-256 digest";
        return Err(Malformed::Field { field: "public key", problem }.into());
    }
    Ok(enrolment)
}

fn check_roles(network: &Network, enrolment: &Enrolment) -> Result<(), Refusal> {
    match &enrolment.admission {
        Some(admission) if network.registrar(&admission.registrar).is_none() => {
            Err(Refusal::Admission("the registrar that the enrolment names is not one of this network"))
        }
        Some(_) => Ok(()),
        None if !network.is_open() => {
            Err(Refusal::Admission("this network admits devices by a registrar's signature only"))
        }
        None if !enrolment.role.is_open() => Err(Refusal::Admission(
            "only sensors, gateways and patients enrol by themselves; other roles need a registrar's signature",
        )),
        None => Ok(()),
    }
}

fn check_content_format(header: &Header) -> Result<(), Refusal> {
    if header.content_format == content_format::WEFT {
        return Ok(());
    }
    let problem = "must be 0xFFFF for kinds that Weft encodes itself";
    Err(Malformed::Field { field: "content format", problem }.into())
}

fn check_encoding(network: &Network, transaction: &Transaction) -> Result<(), Refusal> {
    match transaction.header().kind {
        Kind::RevokeDevice => {
            check_content_format(transaction.header())?;
            Revocation::decode(transaction.content())?;
        }
        Kind::Anchor => {
            check_content_format(transaction.header())?;
            // What was erased was one where the others had it.
            if transaction.is_whole() {
                Anchor::decode(transaction.content())?;
            }
        }
        Kind::Witness => {
            check_content_format(transaction.header())?;
            Witness::decode(transaction.content())?.check_header(transaction.header(), network)?;
        }
        _ => {}
    }
    Ok(())
}
