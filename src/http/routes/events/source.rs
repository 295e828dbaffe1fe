//! Where the streams of a node come from: its bus, and the commits on its disk.

use super::Place;
use super::teller::{Fed, Feed, Page, Source};
use super::text::Event;
use super::wish::Wish;
use crate::http::problem::Problem;
use crate::http::routes::{Api, stored_badly};
use crate::limits::EVENT_PAGE;
use crate::node::bus::{Filter, Happening, Heard, Subscription, What};
use crate::store::{Reader, Ruled, StoreError};
use std::sync::Arc;
use weft_tangle::body::Vote;

/// The node, for one client.
pub(super) struct Node {
    api: Arc<Api>,
    filter: Filter,
}

impl Node {
    /// For who wants this.
    pub(super) fn new(api: &Arc<Api>, wish: &Wish) -> Self {
        let wanted = What::ALL.into_iter().filter(|what| wish.has(what.name()));
        let filter = Filter::of(wanted);
        let filter = wish.device.map_or(filter, |device| filter.of_issuer(device));
        Self { api: Arc::clone(api), filter }
    }
}

impl Source for Node {
    type Feed = Subscription;

    fn subscribe(&self) -> Option<Subscription> {
        self.api.ledger.bus.subscribe(self.filter).ok()
    }

    async fn page(&self, after: Place, wish: Arc<Wish>) -> Option<Page> {
        let read = self.api.read_past(move |_, reader| page(reader, after, &wish)).await;
        // The store has logged why.
        read.ok()
    }

    fn is_stopping(&self) -> bool {
        self.api.ledger.health.is_stopping()
    }
}

impl Feed for Subscription {
    async fn next(&mut self) -> Fed {
        match Subscription::next(self).await {
            Heard::Happened(happening) => Fed::Event(event(happening)),
            Heard::Lagged(events) => Fed::Missed(events),
            Heard::Interrupted => Fed::Interrupted,
            Heard::Closed => Fed::Closed,
        }
    }
}

fn event(happening: Happening) -> Event {
    match happening {
        Happening::Attached { id, kind, issuer, position } => Event::Attached { id, kind, issuer, position },
        Happening::Final { id, kind, issuer, verdict, commit, place } => {
            Event::Final { id, of: Some((kind, issuer)), verdict, place: Place { commit, at: place } }
        }
        Happening::Disputed { id, kind, issuer, .. } => Event::Disputed { id, kind, issuer },
        Happening::Commit { index, digest, transactions } => {
            Event::Commit { commit: Vote { index, digest }, count: transactions }
        }
        Happening::Peer { device, change } => Event::Peer { device, state: change.name() },
    }
}

/// What stands behind a place, as far as one look goes.
fn page(reader: &Reader, after: Place, wish: &Wish) -> Result<Page, Problem> {
    let mut page = Page { to: after, ..Page::default() };
    let mut left = EVENT_PAGE;
    let (mut index, mut from) = after.next();
    while left > 0 {
        let Some(stored) = reader.commit(index).map_err(|error| stored_badly(&error))? else {
            page.is_last = true;
            break;
        };
        let delivered = reader.delivered_by(index, from, left).map_err(|error| stored_badly(&error))?;
        for (at, ruled) in (from..).zip(&delivered) {
            page.to = Place { commit: index, at };
            tell(reader, ruled, wish, &mut page)?;
        }
        from += delivered.len() as u32;
        left -= delivered.len();
        if left > 0 {
            // All that it delivers is told. A client that names a place behind its end has the commit.
            let count = stored.commit.count;
            if from <= count {
                page.to = Place { commit: index, at: count };
                let commit = Vote { index, digest: stored.digest };
                page.events.extend(Some(Event::Commit { commit, count }).filter(|event| wish.wants(event)));
            }
            (index, from) = (index + 1, 0);
            left -= 1;
        }
    }
    Ok(page)
}

/// Tells that a transaction is final, and that a later commit disputes it, if one does.
fn tell(reader: &Reader, ruled: &Ruled, wish: &Wish, page: &mut Page) -> Result<(), Problem> {
    let (id, ruling) = (ruled.id, &ruled.ruling);
    let wants_either = [What::Final, What::Disputed].iter().any(|what| wish.has(what.name()));
    let of = match wants_either.then(|| reader.kept(&id)) {
        Some(Ok(Some((kept, _)))) => Some((kept.header().kind, kept.header().issuer)),
        // The store remembers it, and it is told without what cannot be read.
        None | Some(Ok(None) | Err(StoreError::Damaged { .. })) => None,
        Some(Err(error)) => return Err(stored_badly(&error)),
    };
    let told = Event::Final { id, of, verdict: ruling.verdict, place: page.to };
    let disputed = of.filter(|_| ruling.is_disputed);
    let disputed = disputed.map(|(kind, issuer)| Event::Disputed { id, kind, issuer });
    page.events.extend([Some(told), disputed].into_iter().flatten().filter(|event| wish.wants(event)));
    Ok(())
}
