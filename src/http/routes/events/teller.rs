//! One client's stream: what it missed from disk, then what happens.
//!
//! Always true: what has a place comes in the order of all, each at most once, and nothing is left out between what the
//! client came with and what was told last; the client always has an id behind which nothing that it wants was told yet;
//! memory holds one page from disk or one piece of text, and what the bus keeps for a subscriber.

use super::Place;
use super::text::{BEGINNING, COMMENT, Event, Farewell};
use super::wish::Wish;
use crate::http::streams::StreamStats;
use crate::limits::{EVENT_COMMENT, EVENT_TEXT_BYTES};
use crate::runtime::timeout;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

/// What comes out of a subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fed {
    /// Something has happened.
    Event(Event),
    /// The subscriber did not keep up: so many were dropped, and nothing more comes.
    Missed(u64),
    /// Storage had failed, and something may have happened that is not told here.
    Interrupted,
    /// The node stops.
    Closed,
}

/// What happens from now on.
pub(super) trait Feed: Send + 'static {
    /// The next one, which is waited for.
    fn next(&mut self) -> impl Future<Output = Fed> + Send;
}

/// A part of what has a place and is on disk.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Page {
    /// Those that are wanted.
    pub(super) events: Vec<Event>,
    /// How far it reaches.
    pub(super) to: Place,
    /// Whether it reaches to the newest.
    pub(super) is_last: bool,
}

/// Where streams come from.
pub(super) trait Source: Send + Sync + 'static {
    /// What is subscribed to.
    type Feed: Feed;

    /// Subscribes; nothing when the node stops, or has as many subscribers as it takes.
    fn subscribe(&self) -> Option<Self::Feed>;

    /// What stands behind a place; nothing when the disk cannot be read.
    fn page(&self, after: Place, wish: Arc<Wish>) -> impl Future<Output = Option<Page>> + Send;

    /// Whether the node stops.
    fn is_stopping(&self) -> bool;
}

/// One client's stream.
pub(super) struct Teller<S: Source> {
    source: S,
    wish: Arc<Wish>,
    stats: Arc<StreamStats>,
    phase: Phase<S::Feed>,
    /// The last place that was told or passed over.
    told: Place,
    /// The last id that the client was given, if what it wants has ids.
    shown: Option<Place>,
    is_begun: bool,
}

/// Where a stream is.
enum Phase<F> {
    /// Reading from disk, until there is nothing more.
    Past,
    /// The same, for what became final before the subscription began.
    Between(F),
    /// Telling what happens.
    Present(F),
    /// The last word is said.
    Over,
}

impl<S: Source> Teller<S> {
    /// A stream for this wish that begins behind a place. `feed` is there when the client does not begin in the past; then
    /// the place is the newest at some time after the subscription.
    pub(super) fn new(
        source: S,
        wish: Wish,
        stats: Arc<StreamStats>,
        feed: Option<S::Feed>,
        begin: Place,
    ) -> Self {
        let phase = feed.map_or(Phase::Past, Phase::Present);
        let shown = wish.follows_commits().then_some(begin);
        Self { source, wish: Arc::new(wish), stats, phase, told: begin, shown, is_begun: false }
    }

    /// The next piece of the stream, waited for; nothing when it is over.
    pub(super) async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.is_begun, true) {
            // A client that loses the stream before its first event comes back for what it has missed.
            return Some(self.shown.map(id_line).unwrap_or_default() + BEGINNING);
        }
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Past => Some(self.read(None).await),
            Phase::Between(feed) => Some(self.read(Some(feed)).await),
            Phase::Present(feed) => Some(self.listen(feed).await),
            Phase::Over => None,
        }
    }

    /// A page from disk. Behind the last one the client is subscribed, or hears what happens.
    async fn read(&mut self, feed: Option<S::Feed>) -> String {
        if self.source.is_stopping() {
            return Farewell::Stopping.text();
        }
        let Some(page) = self.source.page(self.told, Arc::clone(&self.wish)).await else {
            return Farewell::Storage.text();
        };
        let mut text = String::new();
        page.events.iter().for_each(|event| self.write(event, &mut text));
        self.told = self.told.max(page.to);
        self.phase = match feed {
            Some(feed) if page.is_last => Phase::Present(feed),
            Some(feed) => Phase::Between(feed),
            None if page.is_last => match self.source.subscribe() {
                Some(feed) => Phase::Between(feed),
                None => return text + &Farewell::Stopping.text(),
            },
            None => Phase::Past,
        };
        // A page of which nothing is wanted still shows that the node is at it, and whether the client is there.
        if text.is_empty() { self.comment() } else { text }
    }

    /// What shows that the node is there. It brings along how far all that is wanted was told, or a client that wants little
    /// would come back with an old id, for much that has to be read from disk.
    fn comment(&mut self) -> String {
        let is_new = self.shown.is_some_and(|shown| shown < self.told);
        self.shown = self.shown.map(|_| self.told);
        if is_new { id_line(self.told) + COMMENT } else { COMMENT.into() }
    }

    /// Waits for what happens, and takes what has happened meanwhile along.
    async fn listen(&mut self, mut feed: S::Feed) -> String {
        let mut text = String::new();
        let until = Instant::now() + EVENT_COMMENT;
        while text.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(fed) = timeout(left, feed.next()).await else {
                text.push_str(&self.comment());
                break;
            };
            let mut next = Some(fed);
            while let Some(fed) = next {
                match fed {
                    Fed::Event(event) => self.tell(&event, &mut text),
                    Fed::Missed(events) => {
                        self.stats.count("missed");
                        return text + &Farewell::Missed(events).text();
                    }
                    Fed::Interrupted => return text + &Farewell::Storage.text(),
                    Fed::Closed => return text + &Farewell::Stopping.text(),
                }
                next = if text.len() < EVENT_TEXT_BYTES { ready_now(feed.next()).await } else { None };
            }
        }
        self.phase = Phase::Present(feed);
        text
    }

    /// Tells an event that is wanted, and one that has a place only once.
    fn tell(&mut self, event: &Event, text: &mut String) {
        if let Some(place) = event.place() {
            if place <= self.told {
                return;
            }
            self.told = place;
        }
        if self.wish.wants(event) {
            self.write(event, text);
        }
    }

    fn write(&mut self, event: &Event, text: &mut String) {
        event.write(text);
        self.stats.count(event.name());
        self.shown = self.shown.max(event.place());
    }
}

fn id_line(place: Place) -> String {
    format!("id: {place}\n")
}

/// What a future gives without waiting.
async fn ready_now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests;
