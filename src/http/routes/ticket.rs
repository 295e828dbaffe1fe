//! `/api/v1/ticket`: parents for transactions to come, as JSON or, for firmware, as a few hundred bytes
//! (`spec/08-tips-and-tickets.md`).

use super::{Answered, Api, READ, accept, answered, bytes, fault, json, only, with};
use crate::http::accept::choose;
use crate::http::problem::{Kind, Problem};
use crate::http::query::{Query, query};
use serde_json::json;
use std::sync::Arc;
use warp::reply::Response;
use warp::{Filter, Rejection};
use weft_tangle::NetworkId;
use weft_tangle::limits::TICKET_PAIRS;
use weft_tangle::replica::Ticket;

const JSON: &str = "application/json";
const BINARY: &str = "application/octet-stream";

pub(super) fn routes(
    api: &Arc<Api>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let path = warp::path!("api" / "v1" / "ticket").and(only(READ));
    path.and(query(&["device", "count"])).and(accept()).and(with(api)).and_then(ticket)
}

async fn ticket(query: Query, accept: Option<String>, api: Arc<Api>) -> Answered {
    answered(issue(&query, accept.as_deref(), &api).await)
}

async fn issue(query: &Query, accept: Option<&str>, api: &Api) -> Result<Response, Problem> {
    let media_type = choose(accept, &[JSON, BINARY])?;
    let device = query.parsed("device")?.ok_or_else(|| {
        Problem::new(Kind::BadRequest, "The parameter `device` is missing: the id of who will issue.")
    })?;
    let count = query.number("count", 1, TICKET_PAIRS)?.unwrap_or(1);
    let ticket =
        api.ledger.intake.ticket(device, count).await.map_err(|error| fault::problem(api, &error))?;
    let network = api.ledger.network.id();
    Ok(if media_type == BINARY { bytes(BINARY, ticket.encode(network)) } else { to_json(network, &ticket) })
}

fn to_json(network: &NetworkId, ticket: &Ticket) -> Response {
    let parents: Vec<_> = ticket.parents.iter().map(|pair| pair.map(|id| id.to_string())).collect();
    json(&json!({
        "network": network.to_string(),
        "time": ticket.time.as_millis(),
        "epoch": ticket.epoch.0,
        "counter": ticket.counter,
        "difficulty": ticket.difficulty.bits(),
        "enrolment_difficulty": ticket.enrolment_difficulty.bits(),
        "parents": parents,
    }))
}
