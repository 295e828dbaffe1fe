//! How far the own log was told to a peer, and what comes next.
//!
//! Always true: `acked <= next`, and never more than the granted credit lies between them.

use super::Here;
use super::message::Message;
use super::own_log::{Logged, OwnLog};
use super::runs::{self, Entry};
use super::tail::Tail;
use crate::limits::{CAUGHT_UP, LAGGING, LOG_BATCH_MS, LOG_ENTRIES, LOG_HOLD_MS, TAIL_CREDIT};
use crate::{HistoryError, Timestamp};

/// The side of a link that tells a peer of the own log.
#[derive(Debug)]
pub(super) struct Teller {
    next: u64,
    acked: u64,
    credit: u64,
    is_lagging: bool,
    /// Whether this side names transactions first.
    leads: bool,
}

impl Teller {
    pub(super) fn new(position: u64, credit: u32, leads: bool, end: u64) -> Self {
        let mut teller =
            Self { next: position, acked: position, credit: granted(credit), is_lagging: false, leads };
        teller.look_at_lag(end);
        teller
    }

    /// The peer has settled all before `position`. Says whether that is news; nothing when it cannot be.
    #[must_use]
    pub(super) fn ack(&mut self, position: u64, credit: u32, end: u64) -> Option<bool> {
        if !(self.acked..=self.next).contains(&position) {
            return None;
        }
        let said = (position, granted(credit));
        let is_news = said != (self.acked, self.credit);
        (self.acked, self.credit) = said;
        self.look_at_lag(end);
        Some(is_news)
    }

    /// Entries that the peer has not settled.
    pub(super) fn lag(&self, end: u64) -> u64 {
        end.saturating_sub(self.acked)
    }

    /// Whether the peer is so far behind that what is new would only wait there.
    pub(super) fn is_lagging(&self) -> bool {
        self.is_lagging
    }

    /// The position behind all that was told.
    pub(super) fn told(&self) -> u64 {
        self.next
    }

    /// Whether the peer lags is seen at its acknowledgements and as the log grows.
    pub(super) fn look_at_lag(&mut self, end: u64) {
        let bound = if self.is_lagging { CAUGHT_UP } else { LAGGING };
        self.is_lagging = self.lag(end) > bound;
    }

    /// When there is something to tell; none when all is told or no credit is left.
    pub(super) fn due(&self, log: &OwnLog, names: &Tail) -> Option<Timestamp> {
        let window = self.window(log);
        if window >= LOG_ENTRIES as u64 && self.leads {
            return Some(Timestamp::default());
        }
        (window > 0).then(|| match log.recent(self.next) {
            Some(logged) => self.due_of(logged, names),
            None => Timestamp::default(),
        })
    }

    /// The next message, if it is due.
    pub(super) fn tell(
        &mut self,
        log: &OwnLog,
        names: &Tail,
        now: Timestamp,
        here: &dyn Here,
    ) -> Result<Option<Message>, HistoryError> {
        if self.due(log, names).is_none_or(|due| due > now) {
            return Ok(None);
        }
        let count = self.window(log).min(LOG_ENTRIES as u64);
        let logged = log.read(self.next..self.next + count, here)?;
        // The side that speaks second stops at the first entry that it may still hear of.
        let told = logged.iter().take_while(|logged| self.may_tell(logged, names, now));
        let entries: Vec<Entry> =
            told.map(|(id, _)| names.place(id).map_or(Entry::New(*id), Entry::Yours)).collect();
        if entries.is_empty() {
            return Ok(None);
        }
        let first = self.next;
        self.next += entries.len() as u64;
        Ok(Some(Message::Log { first, behind: log.end() - self.next, runs: runs::encode(&entries) }))
    }

    fn window(&self, log: &OwnLog) -> u64 {
        let granted = self.acked.saturating_add(self.credit);
        log.end().min(granted).saturating_sub(self.next)
    }

    /// The oldest entry decides when a message goes; what came meanwhile goes with it.
    fn due_of(&self, (id, since): &Logged, names: &Tail) -> Timestamp {
        let is_batched = self.leads || names.place(id).is_some();
        since.plus(if is_batched { LOG_BATCH_MS } else { LOG_HOLD_MS })
    }

    fn may_tell(&self, logged: &Logged, names: &Tail, now: Timestamp) -> bool {
        self.leads || names.place(&logged.0).is_some() || self.due_of(logged, names) <= now
    }
}

fn granted(credit: u32) -> u64 {
    u64::from(credit).min(TAIL_CREDIT as u64)
}
