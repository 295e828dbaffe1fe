//! What the commits of honest nodes must be: one chain, whose every commit follows from what its leader reaches.
//!
//! Always true: the chain is the longest that any honest node has made; all others were compared with it when they were
//! made. What a commit delivers, in which order, with which verdicts, at what time and led by whom is computed here anew,
//! plainly, from `spec/17-finality.md` and nothing else.
//!
//! All of it holds while at most f members break the rules. A member whose disk was replaced by an older one, of which it
//! was not told because more than finality bears were, may sign a round again when too few others had what it lost; who did
//! counts as one that breaks them.

mod looks;

use super::catalogue::{Catalogue, Number, Slot};
use super::trace::name;
use crate::finality::{Delivered, FinalVerdict, Handed, Member, Round};
use crate::limits::{ACTIVE_ROUNDS, ROTATION_COMMITS};
use crate::{Digest, Kind, Timestamp, TxId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The commits of honest nodes, and who has signed what.
#[derive(Debug)]
pub(super) struct Chain {
    commits: Vec<Arc<Handed>>,
    /// What was delivered, with its verdict.
    verdicts: BTreeMap<Number, FinalVerdict>,
    /// What was delivered and is not `revoked`, by what makes an equivocation.
    slots: BTreeMap<Slot, Vec<Number>>,
    /// What later commits have disputed.
    disputed: BTreeSet<TxId>,
    revoked: BTreeSet<crate::DeviceId>,
    turns: Vec<Member>,
    time: Timestamp,
    /// The witnesses that each honest node has signed of each round.
    signed: BTreeMap<(usize, Round), Vec<Number>>,
    /// Those of them that others have been sent.
    told: BTreeSet<Number>,
    /// Rounds of which a node cannot know any more that it has signed them.
    excused: BTreeSet<(usize, Round)>,
    /// Honest nodes that have signed such a round again.
    relapsed: BTreeSet<usize>,
}

impl Chain {
    pub(super) fn new(catalogue: &Catalogue) -> Self {
        Self {
            commits: Vec::new(),
            verdicts: BTreeMap::new(),
            slots: BTreeMap::new(),
            disputed: BTreeSet::new(),
            revoked: BTreeSet::new(),
            turns: (0..catalogue.committee().size().members()).filter_map(Member::new).collect(),
            time: catalogue.network.created(),
            signed: BTreeMap::new(),
            told: BTreeSet::new(),
            excused: BTreeSet::new(),
            relapsed: BTreeSet::new(),
        }
    }

    /// The longest chain of an honest node.
    pub(super) fn commits(&self) -> &[Arc<Handed>] {
        &self.commits
    }

    /// Whether a round was ever excused of which a node cannot know that it has signed it.
    #[cfg(test)]
    pub(super) fn has_excused(&self) -> bool {
        !self.excused.is_empty()
    }

    /// The members that lead by turns now.
    #[cfg(test)]
    pub(super) fn turns(&self) -> &[Member] {
        &self.turns
    }

    /// Takes the next commit, or says what is wrong with it.
    fn extend(&mut self, handed: &Arc<Handed>, catalogue: &Catalogue) -> Result<(), String> {
        let delivered = &handed.delivered;
        let commit = &delivered.commit;
        let previous = self.commits.last().map_or(Digest([0; 32]), |last| last.delivered.digest);
        if commit.previous != previous || commit.count as usize != delivered.transactions.len() {
            return Err("does not say what is before it, or how many it delivers".into());
        }
        self.check_leader(delivered, catalogue)?;
        let numbers = self.check_order(delivered, catalogue)?;
        let verdicts = self.judge(&numbers, catalogue);
        let mut also_disputed = BTreeSet::new();
        for ((number, verdict), judged) in numbers.iter().zip(&verdicts).zip(&delivered.transactions) {
            let named = || name(*number, catalogue);
            if judged.verdict != *verdict {
                return Err(format!("judges {} `{:?}`, not `{verdict:?}`", named(), judged.verdict));
            }
            let header = catalogue.get(*number).header();
            if (judged.kind, judged.issuer, judged.counter) != (header.kind, header.issuer, header.counter) {
                return Err(format!("says of {} what it is not", named()));
            }
            if matches!(verdict, FinalVerdict::Conflict | FinalVerdict::Disputed) {
                let earlier = self.slots.get(&catalogue.slot(*number)).into_iter().flatten();
                let is_reliable = |other: &&Number| {
                    self.verdicts.get(*other) == Some(&FinalVerdict::Counts)
                        && !self.disputed.contains(&catalogue.id(**other))
                        && !catalogue.get(**other).header().kind.is_control()
                };
                also_disputed.extend(earlier.filter(is_reliable).map(|other| catalogue.id(*other)));
            }
        }
        if !also_disputed.iter().eq(delivered.also_disputed.iter().collect::<BTreeSet<_>>()) {
            return Err("does not name the earlier ones that it disputes".into());
        }
        self.disputed.append(&mut also_disputed);
        for (number, verdict) in numbers.iter().zip(verdicts) {
            self.verdicts.insert(*number, verdict);
            if verdict != FinalVerdict::Revoked {
                self.slots.entry(catalogue.slot(*number)).or_default().push(*number);
            }
        }
        self.time = commit.time;
        self.commits.push(Arc::clone(handed));
        if commit.index.is_multiple_of(ROTATION_COMMITS) {
            self.rotate(commit.leader, catalogue);
        }
        Ok(())
    }

    /// A leader is a witness of its round's leader, of a later round than the one before, unless it is the same one; the
    /// time is the lower median of its parents' times and goes not back.
    fn check_leader(&self, delivered: &Delivered, catalogue: &Catalogue) -> Result<(), String> {
        let commit = &delivered.commit;
        let number = catalogue.number(&commit.leader);
        let Some(leader) = number.and_then(|number| catalogue.witness(number)) else {
            return Err("is led by what is no witness".into());
        };
        let is_same = self.commits.last().is_some_and(|last| last.delivered.commit.leader == commit.leader);
        let turn = self.turns[(leader.round.get() % self.turns.len() as u64) as usize];
        if (!is_same && turn != leader.author) || delivered.leader != leader.author {
            return Err(format!("is led by {:?} in {:?}, whose turn it is not", leader.author, leader.round));
        }
        if self.commits.last().is_some_and(|last| !is_same && last.resume.round >= leader.round) {
            return Err("is led by an earlier round than the one before".into());
        }
        let mut times: Vec<Timestamp> = leader.content.parents().iter().map(|id| id.timestamp()).collect();
        times.sort_unstable();
        let median = times.len().checked_sub(1).map_or(self.time, |last| times[last / 2]);
        match is_same || commit.time == median.max(self.time) {
            true => Ok(()),
            false => Err(format!("is of {} ms, not of {}", commit.time.as_millis(), median.as_millis())),
        }
    }

    /// What is delivered is known, ascends, was not delivered before, and stands behind all that it references.
    fn check_order(&self, delivered: &Delivered, catalogue: &Catalogue) -> Result<Vec<Number>, String> {
        if !delivered.transactions.is_sorted_by(|one, other| one.id < other.id) {
            return Err("is not in the order of ids".into());
        }
        let mut numbers = Vec::new();
        let mut here = BTreeSet::new();
        for judged in &delivered.transactions {
            let Some(number) = catalogue.number(&judged.id) else {
                return Err(format!("delivers {}, which nobody has made", judged.id));
            };
            let named = || name(number, catalogue);
            if self.verdicts.contains_key(&number) {
                return Err(format!("delivers {} again", named()));
            }
            let is_behind = |id: TxId| {
                let other = catalogue.number(&id);
                other.is_some_and(|other| self.verdicts.contains_key(&other) || here.contains(&other))
            };
            if !catalogue.references(number).all(is_behind) {
                return Err(format!("delivers {} before what it references", named()));
            }
            here.insert(number);
            numbers.push(number);
        }
        Ok(numbers)
    }

    fn judge(&mut self, numbers: &[Number], catalogue: &Catalogue) -> Vec<FinalVerdict> {
        let mut verdicts = Vec::new();
        let mut here: BTreeMap<Slot, Vec<Number>> = BTreeMap::new();
        for number in numbers {
            let (header, slot) = (catalogue.get(*number).header(), catalogue.slot(*number));
            let is_revoked = self.revoked.contains(&header.issuer);
            let is_first = !self.slots.contains_key(&slot) && !here.contains_key(&slot);
            let verdict = match (is_revoked, header.kind.is_control(), is_first) {
                (true, ..) => FinalVerdict::Revoked,
                (false, true, false) => FinalVerdict::Conflict,
                // A second one may stand behind it.
                (false, ..) => FinalVerdict::Counts,
            };
            if !is_revoked {
                here.entry(slot).or_default().push(*number);
            }
            if header.kind == Kind::RevokeDevice
                && verdict == FinalVerdict::Counts
                && let Some(device) = catalogue.revokes(*number)
            {
                self.revoked.insert(device);
            }
            verdicts.push(verdict);
        }
        for (number, verdict) in numbers.iter().zip(&mut verdicts) {
            let slot = catalogue.slot(*number);
            let is_alone =
                !self.slots.contains_key(&slot) && here.get(&slot).is_none_or(|same| same.len() == 1);
            let is_control = catalogue.get(*number).header().kind.is_control();
            if *verdict == FinalVerdict::Counts && !is_control && !is_alone {
                *verdict = FinalVerdict::Disputed;
            }
        }
        verdicts
    }

    /// Active are those with a witness of the last rounds in the leader's history; all when they are no quorum.
    fn rotate(&mut self, leader: TxId, catalogue: &Catalogue) {
        let size = catalogue.committee().size();
        let witness =
            |id: &TxId| catalogue.number(id).and_then(|number| Some((number, catalogue.witness(number)?)));
        let Some((number, witnessed)) = witness(&leader) else { return };
        let until = witnessed.round.back_to_first(ACTIVE_ROUNDS - 1);
        let (mut open, mut seen) = (vec![number], BTreeSet::from([number]));
        let mut active = BTreeSet::new();
        while let Some(number) = open.pop() {
            let Some(witnessed) = catalogue.witness(number) else { continue };
            active.insert(witnessed.author);
            let previous = &catalogue.get(number).header().parents[..1];
            for (before, of) in witnessed.content.parents().iter().chain(previous).filter_map(witness) {
                if of.round >= until && seen.insert(before) {
                    open.push(before);
                }
            }
        }
        if active.len() < size.quorum() {
            active = (0..size.members()).filter_map(Member::new).collect();
        }
        self.turns = active.into_iter().collect();
    }
}
