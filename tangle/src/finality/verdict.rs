//! What becomes of delivered transactions that contradict others, by their final order alone (`spec/17-finality.md`).
//!
//! A verdict follows from the commits up to and including the transaction's own, and from nothing else that a node
//! knows. Memory holds a bounded part of what was delivered; the rest is read back.

use super::ledger::{Entry, Judged, Ledger};
use crate::limits::{REPEATED_COUNTERS, REVOKED_DEVICES};
use crate::replica::CounterSet;
use crate::replica::counters::{Counters, Key};
use crate::{DeviceId, HistoryError, Kind, Rules, TxId};
use indexmap::{IndexMap, IndexSet};
use std::collections::{BTreeMap, btree_map};

/// What a delivered transaction is worth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FinalVerdict {
    /// It stands.
    Counts,
    /// Of a control kind, and an earlier one of its issuer has its counter: it has no effect.
    Conflict,
    /// Another one of its issuer has its counter. Both are kept, and neither can be relied upon.
    Disputed,
    /// Its issuer was revoked before.
    Revoked,
}

impl FinalVerdict {
    /// The name that API and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Conflict => "conflict",
            Self::Disputed => "disputed",
            Self::Revoked => "revoked",
        }
    }

    /// The byte in a leaf.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Counts => 0,
            Self::Conflict => 1,
            Self::Disputed => 2,
            Self::Revoked => 3,
        }
    }

    /// The verdict with this byte.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Counts,
            1 => Self::Conflict,
            2 => Self::Disputed,
            3 => Self::Revoked,
            _ => return None,
        })
    }
}

/// What is remembered of what was delivered: counters, and who is revoked.
#[derive(Debug)]
pub(super) struct Judge {
    rules: Rules,
    counters: Counters,
    revoked: Revoked,
    repeated: Repeated,
}

/// The verdicts on one commit's transactions, and what else they change.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    pub(super) transactions: Vec<Judged>,
    pub(super) also_disputed: Vec<TxId>,
    pub(super) revoked: Vec<DeviceId>,
}

/// What is known of the issuers of one commit's transactions, as it changes from one to the next.
struct Known {
    counters: BTreeMap<Key, CounterSet>,
    revoked: BTreeMap<DeviceId, bool>,
}

impl Judge {
    pub(super) fn new(rules: Rules) -> Self {
        Self::with(rules, Counters::new(), Revoked::new(REVOKED_DEVICES / 2))
    }

    pub(super) fn with(rules: Rules, counters: Counters, revoked: Revoked) -> Self {
        Self { rules, counters, revoked, repeated: Repeated::new(REPEATED_COUNTERS / 2) }
    }

    /// Judges what one commit delivers, in its order.
    ///
    /// # Errors
    /// The ledger cannot be read; nothing is remembered of the commit then.
    pub(super) fn judge(
        &mut self,
        batch: &[(TxId, Entry)],
        ledger: &dyn Ledger,
    ) -> Result<Judgement, HistoryError> {
        let mut known = self.known(batch, ledger)?;
        let mut judgement = Judgement::default();
        // Places in the batch, of those that are not revoked, by what makes an equivocation.
        let mut same: BTreeMap<(Key, u32), Vec<usize>> = BTreeMap::new();
        let mut repeated = Vec::new();
        for (at, (id, entry)) in batch.iter().enumerate() {
            let verdict = if known.revoked.get(&entry.issuer) == Some(&true) {
                FinalVerdict::Revoked
            } else {
                let key = self.key(id, entry);
                let is_new = known.counters.entry(key).or_default().insert(entry.counter);
                let earlier = same.entry((key, entry.counter)).or_default();
                if !is_new {
                    repeated.push((key, entry.counter));
                }
                if !is_new && earlier.is_empty() {
                    let other = self.delivered_alone(key, entry.counter, ledger)?;
                    judgement.also_disputed.extend(other);
                }
                for other in earlier.iter().filter(|_| !is_new) {
                    let is_reliable = judgement.transactions[*other].verdict == FinalVerdict::Counts;
                    if is_reliable && !batch[*other].1.kind.is_control() {
                        judgement.transactions[*other].verdict = FinalVerdict::Disputed;
                    }
                }
                earlier.push(at);
                first_or_not(is_new, entry.kind)
            };
            if let Some(device) = entry.revokes.filter(|_| verdict == FinalVerdict::Counts) {
                known.revoked.insert(device, true);
                judgement.revoked.push(device);
            }
            let Entry { kind, issuer, counter, .. } = *entry;
            judgement.transactions.push(Judged { id: *id, kind, issuer, counter, verdict });
        }
        self.remember(known);
        repeated.into_iter().for_each(|slot| self.repeated.insert(slot));
        Ok(judgement)
    }

    fn key(&self, id: &TxId, entry: &Entry) -> Key {
        (entry.issuer, self.rules.epoch(id.timestamp()))
    }

    /// All that judging a batch begins with, read before anything is judged.
    fn known(&mut self, batch: &[(TxId, Entry)], ledger: &dyn Ledger) -> Result<Known, HistoryError> {
        let mut known = Known { counters: BTreeMap::new(), revoked: BTreeMap::new() };
        for (id, entry) in batch {
            let key = self.key(id, entry);
            if let btree_map::Entry::Vacant(set) = known.counters.entry(key) {
                let span = self.rules.span(key.1);
                let read = self.counters.load(key, || {
                    let mut used = CounterSet::default();
                    ledger.delivered(&key.0, span, &mut |_, counter| {
                        used.insert(counter);
                    })?;
                    Ok(used)
                })?;
                set.insert(read.clone());
            }
            if let btree_map::Entry::Vacant(revoked) = known.revoked.entry(entry.issuer) {
                revoked.insert(self.revoked.of(entry.issuer, ledger)?);
            }
        }
        Ok(known)
    }

    fn remember(&mut self, known: Known) {
        for (key, set) in known.counters {
            self.counters.replace(key, set);
        }
        for device in known.revoked.into_iter().filter(|(_, revoked)| *revoked).map(|(device, _)| device) {
            self.revoked.set(device);
        }
    }

    /// The one of earlier commits that had the counter, if it stood until now. Where there are two, the second one's commit
    /// has disputed the first.
    fn delivered_alone(
        &self,
        key: Key,
        counter: u32,
        ledger: &dyn Ledger,
    ) -> Result<Option<TxId>, HistoryError> {
        if self.repeated.contains(&(key, counter)) {
            return Ok(None);
        }
        let twins = ledger.same_counter(&key.0, self.rules.span(key.1), counter)?;
        Ok(match twins[..] {
            [(id, kind)] if !kind.is_control() => Some(id),
            _ => None,
        })
    }
}

fn first_or_not(is_first: bool, kind: Kind) -> FinalVerdict {
    match (is_first, kind.is_control()) {
        (true, _) => FinalVerdict::Counts,
        (false, true) => FinalVerdict::Conflict,
        (false, false) => FinalVerdict::Disputed,
    }
}

/// Who is revoked, as far as it was asked lately: two generations, as with counters.
#[derive(Debug)]
pub(super) struct Revoked {
    young: IndexMap<DeviceId, bool>,
    old: IndexMap<DeviceId, bool>,
    limit: usize,
}

impl Revoked {
    pub(super) fn new(limit: usize) -> Self {
        Self { young: IndexMap::new(), old: IndexMap::new(), limit }
    }

    fn of(&mut self, device: DeviceId, ledger: &dyn Ledger) -> Result<bool, HistoryError> {
        if let Some(revoked) = self.young.get(&device) {
            return Ok(*revoked);
        }
        let revoked = match self.old.swap_remove(&device) {
            Some(revoked) => revoked,
            None => ledger.is_revoked(&device)?,
        };
        self.insert(device, revoked);
        Ok(revoked)
    }

    fn set(&mut self, device: DeviceId) {
        self.old.swap_remove(&device);
        self.insert(device, true);
    }

    fn insert(&mut self, device: DeviceId, revoked: bool) {
        if self.young.len() >= self.limit && !self.young.contains_key(&device) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(device, revoked);
    }
}

/// Counters that earlier commits have delivered twice: two generations. Looking for one costs as much as there are
/// transactions with it, so each is looked for once, and a device that uses one counter for all cannot have that many read
/// for each.
#[derive(Debug)]
struct Repeated {
    young: IndexSet<(Key, u32)>,
    old: IndexSet<(Key, u32)>,
    limit: usize,
}

impl Repeated {
    fn new(limit: usize) -> Self {
        Self { young: IndexSet::new(), old: IndexSet::new(), limit }
    }

    fn contains(&self, slot: &(Key, u32)) -> bool {
        self.young.contains(slot) || self.old.contains(slot)
    }

    fn insert(&mut self, slot: (Key, u32)) {
        if self.young.len() >= self.limit && !self.young.contains(&slot) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(slot);
    }
}
