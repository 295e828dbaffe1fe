//! Finality of one node: [`Finality`] takes attached transactions and gives commits.

use super::coverage::Coverage;
use super::delivery::Delivery;
use super::ledger::{Entry, Ledger};
use super::pacemaker::Pacemaker;
use super::{
    Committee, Committer, Handed, Known, Place, Resume, Rotation, Round, Votes, Window, WitnessGraph,
};
use crate::body::{Vote, Witness};
use crate::limits::{ACTIVE_ROUNDS, OWN_DIGESTS};
use crate::planted::{self, Planted};
use crate::{HistoryError, Kind, Network, Remains, Transaction, TxId};

/// What the witnesses of a member show.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Seen {
    pub(super) round: Option<Round>,
    pub(super) twins: u64,
}

/// The finality of one node.
#[derive(Debug)]
pub struct Finality {
    pub(super) committee: Committee,
    pub(super) genesis: TxId,
    network: crate::NetworkId,
    pub(super) window: Window,
    pub(super) committer: Committer,
    pub(super) delivery: Delivery,
    pub(super) votes: Votes,
    pub(super) coverage: Coverage,
    pub(super) pacemaker: Option<Pacemaker>,
    /// Whether own witnesses may be missing on this node's disk.
    pub(super) has_forgotten: bool,
    /// By members.
    pub(super) seen: Vec<Seen>,
    /// The leader being delivered, when its walk is still to be made.
    leader: Option<Place>,
    /// The leader to go on with once its witness is handed in again, and the first index it gave.
    resumed: Option<(TxId, u64)>,
    pub(super) last_open: u64,
    /// What stands in the way of everything.
    pub(super) illegible: Option<TxId>,
}

impl Finality {
    /// Finality of a node of this network, from the beginning. It makes no witnesses.
    pub fn new(network: &Network) -> Self {
        let committee = Committee::of(network);
        let size = committee.size();
        Self {
            genesis: network.genesis(),
            network: *network.id(),
            window: Window::new(Round::FIRST),
            committer: Committer::new(size),
            delivery: Delivery::new(network),
            votes: Votes::new(size),
            coverage: Coverage::new(),
            pacemaker: None,
            has_forgotten: false,
            seen: vec![Seen::default(); size.members()],
            leader: None,
            resumed: None,
            last_open: 0,
            illegible: None,
            committee,
        }
    }

    /// Goes on behind a stored commit. `digests` are those of the newest [`OWN_DIGESTS`] commits up to it, ascending. Call
    /// it first of all; then hand in, in the order of arrival, every transaction that is not delivered and every
    /// witness of the rounds from [`Resume::first_round`] on.
    pub fn resume(&mut self, resume: &Resume, digests: impl Iterator<Item = Vote>) {
        let rotation = Rotation::among(self.committee.size(), resume.active);
        self.committer = Committer::resume(rotation, resume.round);
        self.window = Window::new(resume.first_round());
        let last = Vote { index: resume.commit.index, digest: resume.commit.digest(&self.network) };
        self.delivery.resume(last, resume.commit.time);
        digests.for_each(|own| self.votes.made(own));
        self.votes.made(last);
        self.resumed = Some((resume.commit.leader, resume.first));
        self.last_open = resume.last_open;
    }

    /// Stands still, for what is stored of this transaction is damaged and commits follow from it: from now on there are no
    /// commits and no witnesses, and what is attached is counted and not held. Another one, recovered once it is whole, goes on.
    pub fn stand_still(&mut self, id: TxId) {
        self.illegible.get_or_insert(id);
    }

    /// What [`Finality::stand_still`] has named first.
    pub fn illegible(&self) -> Option<TxId> {
        self.illegible
    }

    /// Takes note of an attached transaction; all that it references was handed in before or is delivered. A witness's
    /// shape must have been checked. `arrival` is its position.
    ///
    /// # Errors
    /// The ledger cannot be read, and nothing has changed; or the body of a witness is none, which its checks exclude.
    pub fn attached(
        &mut self,
        arrival: u64,
        transaction: &Transaction,
        is_delivered: bool,
        ledger: &dyn Ledger,
    ) -> Result<(), HistoryError> {
        if self.illegible.is_some() {
            if !is_delivered {
                self.delivery.count(transaction.header().kind);
            }
            return Ok(());
        }
        let (id, header) = (transaction.id(), transaction.header());
        let entry = Entry::of(transaction, self.genesis);
        let mut round = None;
        if header.kind == Kind::Witness {
            let known = self.committee.known(transaction);
            let (Some(known), Ok(witness)) = (known, Witness::decode(transaction.content())) else {
                return Err(HistoryError::Unread(format!("{id} is attached as a witness and is none")));
            };
            round = Some(known.round);
            self.witnessed(transaction, known, &witness, ledger)?;
        } else if let Some(pacemaker) = &mut self.pacemaker {
            pacemaker.transaction();
        }
        if !is_delivered {
            self.cover(arrival, id, round, &entry);
            self.delivery.attached(id, entry);
        }
        Ok(())
    }

    fn witnessed(
        &mut self,
        transaction: &Transaction,
        known: Known,
        witness: &Witness,
        ledger: &dyn Ledger,
    ) -> Result<(), HistoryError> {
        let vote = witness.head().vote;
        // What a member votes for may be any number.
        let is_old = vote.index.saturating_add(OWN_DIGESTS as u64) <= self.delivery.last().index;
        let own = if is_old { ledger.digest(vote.index)? } else { None };
        self.votes.heard(known.author, vote, |_| own);
        let previous = Some(transaction.header().parents[0]).filter(|parent| *parent != self.genesis);
        let id = transaction.id();
        let has_twin = self.witnesses_of(known).next().is_some();
        let swept: Vec<TxId>;
        let parents = if planted::is(Planted::SweptVotes) {
            swept = witness.references().copied().collect();
            &swept
        } else {
            witness.parents()
        };
        let place = self.window.insert(id, known.author, known.round, parents, previous);
        if let Some(seen) = self.seen.get_mut(known.author.place()) {
            seen.round = seen.round.max(Some(known.round));
            seen.twins += u64::from(has_twin && place.is_some());
        }
        if let Some(place) = place {
            self.committer.attached(&self.window, place);
            if let Some((_, first)) = self.resumed.take_if(|(leader, _)| *leader == id) {
                self.committer.reopen(place);
                self.delivery.reopen(first);
                self.leader = Some(place);
            }
        }
        if let Some(pacemaker) = self.pacemaker.as_mut().filter(|pacemaker| pacemaker.me() == known.author) {
            pacemaker.made(known.round);
        }
        Ok(())
    }

    /// Takes note of an attached transaction that no commit has delivered and whose body was erased.
    pub fn attached_erased(&mut self, arrival: u64, remains: &Remains) {
        if self.illegible.is_some() {
            return self.delivery.count(remains.header().kind);
        }
        let entry = Entry::of_remains(remains, self.genesis);
        self.cover(arrival, remains.id(), None, &entry);
        self.delivery.attached(remains.id(), entry);
    }

    /// Takes note of one that no commit has delivered and for which finality stands still.
    pub fn attached_damaged(&mut self) {
        self.delivery.count(Kind::Witness);
    }

    /// Hands in a transaction again that [`Finality::wants_from`] has asked for, if no commit has delivered it.
    /// Says whether there was room; where there was none it is asked for once more.
    pub fn again(&mut self, arrival: u64, id: TxId, entry: &Entry) -> bool {
        self.cover(arrival, id, entry.round, entry)
    }

    fn cover(&mut self, arrival: u64, id: TxId, round: Option<Round>, entry: &Entry) -> bool {
        self.coverage.attached(arrival, id, entry.issuer, round, &entry.references)
    }

    /// From which position on attached transactions must be handed in again by [`Finality::again`]: there were more
    /// uncovered ones than memory holds, and now there is room. Told once.
    pub fn wants_from(&mut self) -> Option<u64> {
        if self.illegible.is_some() { None } else { self.coverage.take_missed() }
    }

    /// Whether [`Finality::next_commit`] has more to do though it gave none: what a leader reaches is looked at in pieces.
    pub fn is_delivering(&self) -> bool {
        self.delivery.has_begun() && self.votes.divergence().is_none() && self.illegible.is_none()
    }

    /// The next commit. The ledger must show it, and all that it delivers, before this is called again; none while
    /// nothing is decided, while the leader that was gone on with is not handed in, when chains have parted, when finality
    /// stands still, and while [`Finality::is_delivering`].
    ///
    /// # Errors
    /// The ledger cannot be read, and nothing has changed that matters: call it again.
    pub fn next_commit(&mut self, ledger: &dyn Ledger) -> Result<Option<Handed>, HistoryError> {
        loop {
            if self.votes.divergence().is_some() || self.resumed.is_some() || self.illegible.is_some() {
                return Ok(None);
            }
            if self.leader.is_none() {
                self.leader = self.committer.next_leader();
            }
            let Some(place) = self.leader else { return Ok(None) };
            let Some(vertex) = self.window.vertex(place) else { return Ok(None) };
            if !self.delivery.has_begun() {
                let before = place.round.back(1).map_or(&[][..], |before| self.window.round(before));
                let parents = vertex.parents.iter().filter_map(|index| before.get(*index as usize));
                let times = parents.map(|parent| parent.id.timestamp());
                self.delivery.begin(vertex.id, vertex.author, times);
            }
            if let Some((delivered, has_open)) = self.delivery.next(ledger)? {
                self.votes.made(delivered.vote());
                if has_open {
                    self.last_open = delivered.commit.index;
                }
                let resume = Resume {
                    commit: delivered.commit,
                    first: self.delivery.first().unwrap_or(delivered.commit.index),
                    round: place.round,
                    active: self.committer.rotation().active(),
                    last_open: self.last_open,
                };
                return Ok(Some(Handed { delivered, resume }));
            }
            let Some(commits) = self.delivery.finished() else { return Ok(None) };
            self.committer.delivered(&self.window, commits);
            self.window.drop_before(place.round.back_to_first(ACTIVE_ROUNDS - 1));
            self.leader = None;
        }
    }

    /// Author and round of a witness that is in memory; those of an older one are in its transaction
    /// ([`Committee::known`]).
    pub fn known(&self, id: &TxId) -> Option<Known> {
        let place = self.window.place(id)?;
        self.window.vertex(place).map(|vertex| Known { author: vertex.author, round: place.round })
    }

    /// The witnesses in memory that are of this author and round.
    pub fn witnesses_of(&self, Known { author, round }: Known) -> impl Iterator<Item = TxId> {
        self.window.round(round).iter().filter(move |vertex| vertex.author == author).map(|vertex| vertex.id)
    }

    /// The first round whose witnesses are all held in memory; older ones decide nothing any more. There is none while
    /// finality stands still.
    pub fn first_round(&self) -> Round {
        self.illegible.map_or(self.window.first(), |_| Round::FIRST.plus(u64::MAX))
    }

    /// The committee.
    pub fn committee(&self) -> &Committee {
        &self.committee
    }

    /// The votes of the members.
    pub fn votes(&self) -> &Votes {
        &self.votes
    }

    #[cfg(test)]
    pub(crate) fn set_uncovered_limit(&mut self, limit: usize) {
        self.coverage = Coverage::with_limit(limit);
    }

    #[cfg(test)]
    pub(super) fn set_commit_size(&mut self, size: usize) {
        self.delivery.set_size(size);
    }
}

impl Committee {
    /// Author and round of a witness by a member, from its transaction.
    pub fn known(&self, witness: &Transaction) -> Option<Known> {
        let header = witness.header();
        let author = self.member(&header.issuer).filter(|_| header.kind == Kind::Witness)?;
        let head = crate::body::WitnessHead::decode(witness.content().first_chunk()?).ok()?;
        Some(Known { author, round: head.round })
    }
}
