//! The API, version 1 (`spec/09-http.md`): one file a resource.
//!
//! Always true: whatever is asked, the answer is the resource or a problem, and each is counted by route and status.

mod commits;
mod device;
mod events;
mod fault;
mod health;
mod network;
mod peers;
mod readings;
mod status;
mod ticket;
mod transactions;

use super::body::BodyBudget;
use super::problem::{Kind, Problem};
use super::rejection::{self, only};
use super::stats::ServerStats;
use super::turns::Turns;
use crate::limits::{
    API_READERS, BLOCKING_THREADS, HTTP_ANSWER_MEMORY, HTTP_BODY_MEMORY, HTTP_SMALL_BODY,
    HTTP_SMALL_BODY_MEMORY, KNOWN_READERS, PAST_READERS, SCRAPES,
};
use crate::node::Ledger;
use crate::runtime::unblock;
use crate::store::{Reader, StoreError};
use serde::Serialize;
use std::convert::Infallible;
use std::future::ready;
use std::num::NonZeroUsize;
use std::sync::Arc;
use warp::http::header::{ACCEPT, CONTENT_TYPE};
use warp::http::{HeaderMap, HeaderValue, Method, StatusCode};
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};
use weft_tangle::DeviceId;

/// What the routes need.
#[derive(Debug)]
pub struct Api {
    /// The ledger.
    pub ledger: Ledger,
    /// This node's own id.
    pub node: DeviceId,
    /// The server's counters.
    pub server: Arc<ServerStats>,
    bodies: BodyBudget,
    answers: BodyBudget,
    reads: Turns,
    past_reads: Turns,
    known_reads: Turns,
    scrapes: Turns,
}

/// The methods of what is read.
const READ: &[Method] = &[Method::GET, Method::HEAD];

impl Api {
    /// The API of `node` over `ledger`.
    pub fn new(ledger: Ledger, node: DeviceId) -> Arc<Self> {
        let metrics = Arc::clone(&ledger.metrics);
        let server = Arc::new(ServerStats::heard_by(move |path, status, time| {
            metrics.count_request(route_of(path), status, time.as_secs_f64());
        }));
        let bodies = BodyBudget::new(HTTP_BODY_MEMORY).reserving(HTTP_SMALL_BODY_MEMORY, HTTP_SMALL_BODY);
        let answers = BodyBudget::new(HTTP_ANSWER_MEMORY);
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let reads = Turns::new((cores / 2).clamp(API_READERS, BLOCKING_THREADS / 2));
        let [past_reads, known_reads, scrapes] = [PAST_READERS, KNOWN_READERS, SCRAPES].map(Turns::new);
        Arc::new(Self { ledger, node, server, bodies, answers, reads, past_reads, known_reads, scrapes })
    }

    /// The highest index of a commit that a quorum has voted for.
    fn certified(&self) -> u64 {
        self.ledger.finality.status().certified
    }

    /// Runs `read` on a snapshot of the store, where it may block, when it is its turn.
    pub(in crate::http) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self, &Reader) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.read_in(&self.reads, read).await
    }

    /// The same for old events, which have turns of their own.
    async fn read_past<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self, &Reader) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.read_in(&self.past_reads, read).await
    }

    /// The same for whoever hands in what is known already: a sensor that repeats itself does not wait for those who read.
    async fn read_known<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self, &Reader) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.read_in(&self.known_reads, read).await
    }

    async fn read_in<T: Send + 'static>(
        self: &Arc<Self>,
        turns: &Turns,
        read: impl FnOnce(&Self, &Reader) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.blocking(turns, |api| {
            let reader = api.ledger.store.reader().map_err(|error| stored_badly(&error))?;
            read(api, &reader)
        })
        .await
    }

    /// Runs what may block for as long as a disk does, when it is its turn. The turn lasts as long as the work, though
    /// nobody may wait for it any more.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        turns: &Turns,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        let (api, turn) = (Arc::clone(self), turns.take().await);
        unblock(move || {
            let _turn = turn;
            work(&api)
        })
        .await
    }

    /// How much of the memory for answers is left.
    #[cfg(test)]
    pub(in crate::http) fn answers_left(&self) -> usize {
        self.answers.left()
    }

    /// All that is left of it, and of that for bodies.
    #[cfg(test)]
    pub(in crate::http) fn spend_memory(&self) -> impl Drop + use<> {
        struct Spent<A, B>(A, B);
        impl<A, B> Drop for Spent<A, B> {
            fn drop(&mut self) {}
        }
        Spent(self.bodies.spend(), self.answers.spend())
    }
}

/// All routes.
pub fn filter(
    api: Arc<Api>,
) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone + Send + Sync {
    let counted = Arc::clone(&api);
    health::routes(&api)
        .or(network::routes(&api))
        .unify()
        .or(ticket::routes(&api))
        .unify()
        .or(transactions::routes(&api))
        .unify()
        .or(commits::routes(&api))
        .unify()
        .or(events::routes(&api))
        .unify()
        .or(device::routes(&api))
        .unify()
        .or(readings::routes(&api))
        .unify()
        .recover(move |rejection| {
            let problem = rejection::to_problem(&rejection);
            // A body found no room, so what was in it was refused.
            if problem.kind() == Kind::Overloaded {
                counted.ledger.metrics.count_refused(problem.kind());
            }
            ready(Ok(problem))
        })
}

/// The template of a path, for metrics: no ids, so that series stay few.
fn route_of(path: &str) -> &'static str {
    let rest = path.strip_prefix("/api/v1/").unwrap_or(path);
    match rest.split('/').collect::<Vec<_>>().as_slice() {
        ["", "healthz"] => "/healthz",
        ["", "readyz"] => "/readyz",
        ["", "metrics"] => "/metrics",
        ["network"] => "/api/v1/network",
        ["ticket"] => "/api/v1/ticket",
        ["transactions"] => "/api/v1/transactions",
        ["transactions", "batch"] => "/api/v1/transactions/batch",
        ["transactions", _] => "/api/v1/transactions/{id}",
        ["commits"] => "/api/v1/commits",
        ["commits", _] => "/api/v1/commits/{index}",
        ["events"] => "/api/v1/events",
        ["devices", _] => "/api/v1/devices/{id}",
        ["devices", _, "readings"] => "/api/v1/devices/{id}/readings",
        _ => "other",
    }
}

type Answered = Result<Response, Rejection>;

/// A route's result as a reply: problems are replies too, so that they are final.
fn answered(result: Result<Response, Problem>) -> Answered {
    Ok(result.unwrap_or_else(Reply::into_response))
}

fn with(api: &Arc<Api>) -> impl Filter<Extract = (Arc<Api>,), Error = Infallible> + Clone + use<> {
    let api = Arc::clone(api);
    warp::any().map(move || Arc::clone(&api))
}

/// The `Accept` header, all of its lines as one list (RFC 9110 §5.3). A line that is no text names no media type.
fn accept() -> impl Filter<Extract = (Option<String>,), Error = Infallible> + Clone {
    warp::header::headers_cloned().map(|headers: HeaderMap| {
        let lines: Vec<&str> =
            headers.get_all(ACCEPT).iter().map(|line| line.to_str().unwrap_or_default()).collect();
        (!lines.is_empty()).then(|| lines.join(","))
    })
}

fn json(value: &impl Serialize) -> Response {
    warp::reply::json(value).into_response()
}

fn json_with(status: StatusCode, value: &impl Serialize) -> Response {
    warp::reply::with_status(warp::reply::json(value), status).into_response()
}

/// JSON that can be long, within the memory for answers.
fn held_json(api: &Api, value: &serde_json::Value) -> Result<bytes::Bytes, Problem> {
    api.answers.hold(value.to_string().into_bytes())
}

fn bytes(media_type: &'static str, body: impl Into<bytes::Bytes>) -> Response {
    let body: bytes::Bytes = body.into();
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// An id in a path.
fn id<T: std::str::FromStr<Err = weft_tangle::IdError>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: weft_tangle::IdError| {
        Problem::new(Kind::BadRequest, format!("The path names no id that can be used: {error}."))
    })
}

/// What is read is damaged or cannot be read: logged for the operator, told to the client without details.
fn stored_badly(error: &StoreError) -> Problem {
    match error {
        // It is logged once, by the store.
        StoreError::Damaged { id, .. } => {
            let detail = format!(
                "Transaction {id} is damaged on this node's disk, so it is not served. Ask another node; the operator of \
                 this one is told."
            );
            return Problem::new(Kind::Damaged, detail);
        }
        StoreError::Erased(id) => {
            let detail =
                format!("The body of transaction {id} was erased, on every node. It will not come back.");
            return Problem::new(Kind::Erased, detail);
        }
        _ => {}
    }
    tracing::error!(%error, "cannot read the store");
    Problem::new(Kind::Internal, "The node cannot read what it stored; its log says why.")
}

#[cfg(test)]
mod tests {
    use super::route_of;

    #[test]
    fn ids_never_become_labels() {
        assert_eq!(route_of("/api/v1/transactions/abc"), "/api/v1/transactions/{id}");
        assert_eq!(route_of("/api/v1/transactions/batch"), "/api/v1/transactions/batch");
        assert_eq!(route_of("/api/v1/devices/abc/readings"), "/api/v1/devices/{id}/readings");
        assert_eq!(route_of("/api/v1/commits/17"), "/api/v1/commits/{index}");
        assert_eq!(route_of("/metrics"), "/metrics");
        for path in ["/", "", "/metrics/x", "/api/v1/", "/api/v2/network", "/x/y/z", "metrics"] {
            assert_eq!(route_of(path), "other", "{path}");
        }
    }
}
