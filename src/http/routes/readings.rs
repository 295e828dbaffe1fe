//! `/api/v1/devices/{id}/readings`: a device's measurements as one SenML pack, page by page.

use super::status::Status;
use super::{Answered, Api, READ, accept, answered, bytes, id, only, stored_badly, with};
use crate::content::{self, ContentError};
use crate::http::accept::choose;
use crate::http::body::BodyBudget;
use crate::http::problem::Problem;
use crate::http::query::{Query, query};
use crate::limits::{READINGS_BYTES, READINGS_DEFAULT, READINGS_MOST, READINGS_RECORDS};
use crate::network_file::parse_time;
use crate::senml::{self, Record};
use crate::store::{Reader, StoreError};
use bytes::Bytes;
use std::sync::Arc;
use warp::http::header::LINK;
use warp::http::{HeaderName, HeaderValue};
use warp::reply::Response;
use warp::{Filter, Rejection};
use weft_tangle::{DeviceId, Timestamp, TxId};

const SENML_JSON: &str = "application/senml+json";

/// How many readings of the page are sealed, and so not in it.
const SEALED: HeaderName = HeaderName::from_static("weft-sealed");

/// How many readings of the page are damaged on this node's disk, and so not in it.
const DAMAGED: HeaderName = HeaderName::from_static("weft-damaged");

/// How many readings of the page were erased.
const ERASED: HeaderName = HeaderName::from_static("weft-erased");

/// How many readings of the page have content that no door takes, and so are not in it. A node that checks less has let
/// them in, and they are final like any other.
const UNREADABLE: HeaderName = HeaderName::from_static("weft-unreadable");

/// How many readings of the page are not final yet.
const ATTACHED: HeaderName = HeaderName::from_static("weft-attached");

/// How many readings of the page are disputed.
const DISPUTED: HeaderName = HeaderName::from_static("weft-disputed");

/// How many readings of the page their device made after it was revoked.
const REVOKED: HeaderName = HeaderName::from_static("weft-revoked");

pub(super) fn routes(
    api: &Arc<Api>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let path = warp::path!("api" / "v1" / "devices" / String / "readings").and(only(READ));
    let query = query(&["from", "to", "limit", "cursor"]);
    path.and(query).and(accept()).and(with(api)).and_then(readings)
}

async fn readings(text: String, query: Query, accept: Option<String>, api: Arc<Api>) -> Answered {
    answered(find(&text, &query, accept.as_deref(), &api).await)
}

/// What is asked for.
#[derive(Clone)]
struct Asked {
    device: DeviceId,
    from: Timestamp,
    to: Timestamp,
    after: Option<TxId>,
    limit: usize,
}

/// What is found.
#[derive(Default)]
struct Found {
    records: Vec<Record>,
    missing: Missing,
    unsettled: Unsettled,
    next: Option<TxId>,
}

/// How many readings of the page do not stand for good.
#[derive(Clone, Copy, Default)]
struct Unsettled {
    attached: usize,
    disputed: usize,
    revoked: usize,
}

impl Unsettled {
    fn count(&mut self, status: &Status) {
        match status.word {
            "attached" => self.attached += 1,
            "disputed" => self.disputed += 1,
            "revoked" => self.revoked += 1,
            _ => {}
        }
    }
}

/// How many readings of the page are not in it, and why.
#[derive(Clone, Copy, Default)]
struct Missing {
    sealed: usize,
    damaged: usize,
    erased: usize,
    unreadable: usize,
}

/// What is answered.
struct Shown {
    text: Bytes,
    missing: Missing,
    unsettled: Unsettled,
    next: Option<TxId>,
}

impl Shown {
    fn of(found: Found, budget: &BodyBudget) -> Result<Self, Problem> {
        let text = budget.hold(senml::write_json(&found.records).into_bytes())?;
        Ok(Self { text, missing: found.missing, unsettled: found.unsettled, next: found.next })
    }
}

async fn find(text: &str, query: &Query, accept: Option<&str>, api: &Arc<Api>) -> Result<Response, Problem> {
    choose(accept, &[SENML_JSON, "application/json"])?;
    let asked = Asked {
        device: id(text)?,
        from: time(query, "from")?.unwrap_or_default(),
        to: time(query, "to")?.unwrap_or(Timestamp::from_millis(u64::MAX)),
        after: query.parsed("cursor")?,
        limit: query.number("limit", 1, READINGS_MOST)?.unwrap_or(READINGS_DEFAULT),
    };
    let found = api.read({
        let asked = asked.clone();
        move |api, reader| Shown::of(collect(reader, &asked)?, &api.answers)
    });
    let found = found.await?;
    let mut response = bytes(SENML_JSON, found.text);
    let Missing { sealed, damaged, erased, unreadable } = found.missing;
    let Unsettled { attached, disputed, revoked } = found.unsettled;
    let counts = [
        (SEALED, sealed),
        (DAMAGED, damaged),
        (ERASED, erased),
        (UNREADABLE, unreadable),
        (ATTACHED, attached),
        (DISPUTED, disputed),
        (REVOKED, revoked),
    ];
    for (name, count) in counts {
        if count > 0 {
            response.headers_mut().insert(name, count.into());
        }
    }
    let link = found.next.map(|next| HeaderValue::from_str(&link(&asked.device, query, &next)));
    if let Some(Ok(link)) = link {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Reads transactions until the page is full by their number or by what is in them: one body can hold
/// thousands of records, and a thousand bodies are too much to answer at once.
fn collect(reader: &Reader, asked: &Asked) -> Result<Found, Problem> {
    let page = reader
        .readings(&asked.device, asked.from, asked.to, asked.after, asked.limit)
        .map_err(|error| stored_badly(&error))?;
    let mut found = Found { next: page.resume.filter(|_| !page.is_last), ..Found::default() };
    let mut read = 0;
    for id in page.ids {
        // One that cannot be shown costs the page its own records and no other's.
        let transaction = match reader.transaction(&id) {
            Ok(Some(stored)) => stored.transaction,
            Ok(None) => continue,
            Err(StoreError::Damaged { .. }) => {
                found.missing.damaged += 1;
                continue;
            }
            Err(StoreError::Erased(_)) => {
                found.missing.erased += 1;
                continue;
            }
            Err(error) => return Err(stored_badly(&error)),
        };
        found
            .unsettled
            .count(&Status::read(reader, &id, transaction.header()).map_err(|error| stored_badly(&error))?);
        let header = transaction.header();
        match content::records(header.content_format, transaction.content(), header.timestamp.as_millis()) {
            Ok(records) => found.records.extend(records),
            Err(ContentError::Sealed) => found.missing.sealed += 1,
            Err(error) => {
                found.missing.unreadable += 1;
                // Whoever asks again and again does not fill the log.
                tracing::debug!(%id, %error, "a reading from a peer has content that the door would refuse");
            }
        }
        read += transaction.content().len();
        if found.records.len() >= READINGS_RECORDS || read >= READINGS_BYTES {
            found.next = Some(id);
            break;
        }
    }
    Ok(found)
}

/// RFC 3339. A `+` of an offset that was not escaped arrives as a space.
fn time(query: &Query, name: &str) -> Result<Option<Timestamp>, Problem> {
    query.read(name, |text| {
        parse_time(&text.replace(' ', "+"))
            .ok_or_else(|| "it must be an RFC 3339 time such as 2026-01-31T12:00:00Z, after 1970".into())
    })
}

fn link(device: &DeviceId, query: &Query, next: &TxId) -> String {
    let kept = ["from", "to", "limit"].into_iter().filter_map(|name| Some((name, query.text(name)?)));
    // What stands in times and numbers needs no other escaping.
    let kept: String =
        kept.map(|(name, value)| format!("{name}={}&", value.replace([' ', '+'], "%2B"))).collect();
    format!("</api/v1/devices/{device}/readings?{kept}cursor={next}>; rel=\"next\"")
}
