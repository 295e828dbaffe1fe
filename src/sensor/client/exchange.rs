//! One request and its answer, with the retries that are safe.
//!
//! Every request of this client may be repeated: those that change something carry a whole transaction, which a
//! node takes once, whatever it is sent. So a lost connection is no reason to give up, and never makes a double.

use super::{ClientError, Problem};
use crate::sensor::Stop;
use crate::sensor::limits::{
    ANSWER_BYTES, CONNECT_TIMEOUT, EXCHANGE_TIMEOUT, SHOWN_CHARACTERS, STREAM_SILENCE,
};
use std::time::Duration;
use ureq::http::{Response, Uri, header};
use ureq::{Agent, Body};

/// How long a client goes on asking a node that is busy or does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Requests in all, the first included.
    pub attempts: u32,
    /// The wait before the second; each further one is twice as long.
    pub first_wait: Duration,
    /// The longest wait, also when the node asks for a longer one.
    pub longest_wait: Duration,
}

impl Patience {
    /// Of a person at a terminal: a second or two, and longer when a busy node asks for it.
    pub const INTERACTIVE: Self =
        Self { attempts: 4, first_wait: Duration::from_millis(200), longest_wait: Duration::from_secs(30) };

    /// Of a sensor that has readings to hand in: over half an hour.
    pub const SENSOR: Self =
        Self { attempts: 120, first_wait: Duration::from_millis(200), longest_wait: Duration::from_secs(20) };

    pub(super) fn wait_before(&self, retry: u32, asked: Option<u64>) -> Duration {
        let own = self.first_wait.saturating_mul(1 << retry.min(16));
        own.max(asked.map_or(Duration::ZERO, Duration::from_secs)).min(self.longest_wait)
    }
}

/// What is asked.
pub(super) struct Request<'a> {
    pub(super) path: &'a str,
    pub(super) accept: &'a str,
    /// `None` for a GET.
    pub(super) body: Option<&'a [u8]>,
}

/// A good answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) bytes: Vec<u8>,
}

/// The connection to one node.
pub(super) struct Exchange {
    agent: Agent,
    base: String,
    pub(super) patience: Patience,
    stop: Stop,
}

enum Failure {
    Final(ClientError),
    /// With the seconds that the node asks to wait.
    Passing(ClientError, Option<u64>),
}

impl Exchange {
    pub(super) fn new(url: &str, patience: Patience, stop: Stop) -> Result<Self, ClientError> {
        let base = checked_base(url)?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(EXCHANGE_TIMEOUT))
            .max_redirects(0)
            // Readings go straight to the node that was named, whatever proxy the environment names for the web.
            .proxy(None)
            .user_agent(concat!("weft/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: Agent::new_with_config(config), base, patience, stop })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Sends the request until there is an answer that is final.
    pub(super) fn run(&self, request: &Request<'_>) -> Result<Answer, ClientError> {
        let url = format!("{}{}", self.base, request.path);
        self.patiently(|| self.once(&url, request))
    }

    /// Opens a stream of events, to be read without an end; `last` is the id of the last event that is known.
    pub(super) fn stream(&self, path: &str, last: Option<&str>) -> Result<Response<Body>, ClientError> {
        let url = format!("{}{path}", self.base);
        self.patiently(|| {
            let request = self.agent.get(&url).header(header::ACCEPT, "text/event-stream");
            let request = last.into_iter().fold(request, |request, id| request.header("last-event-id", id));
            let request =
                request.config().timeout_global(None).timeout_per_read(Some(STREAM_SILENCE)).build();
            self.good(&url, request.call().map_err(|error| self.failed(&url, error))?)
        })
    }

    /// Tries until there is an answer that is final.
    fn patiently<T>(&self, attempt: impl Fn() -> Result<T, Failure>) -> Result<T, ClientError> {
        let mut retry = 0;
        loop {
            if self.stop.is_raised() {
                return Err(ClientError::Stopped);
            }
            let (error, asked) = match attempt() {
                Ok(answer) => return Ok(answer),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(error, asked)) => (error, asked),
            };
            if retry + 1 >= self.patience.attempts {
                return Err(error);
            }
            if !self.stop.sleep(self.patience.wait_before(retry, asked)) {
                return Err(ClientError::Stopped);
            }
            retry += 1;
        }
    }

    fn once(&self, url: &str, request: &Request<'_>) -> Result<Answer, Failure> {
        let answer = match request.body {
            None => self.agent.get(url).header(header::ACCEPT, request.accept).call(),
            Some(body) => self
                .agent
                .post(url)
                .header(header::ACCEPT, request.accept)
                .content_type("application/octet-stream")
                .send(body),
        };
        let mut response = self.good(url, answer.map_err(|error| self.failed(url, error))?)?;
        let status = response.status().as_u16();
        let bytes = response.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec();
        Ok(Answer { url: url.into(), status, bytes: bytes.map_err(|error| self.failed(url, error))? })
    }

    /// The answer itself when it is good, else what it says.
    fn good(&self, url: &str, mut response: Response<Body>) -> Result<Response<Body>, Failure> {
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        let bytes = response.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec();
        let bytes = bytes.map_err(|error| self.failed(url, error))?;
        let asked = retry_after(&response);
        let error = refusal(url, status, asked, is_problem(&response), &bytes);
        let asked = asked.or_else(|| error.problem().and_then(|problem| problem.retry_after));
        // 408: the body was too slow on its way, which radio is now and then; nothing was taken.
        if matches!(status, 408 | 429 | 503) {
            return Err(Failure::Passing(error, asked));
        }
        Err(Failure::Final(error))
    }

    fn failed(&self, url: &str, error: ureq::Error) -> Failure {
        let passes = matches!(
            error,
            ureq::Error::Io(_)
                | ureq::Error::Timeout(_)
                | ureq::Error::ConnectionFailed
                | ureq::Error::BodyStalled
        );
        let url = url.to_owned();
        match error {
            ureq::Error::BodyExceedsLimit(_) => Failure::Final(ClientError::TooLong { url }),
            ureq::Error::Protocol(_) | ureq::Error::Http(_) | ureq::Error::LargeResponseHeader(..) => {
                Failure::Final(ClientError::Garbage { url, problem: shown(&error.to_string()) })
            }
            _ => {
                let problem = match &error {
                    // Without the library's word for where the system's words come from.
                    ureq::Error::Io(source) => shown(&source.to_string()),
                    other => shown(&other.to_string()),
                };
                let error = ClientError::Unreachable { url: self.base.clone(), problem };
                if passes { Failure::Passing(error, None) } else { Failure::Final(error) }
            }
        }
    }
}

fn refusal(url: &str, status: u16, retry_after: Option<u64>, is_problem: bool, bytes: &[u8]) -> ClientError {
    match serde_json::from_slice::<Problem>(bytes) {
        Ok(problem) if is_problem => ClientError::Problem(Problem {
            status,
            detail: shown(&problem.detail),
            retry_after: retry_after.or(problem.retry_after),
            kind: shown(&problem.kind),
        }),
        _ => ClientError::Status { url: url.into(), status, text: shown(&String::from_utf8_lossy(bytes)) },
    }
}

fn is_problem(response: &Response<Body>) -> bool {
    response.body().mime_type().is_some_and(|mime| mime.eq_ignore_ascii_case("application/problem+json"))
}

/// Seconds of a `Retry-After`; its other form, a date, is not one that nodes use.
fn retry_after(response: &Response<Body>) -> Option<u64> {
    response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// Foreign text, cut, and without what could steer a terminal.
pub(in crate::sensor) fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().take(SHOWN_CHARACTERS).map(plain).collect()
}

fn checked_base(url: &str) -> Result<String, ClientError> {
    let refused = |problem| ClientError::Url { url: shown(url), problem };
    let uri: Uri = url.trim().parse().map_err(|_| refused("it cannot be read"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => return Err(ClientError::Tls { url: shown(url) }),
        _ => return Err(refused("it does not begin with http://")),
    }
    let authority = uri.authority().ok_or(refused("it names no host"))?;
    if authority.as_str().contains('@') {
        return Err(refused("it names a user, which a node knows nothing of"));
    }
    if uri.query().is_some() {
        return Err(refused("it has a query"));
    }
    Ok(format!("http://{authority}{}", uri.path().trim_end_matches('/')))
}
