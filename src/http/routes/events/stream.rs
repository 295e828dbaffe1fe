//! A teller as the body of an answer, and how many of them there may be.

use super::teller::{Source, Teller};
use crate::http::streams::StreamStats;
use crate::limits::SUBSCRIBERS;
use crate::runtime::Stream;
use bytes::Bytes;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// A place among the streams that are served at once, left when it is dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<StreamStats>);

impl Seat {
    /// A seat; nothing when all are taken.
    pub(super) fn take(stats: &Arc<StreamStats>) -> Option<Self> {
        stats.open(SUBSCRIBERS).then(|| Self(Arc::clone(stats)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.close();
    }
}

type Told<S> = Pin<Box<dyn Future<Output = Option<(String, Teller<S>)>> + Send>>;

/// The pieces of one stream. Nothing is looked for while the client does not take what is there.
pub(super) struct Pieces<S: Source> {
    /// The piece that is waited for. The lock is never contended; it is here because a body must be `Sync`.
    next: Mutex<Option<Told<S>>>,
    _seat: Seat,
}

impl<S: Source> Pieces<S> {
    pub(super) fn new(teller: Teller<S>, seat: Seat) -> Self {
        Self { next: Mutex::new(Some(piece(teller))), _seat: seat }
    }
}

fn piece<S: Source>(mut teller: Teller<S>) -> Told<S> {
    Box::pin(async move { teller.next().await.map(|text| (text, teller)) })
}

impl<S: Source> Stream for Pieces<S> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.next.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = next else { return Poll::Ready(None) };
        let Some((text, teller)) = ready!(told.as_mut().poll(cx)) else {
            *next = None;
            return Poll::Ready(None);
        };
        *next = Some(piece(teller));
        Poll::Ready(Some(Ok(text.into())))
    }
}
