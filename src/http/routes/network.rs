//! `/api/v1/network`: what this network and node are.

use super::peers::peers;
use super::status::commit_json;
use super::{Answered, Api, READ, answered, bytes, held_json, only, stored_badly, with};
use crate::http::problem::Problem;
use crate::node::now;
use crate::store::Reader;
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use warp::reply::Response;
use warp::{Filter, Rejection};
use weft_tangle::finality::{MemberView, Round};

pub(super) fn routes(
    api: &Arc<Api>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("api" / "v1" / "network").and(only(READ)).and(with(api)).and_then(network)
}

async fn network(api: Arc<Api>) -> Answered {
    answered(api.read(describe).await.map(|text| bytes("application/json", text)))
}

fn describe(api: &Api, reader: &Reader) -> Result<Bytes, Problem> {
    let network = &api.ledger.network;
    let rules = network.rules();
    let (difficulty, enrolment_difficulty) = rules.base_difficulties();
    let finality = &api.ledger.finality;
    let status = finality.status();
    let members: Vec<_> = status.members.iter().map(member).collect();
    let transactions = reader.transactions().map_err(|error| stored_badly(&error))?;
    // It names every fog node that is known.
    held_json(
        api,
        &json!({
            "network": network.id().to_string(),
            "name": network.name(),
            "genesis": network.genesis().to_string(),
            "version": env!("CARGO_PKG_VERSION"),
            "node": api.node.to_string(),
            "time": now().as_millis(),
            "tips": api.ledger.metrics.tips(),
            "transactions": transactions,
            "finalised": finality.finalised(),
            "commit": commit_json(Some(status.last).filter(|last| last.index > 0)),
            "certified": status.certified,
            "open": status.open,
            "round": status.round.map(Round::get),
            "members": members,
            "diverged": api.ledger.health.diverged(),
            "peers": api.ledger.link.as_ref().map(|link| peers(link)).unwrap_or_default(),
            "rules": {
                "epoch_ms": rules.epoch_ms(),
                "quota": rules.quota(),
                "difficulty": difficulty.bits(),
                "enrolment_difficulty": enrolment_difficulty.bits(),
                "open_enrolment": network.is_open(),
            },
        }),
    )
}

fn member(member: &MemberView) -> Value {
    json!({ "device": member.device.to_string(), "round": member.round.map(Round::get) })
}
