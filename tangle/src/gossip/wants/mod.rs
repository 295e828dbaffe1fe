//! Transactions that are known of and not here: whom to ask, and when.
//!
//! Always true: a transaction is asked of one peer at a time; `asked` counts what is; what waits for its time stands in
//! `schedule` exactly once. A transaction is known of because a peer's log names it, or because what waits here
//! references it. Credit bounds the first, [`REFERENCES`] the second.

mod ask;
mod requests;
mod schedule;
mod withheld;

pub(super) use ask::{Asker, Room, Space};
use requests::Requests;
use schedule::Schedule;

use crate::finality::Members;
use crate::limits::{AGAIN_MS, HELD_MS, REFERENCES};
use crate::replica::Source;
use crate::{Timestamp, TxId};
use indexmap::IndexMap;
use indexmap::map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// What is being done about a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing until then; a push may bring it.
    Waits(Timestamp),
    /// It was asked for.
    Asked(Source, u32),
    /// It came and is not attached; then it is looked up what became of it.
    Held(Timestamp),
}

#[derive(Debug)]
struct Want {
    state: State,
    /// Whose log names it.
    announcers: BTreeSet<Source>,
    /// Who sent what references it. Such a one has it, but perhaps not on its disk yet.
    senders: BTreeSet<Source>,
    /// Who was asked and did not send it.
    tried: BTreeSet<Source>,
    /// How often each was asked in vain.
    vain: BTreeMap<Source, u8>,
    /// Who has it without its body.
    withheld: BTreeSet<Source>,
    /// The members of the committee that have sent what is left of it, connected still or not.
    erased_by: Members,
    /// How often all were asked since the first of these.
    rounds: u32,
    /// It is new, so whoever has it is grafted.
    is_live: bool,
    /// What waits here references it.
    is_reference: bool,
}

/// All of them.
#[derive(Default, Debug)]
pub(super) struct Wants {
    wants: IndexMap<TxId, Want>,
    schedule: Schedule,
    requests: BTreeMap<Source, Requests>,
    asked: usize,
    references: usize,
    /// How many somebody has without their bodies.
    withheld: usize,
    /// Those of them that were asked for so often that somebody should know.
    given_up_on: BTreeSet<TxId>,
    scan_at: Timestamp,
}

impl Wants {
    /// Transactions known of and not here.
    pub(super) fn len(&self) -> usize {
        self.wants.len()
    }

    /// Transactions asked of a peer, and in how many requests.
    pub(super) fn asked_of(&self, source: &Source) -> (usize, usize) {
        self.requests.get(source).map_or((0, 0), Requests::outstanding)
    }

    /// Opens a request for what is here and not as it was; what comes of it, nobody here waits for. Its number.
    pub(super) fn ask_beside(&mut self, source: Source, now: Timestamp) -> u32 {
        self.requests.entry(source).or_default().open(&[], now)
    }

    /// Whether a peer was asked for anything lately.
    pub(super) fn is_answering(&self, source: &Source, now: Timestamp) -> bool {
        self.requests.get(source).is_some_and(|requests| requests.is_recent(now))
    }

    /// A peer's log names a transaction that is not here.
    pub(super) fn announce(&mut self, id: TxId, source: Source, due: Timestamp, is_live: bool) {
        let want = self.entry(id, due, is_live);
        // Whoever names anew what the others withhold may have it whole.
        let is_hope = want.announcers.insert(source) && !want.withheld.is_empty();
        if is_hope && matches!(want.state, State::Waits(later) if later > due) {
            self.set(&id, State::Waits(due));
        }
    }

    /// What a peer sent references a transaction that is not here. One reference too many is not looked for: what
    /// waits for it is dropped in time and, if a log names it, asked for again.
    pub(super) fn reference(&mut self, id: TxId, source: Source, due: Timestamp) {
        if self.references >= REFERENCES && !self.wants.contains_key(&id) {
            return;
        }
        let want = self.entry(id, due, true);
        want.senders.insert(source);
        if std::mem::replace(&mut want.is_reference, true) {
            return;
        }
        if let State::Waits(due) | State::Held(due) = want.state {
            self.schedule.remove((due, id), false);
            self.schedule.insert((due, id), true);
        }
        self.references += 1;
    }

    /// A copy came in. Says whether it was asked of that source.
    pub(super) fn arrived(&mut self, id: &TxId, source: Source, now: Timestamp) -> bool {
        let was_asked = self.copied(id, source, now);
        self.hold(id, now);
        was_asked
    }

    /// A copy came in of what is known already. Says whether it was asked of that source.
    pub(super) fn copied(&mut self, id: &TxId, source: Source, now: Timestamp) -> bool {
        self.requests.get_mut(&source).is_some_and(|requests| requests.progress(id, now))
    }

    /// It waits here, for a parent for example.
    pub(super) fn hold(&mut self, id: &TxId, now: Timestamp) {
        self.set(id, State::Held(now.plus(HELD_MS)));
    }

    /// It is attached, or refused for good: nobody wants it any more.
    pub(super) fn remove(&mut self, id: &TxId) {
        self.unschedule(id);
        self.given_up_on.remove(id);
        if let Some(want) = self.wants.swap_remove(id) {
            self.references -= usize::from(want.is_reference);
            self.withheld -= usize::from(!want.withheld.is_empty());
        }
    }

    /// What a source sent under this id was not it: another one is asked.
    pub(super) fn refuse(&mut self, id: &TxId, source: Source, now: Timestamp) {
        if let Some(want) = self.wants.get_mut(id) {
            want.tried.insert(source);
            let vain = want.vain.entry(source).or_default();
            *vain = vain.saturating_add(1);
            self.set(id, State::Waits(now));
        }
    }

    /// It came and could not be kept for lack of room.
    pub(super) fn put_off(&mut self, id: &TxId, now: Timestamp) {
        self.set(id, State::Waits(now.plus(AGAIN_MS)));
    }

    /// A peer has answered; says whether it lacks what it has announced.
    pub(super) fn done(&mut self, source: Source, request: u32, lacking: &[TxId], now: Timestamp) -> bool {
        let mut is_fault = false;
        for id in lacking {
            let Some(want) = self.wants.get(id).filter(|want| want.state == State::Asked(source, request))
            else {
                continue;
            };
            is_fault |= want.announcers.contains(&source);
            self.refuse(id, source, now);
        }
        if let Some(requests) = self.requests.get_mut(&source) {
            requests.done(request);
        }
        is_fault
    }

    /// A peer has left: others are asked for what it was asked for, and for what it sent and waited here, which is gone
    /// with it. What only its log named is forgotten.
    pub(super) fn forget(&mut self, source: Source, now: Timestamp) {
        let ids: Vec<TxId> =
            self.wants.iter().filter(|(_, want)| want.knows(source)).map(|(id, _)| *id).collect();
        for id in ids {
            let Some(want) = self.wants.get_mut(&id) else { continue };
            want.announcers.remove(&source);
            want.senders.remove(&source);
            want.tried.remove(&source);
            want.vain.remove(&source);
            let was_withheld = want.withheld.remove(&source);
            if was_withheld && want.withheld.is_empty() {
                self.withheld -= 1;
                self.given_up_on.remove(&id);
            }
            let is_affected = match want.state {
                State::Asked(asked, _) => asked == source,
                State::Held(_) => true,
                State::Waits(_) => false,
            };
            if want.announcers.is_empty() && !want.is_reference {
                self.remove(&id);
            } else if is_affected {
                self.set(&id, State::Waits(now));
            }
        }
        self.requests.remove(&source);
    }

    fn entry(&mut self, id: TxId, due: Timestamp, is_live: bool) -> &mut Want {
        match self.wants.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                self.schedule.insert((due, id), false);
                let (announcers, senders, tried, vain, withheld) = Default::default();
                let state = State::Waits(due);
                let is_reference = false;
                place.insert(Want {
                    state,
                    announcers,
                    senders,
                    tried,
                    vain,
                    withheld,
                    erased_by: Members::NONE,
                    rounds: 0,
                    is_live,
                    is_reference,
                })
            }
        }
    }

    fn set(&mut self, id: &TxId, state: State) {
        self.unschedule(id);
        if let Some(want) = self.wants.get_mut(id) {
            want.state = state;
            match state {
                State::Asked(..) => self.asked += 1,
                State::Waits(due) | State::Held(due) => {
                    self.schedule.insert((due, *id), want.is_reference);
                }
            }
        }
    }

    /// Takes a transaction from the schedule or from the request that it is in.
    fn unschedule(&mut self, id: &TxId) {
        let Some(want) = self.wants.get(id) else { return };
        match want.state {
            State::Asked(source, request) => {
                self.asked -= 1;
                if let Some(requests) = self.requests.get_mut(&source) {
                    requests.take(request, id);
                }
            }
            State::Waits(due) | State::Held(due) => self.schedule.remove((due, *id), want.is_reference),
        }
    }
}

impl Want {
    fn knows(&self, source: Source) -> bool {
        let is_asked = matches!(self.state, State::Asked(asked, _) if asked == source);
        let said = [&self.announcers, &self.senders, &self.tried, &self.withheld];
        is_asked || said.iter().any(|sources| sources.contains(&source))
    }
}

#[cfg(test)]
mod tests;
