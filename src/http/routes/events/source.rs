//! Where the streams of a node come from: its bus, and the commits on its disk.

use super::Place;
use super::past::page;
use super::teller::{Fed, Feed, Page, Source};
use super::text::Event;
use super::wish::Wish;
use crate::http::problem::Problem;
use crate::http::routes::{Api, stored_badly};
use crate::node::bus::{Filter, Happening, Heard, Subscription, What};
use crate::store::StoredCommit;
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
        // Commits say how far a stream has come, though its client may not want to hear of them.
        let marks = |what: &What| wish.follows_commits() && *what == What::Commit;
        let wanted = What::ALL.into_iter().filter(|what| wish.has(what.name()) || marks(what));
        let filter = Filter::of(wanted);
        let filter = wish.device.map_or(filter, |device| filter.of_issuer(device));
        Self { api: Arc::clone(api), filter }
    }

    /// Where the newest commit ends; nowhere for a wish that does not ask for what commits say.
    pub(super) async fn newest(&self, wish: &Wish) -> Result<Place, Problem> {
        if !wish.follows_commits() {
            return Ok(Place::default());
        }
        let newest = self.api.read(|_, reader| {
            let found = reader.newest_index().and_then(|index| reader.commit(index));
            found.map_err(|error| stored_badly(&error))
        });
        let place = |stored: StoredCommit| Place { commit: stored.commit.index, at: stored.commit.count };
        Ok(newest.await?.map_or_else(Place::default, place))
    }
}

impl Source for Node {
    type Feed = Subscription;

    fn subscribe(&self) -> Option<Subscription> {
        self.api.ledger.bus.subscribe(self.filter).ok()
    }

    async fn page(&self, after: Place, wish: Arc<Wish>) -> Option<Page> {
        let read = self
            .api
            .read_past(move |api, reader| page(api.ledger.network.rules(), reader, after, &wish))
            .await;
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
