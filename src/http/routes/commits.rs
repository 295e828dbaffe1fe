//! `/api/v1/commits` and `/api/v1/commits/{index}`: what was made final together, so that a client can compute it anew.

use super::status::verdict_name;
use super::{Answered, Api, READ, accept, answered, bytes, held_json, only, stored_badly, with};
use crate::http::accept::choose;
use crate::http::body::BodyBudget;
use crate::http::problem::{Kind, Problem};
use crate::http::query::{Query, query};
use crate::limits::{COMMITS_DEFAULT, COMMITS_MOST, DELIVERED_MOST};
use crate::store::{Order as Direction, Reader, Ruled, StoredCommit};
use serde_json::{Value, json};
use std::sync::Arc;
use warp::http::HeaderValue;
use warp::http::header::LINK;
use warp::reply::Response;
use warp::{Filter, Rejection};
use weft_tangle::finality::leaf;
use weft_tangle::limits::COMMIT_TRANSACTIONS;
use weft_tangle::to_text;

const JSON: &str = "application/json";
const BINARY: &str = "application/octet-stream";

pub(super) fn routes(
    api: &Arc<Api>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let base = || warp::path!("api" / "v1" / "commits" / ..);
    let list = base().and(warp::path::end()).and(only(READ)).and(query(&["order", "from", "limit"]));
    let list = list.and(with(api)).and_then(list_commits);
    let one = base().and(warp::path!(String)).and(only(READ)).and(query(&["transactions", "after", "limit"]));
    let one = one.and(accept()).and(with(api)).and_then(one_commit);
    list.or(one).unify()
}

async fn list_commits(query: Query, api: Arc<Api>) -> Answered {
    answered(list(&query, &api).await)
}

async fn one_commit(text: String, query: Query, accept: Option<String>, api: Arc<Api>) -> Answered {
    answered(one(&text, &query, accept.as_deref(), &api).await)
}

/// Which way the commits of a page go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    Newest,
    Oldest,
}

impl Order {
    fn of(query: &Query) -> Result<Self, Problem> {
        let order = query.read("order", |text| match text {
            "newest" => Ok(Self::Newest),
            "oldest" => Ok(Self::Oldest),
            _ => Err("it must be newest or oldest".into()),
        })?;
        Ok(order.unwrap_or(Self::Newest))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
        }
    }

    /// The indices of a page of commits 1 to `newest`, ascending, and where the next page begins.
    fn page(self, newest: u64, from: Option<u64>, limit: u64) -> (std::ops::Range<u64>, Option<u64>) {
        match self {
            Self::Newest => {
                let end = from.map_or(newest, |from| from.min(newest)).saturating_add(1);
                let start = end.saturating_sub(limit).max(1);
                (start..end.max(start), Some(start - 1).filter(|next| *next > 0))
            }
            Self::Oldest => {
                let start = from.unwrap_or(1).max(1);
                let end = start.saturating_add(limit).min(newest.saturating_add(1)).max(start);
                (start..end, Some(end).filter(|next| *next <= newest))
            }
        }
    }
}

async fn list(query: &Query, api: &Arc<Api>) -> Result<Response, Problem> {
    let order = Order::of(query)?;
    let from: Option<u64> = query.read("from", |text| {
        text.parse().map_err(|_| format!("it must be a whole number from 0 to {}", u64::MAX))
    })?;
    let limit = query.number("limit", 1, COMMITS_MOST)?.unwrap_or(COMMITS_DEFAULT);
    let certified = api.certified();
    let read = api.read(move |api, reader| {
        let (commits, next) = page(reader, order, from, limit)?;
        let commits: Vec<_> = commits.iter().map(|commit| describe(commit, certified)).collect();
        Ok((held_json(api, &json!({ "commits": commits }))?, next))
    });
    let (body, next) = read.await?;
    let next = next.map(|next| format!("/api/v1/commits?order={}&from={next}&limit={limit}", order.name()));
    Ok(linked(bytes(JSON, body), next))
}

fn page(
    reader: &Reader,
    order: Order,
    from: Option<u64>,
    limit: usize,
) -> Result<(Vec<StoredCommit>, Option<u64>), Problem> {
    let (indices, next) = order.page(newest(reader)?, from, limit as u64);
    let direction = match order {
        Order::Newest => Direction::Descending,
        Order::Oldest => Direction::Ascending,
    };
    let commits = reader.commits(indices, limit, direction).map_err(|error| stored_badly(&error))?;
    Ok((commits, next))
}

/// What is asked of one commit.
#[derive(Clone, Copy)]
struct Asked {
    index: u64,
    with_transactions: bool,
    after: usize,
    limit: usize,
    is_binary: bool,
}

async fn one(text: &str, query: &Query, accept: Option<&str>, api: &Arc<Api>) -> Result<Response, Problem> {
    let media_type = choose(accept, &[JSON, BINARY])?;
    let with_transactions = query.read("transactions", |text| match text {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err("it must be 0 or 1".into()),
    })?;
    let asked = Asked {
        index: text.parse().map_err(|_| {
            Problem::new(Kind::BadRequest, "The path names no commit: its index is a whole number.")
        })?,
        with_transactions: with_transactions.unwrap_or(false),
        after: query.number("after", 0, COMMIT_TRANSACTIONS)?.unwrap_or(0),
        limit: query.number("limit", 1, DELIVERED_MOST)?.unwrap_or(DELIVERED_MOST),
        is_binary: media_type == BINARY,
    };
    let certified = api.certified();
    let (body, next) = api.read(move |api, reader| show(reader, asked, certified, &api.answers)).await?;
    Ok(linked(bytes(media_type, body), next))
}

/// The answer's body, and where the next page of the transactions is.
fn show(
    reader: &Reader,
    asked: Asked,
    certified: u64,
    budget: &BodyBudget,
) -> Result<(bytes::Bytes, Option<String>), Problem> {
    let commit = find(reader, asked.index)?;
    let delivered = match asked.with_transactions {
        true => reader
            .delivered_by(asked.index, asked.after as u32, asked.limit)
            .map_err(|error| stored_badly(&error))?,
        false => Vec::new(),
    };
    let end = asked.after + delivered.len();
    let has_more = asked.with_transactions && end < commit.commit.count as usize && !delivered.is_empty();
    let path =
        |end| format!("/api/v1/commits/{}?transactions=1&after={end}&limit={}", asked.index, asked.limit);
    let body = match asked.is_binary {
        true => binary(&commit, &delivered),
        false => {
            let mut described = describe(&commit, certified);
            if asked.with_transactions {
                described["transactions"] = delivered.iter().map(transaction).collect();
            }
            described.to_string().into_bytes()
        }
    };
    Ok((budget.hold(body)?, has_more.then(|| path(end))))
}

fn binary(commit: &StoredCommit, delivered: &[Ruled]) -> Vec<u8> {
    let leaves = delivered.iter().map(|ruled| leaf(&ruled.id, ruled.ruling.verdict));
    let mut bytes = commit.commit.encode().to_vec();
    leaves.for_each(|leaf| bytes.extend(leaf));
    bytes
}

fn transaction(ruled: &Ruled) -> Value {
    json!({ "id": ruled.id.to_string(), "verdict": verdict_name(ruled.ruling.verdict) })
}

/// A commit in JSON, without what it delivers.
fn describe(stored: &StoredCommit, certified: u64) -> Value {
    let commit = &stored.commit;
    json!({
        "index": commit.index,
        "digest": to_text(&stored.digest.0),
        "previous": to_text(&commit.previous.0),
        "leader": commit.leader.to_string(),
        "time": commit.time.as_millis(),
        "root": to_text(&commit.root.0),
        "count": commit.count,
        "certified": commit.index <= certified,
    })
}

/// The index of the newest commit; 0 for none.
fn newest(reader: &Reader) -> Result<u64, Problem> {
    reader.newest_index().map_err(|error| stored_badly(&error))
}

fn find(reader: &Reader, index: u64) -> Result<StoredCommit, Problem> {
    if let Some(found) = reader.commit(index).map_err(|error| stored_badly(&error))? {
        return Ok(found);
    }
    let detail = match newest(reader)? {
        0 => "This node has made no commit yet.".to_owned(),
        newest => format!("This node has the commits 1 to {newest}; ask for one of them, or later."),
    };
    Err(Problem::new(Kind::NotFound, detail))
}

fn linked(mut response: Response, next: Option<String>) -> Response {
    let link = next.map(|next| HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")));
    if let Some(Ok(link)) = link {
        response.headers_mut().insert(LINK, link);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_through_all_commits_either_way() {
        for (order, first) in [(Order::Newest, 7), (Order::Oldest, 1)] {
            for limit in [1, 2, 3, 7, 8, 1_000] {
                let (mut from, mut seen) = (None, Vec::new());
                loop {
                    let (indices, next) = order.page(7, from, limit);
                    assert!(indices.clone().count() as u64 <= limit);
                    let mut page: Vec<u64> = indices.collect();
                    if order == Order::Newest {
                        page.reverse();
                    }
                    seen.extend(page);
                    from = next;
                    if next.is_none() {
                        break;
                    }
                }
                assert_eq!((seen.len(), seen[0]), (7, first), "{order:?} {limit}");
                assert!(seen.windows(2).all(|pair| pair[0].abs_diff(pair[1]) == 1), "{seen:?}");
            }
        }
    }

    #[test]
    fn a_page_from_nowhere_is_empty_or_begins_where_there_is_something() {
        let page = |order: Order, newest, from| order.page(newest, from, 3);
        assert_eq!(page(Order::Newest, 0, None), (1..1, None));
        assert_eq!(page(Order::Oldest, 0, None), (1..1, None));
        assert_eq!(page(Order::Newest, 9, Some(0)), (1..1, None));
        assert_eq!(page(Order::Newest, 9, Some(u64::MAX)), (7..10, Some(6)));
        assert_eq!(page(Order::Oldest, 9, Some(0)), (1..4, Some(4)));
        assert_eq!(page(Order::Oldest, 9, Some(10)), (10..10, None));
        assert_eq!(page(Order::Oldest, 9, Some(u64::MAX)), (u64::MAX..u64::MAX, None));
        assert_eq!(page(Order::Oldest, 9, Some(9)), (9..10, None));
    }
}
