//! `/api/v1/events`: what happens, as it happens, as server-sent events.
//!
//! Always true: a stream costs a seat, of which there are few, and never makes anybody wait but its own client.

mod past;
mod place;
mod source;
mod stream;
mod teller;
mod text;
mod wish;

use super::{Answered, Api, READ, answered, only, with};
use crate::http::problem::{Kind, Problem};
use crate::http::query::{Query, query};
use place::Place;
use source::Node;
use std::sync::Arc;
use stream::{Pieces, Seat};
use teller::{Source, Teller};
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use warp::http::{HeaderMap, HeaderName, HeaderValue};
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};
use wish::{PARAMETERS, Wish};

/// With what a client comes back.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(super) fn routes(
    api: &Arc<Api>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let path = warp::path!("api" / "v1" / "events").and(only(READ)).and(query(PARAMETERS));
    path.and(warp::header::headers_cloned()).and(with(api)).and_then(events)
}

async fn events(query: Query, headers: HeaderMap, api: Arc<Api>) -> Answered {
    answered(open(&query, &headers, &api).await)
}

async fn open(query: &Query, headers: &HeaderMap, api: &Arc<Api>) -> Result<Response, Problem> {
    // What is no text is no id either, which its parser says.
    let last = headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or("?"));
    let wish = Wish::of(query, last)?;
    let stats = Arc::clone(api.server.streams());
    let too_many = || {
        let detail = "As many clients follow this node's events as it serves at once. Come back later, or ask another node.";
        Problem::new(Kind::TooManySubscribers, detail)
    };
    let seat = Seat::take(&stats).ok_or_else(too_many)?;
    let source = Node::new(api, &wish);
    let (feed, begin) = match wish.after {
        Some(after) => (None, after),
        None => {
            let feed = source.subscribe().ok_or_else(too_many)?;
            // Behind the subscription: what is newer than this is heard.
            (Some(feed), source.newest(&wish).await?)
        }
    };
    let pieces = Pieces::new(Teller::new(source, wish, stats, feed, begin), seat);
    let mut response = warp::reply::stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(text::MEDIA_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
