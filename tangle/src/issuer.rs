//! Who may issue what (`spec/05-roles.md`).
//!
//! Validity never depends on what a node happens to know: a standing that is missing here makes a transaction
//! wait, and any one standing that permits it suffices.

use crate::body::Revocation;
use crate::signing::{PublicKey, SigningError, VerifyingKey};
use crate::{DeviceId, Header, Kind, Malformed, Refusal, Timestamp, Transaction};
use std::{fmt, ops::Range};

/// What an enrolled key is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Role {
    /// Measures.
    Sensor,
    /// Speaks for sensors that are too small, and for its patient.
    Gateway,
    /// Holds the keys to the data.
    Patient,
    /// Treats patients.
    Practitioner,
    /// Runs a fog node.
    Fog,
    /// Reads what it was granted.
    Researcher,
}

impl Role {
    /// Every role, by its byte.
    pub const ALL: [Self; 6] =
        [Self::Sensor, Self::Gateway, Self::Patient, Self::Practitioner, Self::Fog, Self::Researcher];

    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// The role with this byte, 1 to 6.
    pub const fn from_byte(byte: u8) -> Result<Self, Malformed> {
        Ok(match byte {
            1 => Self::Sensor,
            2 => Self::Gateway,
            3 => Self::Patient,
            4 => Self::Practitioner,
            5 => Self::Fog,
            6 => Self::Researcher,
            _ => return Err(Malformed::Field { field: "role", problem: "must be 1 to 6" }),
        })
    }

    /// The byte that stands for the role in an enrolment.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Sensor => 1,
            Self::Gateway => 2,
            Self::Patient => 3,
            Self::Practitioner => 4,
            Self::Fog => 5,
            Self::Researcher => 6,
        }
    }

    /// The name that API and command line use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sensor => "sensor",
            Self::Gateway => "gateway",
            Self::Patient => "patient",
            Self::Practitioner => "practitioner",
            Self::Fog => "fog",
            Self::Researcher => "researcher",
        }
    }

    /// Whether a key may take the role without a registrar in an open network.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Sensor | Self::Gateway | Self::Patient)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// On what ground a key may issue, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The network file names it a registrar.
    Registrar,
    /// The network file names it a member of the committee, and so a fog node.
    Committee,
    /// It enrolled in a role, for a time.
    Enrolled {
        /// The role.
        role: Role,
        /// From when until when, exclusive.
        valid: Range<Timestamp>,
    },
}

impl Standing {
    /// Whether one of its issuer's standings permits this transaction, by kind and time.
    pub(crate) fn permit(standings: &[Self], transaction: &Transaction) -> bool {
        let header = transaction.header();
        let concerns_itself = header.kind == Kind::RevokeDevice
            && Revocation::decode(transaction.content())
                .is_ok_and(|revocation| revocation.device == header.issuer);
        Self::permit_kind(standings, header, concerns_itself)
    }

    fn permit_kind(standings: &[Self], header: &Header, concerns_itself: bool) -> bool {
        standings.iter().any(|standing| {
            standing.holds_at(header.timestamp) && standing.permits(header.kind, concerns_itself)
        })
    }

    fn holds_at(&self, at: Timestamp) -> bool {
        match self {
            Self::Registrar | Self::Committee => true,
            Self::Enrolled { valid, .. } => valid.contains(&at),
        }
    }

    /// The table of `spec/05-roles.md`. Enrolments are not in it: a key always introduces itself.
    fn permits(&self, kind: Kind, concerns_itself: bool) -> bool {
        use Role::{Fog, Gateway, Patient, Practitioner, Sensor};
        let role = match self {
            Self::Registrar => None,
            Self::Committee => Some(Fog),
            Self::Enrolled { role, .. } => Some(*role),
        };
        let registrar = role.is_none();
        match kind {
            Kind::Enrol | Kind::Application(_) => true,
            Kind::Reading => matches!(role, Some(Sensor | Gateway | Patient)),
            Kind::Witness | Kind::Change => *self == Self::Committee,
            Kind::Grant | Kind::RevokeGrant => matches!(role, Some(Patient | Gateway)),
            Kind::RevokeDevice => registrar || concerns_itself,
            Kind::Anchor => role != Some(Fog),
            Kind::Erase => registrar || matches!(role, Some(Sensor | Gateway | Patient)),
            Kind::Access => role == Some(Fog),
            Kind::Emergency => role == Some(Practitioner),
        }
    }

    fn role(&self) -> Option<Role> {
        match self {
            Self::Registrar => None,
            Self::Committee => Some(Role::Fog),
            Self::Enrolled { role, .. } => Some(*role),
        }
    }
}

/// All that a node knows of an issuer: its key, ready to verify with, and its standings.
pub struct Issuer {
    id: DeviceId,
    key: VerifyingKey,
    standings: Vec<Standing>,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("id", &self.id)
            .field("standings", &self.standings)
            .finish_non_exhaustive()
    }
}

impl Issuer {
    /// The holder of `key`, on these grounds.
    pub fn new(key: &PublicKey, standings: Vec<Standing>) -> Result<Self, SigningError> {
        Ok(Self { id: DeviceId::of(key), key: VerifyingKey::parse(key)?, standings })
    }

    /// The issuer's id.
    pub fn id(&self) -> DeviceId {
        self.id
    }

    /// The issuer's key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// On what grounds it may issue.
    pub fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// Whether a standing permits this transaction, by kind and time.
    ///
    /// # Errors
    /// [`Refusal::NotEnrolledThen`] when no standing holds at the transaction's time, [`Refusal::Role`] when those
    /// that hold do not permit the kind.
    pub fn permits(&self, transaction: &Transaction) -> Result<(), Refusal> {
        if Standing::permit(&self.standings, transaction) {
            return Ok(());
        }
        Err(self.refusal(transaction.header()))
    }

    /// As [`Issuer::permits`], of a transaction whose body is gone: one whose standing does not depend on its body.
    ///
    /// # Errors
    /// Those of [`Issuer::permits`].
    pub fn permits_header(&self, header: &Header) -> Result<(), Refusal> {
        if Standing::permit_kind(&self.standings, header, false) { Ok(()) } else { Err(self.refusal(header)) }
    }

    fn refusal(&self, header: &Header) -> Refusal {
        let (device, at) = (header.issuer, header.timestamp);
        let first = self.standings.iter().find(|standing| standing.holds_at(at));
        match first.map(Standing::role) {
            None => Refusal::NotEnrolledThen { device, at },
            Some(Some(role)) => Refusal::Role { role, kind: header.kind },
            Some(None) => Refusal::Admission("a registrar may not issue transactions of this kind"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_who_may_issue_what() {
        use Kind::*;
        let kinds = [
            Enrol,
            Reading,
            Witness,
            Grant,
            RevokeGrant,
            RevokeDevice,
            Anchor,
            Erase,
            Access,
            Emergency,
            Change,
            Kind::from_byte(200).unwrap(),
        ];
        let enrolled =
            |role| Standing::Enrolled { role, valid: Timestamp::from_millis(0)..Timestamp::from_millis(9) };
        let table = [
            (enrolled(Role::Sensor), "xx----x", "x---x"),
            (enrolled(Role::Gateway), "xx-xx-x", "x---x"),
            (enrolled(Role::Patient), "xx-xx-x", "x---x"),
            (enrolled(Role::Practitioner), "x-----x", "--x-x"),
            (enrolled(Role::Fog), "x------", "-x--x"),
            (enrolled(Role::Researcher), "x-----x", "----x"),
            (Standing::Committee, "x-x----", "-x-xx"),
            (Standing::Registrar, "x----xx", "x---x"),
        ];
        for (standing, first, second) in table {
            let row: String =
                kinds.iter().map(|kind| if standing.permits(*kind, false) { 'x' } else { '-' }).collect();
            assert_eq!(row, format!("{first}{second}"), "{standing:?}");
            assert!(standing.permits(RevokeDevice, true), "a device may always revoke itself");
        }
    }

    #[test]
    fn a_standing_ends_before_its_last_moment() {
        let at = Timestamp::from_millis;
        let standing = Standing::Enrolled { role: Role::Sensor, valid: at(5)..at(9) };
        let held: Vec<u64> = (0..12).filter(|t| standing.holds_at(at(*t))).collect();
        assert_eq!(held, [5, 6, 7, 8]);
    }

    #[test]
    fn every_role_comes_back() {
        for byte in 0..=255 {
            match Role::from_byte(byte) {
                Ok(role) => assert_eq!(role.to_byte(), byte),
                Err(_) => assert!(byte == 0 || byte > 6),
            }
        }
        for (role, byte) in Role::ALL.into_iter().zip(1..) {
            assert_eq!((role.to_byte(), Role::from_name(role.name())), (byte, Some(role)));
        }
        assert_eq!(Role::from_name("registrar"), None);
    }
}
