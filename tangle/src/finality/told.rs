//! What finality tells its node: the witness to make, commits with where to go on behind them, how it stands.

use super::commit::Delivered;
use super::{Commit, Divergence, Members, Round};
use crate::body::{Vote, Witness};
use crate::limits::ACTIVE_ROUNDS;
use crate::{DeviceId, Draft, Kind, Timestamp, TxId, content_format};

/// A witness to be made, signed, made durable, attached, and only then sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The body's content.
    pub witness: Witness,
    /// The header's parents.
    pub parents: [TxId; 2],
    /// The timestamp must be greater than this.
    pub after: Timestamp,
}

/// A witness to be signed with the node's own key. It needs no work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// The round.
    pub round: Round,
    /// The body behind its salt.
    pub content: Vec<u8>,
    /// The header's parents.
    pub parents: [TxId; 2],
    /// The header's timestamp.
    pub timestamp: Timestamp,
    /// The node's next counter in the epoch of that time.
    pub counter: u32,
}

impl Proposal {
    /// The transaction to sign. `salt` is fresh entropy.
    pub fn draft(&self, salt: [u8; 16]) -> Draft<'_> {
        let Self { parents, timestamp, counter, .. } = *self;
        let (kind, content_format) = (Kind::Witness, content_format::WEFT);
        Draft { kind, content_format, counter, timestamp, parents, salt, content: &self.content }
    }
}

/// What a member is to do about its next witness.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing, until something is attached, delivered or heard.
    Rest,
    /// Ask again then, if nothing has happened before.
    Wake(Timestamp),
    /// Make this one.
    Witness(Box<Plan>),
}

/// A commit handed out, with what a node must store beside it to go on behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handed {
    /// The commit and what it delivers.
    pub delivered: Delivered,
    /// Where to go on.
    pub resume: Resume,
}

/// Where a node goes on after a restart: behind this commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resume {
    /// The commit.
    pub commit: Commit,
    /// The index of the first commit that its leader has given.
    pub first: u64,
    /// The round of its leader.
    pub round: Round,
    /// Who led by turns when it was decided.
    pub active: Members,
    /// The index of the newest commit, up to this one, that has delivered something that is no witness; 0 for none.
    pub last_open: u64,
}

/// A member as its witnesses show it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemberView {
    /// Who it is.
    pub device: DeviceId,
    /// The highest round of which a witness of its own is here.
    pub round: Option<Round>,
    /// The highest of this node's commits that it has voted for; 0 for none.
    pub confirmed: u64,
    /// Its witnesses since the start that have a twin: another one of the same round came before. Each proves that it lies.
    pub twins: u64,
}

/// How finality stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// The newest commit.
    pub last: Vote,
    /// The highest index of a commit that a quorum has voted for.
    pub certified: u64,
    /// Attached transactions that are no witnesses and that no commit has delivered.
    pub open: u64,
    /// Attached transactions, witnesses among them, that no commit has delivered.
    pub undelivered: u64,
    /// The highest round with a witness.
    pub round: Option<Round>,
    /// Slots skipped since the start.
    pub skipped: u64,
    /// Transactions and witnesses that no witness covers.
    pub uncovered: usize,
    /// Whether there is nothing to make witnesses for.
    pub is_idle: bool,
    /// Whether this node is a member and still has to hear from others before it makes a witness.
    pub is_listening: bool,
    /// The members, in their order.
    pub members: Vec<MemberView>,
    /// Proof that chains have parted: nothing is finalised any more.
    pub divergence: Option<Divergence>,
    /// A stored transaction that is damaged and without which finality cannot go on: nothing is finalised before a replica
    /// is recovered with it whole.
    pub illegible: Option<TxId>,
}

impl Resume {
    /// The first round whose witnesses can still decide something.
    pub fn first_round(&self) -> Round {
        self.round.back_to_first(ACTIVE_ROUNDS - 1)
    }
}
