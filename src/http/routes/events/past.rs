//! What streams tell from disk: the commits behind a place, with what they delivered and disputed.
//!
//! Always true: what follows from a transaction's being delivered stands before its own event, so that an id says that all
//! of that was told.

use super::Place;
use super::teller::Page;
use super::text::Event;
use super::wish::Wish;
use crate::http::problem::Problem;
use crate::http::routes::stored_badly;
use crate::limits::{DEVICE_COUNTER_ROWS, EVENT_PAGE};
use crate::node::bus::What;
use crate::store::{Kept, Reader, Ruled, StoreError};
use std::collections::BTreeSet;
use weft_tangle::body::Vote;
use weft_tangle::finality::FinalVerdict;
use weft_tangle::{DeviceId, Epoch, Rules, TxId};

/// What stands behind a place, as far as one look goes.
pub(super) fn page(rules: &Rules, reader: &Reader, after: Place, wish: &Wish) -> Result<Page, Problem> {
    let page = Page { to: after, ..Page::default() };
    let mut look = Look { rules, reader, wish, page, disputed: BTreeSet::new() };
    look.read(after).map_err(|error| stored_badly(&error))?;
    Ok(look.page)
}

/// One look at the disk.
struct Look<'a> {
    rules: &'a Rules,
    reader: &'a Reader,
    wish: &'a Wish,
    page: Page,
    /// Counters of which it was looked for who stood before.
    disputed: BTreeSet<(DeviceId, Epoch, u32)>,
}

impl Look<'_> {
    fn read(&mut self, after: Place) -> Result<(), StoreError> {
        let mut left = EVENT_PAGE;
        let (mut index, mut from) = after.next();
        while left > 0 {
            let Some(stored) = self.reader.commit(index)? else {
                self.page.is_last = true;
                break;
            };
            let delivered = self.reader.delivered_by(index, from, left)?;
            for (at, ruled) in (from..).zip(&delivered) {
                self.page.to = Place { commit: index, at };
                self.tell(ruled)?;
            }
            from += delivered.len() as u32;
            left -= delivered.len();
            if left > 0 {
                // All that it delivers is told. A client that names a place behind its end has the commit.
                let count = stored.commit.count;
                if from <= count {
                    self.page.to = Place { commit: index, at: count };
                    self.push(Event::Commit { commit: Vote { index, digest: stored.digest }, count });
                }
                (index, from) = (index + 1, 0);
                left -= 1;
            }
        }
        Ok(())
    }

    /// Tells whom a transaction disputes, that it is final, and that a later commit disputes it, if one does.
    fn tell(&mut self, ruled: &Ruled) -> Result<(), StoreError> {
        let (id, ruling) = (ruled.id, &ruled.ruling);
        let wants_either = [What::Final, What::Disputed].iter().any(|what| self.wish.has(what.name()));
        let kept = if wants_either { self.legible(&id)? } else { None };
        let of = kept.as_ref().map(|kept| (kept.header().kind, kept.header().issuer));
        let disputed = of.map(|(kind, issuer)| Event::Disputed { id, kind, issuer });
        if matches!(ruling.verdict, FinalVerdict::Disputed | FinalVerdict::Conflict)
            && self.wish.has(What::Disputed.name())
            && let Some(kept) = &kept
        {
            self.tell_who_stood(kept, ruled)?;
        }
        if ruling.verdict == FinalVerdict::Disputed {
            disputed.clone().into_iter().for_each(|event| self.push(event));
        }
        self.push(Event::Final { id, of, verdict: ruling.verdict, place: self.page.to });
        disputed.filter(|_| ruling.is_disputed).into_iter().for_each(|event| self.push(event));
        Ok(())
    }

    /// Tells that the one transaction with this one's counter that an earlier commit had let stand is disputed.
    fn tell_who_stood(&mut self, kept: &Kept, ruled: &Ruled) -> Result<(), StoreError> {
        let header = kept.header();
        let epoch = self.rules.epoch(header.timestamp);
        // Once a page is enough, and whoever uses a counter a thousand times costs no thousand looks at each.
        if !self.disputed.insert((header.issuer, epoch, header.counter)) {
            return Ok(());
        }
        for twin in self.reader.twins_of(&ruled.id, header, DEVICE_COUNTER_ROWS)? {
            let Some(ruling) = self.reader.outcome(&twin)? else { continue };
            let stood = ruling.verdict == FinalVerdict::Counts && ruling.is_disputed;
            if stood && ruling.commit < ruled.ruling.commit {
                if let Some(kept) = self.legible(&twin)? {
                    let header = kept.header();
                    self.push(Event::Disputed { id: twin, kind: header.kind, issuer: header.issuer });
                }
                break;
            }
        }
        Ok(())
    }

    /// A transaction, unless it cannot be read any more. The store remembers it, and it is told without what is lost.
    fn legible(&self, id: &TxId) -> Result<Option<Kept>, StoreError> {
        match self.reader.kept(id) {
            Ok(found) => Ok(found.map(|(kept, _)| kept)),
            Err(StoreError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn push(&mut self, event: Event) {
        self.page.events.extend(Some(event).filter(|event| self.wish.wants(event)));
    }
}

#[cfg(test)]
mod tests;
