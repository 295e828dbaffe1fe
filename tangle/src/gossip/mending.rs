//! Asking peers for what is stored here and damaged: whom next, for which, and when.
//!
//! Always true: one peer is asked at a time, for at most [`MEND_IDS`], and no sooner than [`MEND_MS`] after the one before;
//! all are asked for the same ones before anybody is for the next; a round in which all were asked for all is followed by
//! a wait that doubles up to [`MEND_LONGEST_MS`] until something new is damaged. Nothing that a peer says makes it more.

use super::{Class, Gossip, Message};
use crate::limits::{MEND_IDS, MEND_LONGEST_MS, MEND_MS, MENDED, REQUESTS_PER_PEER};
use crate::replica::{Effect, Source};
use crate::{Timestamp, TxId};
use std::collections::BTreeSet;
use std::ops::Bound;

/// What is damaged, and how far asking has come.
#[derive(Debug, Default)]
pub(super) struct Mending {
    damaged: BTreeSet<TxId>,
    /// All up to this were asked of everybody in this round.
    behind: Option<TxId>,
    /// Who was asked last for those that follow.
    asked: Option<Source>,
    /// When to ask next.
    due: Timestamp,
    /// Rounds since something new was damaged.
    rounds: u32,
}

impl Mending {
    /// What is damaged now. What was before and is not named is whole again.
    pub(super) fn tell(&mut self, ids: impl Iterator<Item = TxId>, now: Timestamp) {
        let damaged: BTreeSet<TxId> = ids.take(MENDED).collect();
        if !damaged.is_subset(&self.damaged) {
            (self.behind, self.asked, self.rounds) = (None, None, 0);
            self.due = self.due.min(now.plus(MEND_MS));
        }
        self.damaged = damaged;
    }

    /// When to ask next, if anything is damaged.
    pub(super) fn due(&self) -> Option<Timestamp> {
        Some(self.due).filter(|_| !self.damaged.is_empty())
    }

    /// Whom to ask next, of these in their order, and for which; nobody at the end of a round.
    fn next(&mut self, peers: impl Iterator<Item = Source>, now: Timestamp) -> Option<(Source, Vec<TxId>)> {
        let peers: Vec<Source> = peers.collect();
        self.due = now.plus(MEND_MS);
        loop {
            let from = self.behind.map_or(Bound::Unbounded, Bound::Excluded);
            let ids: Vec<TxId> =
                self.damaged.range((from, Bound::Unbounded)).take(MEND_IDS).copied().collect();
            let Some(last) = ids.last().filter(|_| !peers.is_empty()) else {
                self.begin_anew(now);
                return None;
            };
            if let Some(next) = peers.iter().find(|peer| self.asked.is_none_or(|asked| **peer > asked)) {
                self.asked = Some(*next);
                return Some((*next, ids));
            }
            (self.behind, self.asked) = (Some(*last), None);
        }
    }

    fn begin_anew(&mut self, now: Timestamp) {
        (self.behind, self.asked) = (None, None);
        self.rounds = self.rounds.saturating_add(1);
        self.due = now.plus((MEND_MS << self.rounds.min(16)).min(MEND_LONGEST_MS));
    }
}

impl Gossip {
    /// What is stored here and damaged, all of it.
    pub(crate) fn damaged(&mut self, ids: impl Iterator<Item = TxId>, now: Timestamp) {
        self.mending.tell(ids, now);
    }

    /// When a peer is to be asked for what is damaged.
    pub(super) fn mend_due(&self) -> Option<Timestamp> {
        self.mending.due().filter(|_| !self.peers.is_empty())
    }

    /// Asks one peer for what is damaged. Nobody is at fault who does not have it, for its log need not name it.
    pub(super) fn mend(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.mend_due().is_none_or(|due| due > now) {
            return;
        }
        // What is missing here comes first: half of a peer's requests are left to it.
        let wants = &self.wants;
        let able = |source: &Source| wants.asked_of(source).1 < REQUESTS_PER_PEER / 2;
        let Some((source, ids)) = self.mending.next(self.peers.keys().copied().filter(able), now) else {
            return;
        };
        let request = self.wants.ask_beside(source, now);
        if let Some(peer) = self.peers.get_mut(&source) {
            peer.counts.requests_sent += 1;
        }
        let message = Message::Want { request, graft: false, ranges: Vec::new(), ids };
        effects.push(Effect::Send { source, class: Class::Control, message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::WANT_IDS;

    const PEERS: [Source; 3] = [Source::Peer(2), Source::Peer(5), Source::Peer(9)];

    fn id(n: u64) -> TxId {
        TxId::first_at(Timestamp::from_millis(n))
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    /// All that is asked until a time, as it becomes due.
    fn asked(mending: &mut Mending, until: u64) -> Vec<(Timestamp, Source, Vec<TxId>)> {
        let mut asked = Vec::new();
        while let Some(due) = mending.due().filter(|due| *due <= at(until)) {
            asked.extend(mending.next(PEERS.into_iter(), due).map(|(source, ids)| (due, source, ids)));
            assert!(mending.due > due, "it is asked for without a pause");
        }
        asked
    }

    #[test]
    fn each_peer_is_asked_in_turn_for_a_few_at_a_time_and_then_for_the_next() {
        let mut mending = Mending::default();
        assert_eq!(mending.due(), None, "nothing is damaged");
        let count = MEND_IDS as u64 + 1;
        mending.tell((0..count).map(id), at(0));
        let round = asked(&mut mending, 20 * MEND_MS);
        let sources: Vec<Source> = round.iter().map(|(_, source, _)| *source).collect();
        assert_eq!(sources[..6], [PEERS, PEERS].concat());
        for (_, _, ids) in &round[..3] {
            assert_eq!(*ids, (0..MEND_IDS as u64).map(id).collect::<Vec<_>>());
        }
        assert!(round[3..6].iter().all(|(_, _, ids)| *ids == [id(MEND_IDS as u64)]));
        assert!(round.windows(2).all(|two| two[1].0.since(two[0].0) >= MEND_MS));
    }

    #[test]
    fn what_nobody_has_is_asked_for_less_and_less_and_at_once_when_more_is_damaged() {
        let mut mending = Mending::default();
        mending.tell([id(1)].into_iter(), at(0));
        const HOUR: u64 = 3_600_000;
        let in_an_hour = asked(&mut mending, HOUR).len();
        assert!((30..=60).contains(&in_an_hour), "asked {in_an_hour} times");
        mending.tell([id(1)].into_iter(), at(HOUR));
        assert!(mending.due().unwrap() > at(HOUR + MEND_MS), "that is no news");
        mending.tell([id(1), id(2)].into_iter(), at(HOUR));
        let news = asked(&mut mending, HOUR + MEND_MS);
        assert!(matches!(&news[..], [(_, _, ids)] if *ids == [id(1), id(2)]), "{news:?}");
        // One that is whole again is asked for no more; where all are, nothing is due.
        mending.tell([id(2)].into_iter(), at(HOUR));
        let less = asked(&mut mending, HOUR + 2 * MEND_MS);
        assert!(matches!(&less[..], [(_, _, ids)] if *ids == [id(2)]), "{less:?}");
        mending.tell([].into_iter(), at(HOUR));
        assert_eq!(mending.due(), None);
    }

    #[test]
    fn nothing_is_held_beyond_its_bound_and_nobody_to_ask_is_the_end_of_a_round() {
        let mut mending = Mending::default();
        mending.tell((0..2 * MENDED as u64).map(id), at(0));
        assert_eq!(mending.damaged.len(), MENDED);
        assert_eq!(mending.next([].into_iter(), at(0)), None);
        assert!(mending.due().unwrap() > at(MEND_MS));
        const { assert!(MEND_IDS <= WANT_IDS) };
    }
}
