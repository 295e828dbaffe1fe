//! One connection from its first byte to its end.
//!
//! It ends when the client ends it, when a deadline of its pace passes, or when the roster says so; nothing a
//! client does or leaves undone makes it outlive those.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::Shutdown;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use hyper::server::conn::http1;
use hyper::service::Service;
use warp::http::Request;

use super::bounds::ServerLimits;
use super::gate::{Gate, RequestBody};
use super::pace::{Expired, Pace};
use super::problem::{Kind, Problem};
use super::roster::{Order, Place};
use super::stats::{Cut, ServerStats};
use super::stream::PacedStream;
use crate::limits::{HTTP_BUFFER_BYTES, HTTP_LINGER_BYTES};
use crate::runtime::{ReadExt, TcpStream, Timer, WriteExt, timeout};

/// How a connection ended.
enum End {
    /// By HTTP: the client left, asked to close, or sent what cannot be parsed.
    Done,
    /// By a deadline, after which the client is told.
    Told(Cut),
    /// By a deadline or by order.
    Cut(Cut),
}

/// Serves one connection; the place is left when the future ends or is dropped.
pub(super) async fn serve<S>(
    stream: TcpStream,
    service: S,
    mut place: Place,
    limits: Arc<ServerLimits>,
    stats: Arc<ServerStats>,
) where
    S: Service<Request<RequestBody>, Response = warp::reply::Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    let pace = Pace::new(Arc::clone(&limits), Instant::now());
    let io = PacedStream::new(stream.clone(), pace.clone());
    let gate = Gate {
        inner: service,
        pace: pace.clone(),
        stats: Arc::clone(&stats),
        connection: place.connection(),
    };
    let end = {
        let mut http = pin!(builder(&limits).serve_connection(io, gate));
        let mut timer = Timer::default();
        let mut draining = false;
        poll_fn(|cx| {
            loop {
                match place.watch(cx) {
                    Order::Serve => (),
                    Order::Drain if draining => (),
                    Order::Drain => {
                        draining = true;
                        http.as_mut().graceful_shutdown();
                    }
                    Order::Drop => return Poll::Ready(End::Cut(Cut::Drain)),
                }
                if let Poll::Ready(result) = http.as_mut().poll(cx) {
                    if let Err(error) = result {
                        tracing::debug!(%error, "a connection ended");
                        if error.is_parse() {
                            stats.count_malformed();
                        }
                    }
                    return Poll::Ready(End::Done);
                }
                let Some(deadline) = pace.next() else {
                    return Poll::Pending;
                };
                if timer.poll_until(cx, deadline).is_pending() {
                    return Poll::Pending;
                }
                match pace.expire(Instant::now()) {
                    Expired::Poll(cut) => cut.into_iter().for_each(|cut| stats.count_cut(cut)),
                    Expired::Tell(cut) => return Poll::Ready(End::Told(cut)),
                    Expired::End(cut) => return Poll::Ready(End::Cut(cut)),
                }
            }
        })
        .await
    };
    match end {
        End::Cut(cut) => stats.count_cut(cut),
        End::Told(cut) => {
            stats.count_cut(cut);
            tell_late(&stream).await;
            linger(&stream, &mut place, &limits).await;
        }
        End::Done if pace.client_ended() => (),
        End::Done => linger(&stream, &mut place, &limits).await,
    }
}

fn builder(limits: &ServerLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // The pace keeps the time of heads, which hyper cannot tell from that between requests.
        .header_read_timeout(None)
        .max_headers(limits.headers)
        .max_header_size(limits.head_bytes)
        .max_buf_size(HTTP_BUFFER_BYTES);
    builder
}

/// Tells a client whose head did not come in time, as far as the kernel takes it at once.
async fn tell_late(stream: &TcpStream) {
    let problem = Problem::new(Kind::RequestTimeout, "The head of the request did not arrive in time.");
    let bytes = problem.to_http1();
    let mut stream = stream;
    let mut once = pin!(stream.write(&bytes));
    // Whether it was taken makes no difference to what follows.
    poll_fn(|cx| {
        let _ = once.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

/// Closes our side and reads on for a moment. Closing a socket with unread bytes resets the connection, and
/// the client could lose the answer that says why (RFC 9112, 9.6).
async fn linger(stream: &TcpStream, place: &mut Place, limits: &ServerLimits) {
    let mut reader = stream;
    let discard = async {
        // The stream's own `close` only flushes; the client waits for the end that this sends.
        if stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let (mut left, mut buffer) = (HTTP_LINGER_BYTES, [0; 4_096]);
        while let Ok(bytes @ 1..) = reader.read(&mut buffer).await {
            left = left.saturating_sub(bytes);
            if left == 0 {
                return;
            }
        }
    };
    let mut discard = pin!(timeout(limits.linger, discard));
    poll_fn(|cx| match place.watch(cx) {
        // `Elapsed` is the usual end of a client that does not close.
        Order::Serve => discard.as_mut().poll(cx).map(drop),
        Order::Drain | Order::Drop => Poll::Ready(()),
    })
    .await;
}
