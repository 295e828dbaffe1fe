//! Commits that were handed out and are not yet durable: what storage does not show of them.
//!
//! Always true: they follow each other without a gap, and a commit leaves only when storage shows it. Their number is
//! bounded by [`COMMITS_IN_FLIGHT`], what they deliver by [`DELIVERED_IN_FLIGHT`] and one commit more.

use crate::finality::{FinalVerdict, Handed};
use crate::limits::{COMMITS_IN_FLIGHT, DELIVERED_IN_FLIGHT};
use crate::{DeviceId, Digest, Timestamp, TxId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// The commits, oldest first, and what of them is asked for.
#[derive(Debug, Default)]
pub(super) struct HandedOut {
    commits: VecDeque<Arc<Handed>>,
    delivered: BTreeSet<TxId>,
    /// The counters of all that is delivered and not revoked.
    counters: BTreeMap<(DeviceId, TxId), u32>,
}

impl HandedOut {
    /// Whether another commit may be handed out.
    pub(super) fn has_room(&self) -> bool {
        self.commits.len() < COMMITS_IN_FLIGHT && self.delivered.len() < DELIVERED_IN_FLIGHT
    }

    pub(super) fn len(&self) -> usize {
        self.commits.len()
    }

    pub(super) fn push(&mut self, handed: Arc<Handed>) {
        for judged in &handed.delivered.transactions {
            self.delivered.insert(judged.id);
            if judged.verdict != FinalVerdict::Revoked {
                self.counters.insert((judged.issuer, judged.id), judged.counter);
            }
        }
        self.commits.push_back(handed);
    }

    /// Storage shows every commit up to this one.
    pub(super) fn became_durable(&mut self, index: u64) {
        while self.commits.front().is_some_and(|handed| handed.resume.commit.index <= index)
            && let Some(handed) = self.commits.pop_front()
        {
            for judged in &handed.delivered.transactions {
                self.delivered.remove(&judged.id);
                self.counters.remove(&(judged.issuer, judged.id));
            }
        }
    }

    pub(super) fn has_delivered(&self, id: &TxId) -> bool {
        self.delivered.contains(id)
    }

    /// Ids and counters of an issuer's transactions in a range of time that are delivered and not revoked, in id order.
    pub(super) fn counters(
        &self,
        issuer: &DeviceId,
        range: &Range<Timestamp>,
    ) -> impl Iterator<Item = (TxId, u32)> {
        let end = TxId::first_at(range.end.max(range.start));
        let keys = (*issuer, TxId::first_at(range.start))..(*issuer, end);
        self.counters.range(keys).map(|((_, id), counter)| (*id, *counter))
    }

    pub(super) fn has_revoked(&self, device: &DeviceId) -> bool {
        self.commits.iter().any(|handed| handed.delivered.revoked.contains(device))
    }

    pub(super) fn digest(&self, index: u64) -> Option<Digest> {
        let first = self.commits.front()?.resume.commit.index;
        let at = usize::try_from(index.checked_sub(first)?).ok()?;
        self.commits.get(at).map(|handed| handed.delivered.digest)
    }
}
