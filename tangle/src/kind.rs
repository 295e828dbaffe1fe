//! The kinds of transaction (`spec/03-transaction.md`).

use crate::Malformed;
use std::fmt;

/// What a transaction is. Bytes 0 and 12 to 127 are reserved and cannot be represented.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A key introduces itself.
    Enrol,
    /// Measurements of a device.
    Reading,
    /// A committee member's witness of a round.
    Witness,
    /// Access given to a recipient.
    Grant,
    /// Access taken back.
    RevokeGrant,
    /// A device declared untrustworthy.
    RevokeDevice,
    /// The digest of a document kept elsewhere.
    Anchor,
    /// A body to be destroyed.
    Erase,
    /// A fog node's note that somebody read.
    Access,
    /// A practitioner's access without a grant.
    Emergency,
    /// A new configuration of the network.
    Change,
    /// An application's own, 128 to 255.
    Application(ApplicationKind),
}

/// A kind that the ledger carries and orders but never interprets: 128 to 255.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ApplicationKind(u8);

impl Kind {
    /// The kind with this byte; refuses the reserved ones.
    pub const fn from_byte(byte: u8) -> Result<Self, Malformed> {
        Ok(match byte {
            1 => Self::Enrol,
            2 => Self::Reading,
            3 => Self::Witness,
            4 => Self::Grant,
            5 => Self::RevokeGrant,
            6 => Self::RevokeDevice,
            7 => Self::Anchor,
            8 => Self::Erase,
            9 => Self::Access,
            10 => Self::Emergency,
            11 => Self::Change,
            128.. => Self::Application(ApplicationKind(byte)),
            0 | 12..=127 => return Err(Malformed::ReservedKind(byte)),
        })
    }

    /// The byte that stands for the kind on the wire.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Enrol => 1,
            Self::Reading => 2,
            Self::Witness => 3,
            Self::Grant => 4,
            Self::RevokeGrant => 5,
            Self::RevokeDevice => 6,
            Self::Anchor => 7,
            Self::Erase => 8,
            Self::Access => 9,
            Self::Emergency => 10,
            Self::Change => 11,
            Self::Application(kind) => kind.0,
        }
    }

    /// The name that API, logs and metrics use; all application kinds share one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::Reading => "reading",
            Self::Witness => "witness",
            Self::Grant => "grant",
            Self::RevokeGrant => "revoke-grant",
            Self::RevokeDevice => "revoke-device",
            Self::Anchor => "anchor",
            Self::Erase => "erase",
            Self::Access => "access",
            Self::Emergency => "emergency",
            Self::Change => "change",
            Self::Application(_) => "application",
        }
    }

    /// Whether of two with the same counter only the first counts. Readings and the like are never thrown away.
    pub const fn is_control(self) -> bool {
        matches!(
            self,
            Self::Enrol
                | Self::Grant
                | Self::RevokeGrant
                | Self::RevokeDevice
                | Self::Erase
                | Self::Emergency
                | Self::Change
        )
    }

    /// Whether this version of the node processes the kind; the others are recognised and refused as `not yet`.
    pub const fn is_at_work(self) -> bool {
        matches!(
            self,
            Self::Enrol
                | Self::Reading
                | Self::Witness
                | Self::RevokeDevice
                | Self::Anchor
                | Self::Application(_)
        )
    }

    /// Whether the kind may ever come in over HTTP: witnesses, access notes and changes are made by nodes alone.
    pub const fn is_for_the_door(self) -> bool {
        !matches!(self, Self::Witness | Self::Access | Self::Change)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application(kind) => write!(f, "application {}", kind.0),
            kind => f.write_str(kind.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_reserved_or_comes_back() {
        for byte in 0..=255 {
            match Kind::from_byte(byte) {
                Ok(kind) => assert_eq!(kind.to_byte(), byte),
                Err(error) => {
                    assert_eq!(error, Malformed::ReservedKind(byte));
                    assert!(byte == 0 || (12..128).contains(&byte));
                }
            }
        }
    }
}
