//! Errors as RFC 9457 `application/problem+json`: a `type` for programs, a `detail` for people.
//!
//! A problem always has a kind from the catalogue, and the five standard members cannot be overwritten.

use std::borrow::Cow;

use serde_json::{Map, Value};
use warp::http::HeaderValue;
use warp::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use warp::reply::{Reply, Response};

pub use super::kind::Kind;

/// The media type of every error.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One error, ready to be answered. It is a reply, and a reject too, for filters that cannot answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    retry_after: Option<u32>,
    allow: Option<Cow<'static, str>>,
    extra: Map<String, Value>,
}

impl Problem {
    /// A problem of `kind`; `detail` tells a person what was wrong with this request and what to do.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), retry_after: kind.retry_after(), allow: None, extra: Map::new() }
    }

    /// Says when to try again, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Names the methods that the path takes, for the `Allow` header: `GET, POST`.
    #[must_use]
    pub fn allow(mut self, methods: impl Into<Cow<'static, str>>) -> Self {
        self.allow = Some(methods.into());
        self
    }

    /// Adds a member that programs can read.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(member.to_owned(), value.into());
        self
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The detail for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The JSON object that is the body, also for a batch's results.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = self.extra.clone();
        object.insert("type".into(), self.kind.urn().into());
        object.insert("title".into(), self.kind.title().into());
        object.insert("status".into(), self.kind.status().as_u16().into());
        object.insert("detail".into(), self.detail.as_ref().into());
        if let Some(seconds) = self.retry_after {
            object.insert("retry_after".into(), seconds.into());
        }
        Value::Object(object)
    }

    /// The whole answer as bytes, for a connection that ends before a request could be read from it.
    pub(super) fn to_http1(&self) -> Vec<u8> {
        let status = self.kind.status();
        let body = self.to_json().to_string();
        format!(
            "HTTP/1.1 {} {}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default(),
            body.len(),
        )
        .into_bytes()
    }
}

impl warp::reject::Reject for Problem {}

impl Reply for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.to_json().to_string().into());
        *response.status_mut() = self.kind.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        // A method list that is no header value is a slip in a route table; the answer is right without it.
        if let Some(Ok(methods)) = self.allow.as_deref().map(HeaderValue::from_str) {
            headers.insert(ALLOW, methods);
        }
        response
    }
}
