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

/// How many bytes all request bodies in memory may have together. Clones share it.
#[derive(Debug, Clone)]
pub struct BodyBudget {
    left: Arc<AtomicUsize>,
}

impl BodyBudget {
    /// A budget of `bytes`; the node uses `limits::HTTP_BODY_MEMORY`.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(bytes)) }
    }

    /// Bytes that are not taken.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }
}

/// A share of the budget, given back when dropped.
#[derive(Debug)]
struct Share {
    budget: BodyBudget,
    taken: usize,
}

impl Share {
    fn take(&mut self, bytes: usize) -> Result<(), Problem> {
        let take = |left: usize| left.checked_sub(bytes);
        match self.budget.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => {
                self.taken += bytes;
                Ok(())
            }
            Err(_) => Err(Problem::new(
                Kind::Overloaded,
                "The node is reading as many request bodies as fit in its memory. Try again.",
            )),
        }
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
    /// The bytes, shared. Keep the body itself as long as they are in use, for it holds their share of the budget.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone()
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
        share.take(length)?;
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
