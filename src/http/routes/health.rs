//! `/healthz`, `/readyz`, `/metrics`.

use super::{Answered, Api, READ, answered, bytes, json_with, only, with};
use crate::http::problem::{Kind, Problem};
use crate::metrics;
use serde_json::{Value, json};
use std::net::SocketAddr;
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
    let gossip = match api.ledger.link.as_ref().map(|link| &link.shell) {
        None => Gossip::None,
        Some(shell) if shell.has_failed() => Gossip::Failed,
        Some(shell) => Gossip::Listens(shell.local_addr()),
    };
    let (status, body) = readiness(api.ledger.health.reasons(), &warnings(&api), gossip);
    json_with(status, &body)
}

/// How the node stands with other fog nodes.
enum Gossip {
    /// It does not speak with any.
    None,
    /// It listens for them.
    Listens(SocketAddr),
    /// It did until its socket failed: what is taken here gets nowhere else, and becomes final nowhere.
    Failed,
}

fn readiness(mut reasons: Vec<String>, warnings: &[String], gossip: Gossip) -> (StatusCode, Value) {
    let address = match gossip {
        Gossip::None => None,
        Gossip::Listens(address) => Some(address.to_string()),
        Gossip::Failed => {
            reasons.push(
                "the socket for other fog nodes has failed, so this node is cut off from them; look into its log, and \
                 restart it"
                    .into(),
            );
            None
        }
    };
    let (status, word) = match reasons.is_empty() {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    (status, json!({ "status": word, "reasons": reasons, "warnings": warnings, "gossip": address }))
}

/// What an operator should see to although the node works.
fn warnings(api: &Api) -> Vec<String> {
    let words = match api.ledger.store.damage().0 {
        0 => return Vec::new(),
        1 => "1 stored transaction is damaged".to_owned(),
        damaged => format!("{damaged} stored transactions are damaged"),
    };
    vec![format!("{words} and not served; check the disk")]
}

async fn metrics(api: Arc<Api>) -> Answered {
    // A few of what counts is read from the store, which blocks while its disk does.
    let text = api.blocking(&api.scrapes, |api| api.ledger.metrics.text(&api.ledger, &api.server)).await;
    answered(text.map(|text| bytes(metrics::MEDIA_TYPE, text)).map_err(|error| {
        tracing::error!(%error, "cannot write the metrics");
        Problem::new(Kind::Internal, "The metrics cannot be written; the log says why.")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_where_it_listens_for_others_and_is_not_ready_when_it_no_longer_can() {
        let address: SocketAddr = ([127, 0, 0, 1], 8_471).into();
        for (gossip, status, word, expected) in [
            (Gossip::None, 200, "ok", Value::Null),
            (Gossip::Listens(address), 200, "ok", json!("127.0.0.1:8471")),
            (Gossip::Failed, 503, "unavailable", Value::Null),
        ] {
            let (found, body) = readiness(Vec::new(), &[], gossip);
            assert_eq!((found.as_u16(), &body["status"], &body["gossip"]), (status, &json!(word), &expected));
            let words = body["reasons"].to_string();
            assert_eq!(words.contains("cut off") && words.contains("restart"), status == 503, "{words}");
        }
        let (status, body) = readiness(vec!["the node is stopping".into()], &[], Gossip::Failed);
        assert_eq!((status.as_u16(), body["reasons"].as_array().map(Vec::len)), (503, Some(2)));
    }
}
