//! What can happen, and which of it somebody wants to hear.

use weft_tangle::finality::FinalVerdict;
use weft_tangle::{DeviceId, Digest, Kind, Position, TxId};

/// Something that has happened, and is on this node's disk if it is of the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening {
    /// A transaction has become part of this node's ledger.
    Attached {
        /// Its id.
        id: TxId,
        /// What it is.
        kind: Kind,
        /// Who issued it.
        issuer: DeviceId,
        /// Where it stands in this node's order of arrival.
        position: Position,
    },
    /// A commit has delivered a transaction.
    Final {
        /// Its id.
        id: TxId,
        /// What it is.
        kind: Kind,
        /// Who issued it.
        issuer: DeviceId,
        /// What it is worth.
        verdict: FinalVerdict,
        /// The commit's index.
        commit: u64,
        /// Its place in what the commit delivers, from 0.
        place: u32,
    },
    /// From now on a transaction is shown as disputed: another one of its issuer has its counter.
    Disputed {
        /// Its id.
        id: TxId,
        /// What it is.
        kind: Kind,
        /// Who issued it.
        issuer: DeviceId,
        /// The index of the commit that says so; none while it follows from what was attached alone.
        commit: Option<u64>,
    },
    /// A commit was made. What it delivers is told before it.
    Commit {
        /// Its index.
        index: u64,
        /// Its digest.
        digest: Digest,
        /// How many transactions it delivers, witnesses among them.
        transactions: u32,
    },
    /// A peer has come or gone.
    Peer {
        /// Which fog node.
        device: DeviceId,
        /// What it did.
        change: PeerChange,
    },
}

/// What a peer did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerChange {
    /// It is connected.
    Connected,
    /// It is not any more.
    Left,
}

impl PeerChange {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Left => "left",
        }
    }
}

/// The sorts of what can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// [`Happening::Attached`].
    Attached,
    /// [`Happening::Final`].
    Final,
    /// [`Happening::Disputed`].
    Disputed,
    /// [`Happening::Commit`].
    Commit,
    /// [`Happening::Peer`].
    Peer,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Attached, Self::Final, Self::Disputed, Self::Commit, Self::Peer];

    /// The name that the API uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Final => "final",
            Self::Disputed => "disputed",
            Self::Commit => "commit",
            Self::Peer => "peer",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.name() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Happening {
    /// Of which sort it is.
    pub const fn what(&self) -> What {
        match self {
            Self::Attached { .. } => What::Attached,
            Self::Final { .. } => What::Final,
            Self::Disputed { .. } => What::Disputed,
            Self::Commit { .. } => What::Commit,
            Self::Peer { .. } => What::Peer,
        }
    }

    /// Of which transaction it is, as kind and issuer.
    const fn of(&self) -> Option<(Kind, DeviceId)> {
        match *self {
            Self::Attached { kind, issuer, .. }
            | Self::Final { kind, issuer, .. }
            | Self::Disputed { kind, issuer, .. } => Some((kind, issuer)),
            Self::Commit { .. } | Self::Peer { .. } => None,
        }
    }
}

/// What somebody wants to hear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Filter {
    sorts: u8,
    kind: Option<Kind>,
    issuer: Option<DeviceId>,
}

impl Filter {
    /// Of these sorts, everything.
    pub fn of(sorts: impl IntoIterator<Item = What>) -> Self {
        let sorts = sorts.into_iter().fold(0, |sorts, what| sorts | what.bit());
        Self { sorts, kind: None, issuer: None }
    }

    /// Of what concerns transactions, those of this kind alone.
    #[must_use]
    pub fn of_kind(self, kind: Kind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// Of what concerns transactions, those of this issuer alone.
    #[must_use]
    pub fn of_issuer(self, issuer: DeviceId) -> Self {
        Self { issuer: Some(issuer), ..self }
    }

    /// Whether any of a sort can be wanted.
    pub(super) const fn wants(&self, what: What) -> bool {
        self.sorts & what.bit() != 0
    }

    /// Whether this one is wanted.
    pub fn passes(&self, happening: &Happening) -> bool {
        let fits = |(kind, issuer): (Kind, DeviceId)| {
            self.kind.is_none_or(|wanted| wanted == kind) && self.issuer.is_none_or(|wanted| wanted == issuer)
        };
        self.wants(happening.what()) && happening.of().is_none_or(fits)
    }
}
