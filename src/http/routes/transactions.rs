//! `/api/v1/transactions`: taking transactions, one or many, and giving them back.

use super::status::Status;
use super::{
    Answered, Api, READ, accept, answered, bytes, fault, id, json, json_with, only, stored_badly, with,
};
use crate::http::ConnectionId;
use crate::http::accept::choose;
use crate::http::body::{WholeBody, whole};
use crate::http::problem::{Kind, Problem};
use crate::node::Fault;
use crate::store::{Reader, Stored};
use bytes::Bytes;
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::sync::Arc;
use warp::http::header::LOCATION;
use warp::http::{HeaderValue, Method, StatusCode};
use warp::reply::Response;
use warp::{Filter, Rejection};
use weft_tangle::TxId;
use weft_tangle::limits::TRANSACTION_MAX_BYTES;

use crate::limits::{BATCH_BYTES, BATCH_TRANSACTIONS};

const JSON: &str = "application/json";
const WIRE: &str = "application/octet-stream";

pub(super) fn routes(
    api: &Arc<Api>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    const POST: &[Method] = &[Method::POST];
    let base = || warp::path!("api" / "v1" / "transactions" / ..);
    let one = base().and(warp::path::end()).and(only(POST));
    let one = one.and(whole(WIRE, TRANSACTION_MAX_BYTES, api.bodies.clone()));
    let one = one.and(connection()).and(with(api)).and_then(post);
    let batch = base().and(warp::path!("batch")).and(only(POST));
    let batch = batch.and(whole(WIRE, BATCH_BYTES, api.bodies.clone()));
    let batch = batch.and(connection()).and(with(api)).and_then(post_batch);
    let get = base().and(warp::path!(String)).and(only(READ)).and(accept()).and(with(api)).and_then(get);
    one.or(batch).unify().or(get).unify()
}

/// The number of the connection that the request came on. The gate gives it to every request.
fn connection() -> impl Filter<Extract = (ConnectionId,), Error = Rejection> + Clone {
    warp::ext::get()
}

async fn post(body: WholeBody, connection: ConnectionId, api: Arc<Api>) -> Answered {
    let answer = submit(&api, connection, vec![body.into_bytes()]).await.pop();
    answered(
        answer.unwrap_or_else(|| Err(fault::problem(&api, &Fault::Overloaded))).map(|taken| take(&taken)),
    )
}

/// A transaction that was handed in and is durable.
#[derive(Clone, Copy)]
struct Taken {
    id: TxId,
    is_new: bool,
    status: Status,
}

fn take(taken: &Taken) -> Response {
    let status = if taken.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = json_with(status, &describe_taken(taken));
    let location = format!("/api/v1/transactions/{}", taken.id);
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn describe_taken(taken: &Taken) -> Value {
    json!({ "id": taken.id.to_string(), "status": taken.status.word })
}

async fn post_batch(body: WholeBody, connection: ConnectionId, api: Arc<Api>) -> Answered {
    let transactions = match split(&body.into_bytes()) {
        Ok(transactions) => transactions,
        Err(problem) => return answered(Err(problem)),
    };
    let answers = submit(&api, connection, transactions).await;
    let described = answers.into_iter().map(|answer| match answer {
        Ok(taken) => describe_taken(&taken),
        Err(problem) => json!({ "problem": problem.to_json() }),
    });
    answered(Ok(json(&json!({ "results": described.collect::<Vec<_>>() }))))
}

/// Hands transactions in and says what became of each.
async fn submit(
    api: &Arc<Api>,
    connection: ConnectionId,
    transactions: Vec<Bytes>,
) -> Vec<Result<Taken, Problem>> {
    let answers = api.ledger.intake.submit(connection, transactions).await;
    let told = |answer: Result<weft_tangle::replica::Taken, Fault>| match answer {
        Ok(taken) => Ok(Taken { id: taken.id, is_new: taken.is_new, status: Status::open(taken.disputed) }),
        Err(fault) => Err(fault::problem(api, &fault)),
    };
    let mut answers: Vec<_> = answers.into_iter().map(told).collect();
    let known: Vec<TxId> =
        answers.iter().flatten().filter(|taken| !taken.is_new).map(|taken| taken.id).collect();
    if known.is_empty() {
        return answers;
    }
    // What became of what was known before must be read. A client can hand in the same batch again and again, so that is
    // done where it may block.
    let found = api
        .read_known(move |_, reader| Ok(known.iter().map(|id| status(reader, id)).collect::<Vec<_>>()))
        .await;
    let mut found = found.unwrap_or_else(|problem| vec![Err(problem)]).into_iter();
    for answer in &mut answers {
        if let Ok(taken) = answer
            && !taken.is_new
        {
            match found.next() {
                Some(Ok(found)) => taken.status = found.unwrap_or(taken.status),
                Some(Err(problem)) => *answer = Err(problem),
                None => *answer = Err(Problem::new(Kind::Internal, "The node cannot read what it stored.")),
            }
        }
    }
    answers
}

/// Splits (u32 length, transaction)*. A length is compared with what is there and never allocated.
fn split(batch: &Bytes) -> Result<Vec<Bytes>, Problem> {
    let malformed = |detail: String| Problem::new(Kind::Malformed, detail);
    let mut rest = batch.clone();
    let mut transactions = Vec::new();
    while !rest.is_empty() {
        let number = transactions.len() + 1;
        if number > BATCH_TRANSACTIONS {
            return Err(malformed(format!(
                "A batch has at most {BATCH_TRANSACTIONS} transactions. Send several."
            )));
        }
        let length = rest.first_chunk().map(|bytes| u32::from_be_bytes(*bytes) as usize);
        let end = length.and_then(|length| length.checked_add(4)).filter(|end| *end <= rest.len());
        let Some(end) = end else {
            return Err(malformed(format!(
                "Transaction {number} of the batch ends behind the body. Each is preceded by its length in 4 bytes, big-endian."
            )));
        };
        transactions.push(rest.slice(4..end));
        rest = rest.slice(end..);
    }
    if transactions.is_empty() {
        return Err(malformed("The batch is empty. Send at least one transaction.".into()));
    }
    Ok(transactions)
}

async fn get(text: String, accept: Option<String>, api: Arc<Api>) -> Answered {
    answered(find(&text, accept.as_deref(), &api).await)
}

async fn find(text: &str, accept: Option<&str>, api: &Arc<Api>) -> Result<Response, Problem> {
    if text == "batch" {
        // The path of another call, which would else be taken for an id.
        return Err(Problem::new(Kind::MethodNotAllowed, "This path takes POST.").allow("POST"));
    }
    let media_type = choose(accept, &[JSON, WIRE])?;
    let id: TxId = id(text)?;
    let found = api.read(move |_, reader| load(reader, &id)).await?;
    let Some((stored, status)) = found else {
        let detail =
            "No transaction of this id is durable here. If it was answered 201 elsewhere, ask that node.";
        return Err(Problem::new(Kind::NotFound, detail));
    };
    Ok(if media_type == WIRE {
        bytes(WIRE, stored.transaction.wire().to_vec())
    } else {
        json(&describe(&stored, &status))
    })
}

/// What became of a transaction that is known here. Its body may have been erased since.
fn status(reader: &Reader, id: &TxId) -> Result<Option<Status>, Problem> {
    let status = || {
        let Some((kept, _)) = reader.kept(id)? else { return Ok(None) };
        Status::read(reader, id, kept.header()).map(Some)
    };
    status().map_err(|error| stored_badly(&error))
}

fn load(reader: &Reader, id: &TxId) -> Result<Option<(Stored, Status)>, Problem> {
    let load = || {
        let Some(stored) = reader.transaction(id)? else { return Ok(None) };
        let status = Status::read(reader, id, stored.transaction.header())?;
        Ok(Some((stored, status)))
    };
    load().map_err(|error| stored_badly(&error))
}

fn describe(stored: &Stored, status: &Status) -> Value {
    let header = stored.transaction.header();
    json!({
        "id": stored.transaction.id().to_string(),
        "kind": header.kind.name(),
        "kind_number": header.kind.to_byte(),
        "issuer": header.issuer.to_string(),
        "counter": header.counter,
        "timestamp": header.timestamp.as_millis(),
        "parents": header.parents.map(|parent| parent.to_string()),
        "content_format": header.content_format,
        "body": BASE64.encode(stored.transaction.body()),
        "position": stored.position.0,
        "status": status.word,
        "commit": status.commit_json(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lengths: &[(u32, usize)]) -> Bytes {
        let one = |(declared, real): &(u32, usize)| [&declared.to_be_bytes()[..], &vec![7; *real]].concat();
        lengths.iter().flat_map(one).collect()
    }

    #[test]
    fn a_batch_is_split_or_refused_whole() {
        let lengths = |bytes: &Bytes| split(bytes).map(|all| all.iter().map(Bytes::len).collect::<Vec<_>>());
        assert_eq!(lengths(&batch(&[])).unwrap_err().kind(), Kind::Malformed);
        assert_eq!(lengths(&batch(&[(3, 3), (0, 0), (5, 5)])).unwrap(), [3, 0, 5]);
        assert_eq!(lengths(&batch(&[(1, 1); 256])).unwrap().len(), 256);
        assert!(lengths(&batch(&[(1, 1); 257])).is_err());
        for bad in [&[(3, 2)][..], &[(u32::MAX, 2)], &[(1, 1), (2, 1)]] {
            assert_eq!(lengths(&batch(bad)).unwrap_err().kind(), Kind::Malformed);
        }
        assert!(split(&Bytes::from_static(&[0, 0, 0])).is_err());
    }
}
