//! Commits that were handed out and are not yet durable: what storage does not show of them.
//!
//! Always true: they follow each other without a gap, and a commit leaves only when storage shows it. Their number is
//! bounded by [`COMMITS_IN_FLIGHT`], what they deliver by [`DELIVERED_IN_FLIGHT`] and one commit more.

use crate::finality::{FinalVerdict, Handed};
use crate::limits::{COMMITS_IN_FLIGHT, DELIVERED_IN_FLIGHT};
use crate::{DeviceId, Digest, Kind, Timestamp, TxId};
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
    /// The kinds of the same, by what makes a twin.
    twins: BTreeMap<(DeviceId, u32, TxId), Kind>,
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
                self.twins.insert((judged.issuer, judged.counter, judged.id), judged.kind);
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
                self.twins.remove(&(judged.issuer, judged.counter, judged.id));
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

    /// Ids and kinds of those with this counter, in id order.
    pub(super) fn twins(
        &self,
        issuer: &DeviceId,
        range: &Range<Timestamp>,
        counter: u32,
    ) -> impl Iterator<Item = (TxId, Kind)> {
        let [first, end] = [range.start, range.end.max(range.start)].map(TxId::first_at);
        let keys = (*issuer, counter, first)..(*issuer, counter, end);
        self.twins.range(keys).map(|((.., id), kind)| (*id, *kind))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::body::Vote;
    use crate::finality::{Commit, Delivered, Judged, Member, Members, Resume, Round};

    fn device(number: u8) -> DeviceId {
        DeviceId::from_bytes([number; 32])
    }

    fn id(ms: u64) -> TxId {
        TxId::first_at(Timestamp::from_millis(ms))
    }

    /// The commit of this index, which delivers a transaction of device 1 for each of these times.
    fn commit(index: u64, times: impl Iterator<Item = (u64, FinalVerdict)>, revoked: &[u8]) -> Arc<Handed> {
        let judged = |(ms, verdict)| Judged {
            id: id(ms),
            kind: Kind::Reading,
            issuer: device(1),
            counter: ms as u32,
            verdict,
        };
        let transactions: Vec<Judged> = times.map(judged).collect();
        let commit = Commit {
            index,
            previous: Vote::NONE.digest,
            leader: id(1),
            time: Timestamp::default(),
            root: Vote::NONE.digest,
            count: transactions.len() as u32,
        };
        let revoked = revoked.iter().map(|number| device(*number)).collect();
        let (digest, also_disputed) = (Digest([index as u8; 32]), vec![]);
        let leader = Member::new(0).unwrap();
        let resume =
            Resume { commit, first: index, round: Round::FIRST, active: Members::NONE, last_open: 0 };
        let delivered = Delivered { commit, digest, leader, transactions, also_disputed, revoked };
        Arc::new(Handed { delivered, resume })
    }

    #[test]
    fn what_is_handed_out_is_shown_until_storage_shows_it() {
        use FinalVerdict::{Counts, Disputed, Revoked};
        let mut handed = HandedOut::default();
        handed.push(commit(7, [(20, Counts), (10, Revoked), (30, Disputed)].into_iter(), &[]));
        handed.push(commit(8, [(25, Counts)].into_iter(), &[5]));
        let counters = |handed: &HandedOut, from, to| {
            let range = Timestamp::from_millis(from)..Timestamp::from_millis(to);
            handed.counters(&device(1), &range).map(|(_, counter)| counter).collect::<Vec<u32>>()
        };
        assert_eq!(counters(&handed, 0, 99), [20, 25, 30], "what is revoked has used nothing");
        assert_eq!(counters(&handed, 21, 30), [25]);
        assert_eq!(counters(&handed, 30, 21), Vec::<u32>::new());
        let twins = |handed: &HandedOut, counter, from, to| {
            let range = Timestamp::from_millis(from)..Timestamp::from_millis(to);
            handed.twins(&device(1), &range, counter).map(|(id, _)| id).collect::<Vec<TxId>>()
        };
        assert_eq!(twins(&handed, 25, 0, 99), [id(25)]);
        assert!(twins(&handed, 10, 0, 99).is_empty() && twins(&handed, 25, 26, 99).is_empty());
        assert!(handed.has_delivered(&id(10)) && handed.has_revoked(&device(5)));
        let digests = [6, 7, 8, 9].map(|index| handed.digest(index).map(|digest| digest.0[0]));
        assert_eq!(digests, [None, Some(7), Some(8), None]);
        handed.became_durable(7);
        assert_eq!((counters(&handed, 0, 99), handed.len()), (vec![25], 1));
        assert!(twins(&handed, 20, 0, 99).is_empty() && twins(&handed, 25, 0, 99) == [id(25)]);
        assert!(!handed.has_delivered(&id(10)) && handed.digest(7).is_none() && handed.digest(8).is_some());
        handed.became_durable(8);
        assert!(!handed.has_revoked(&device(5)) && handed.digest(8).is_none());
    }

    #[test]
    fn commits_and_what_they_deliver_are_bounded() {
        let mut handed = HandedOut::default();
        for index in 1..=COMMITS_IN_FLIGHT as u64 {
            assert!(handed.has_room());
            handed.push(commit(index, [(index, FinalVerdict::Counts)].into_iter(), &[]));
        }
        assert!(!handed.has_room());
        handed.became_durable(1);
        assert!(handed.has_room());
        let many = DELIVERED_IN_FLIGHT as u64;
        handed.push(commit(99, (1_000..1_000 + many).map(|ms| (ms, FinalVerdict::Counts)), &[]));
        handed.became_durable(98);
        assert!(!handed.has_room());
    }
}
