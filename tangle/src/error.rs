//! Why a transaction is refused. Every variant carries what a person needs to act on it (`spec/10-errors.md`).

use crate::finality::Round;
use crate::{DeviceId, Kind, Role, Timestamp, TxId, limits};

/// Bytes that are no transaction, whoever looks at them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The whole is shorter or longer than any transaction.
    #[error("a transaction has {min} to {max} bytes, this one has {found}", min = limits::TRANSACTION_MIN_BYTES, max = limits::TRANSACTION_MAX_BYTES)]
    Length {
        /// Bytes that were found.
        found: usize,
    },
    /// The first byte names a version that this node does not speak.
    #[error("version {0} is not known here; this node speaks version 1")]
    Version(u8),
    /// The kind's byte is reserved.
    #[error("kind {0} is reserved; use 1 to 11, or 128 to 255 for an application's own")]
    ReservedKind(u8),
    /// An encoding of Weft's own ends too early.
    #[error("{what} ends too early")]
    Truncated {
        /// What was being read.
        what: &'static str,
    },
    /// An encoding of Weft's own has bytes behind its end.
    #[error("{what} has {bytes} bytes too many at its end")]
    Trailing {
        /// What was being read.
        what: &'static str,
        /// Bytes left over.
        bytes: usize,
    },
    /// A field of one of Weft's own encodings holds a value that it must not.
    #[error("{field}: {problem}")]
    Field {
        /// The field's name in `spec/`.
        field: &'static str,
        /// What is wrong and what would be right.
        problem: &'static str,
    },
}

impl Malformed {
    /// Nobody but the committee may ever issue a witness, whatever enrolments there are.
    pub(crate) const NO_MEMBER: Self = Self::Field {
        field: "issuer",
        problem: "must be a member of the committee; only they make witnesses",
    };
}

/// What is wrong with a transaction's parents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParentsFault {
    /// Both are the same transaction and that is not the genesis.
    #[error("both parents are {0}; they must differ unless both are the genesis")]
    Equal(TxId),
    /// A parent does not lie before its child.
    #[error(
        "parent {parent} is not older than its child of {child:?}; a timestamp must be greater than those of both parents"
    )]
    NotOlder {
        /// The parent.
        parent: TxId,
        /// The child's timestamp.
        child: Timestamp,
    },
    /// A parent is not known here.
    #[error("parent {0} is not known here; take parents from a fresh ticket of this node")]
    Unknown(TxId),
    /// A parent is too old for the door and nothing excuses it.
    #[error(
        "parent {0} is more than 24 hours old and was not handed out by this node; take parents from a fresh ticket"
    )]
    TooOld(TxId),
}

/// Why a transaction was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no transaction.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The digest in the header is not that of the body.
    #[error("the body digest in the header is not that of this body")]
    BodyDigest,
    /// Its kind is defined, but this version does not process it.
    #[error("kind {0} is defined but not processed by this version yet")]
    KindNotYet(Kind),
    /// Its kind never comes in over HTTP.
    #[error("kind {0} is made by nodes and is not accepted over HTTP")]
    KindNotAtDoor(Kind),
    /// Its parents are wrong.
    #[error(transparent)]
    Parents(#[from] ParentsFault),
    /// Its timestamp lies too far ahead of this node's clock.
    #[error("the timestamp is {ahead_ms} ms ahead of this node's clock, at most {max} are accepted; set the device's clock by a ticket's `time`", max = limits::AHEAD_MS)]
    Ahead {
        /// Milliseconds ahead.
        ahead_ms: u64,
    },
    /// Its timestamp lies too far behind this node's clock.
    #[error("the timestamp is {behind_ms} ms behind this node's clock, at most {max} are accepted at the door", max = limits::DOOR_BEHIND_MS)]
    Behind {
        /// Milliseconds behind.
        behind_ms: u64,
    },
    /// Nobody of this id is enrolled here.
    #[error("device {0} is not enrolled here; enrol it first")]
    NotEnrolled(DeviceId),
    /// The issuer is enrolled, but not for this time.
    #[error("device {device} has no enrolment that is valid at {at:?}; enrol it again")]
    NotEnrolledThen {
        /// The issuer.
        device: DeviceId,
        /// The transaction's timestamp.
        at: Timestamp,
    },
    /// The issuer is enrolled in roles that do not permit this kind.
    #[error("a {role} may not issue a transaction of kind {kind}")]
    Role {
        /// A role that the issuer has at that time.
        role: Role,
        /// The transaction's kind.
        kind: Kind,
    },
    /// The enrolment asks for what it may not have.
    #[error("{0}")]
    Admission(&'static str),
    /// Too little work.
    #[error(
        "the nonce shows {found} zero bits of work, {needed} are needed at this counter; search on or slow down"
    )]
    Work {
        /// Leading zero bits of the work.
        found: u32,
        /// Leading zero bits that it must have.
        needed: u32,
    },
    /// The issuer's signature is not valid.
    #[error("the signature is not one of the issuer's key over this transaction on this network")]
    Signature,
    /// The registrar's signature in an enrolment is not valid.
    #[error("the registrar's signature is not valid for this enrolment on this network")]
    RegistrarSignature,
    /// The issuer has used the counter before and this one is not taken as well.
    #[error(
        "counter {counter} of this epoch was used before, by {first}; take the next counter from a ticket"
    )]
    Equivocation {
        /// The counter that was used again.
        counter: u32,
        /// One that has it already, the first in id order.
        first: TxId,
    },
    /// Enough witnesses of its author are here that are of its round.
    #[error(
        "two witnesses of the same author are here that are of {round}, {first} among them; more prove nothing"
    )]
    Twins {
        /// The round.
        round: Round,
        /// One of them, the first that is known.
        first: TxId,
    },
    /// Too many copies of it wait until it is on disk, or what it references is damaged here and not yet whole again.
    #[error("this node cannot take it at this moment; send it again shortly")]
    Overloaded,
    /// Too many transactions wait for something already.
    #[error("too many transactions wait here for what they reference; send that first")]
    PendingFull,
}

impl Refusal {
    /// A short stable name: the slug of its problem type in `spec/10-errors.md`. No problem is `pending-full`, for
    /// nothing that comes in at the door waits.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::BodyDigest => "digest",
            Self::KindNotYet(_) => "kind-not-yet",
            Self::KindNotAtDoor(_) => "kind-not-at-door",
            Self::Parents(_) => "parents",
            Self::Ahead { .. } | Self::Behind { .. } => "timestamp",
            Self::NotEnrolled(_) | Self::NotEnrolledThen { .. } => "not-enrolled",
            Self::Role { .. } | Self::Admission(_) => "role",
            Self::Work { .. } => "pow",
            Self::Signature | Self::RegistrarSignature => "signature",
            Self::Equivocation { .. } | Self::Twins { .. } => "equivocation",
            Self::Overloaded => "overloaded",
            Self::PendingFull => "pending-full",
        }
    }
}
