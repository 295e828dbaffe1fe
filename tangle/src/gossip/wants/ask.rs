//! Asking: what is due goes to those who have it and have room, and whose time is over is asked no longer.

use super::super::message::{Message, Stretch};
use super::requests::Requests;
use super::schedule::Sorts;
use super::{State, Want, Wants};
use crate::limits::{
    AGAIN_MS, ASKED, HELD_MS, REQUESTS_PER_PEER, SCAN_MS, SCANNED_PER_MS, TOLD_ROUNDS, WANT_IDS, WANT_RANGES,
    WITHHELD_MS,
};
use crate::planted::{self, Planted};
use crate::replica::Source;
use crate::{HistoryError, Timestamp, TxId};
use std::collections::BTreeMap;

/// What asking needs to know of the rest.
pub(in super::super) trait Asker {
    /// Where a peer's log has a transaction.
    fn place(&self, source: Source, id: &TxId) -> Option<u64>;

    /// Whether a transaction waits here or is attached already, so that it need not be asked for.
    fn is_here(&self, id: &TxId) -> Result<bool, HistoryError>;

    /// Whether something that waits here references it.
    fn is_missed(&self, id: &TxId) -> bool;
}

/// How many transactions a peer may still be asked for.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Space {
    /// Of those that its log names.
    pub(in super::super) named: usize,
    /// Of those that others wait for. More of these, for when its share of what may wait is full they alone help.
    pub(in super::super) missed: usize,
}

impl Space {
    fn of(&self, is_reference: bool) -> usize {
        if is_reference { self.missed } else { self.named }
    }

    fn take_one(&mut self) {
        self.named = self.named.saturating_sub(1);
        self.missed = self.missed.saturating_sub(1);
    }
}

/// That of each peer.
pub(in super::super) type Room = BTreeMap<Source, Space>;

/// Of what anybody may be asked. Where nobody is left to ask there are references alone, and what nobody misses any more is
/// to be forgotten.
fn sorts(room: &Room) -> Sorts {
    Sorts {
        named: room.values().any(|space| space.named > 0),
        references: room.is_empty() || room.values().any(|space| space.missed > 0),
    }
}

/// Whom to ask for a transaction.
#[derive(Debug)]
enum Choice {
    /// This one, and whether to graft it.
    Of(Source, bool),
    /// Those who may have it have no room.
    Later,
    /// All who may have it were asked.
    Nobody,
}

/// Transactions to ask of a peer, by whether to graft it.
type Chosen = BTreeMap<(Source, bool), Vec<TxId>>;

impl Wants {
    /// When there is something to ask, or a request's time is over.
    pub(in super::super) fn due(&self) -> Option<Timestamp> {
        let first = self.schedule.first();
        let overdue = self.requests.values().filter_map(|requests| requests.due()).min();
        let next = first.into_iter().chain(overdue).min()?;
        Some(next.max(self.scan_at))
    }

    /// Gives up requests whose time is over; returns who did not deliver what it announced: once for each request that it says
    /// it has answered, and once for all others, for a link that is down for a moment is silent about all of them.
    pub(in super::super) fn expire(&mut self, now: Timestamp) -> Vec<Source> {
        let of_peer = |(source, requests): (&Source, &Requests)| {
            let source = *source;
            requests
                .overdue(now)
                .into_iter()
                .map(move |(ids, is_done)| (source, ids, is_done))
                .collect::<Vec<_>>()
        };
        let overdue: Vec<(Source, Vec<TxId>, bool)> = self.requests.iter().flat_map(of_peer).collect();
        self.requests.values_mut().for_each(|requests| requests.give_up(now));
        if planted::is(Planted::EndlessPatience) {
            return Vec::new();
        }
        let mut faults = Vec::new();
        for (source, ids, is_done) in overdue {
            let named = |id| self.wants.get(id).is_some_and(|want| want.announcers.contains(&source));
            let is_fault = ids.iter().any(named);
            let mut blame =
                || self.requests.get_mut(&source).is_some_and(|requests| requests.blame_silence(now));
            if is_fault && (is_done || blame()) {
                faults.push(source);
            }
            ids.iter().for_each(|id| self.refuse(id, source, now));
        }
        faults
    }

    /// So many milliseconds, the last ones, do not count against anybody who was asked.
    pub(in super::super) fn excuse(&mut self, ms: u64, now: Timestamp) {
        self.requests.values_mut().for_each(|requests| requests.excuse(ms, now));
    }

    /// The requests to send now. Nothing is looked at more often than every [`SCAN_MS`], and a long list less often, so
    /// that what has no room costs little.
    pub(in super::super) fn ask(
        &mut self,
        mut room: Room,
        asker: &dyn Asker,
        now: Timestamp,
    ) -> Result<Vec<(Source, Message)>, HistoryError> {
        if now < self.scan_at {
            return Ok(Vec::new());
        }
        let mut left = ASKED.saturating_sub(self.asked);
        let mut chosen = Chosen::new();
        let (mut looked_at, mut last) = (0, None);
        self.scan_at = now.plus(SCAN_MS);
        while left > 0 {
            let Some(turn) = self.schedule.due_behind(last, sorts(&room), now) else { break };
            let (_, id) = turn;
            (looked_at, last) = (looked_at + 1, Some(turn));
            if self.is_pointless(&id, asker) {
                self.remove(&id);
                continue;
            }
            match self.choose(&id, &room) {
                // It is not even looked for here, which may take a look into the database.
                Choice::Later => {}
                _ if asker.is_here(&id)? => self.set(&id, State::Held(now.plus(HELD_MS))),
                Choice::Of(source, is_live) => {
                    room.entry(source).and_modify(Space::take_one);
                    left -= 1;
                    chosen.entry((source, is_live)).or_default().push(id);
                }
                Choice::Nobody => self.begin_anew(&id, now),
            }
        }
        self.scan_at = now.plus(SCAN_MS + looked_at / SCANNED_PER_MS);
        Ok(self.requests(chosen, asker, now))
    }

    /// Whether what referenced it is gone and no log names it.
    fn is_pointless(&self, id: &TxId, asker: &dyn Asker) -> bool {
        let named = |source: &Source| asker.place(*source, id).is_some();
        let want = self.wants.get(id).filter(|want| want.is_reference && !asker.is_missed(id));
        want.is_some_and(|want| !want.announcers.iter().any(named))
    }

    /// Whom to ask: of those who named it and were not tried, the one with most room. For a reference that none of
    /// them had anybody will do, for all have the same tangle in the end.
    fn choose(&self, id: &TxId, room: &Room) -> Choice {
        let Some(want) = self.wants.get(id) else { return Choice::Later };
        let is_silent = |source: &Source| self.requests.get(source).is_some_and(Requests::is_silent);
        let best = |candidates: &mut dyn Iterator<Item = Source>| {
            // Who answers nothing is not waited for.
            let untried = candidates.filter(|source| !want.tried.contains(source) && !is_silent(source));
            let (mut best, mut any) = (None, false);
            for source in untried {
                any = true;
                let space = room.get(&source).map_or(0, |space| space.of(want.is_reference));
                if space > 0 && best.is_none_or(|(most, _)| space > most) {
                    best = Some((space, source));
                }
            }
            (best.map(|(_, source)| source), any)
        };
        let (mut source, mut any) = best(&mut want.announcers.union(&want.senders).copied());
        if !any && want.is_reference {
            (source, any) = best(&mut room.keys().copied());
        }
        match source {
            Some(source) => Choice::Of(source, want.is_live),
            None if any => Choice::Later,
            None => Choice::Nobody,
        }
    }

    /// All were asked in vain: it is left alone for a while.
    fn begin_anew(&mut self, id: &TxId, now: Timestamp) {
        let Some(want) = self.wants.get_mut(id) else { return };
        let wait = want.begin_anew();
        if want.rounds >= TOLD_ROUNDS && !want.withheld.is_empty() {
            self.given_up_on.insert(*id);
        }
        self.set(id, State::Waits(now.plus(wait)));
    }

    fn requests(&mut self, chosen: Chosen, asker: &dyn Asker, now: Timestamp) -> Vec<(Source, Message)> {
        let mut messages = Vec::new();
        for ((source, graft), mut ids) in chosen {
            // In the order of the peer's log, where they lie side by side on its disk.
            ids.sort_by_cached_key(|id| (asker.place(source, id).is_none(), asker.place(source, id), *id));
            for part in ids.chunks(WANT_IDS) {
                let requests = self.requests.entry(source).or_default();
                if requests.outstanding().1 >= REQUESTS_PER_PEER {
                    break;
                }
                let request = requests.open(part, now);
                let (ranges, rest) = stretches(part.iter().map(|id| (asker.place(source, id), *id)));
                for id in part {
                    self.set(id, State::Asked(source, request));
                }
                messages.push((source, Message::Want { request, graft, ranges, ids: rest }));
            }
        }
        messages
    }
}

impl Want {
    /// All were asked in vain; for how many milliseconds they are left alone. What is erased everywhere will not come, so
    /// waits double as long as somebody withholds it.
    fn begin_anew(&mut self) -> u64 {
        self.tried.clear();
        if self.withheld.is_empty() {
            return AGAIN_MS;
        }
        self.rounds = self.rounds.saturating_add(1);
        (AGAIN_MS << self.rounds.min(16)).min(WITHHELD_MS)
    }
}

/// Places as ranges, as many as a request has, and the ids of all else.
fn stretches(ids: impl Iterator<Item = (Option<u64>, TxId)>) -> (Vec<Stretch>, Vec<TxId>) {
    let (mut ranges, mut rest): (Vec<Stretch>, Vec<TxId>) = Default::default();
    for (place, id) in ids {
        let Some(first) = place else {
            rest.push(id);
            continue;
        };
        let is_full = ranges.len() >= WANT_RANGES;
        match ranges.last_mut() {
            Some(last) if last.positions().end == first => last.count += 1,
            _ if is_full => rest.push(id),
            _ => ranges.push(Stretch { first, count: 1 }),
        }
    }
    (ranges, rest)
}
