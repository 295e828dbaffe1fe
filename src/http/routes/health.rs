//! `/healthz`, `/readyz`, `/metrics`.

use super::{Answered, Api, READ, answered, bytes, json_with, only, with};
use crate::http::problem::{Kind, Problem};
use crate::metrics;
use serde_json::json;
use std::sync::Arc;
use warp::http::StatusCode;
use warp::reply::Response;
use warp::{Filter, Rejection};

pub(super) fn routes(
    api: &Arc<Api>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let healthz = warp::path!("healthz").and(only(READ)).and(with(api)).then(healthz);
    let readyz = warp::path!("readyz").and(only(READ)).and(with(api)).then(readyz);
    let metrics = warp::path!("metrics").and(only(READ)).and(with(api)).and_then(metrics);
    healthz.or(readyz).unify().or(metrics).unify()
}

/// The process serves; a supervisor that gets no answer restarts it.
async fn healthz(_: Arc<Api>) -> Response {
    json_with(StatusCode::OK, &json!({ "status": "ok" }))
}

/// The node takes transactions; a balancer that reads 503 goes elsewhere.
async fn readyz(api: Arc<Api>) -> Response {
    let reasons = api.ledger.health.reasons();
    let (status, word) = match reasons.is_empty() {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let warnings = warnings(&api);
    json_with(status, &json!({ "status": word, "reasons": reasons, "warnings": warnings }))
}

/// What an operator should see to although the node works.
fn warnings(api: &Api) -> Vec<String> {
    let damaged = match api.ledger.store.damage().0 {
        0 => None,
        1 => Some("1 stored transaction is damaged".to_owned()),
        damaged => Some(format!("{damaged} stored transactions are damaged")),
    };
    let damaged = damaged.map(|words| format!("{words} and not served; check the disk"));
    damaged.into_iter().chain(api.ledger.health.warnings()).collect()
}

async fn metrics(api: Arc<Api>) -> Answered {
    // A few of what counts is read from the store, which blocks while its disk does.
    let text = api.blocking(&api.scrapes, |api| api.ledger.metrics.text(&api.ledger, &api.server)).await;
    answered(text.map(|text| bytes(metrics::MEDIA_TYPE, text)).map_err(|error| {
        tracing::error!(%error, "cannot write the metrics");
        Problem::new(Kind::Internal, "The metrics cannot be written; the log says why.")
    }))
}
