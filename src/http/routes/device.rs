//! `/api/v1/devices/{id}`: what is known of a device.

use super::{Answered, Api, READ, answered, id, json, only, stored_badly, with};
use crate::http::problem::{Kind, Problem};
use crate::limits::{DEVICE_COUNTER_ROWS, DEVICE_EPOCHS, DEVICE_GAPS, DEVICE_ROWS};
use crate::store::{Reader, StoreError};
use serde_json::{Value, json};
use std::sync::Arc;
use warp::reply::Response;
use warp::{Filter, Rejection};
use weft_tangle::body::{Enrolment, Revocation};
use weft_tangle::{DeviceId, Network, Standing, Timestamp, Transaction};

pub(super) fn routes(
    api: &Arc<Api>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let path = warp::path!("api" / "v1" / "devices" / String).and(only(READ));
    path.and(with(api)).and_then(device)
}

async fn device(text: String, api: Arc<Api>) -> Answered {
    answered(find(&text, &api).await)
}

async fn find(text: &str, api: &Arc<Api>) -> Result<Response, Problem> {
    let device: DeviceId = id(text)?;
    let found = api.read(move |api, reader| {
        describe(&api.ledger.network, reader, &device).map_err(|error| stored_badly(&error))
    });
    let described = found.await?.ok_or_else(|| {
        Problem::new(
            Kind::NotFound,
            "Nothing is known here of a device with this id. It may be enrolled elsewhere.",
        )
    })?;
    Ok(json(&described))
}

fn describe(network: &Network, reader: &Reader, device: &DeviceId) -> Result<Option<Value>, StoreError> {
    let standing = network.standing(device).map(|(_, standing)| match standing {
        Standing::Registrar => "registrar",
        Standing::Committee | Standing::Enrolled { .. } => "committee",
    });
    let enrolments: Vec<Value> =
        reader.enrolments(device, DEVICE_ROWS)?.iter().filter_map(enrolment).collect();
    let revocations: Vec<Value> =
        reader.revocations(device, DEVICE_ROWS)?.iter().filter_map(revocation).collect();
    if standing.is_none() && enrolments.is_empty() && revocations.is_empty() {
        return Ok(None);
    }
    let equivocations: Vec<Value> = reader
        .twins(device, DEVICE_ROWS)?
        .iter()
        .map(|twins| {
            let ids: Vec<String> = twins.ids.iter().map(ToString::to_string).collect();
            json!({ "epoch": twins.epoch.0, "counter": twins.counter, "transactions": ids })
        })
        .collect();
    Ok(Some(json!({
        "device": device.to_string(),
        "standing": standing,
        "enrolments": enrolments,
        "revocations": revocations,
        "epochs": epochs(network, reader, device)?,
        "equivocations": equivocations,
    })))
}

fn enrolment(transaction: &Transaction) -> Option<Value> {
    let enrolment = Enrolment::decode(transaction.content()).ok()?;
    Some(json!({
        "id": transaction.id().to_string(),
        "role": enrolment.role.name(),
        "valid_from": enrolment.valid_from.as_millis(),
        "valid_until": enrolment.valid_until.as_millis(),
        "registrar": enrolment.admission.map(|admission| admission.registrar.to_string()),
    }))
}

fn revocation(transaction: &Transaction) -> Option<Value> {
    let revocation = Revocation::decode(transaction.content()).ok()?;
    Some(json!({
        "id": transaction.id().to_string(),
        "by": transaction.header().issuer.to_string(),
        "reason": revocation.reason.name(),
        "timestamp": transaction.header().timestamp.as_millis(),
    }))
}

/// The newest epochs in which the device issued, newest first, as far as the bounds on epochs and rows reach.
fn epochs(network: &Network, reader: &Reader, device: &DeviceId) -> Result<Vec<Value>, StoreError> {
    let rules = network.rules();
    let mut epochs = Vec::new();
    let mut before = Timestamp::from_millis(u64::MAX);
    let mut rows = DEVICE_COUNTER_ROWS;
    while let Some(newest) = reader.newest(device, before)?
        && epochs.len() < DEVICE_EPOCHS
        && rows > 0
    {
        let epoch = rules.epoch(newest.timestamp());
        let span = rules.span(epoch);
        let (counters, transactions) = reader.counters(device, span.clone(), rows)?;
        let gaps: Vec<_> = counters.gaps().take(DEVICE_GAPS).collect();
        epochs.push(json!({
            "epoch": epoch.0,
            "from": span.start.as_millis(),
            "transactions": transactions,
            "highest": counters.highest(),
            "gaps": gaps,
        }));
        rows -= transactions.min(rows);
        before = span.start;
    }
    Ok(epochs)
}
