//! Kind 3: what a member of the committee has seen when it makes its witness of a round (`spec/04-bodies.md`).
//!
//! The header's digest covers the part before the list of references, and that part holds the list's digest. So a
//! witness proves its vote without its list, and the list can be dropped once nobody decides by it any more.

use crate::finality::Round;
use crate::limits::{COMMITTEE, SALT_BYTES, SWEEPS};
use crate::planted::{self, Planted};
use crate::{Digest, Header, Malformed, Network, ParentsFault, Refusal, TxId, blake2s, codec::Reader};

/// Bytes of a witness's content before its list of references.
pub const WITNESS_HEAD_BYTES: usize = 80;

/// The commit that a member votes for, and with it for all commits before that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Vote {
    /// The commit's index; 0 while there is none.
    pub index: u64,
    /// The commit's digest; zero while there is none.
    pub digest: Digest,
}

impl Vote {
    /// The vote of a member that has made no commit yet.
    pub const NONE: Self = Self { index: 0, digest: Digest([0; 32]) };
}

/// The part of a witness that its header's digest covers, behind the salt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WitnessHead {
    /// The round.
    pub round: Round,
    /// The newest commit that the author has made.
    pub vote: Vote,
    /// BLAKE2s-256 of the list of references.
    pub references: Digest,
}

/// The content of a witness.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Witness {
    head: WitnessHead,
    parents: Vec<TxId>,
    sweeps: Vec<TxId>,
}

impl WitnessHead {
    /// The head as it stands behind the salt.
    pub fn encode(&self) -> [u8; WITNESS_HEAD_BYTES] {
        let mut bytes = [0; WITNESS_HEAD_BYTES];
        bytes[..8].copy_from_slice(&self.round.get().to_be_bytes());
        bytes[8..16].copy_from_slice(&self.vote.index.to_be_bytes());
        bytes[16..48].copy_from_slice(&self.vote.digest.0);
        bytes[48..].copy_from_slice(&self.references.0);
        bytes
    }

    /// Reads a head.
    ///
    /// # Errors
    /// Round 0, or a vote for no commit that has a digest.
    pub fn decode(bytes: &[u8; WITNESS_HEAD_BYTES]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("the witness", bytes);
        let round = Round::new(reader.u64()?)
            .ok_or(Malformed::Field { field: "round", problem: "must be at least 1" })?;
        let vote = Vote { index: reader.u64()?, digest: Digest(*reader.array()?) };
        if vote.index == 0 && vote != Vote::NONE {
            return Err(Malformed::Field { field: "vote", problem: "has a digest, so it needs an index" });
        }
        let references = Digest(*reader.array()?);
        reader.end()?;
        Ok(Self { round, vote, references })
    }
}

impl Witness {
    /// A witness of these references, whatever their order.
    ///
    /// # Errors
    /// [`Malformed::Field`] for what [`Witness::decode`] refuses.
    pub fn new(
        round: Round,
        vote: Vote,
        mut parents: Vec<TxId>,
        mut sweeps: Vec<TxId>,
    ) -> Result<Self, Malformed> {
        parents.sort_unstable();
        sweeps.sort_unstable();
        check_list(round, &parents, &sweeps)?;
        let references = Digest(blake2s(&[&encode_list(&parents, &sweeps)]));
        Ok(Self { head: WitnessHead { round, vote, references }, parents, sweeps })
    }

    /// What the header's digest covers, but for the salt.
    pub fn head(&self) -> &WitnessHead {
        &self.head
    }

    /// The witnesses of the round before that it builds on, ascending.
    pub fn parents(&self) -> &[TxId] {
        &self.parents
    }

    /// What else it takes along, ascending.
    pub fn sweeps(&self) -> &[TxId] {
        &self.sweeps
    }

    /// All references of the list: witness parents, then sweeps.
    pub fn references(&self) -> impl Iterator<Item = &TxId> {
        self.parents.iter().chain(&self.sweeps)
    }

    /// The content of the transaction's body.
    pub fn encode(&self) -> Vec<u8> {
        [&self.head.encode()[..], &encode_list(&self.parents, &self.sweeps)].concat()
    }

    /// Reads the content of a witness's body.
    ///
    /// # Errors
    /// Anything that is not canonical: lists too long, not ascending or not disjoint, witness parents in round 1, a
    /// digest that is not that of the list.
    pub fn decode(content: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("the witness", content);
        let head = WitnessHead::decode(reader.array()?)?;
        let list = &content[WITNESS_HEAD_BYTES..];
        let (parents, sweeps) = (reader.u8()?, reader.u16()?);
        if usize::from(parents) > COMMITTEE || usize::from(sweeps) > SWEEPS {
            let problem = "names more than 128 witness parents or more than 256 sweeps";
            return Err(Malformed::Field { field: "reference list", problem });
        }
        let mut ids = |count: u16| -> Result<Vec<TxId>, Malformed> {
            (0..count).map(|_| reader.array().map(|bytes| TxId::from_bytes(*bytes))).collect()
        };
        let (parents, sweeps) = (ids(parents.into())?, ids(sweeps)?);
        reader.end()?;
        check_list(head.round, &parents, &sweeps)?;
        if blake2s(&[list]) != head.references.0 {
            let problem = "is not the one whose digest stands before it";
            return Err(Malformed::Field { field: "reference list", problem });
        }
        Ok(Self { head, parents, sweeps })
    }

    /// The parents that a header must have above this list: the author's own previous witness, else the genesis; then
    /// the first reference that is another, else the genesis.
    pub fn header_parents(&self, previous: Option<TxId>, genesis: TxId) -> [TxId; 2] {
        let first = previous.unwrap_or(genesis);
        [first, self.references().copied().find(|id| *id != first).unwrap_or(genesis)]
    }

    /// Checks what header and network file alone can tell: the number of witness parents, the header's parents, and
    /// that the timestamp is greater than those of all references.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`ParentsFault::NotOlder`].
    pub fn check_header(&self, header: &Header, network: &Network) -> Result<(), Refusal> {
        let size = network.committee_size();
        let most = if planted::is(Planted::TwinParents) { COMMITTEE } else { size.members() };
        let enough = size.quorum()..=most;
        if self.head.round != Round::FIRST && !enough.contains(&self.parents.len()) {
            let problem = "must be of a quorum of the committee, one each";
            return Err(Malformed::Field { field: "witness parents", problem }.into());
        }
        let genesis = network.genesis();
        let previous = Some(header.parents[0]).filter(|parent| *parent != genesis);
        if header.parents != self.header_parents(previous, genesis) {
            let problem =
                "must be the first reference that is not parent 1, or the genesis where there is none";
            return Err(Malformed::Field { field: "parent 2", problem }.into());
        }
        if self.sweeps.contains(&header.parents[0]) || self.references().any(|id| *id == genesis) {
            let problem = "names the genesis, or sweeps its author's previous witness";
            return Err(Malformed::Field { field: "reference list", problem }.into());
        }
        match self.references().find(|id| id.timestamp() >= header.timestamp) {
            Some(parent) => Err(ParentsFault::NotOlder { parent: *parent, child: header.timestamp }.into()),
            None => Ok(()),
        }
    }

    /// The references of content that [`Witness::decode`] has passed, witness parents and sweeps, each ascending, as they
    /// lie there.
    pub(crate) fn lists(content: &[u8]) -> Option<[&[[u8; TxId::BYTES]]; 2]> {
        let list = content.get(WITNESS_HEAD_BYTES..)?;
        let (ids, _) = list.get(3..)?.as_chunks();
        ids.split_at_checked(usize::from(list[0])).map(|(parents, sweeps)| [parents, sweeps])
    }

    /// The part of a witness's body that its header's digest covers, if the body is so long.
    pub(crate) fn covered(body: &[u8]) -> Option<&[u8]> {
        body.get(..SALT_BYTES + WITNESS_HEAD_BYTES)
    }

    /// Whether the list at the end of a witness's body is the one whose digest its head holds.
    pub(crate) fn has_its_list(body: &[u8]) -> bool {
        let list = body.get(SALT_BYTES + WITNESS_HEAD_BYTES..).unwrap_or_default();
        Self::covered(body).is_some_and(|covered| covered.ends_with(&blake2s(&[list])))
    }
}

fn encode_list(parents: &[TxId], sweeps: &[TxId]) -> Vec<u8> {
    let mut bytes = vec![parents.len() as u8];
    bytes.extend_from_slice(&(sweeps.len() as u16).to_be_bytes());
    for id in parents.iter().chain(sweeps) {
        bytes.extend_from_slice(id.as_bytes());
    }
    bytes
}

fn check_list(round: Round, parents: &[TxId], sweeps: &[TxId]) -> Result<(), Malformed> {
    let ascending = |ids: &[TxId]| ids.windows(2).all(|pair| pair[0] < pair[1]);
    let field = "reference list";
    if parents.len() > COMMITTEE || sweeps.len() > SWEEPS {
        let problem = "names more than 128 witness parents or more than 256 sweeps";
        return Err(Malformed::Field { field, problem });
    }
    if !ascending(parents) || !ascending(sweeps) || sweeps.iter().any(|id| parents.binary_search(id).is_ok())
    {
        let problem = "must name each transaction once, witness parents and sweeps each ascending";
        return Err(Malformed::Field { field, problem });
    }
    if round == Round::FIRST && !parents.is_empty() {
        let problem = "must be empty in round 1";
        return Err(Malformed::Field { field: "witness parents", problem });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
