//! What one peer was asked for and has not sent.

use crate::limits::{ANSWER_LONGEST_MS, ANSWER_MS, REQUESTS_PER_PEER, UNASKED_GRACE_MS};
use crate::{Timestamp, TxId};
use indexmap::IndexSet;
use std::collections::BTreeMap;

#[derive(Debug)]
struct Request {
    ids: IndexSet<TxId>,
    sent: Timestamp,
    /// The peer says that it has sent all it has.
    is_done: bool,
    /// Its time was over before anybody said so.
    is_given_up: bool,
}

/// The requests to one peer. One that was given up still counts until the peer is done with it, for so the peer counts.
#[derive(Default, Debug)]
pub(super) struct Requests {
    open: BTreeMap<u32, Request>,
    next: u32,
    /// When something that was asked for last came.
    progress: Timestamp,
    sent: Timestamp,
    /// When it was last blamed for sending nothing.
    blamed: Option<Timestamp>,
}

impl Requests {
    /// Transactions that have not come, and requests that the peer is not done with.
    pub(super) fn outstanding(&self) -> (usize, usize) {
        let ids = self.open.values().map(|request| request.ids.len()).sum();
        (ids, self.open.values().filter(|request| !request.is_done).count())
    }

    /// Whether the peer has as many requests as it may have and all were given up: it is asked for nothing more.
    pub(super) fn is_silent(&self) -> bool {
        let given_up = self.open.values().filter(|request| !request.is_done && request.is_given_up);
        given_up.count() >= REQUESTS_PER_PEER
    }

    /// Gives up those whose time is over.
    pub(super) fn give_up(&mut self, now: Timestamp) {
        let overdue = self.overdue_numbers(now);
        for number in overdue {
            self.open.get_mut(&number).into_iter().for_each(|request| request.is_given_up = true);
        }
    }

    /// Whether late answers may still come.
    pub(super) fn is_recent(&self, now: Timestamp) -> bool {
        now.since(self.sent) < UNASKED_GRACE_MS
    }

    /// Opens a request for these; returns its number.
    pub(super) fn open(&mut self, ids: &[TxId], now: Timestamp) -> u32 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.sent = now;
        let (ids, is_done, is_given_up) = (ids.iter().copied().collect(), false, false);
        self.open.insert(number, Request { ids, sent: now, is_done, is_given_up });
        number
    }

    /// Something came; says whether it was asked for. Answers come one after the other, so each shows that the peer is
    /// at work on all.
    pub(super) fn progress(&mut self, id: &TxId, now: Timestamp) -> bool {
        let is_asked = self.open.values().any(|request| request.ids.contains(id));
        if is_asked {
            self.progress = now;
        }
        is_asked
    }

    /// Takes a transaction out of a request.
    pub(super) fn take(&mut self, number: u32, id: &TxId) {
        if let Some(request) = self.open.get_mut(&number) {
            request.ids.swap_remove(id);
        }
        self.sweep(number);
    }

    /// The peer is done with a request. What has not come may still be under way through the checks here.
    pub(super) fn done(&mut self, number: u32) {
        if let Some(request) = self.open.get_mut(&number) {
            request.is_done = true;
        }
        self.sweep(number);
    }

    fn sweep(&mut self, number: u32) {
        if self.open.get(&number).is_some_and(|request| request.is_done && request.ids.is_empty()) {
            self.open.remove(&number);
        }
    }

    /// What is open in requests whose time is over, request by request, and whether the peer says that it has sent all.
    pub(super) fn overdue(&self, now: Timestamp) -> Vec<(Vec<TxId>, bool)> {
        let late = self.overdue_numbers(now).into_iter().filter_map(|number| self.open.get(&number));
        late.map(|request| (request.ids.iter().copied().collect(), request.is_done)).collect()
    }

    fn overdue_numbers(&self, now: Timestamp) -> Vec<u32> {
        let is_late = |request: &Request| !request.ids.is_empty() && self.deadline(request) <= now;
        self.open.iter().filter(|(_, request)| is_late(request)).map(|(number, _)| *number).collect()
    }

    /// Whether the peer is now blamed for being silent: once for all that is over within one silence.
    pub(super) fn blame_silence(&mut self, now: Timestamp) -> bool {
        let is_new = self.blamed.is_none_or(|last| now.since(last) >= ANSWER_MS);
        if is_new {
            self.blamed = Some(now);
        }
        is_new
    }

    /// So many milliseconds, the last ones, were not the peer's.
    pub(super) fn excuse(&mut self, ms: u64, now: Timestamp) {
        let later = |at: Timestamp| at.plus(ms).min(now);
        self.open.values_mut().for_each(|request| request.sent = later(request.sent));
        self.progress = later(self.progress);
    }

    /// When the first request's time is over.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.awaited().map(|request| self.deadline(request)).min()
    }

    fn awaited(&self) -> impl Iterator<Item = &Request> {
        self.open.values().filter(|request| !request.ids.is_empty())
    }

    fn deadline(&self, request: &Request) -> Timestamp {
        let active = request.sent.max(self.progress);
        active.plus(ANSWER_MS).min(request.sent.plus(ANSWER_LONGEST_MS))
    }
}
