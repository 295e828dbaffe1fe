//! Turns every rejection of a filter into a problem, so that warp never answers in plain text.
//!
//! End the API's filter with `.recover(rejection::answer)`; the server takes only filters that cannot reject.

use std::convert::Infallible;

use warp::http::Method;
use warp::reject::{
    InvalidHeader, InvalidQuery, LengthRequired, MethodNotAllowed, MissingHeader, PayloadTooLarge,
    UnsupportedMediaType,
};
use warp::{Filter, Rejection};

use super::problem::{Kind, Problem};

/// A path was met with a method that it does not take. Its own type, so that any other problem of a sibling
/// route goes before it.
#[derive(Debug)]
struct WrongMethod {
    allow: String,
}

impl warp::reject::Reject for WrongMethod {}

/// Passes `methods` and rejects others with 405 and an `Allow` header, which warp's own method filters lack.
/// It stands after a path that is matched whole, before the method filters.
pub fn only(methods: &'static [Method]) -> impl Filter<Extract = (), Error = Rejection> + Clone {
    warp::method()
        .and_then(move |method: Method| {
            let allowed = methods.contains(&method);
            async move {
                if allowed {
                    return Ok(());
                }
                let allow = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
                Err(warp::reject::custom(WrongMethod { allow }))
            }
        })
        .untuple_one()
}

/// The problem that stands for a rejection.
#[must_use]
pub fn to_problem(rejection: &Rejection) -> Problem {
    if let Some(problem) = rejection.find::<Problem>() {
        return problem.clone();
    }
    if rejection.find::<InvalidQuery>().is_some() {
        return Problem::new(
            Kind::BadRequest,
            "The query cannot be read: a parameter is missing, unknown or has a value of the wrong form.",
        );
    }
    if let Some(error) = rejection.find::<warp::body::BodyDeserializeError>() {
        return Problem::new(Kind::Malformed, error.to_string());
    }
    if let Some(header) = rejection.find::<MissingHeader>() {
        return Problem::new(Kind::BadRequest, format!("The header {} is missing.", header.name()));
    }
    if let Some(header) = rejection.find::<InvalidHeader>() {
        return Problem::new(Kind::BadRequest, format!("The header {} has a wrong value.", header.name()));
    }
    if rejection.find::<LengthRequired>().is_some() {
        return Problem::new(Kind::BadRequest, "State the body's length in a Content-Length header.");
    }
    if rejection.find::<PayloadTooLarge>().is_some() {
        return Problem::new(Kind::TooLarge, "Send less at once.");
    }
    if rejection.find::<UnsupportedMediaType>().is_some() {
        return Problem::new(Kind::UnsupportedMediaType, "This call does not take the body's Content-Type.");
    }
    if let Some(wrong) = rejection.find::<WrongMethod>() {
        let detail = format!("This path takes {}.", wrong.allow);
        return Problem::new(Kind::MethodNotAllowed, detail).allow(wrong.allow.clone());
    }
    if rejection.find::<MethodNotAllowed>().is_some() {
        return Problem::new(Kind::MethodNotAllowed, "This path takes another method.");
    }
    if rejection.is_not_found() {
        return Problem::new(
            Kind::NotFound,
            "There is nothing at this path. The API's paths begin with /api/v1/.",
        );
    }
    tracing::error!(?rejection, "a rejection without a problem of its own");
    Problem::new(Kind::Internal, "The node could not answer and logged why.")
}

/// The filter's last step: `api.recover(rejection::answer)`.
///
/// # Errors
/// None.
pub async fn answer(rejection: Rejection) -> Result<Problem, Infallible> {
    Ok(to_problem(&rejection))
}
