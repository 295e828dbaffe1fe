//! `/api/v1/network`: what this network and node are.

use super::peers::peers;
use super::{Answered, Api, READ, answered, json, only, stored_badly, with};
use crate::http::problem::Problem;
use crate::node::now;
use serde_json::json;
use std::sync::Arc;
use warp::reply::Response;
use warp::{Filter, Rejection};

pub(super) fn routes(
    api: &Arc<Api>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("api" / "v1" / "network").and(only(READ)).and(with(api)).and_then(network)
}

async fn network(api: Arc<Api>) -> Answered {
    answered(describe(&api))
}

fn describe(api: &Api) -> Result<Response, Problem> {
    let network = &api.ledger.network;
    let rules = network.rules();
    let (difficulty, enrolment_difficulty) = rules.base_difficulties();
    let transactions = api.ledger.store.next_position().map_err(|error| stored_badly(&error))?.0;
    Ok(json(&json!({
        "network": network.id().to_string(),
        "name": network.name(),
        "genesis": network.genesis().to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "node": api.node.to_string(),
        "time": now().as_millis(),
        "tips": api.ledger.metrics.tips(),
        "transactions": transactions,
        "finalised": 0,
        "commit": null,
        "peers": api.ledger.link.as_ref().map(|link| peers(link)).unwrap_or_default(),
        "rules": {
            "epoch_ms": rules.epoch_ms(),
            "quota": rules.quota(),
            "difficulty": difficulty.bits(),
            "enrolment_difficulty": enrolment_difficulty.bits(),
            "open_enrolment": network.is_open(),
        },
    })))
}
