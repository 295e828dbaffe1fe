//! The reader of request bodies: one media type, a bounded length, a bounded total.
//!
//! A body never takes more memory than its bound, nor all bodies together more than the budget; a declared
//! length is compared and never allocated. Too large a declaration is refused before a byte is read.

use std::error::Error;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, Bytes, BytesMut};
use warp::http::HeaderMap;
use warp::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use warp::{Filter, Rejection};

use super::gate::BodyError;
use super::problem::{Kind, Problem};
use crate::runtime::{Stream, StreamExt};

/// How many bytes all bodies of one direction in memory may have together. Clones share it.
#[derive(Debug, Clone)]
pub struct BodyBudget {
    left: Arc<AtomicUsize>,
    /// Bytes that only bodies of at most `small` bytes may take.
    reserve: usize,
    small: usize,
}

impl BodyBudget {
    /// A budget of `bytes`; the node uses `limits::HTTP_BODY_MEMORY` and `limits::HTTP_ANSWER_MEMORY`.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(bytes)), reserve: 0, small: 0 }
    }

    /// The same, of which `reserve` bytes are for bodies of at most `small`, so that large ones do not lock them out,
    /// however many there are.
    #[must_use]
    pub fn reserving(self, reserve: usize, small: usize) -> Self {
        Self { reserve, small, ..self }
    }

    /// Bytes that are not taken.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    /// All that is left, until it is dropped.
    #[cfg(test)]
    pub fn spend(&self) -> impl Drop + use<> {
        Share { taken: self.left.swap(0, Ordering::Relaxed), budget: self.clone() }
    }

    /// The bytes of an answer, which count against the budget until the last of them is written or dropped.
    ///
    /// # Errors
    /// 503 when the budget is spent.
    pub fn hold(&self, bytes: Vec<u8>) -> Result<Bytes, Problem> {
        let mut share = Share { budget: self.clone(), taken: 0 };
        if !share.take(bytes.len()) {
            let detail = "The node is writing as many answers as fit in its memory. Try again.";
            return Err(Problem::new(Kind::Overloaded, detail));
        }
        Ok(Bytes::from_owner(WholeBody { bytes: bytes.into(), _share: share }))
    }
}

/// A share of the budget, given back when dropped.
#[derive(Debug)]
struct Share {
    budget: BodyBudget,
    taken: usize,
}

impl Share {
    /// Takes more of the budget; says whether there was enough.
    #[must_use]
    fn take(&mut self, bytes: usize) -> bool {
        let is_small = self.taken.saturating_add(bytes) <= self.budget.small;
        let keep = if is_small { 0 } else { self.budget.reserve };
        let take = |left: usize| left.checked_sub(bytes).filter(|left| *left >= keep);
        let taken = self.budget.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
        self.taken += if taken { bytes } else { 0 };
        taken
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.taken, Ordering::Relaxed);
    }
}

/// A whole request body. It counts against the budget until it is dropped.
#[derive(Debug)]
pub struct WholeBody {
    bytes: Bytes,
    _share: Share,
}

impl WholeBody {
    /// The bytes, which take their share of the budget along: it is given back with the last slice of them. A
    /// client that leaves drops its request, but not what already waits in a queue.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for WholeBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Deref for WholeBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Extracts the whole body as [`WholeBody`], which is of `media_type` and has at most `most` bytes.
///
/// Rejects with a [`Problem`]: 415 for another or no media type, 413 for a longer body, 408 for one that does
/// not arrive in time, 400 for one that breaks off, 503 when the budget is spent.
pub fn whole(
    media_type: &'static str,
    most: usize,
    budget: BodyBudget,
) -> impl Filter<Extract = (WholeBody,), Error = Rejection> + Clone {
    warp::header::headers_cloned()
        .and_then(move |headers: HeaderMap| {
            let checked = check_head(&headers, media_type, most).map_err(warp::reject::custom);
            async move { checked }
        })
        .untuple_one()
        .and(warp::body::stream())
        .and_then(move |stream| {
            let share = Share { budget: budget.clone(), taken: 0 };
            async move { read(stream, most, share).await.map_err(warp::reject::custom) }
        })
}

fn check_head(headers: &HeaderMap, media_type: &str, most: usize) -> Result<(), Problem> {
    let given = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    // Parameters such as a charset do not change what an octet stream is.
    let essence = given.and_then(|given| given.split(';').next()).map(str::trim);
    if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case(media_type)) {
        let detail = format!("Send the body with the header `Content-Type: {media_type}`.");
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    // hyper has refused lengths that are no number; one beyond u64 would be too large in any case.
    let declared = headers.get(CONTENT_LENGTH).map(|value| value.to_str().unwrap_or_default());
    match declared.map(|declared| declared.trim().parse::<u64>()) {
        Some(Ok(length)) if length <= most as u64 => Ok(()),
        Some(_) => Err(too_large(most)),
        None => Ok(()),
    }
}

async fn read(
    stream: impl Stream<Item = Result<impl Buf, warp::Error>>,
    most: usize,
    mut share: Share,
) -> Result<WholeBody, Problem> {
    let mut stream = std::pin::pin!(stream);
    // Nearly every body comes in one piece, which is then kept as it is.
    let mut only = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(piece) = stream.next().await {
        let mut piece = piece.map_err(|error| broken(&error))?;
        let length = piece.remaining();
        if length > most - only.len().max(joined.len()) {
            return Err(too_large(most));
        }
        if !share.take(length) {
            let detail = "The node is reading as many request bodies as fit in its memory. Try again.";
            return Err(Problem::new(Kind::Overloaded, detail));
        }
        if only.is_empty() && joined.is_empty() {
            only = piece.copy_to_bytes(length);
        } else {
            reserve(&mut joined, only.len() + length, most);
            joined.extend_from_slice(&std::mem::take(&mut only));
            joined.extend_from_slice(&piece.copy_to_bytes(length));
        }
    }
    let bytes = if joined.is_empty() { only } else { joined.freeze() };
    Ok(WholeBody { bytes, _share: share })
}

/// Makes room for `more` bytes, doubling as far as `most` allows, so that growth does not overshoot the bound.
fn reserve(joined: &mut BytesMut, more: usize, most: usize) {
    let needed = joined.len() + more;
    if joined.capacity() < needed {
        let target = needed.saturating_mul(2).min(most).max(needed);
        joined.reserve(target - joined.len());
    }
}

fn too_large(most: usize) -> Problem {
    Problem::new(Kind::TooLarge, format!("The body may have at most {most} bytes. Send less at once."))
        .with("limit", most)
}

fn broken(error: &warp::Error) -> Problem {
    match error.source().and_then(|source| source.downcast_ref::<BodyError>()) {
        Some(BodyError::Late) => Problem::new(
            Kind::RequestTimeout,
            "The body did not arrive in time. Send less at once, or faster.",
        ),
        _ => Problem::new(Kind::Malformed, "The body broke off, or its chunks are malformed."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::block_on;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    #[test]
    fn a_share_is_held_as_long_as_any_slice_of_the_body() {
        let budget = BodyBudget::new(100);
        let share = Share { budget: budget.clone(), taken: 0 };
        let stream = Pieces(vec![Bytes::from_static(&[2; 20]), Bytes::from_static(&[1; 40])]);
        let body = block_on(read(stream, 60, share)).unwrap();
        assert_eq!((body.len(), budget.left()), (60, 40));
        let bytes = body.into_bytes();
        let slice = bytes.slice(39..41);
        drop(bytes);
        assert_eq!((&slice[..], budget.left()), (&[1, 2][..], 40));
        drop(slice);
        assert_eq!(budget.left(), 100);
    }

    #[test]
    fn large_bodies_leave_room_for_small_ones() {
        let budget = BodyBudget::new(100).reserving(40, 10);
        let share = || Share { budget: budget.clone(), taken: 0 };
        let (mut large, mut other) = (share(), share());
        assert!(large.take(60), "as much as is not reserved");
        assert!(other.take(10), "a large one begins small");
        assert!(!other.take(1));
        let small: Vec<Share> = (0..3)
            .map(|_| {
                let mut share = share();
                assert!(share.take(4) && share.take(6));
                share
            })
            .collect();
        assert!(!share().take(1), "the whole is taken");
        drop((large, small));
        assert!(other.take(50));
        assert_eq!(budget.left(), 40);
    }

    #[test]
    fn answers_are_held_by_a_budget_too() {
        let budget = BodyBudget::new(100);
        let first = budget.hold(vec![0; 60]).unwrap();
        assert_eq!(budget.hold(vec![0; 41]).unwrap_err().kind(), Kind::Overloaded);
        assert_eq!(budget.left(), 40);
        drop(first);
        assert_eq!(budget.hold(vec![0; 100]).unwrap().len(), 100);
    }

    /// A body that comes in pieces, the last one of the list first.
    struct Pieces(Vec<Bytes>);

    impl Stream for Pieces {
        type Item = Result<Bytes, warp::Error>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.pop().map(Ok))
        }
    }
}
