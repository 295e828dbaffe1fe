//! Transactions whose bodies peers do not have: they were erased there, or are damaged.
//!
//! Always true: nothing is held of what is left of one but a bit for each member of the committee that has sent it.

use super::requests::Requests;
use super::{State, Wants};
use crate::finality::Member;
use crate::limits::{ERASED_ROUNDS, SILENT_TIMES};
use crate::planted::{self, Planted};
use crate::replica::Source;
use crate::{Timestamp, TxId};

impl Wants {
    /// Those that somebody has without their bodies.
    pub(in super::super) fn len_withheld(&self) -> usize {
        self.withheld
    }

    /// The oldest of those that were asked for again and again.
    pub(in super::super) fn oldest_withheld(&self) -> Option<TxId> {
        self.given_up_on.first().copied()
    }

    /// A peer has answered that it has these without their bodies. It is believed: what it names stays unsettled, so its
    /// credit bounds what that can cost.
    pub(in super::super) fn withheld(&mut self, source: Source, request: u32, ids: &[TxId], now: Timestamp) {
        for id in ids {
            if let Some(want) = self.wants.get_mut(id)
                && want.state == State::Asked(source, request)
            {
                self.withheld += usize::from(want.withheld.is_empty());
                want.withheld.insert(source);
                self.refuse(id, source, now);
            }
        }
    }

    /// A peer that was asked has sent what is left of one whose body it has erased; which member of the committee it is, if
    /// it is one. Says whether that makes `least` of them, and nobody who names it or references it may still have it whole: all
    /// withhold it, or do not send it however often they are asked. Somebody who names it ever anew and sends nothing
    /// hinders for so many rounds.
    pub(in super::super) fn remains(
        &mut self,
        id: &TxId,
        source: Source,
        member: Option<Member>,
        least: usize,
    ) -> bool {
        let Some(want) = self.wants.get_mut(id) else { return false };
        want.erased_by.extend(member);
        if planted::is(Planted::AnyErasure) {
            return true;
        }
        let is_hopeless = |known: &Source| {
            let is_silent = self.requests.get(known).is_some_and(Requests::is_silent);
            let vain = want.vain.get(known).is_some_and(|times| *times >= SILENT_TIMES);
            *known == source || want.withheld.contains(known) || vain || is_silent
        };
        let mut known = want.announcers.union(&want.senders);
        want.erased_by.len() >= least && (want.rounds >= ERASED_ROUNDS || known.all(is_hopeless))
    }

    /// Whether a peer has said that it has a transaction without its body.
    pub(in super::super) fn is_withheld(&self, id: &TxId, source: Source) -> bool {
        self.wants.get(id).is_some_and(|want| want.withheld.contains(&source))
    }
}
