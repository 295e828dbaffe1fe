//! What stands between hyper and the filters: each request, its body and its answer pass here, so that the
//! connection's pace knows of them and a panic or an overdue handler still becomes an answer.

use std::any::Any;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::Service;
use warp::http::header::CONNECTION;
use warp::http::{HeaderValue, Request, Response};
use warp::reply::Reply;

use super::pace::Pace;
use super::problem::{Kind, Problem};
use super::roster::ConnectionId;
use super::stats::ServerStats;
use crate::limits::HTTP_ANSWER_PIECE;

/// warp does not name its body type; this does.
pub(super) trait HasBody {
    type Body;
}

impl<B> HasBody for Response<B> {
    type Body = B;
}

type WarpBody = <warp::reply::Response as HasBody>::Body;

/// What reading a request body can fail with.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// The deadline passed, or the pause was too long.
    #[error("the body did not arrive in time")]
    Late,
    /// The connection broke or the chunks were malformed.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// A request body that ends with [`BodyError::Late`] when its time is up.
pub(super) struct RequestBody {
    incoming: Incoming,
    pace: Pace,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.pace.body_overdue() {
            return Poll::Ready(Some(Err(BodyError::Late)));
        }
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        match &frame {
            Some(Ok(_)) => self.pace.body_moved(Instant::now()),
            Some(Err(_)) => (),
            None => self.pace.body_done(),
        }
        if self.incoming.is_end_stream() {
            self.pace.body_done();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// An answer's body that tells when it has been handed over. It comes in pieces, for hyper copies what it is given
/// whole: of an answer that nobody reads it then holds a piece or two, and not all of it a second time.
pub(super) struct AnswerBody {
    inner: WarpBody,
    /// What is left of a long frame.
    rest: Bytes,
    pace: Pace,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = warp::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, warp::Error>>> {
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let length = self.rest.len().min(HTTP_ANSWER_PIECE);
        let piece = self.rest.split_to(length);
        self.pace.answer_moved(!self.rest.is_empty());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.pace.answer_done(Instant::now());
    }
}

/// The service of one connection.
pub(super) struct Gate<S> {
    pub(super) inner: S,
    pub(super) pace: Pace,
    pub(super) stats: Arc<ServerStats>,
    pub(super) connection: ConnectionId,
}

impl<S> Service<Request<Incoming>> for Gate<S>
where
    S: Service<Request<RequestBody>, Response = warp::reply::Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.connection);
        let (uri, begun) = (request.uri().clone(), Instant::now());
        self.pace.requested(!request.body().is_end_stream(), begun);
        let pace = self.pace.clone();
        let stats = Arc::clone(&self.stats);
        let handler =
            self.inner.call(request.map(|incoming| RequestBody { incoming, pace: self.pace.clone() }));
        Box::pin(async move {
            let mut response = guarded(handler, &pace, &stats).await;
            stats.tell_answer(uri.path(), response.status().as_u16(), begun.elapsed());
            if pace.body_unfinished() {
                // The rest of the body is not read, so no other request can follow it.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            pace.answered();
            Ok(response.map(|inner| AnswerBody { inner, rest: Bytes::new(), pace }))
        })
    }
}

/// The handler's answer, or the node's own when the handler panics or is overdue.
async fn guarded<F>(handler: F, pace: &Pace, stats: &ServerStats) -> warp::reply::Response
where
    F: Future<Output = Result<warp::reply::Response, Infallible>>,
{
    let mut handler = pin!(handler);
    poll_fn(|cx| {
        if pace.answer_overdue() {
            let detail = "The node did not come to this request in time. Try again.";
            return Poll::Ready(Problem::new(Kind::Overloaded, detail).into_response());
        }
        // A handler that panicked is not polled again: this future is done.
        match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx))) {
            Ok(polled) => polled.map(|Ok(response)| response),
            Err(panic) => {
                stats.count_panic();
                tracing::error!(panic = message(&*panic), "an HTTP handler panicked");
                let detail = "The node could not answer and logged why.";
                Poll::Ready(Problem::new(Kind::Internal, detail).into_response())
            }
        }
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
