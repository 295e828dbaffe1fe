//! Whether whoever introduces itself is a fog node of this network, now.
//!
//! The committee stands in the network file. Everybody else shows an enrolment as a fog node that a registrar of the
//! network file admitted: a newcomer is let in by nodes that have never heard of it. A revocation counts against both.

use super::intro::Intro;
use super::reason::Reason;
use crate::store::{Store, StoreError};
use std::ops::Range;
use weft_tangle::check::check_enrolment_cheaply;
use weft_tangle::{
    DeviceId, Kind, Network, Refusal, Role, Screened, Standing, Timestamp, Transaction, Verified,
};

/// What the handshake asks of the ledger. It may block.
pub trait Ledger: Send + Sync + 'static {
    /// Whether a durable revocation of the device is known here.
    ///
    /// # Errors
    /// Storage cannot be read.
    fn is_revoked(&self, device: &DeviceId) -> Result<bool, StoreError>;
}

impl Ledger for Store {
    fn is_revoked(&self, device: &DeviceId) -> Result<bool, StoreError> {
        // What is stored was issued by a registrar or by the device itself; nobody else may revoke.
        Ok(!self.reader()?.revocations(device, 1)?.is_empty())
    }
}

/// On what ground a peer is let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The peer.
    pub device: DeviceId,
    /// Whether the network file names it a member of the committee.
    pub is_committee: bool,
    /// When it may gossip; nothing for the committee, which always may.
    pub valid: Option<Range<Timestamp>>,
}

impl Member {
    /// Looks at all that an introduction says, before anything is proved.
    ///
    /// # Errors
    /// A [`Reason`] to refuse: what is cheap to see comes first, signatures last.
    pub fn admit(
        network: &Network,
        ledger: &dyn Ledger,
        intro: &Intro,
        now: Timestamp,
    ) -> Result<Self, Reason> {
        if intro.network != *network.id() {
            return Err(Reason::Network);
        }
        let device = DeviceId::of(&intro.public_key);
        let valid = match network.standing(&device) {
            Some((_, Standing::Committee)) => None,
            Some(_) => return Err(Reason::Role),
            None => Some(enrolled(network, intro, &device, now)?),
        };
        let member = Self { device, is_committee: valid.is_none(), valid };
        member.recheck(ledger, now)?;
        Ok(member)
    }

    /// Whether the peer may still gossip.
    ///
    /// # Errors
    /// [`Reason::Expired`], [`Reason::Revoked`], [`Reason::Unavailable`].
    pub fn recheck(&self, ledger: &dyn Ledger, now: Timestamp) -> Result<(), Reason> {
        if self.valid.as_ref().is_some_and(|valid| !valid.contains(&now)) {
            return Err(Reason::Expired);
        }
        match ledger.is_revoked(&self.device) {
            Ok(false) => Ok(()),
            Ok(true) => Err(Reason::Revoked),
            Err(_) => Err(Reason::Unavailable),
        }
    }
}

/// The time for which the enrolment in the credential lets `device` gossip.
fn enrolled(
    network: &Network,
    intro: &Intro,
    device: &DeviceId,
    now: Timestamp,
) -> Result<Range<Timestamp>, Reason> {
    if intro.credential.is_empty() {
        return Err(Reason::Unenrolled);
    }
    let transaction = Transaction::decode(network, &intro.credential).map_err(|fault| refused(&fault))?;
    let header = transaction.header();
    if header.kind != Kind::Enrol || header.issuer != *device {
        return Err(Reason::Unenrolled);
    }
    check_enrolment_cheaply(network, &transaction).map_err(|fault| refused(&fault))?;
    let says = weft_tangle::body::Enrolment::decode(transaction.content()).map_err(|_| Reason::Protocol)?;
    if says.role != Role::Fog {
        return Err(Reason::Role);
    }
    let valid = says.valid_from..says.valid_until;
    if !valid.contains(&now) {
        return Err(Reason::Expired);
    }
    let screened = Screened::check(network, transaction).map_err(|fault| refused(&fault))?;
    Verified::check_enrolment(network, screened).map_err(|fault| refused(&fault))?;
    Ok(valid)
}

/// A credential that is no transaction at all is a fault of the protocol; one that does not admit is none.
fn refused(fault: &Refusal) -> Reason {
    match fault {
        Refusal::Malformed(_) => Reason::Protocol,
        _ => Reason::Unenrolled,
    }
}
