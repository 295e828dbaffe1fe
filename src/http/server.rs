//! The server: accepts connections up to the cap, drives a warp filter on each, and stops in time.
//!
//! warp's own server has neither deadlines nor a cap; here `warp::service` is driven through hyper's HTTP/1
//! on the node's executor. After the shutdown future is done, [`Server::run`] returns within
//! `drain + drop_grace`, whatever clients do.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::AsFd;
use std::sync::Arc;

use hyper_util::service::TowerToHyperService;
use warp::{Filter, Reply};

pub use super::bounds::ServerLimits;
use super::connection::serve;
use super::roster::{Order, Roster};
use super::stats::ServerStats;
use crate::limits;
use crate::runtime::{First, TcpListener, TcpStream, first, sleep, spawn, timeout, yield_now};

/// Why the server cannot listen, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process, often another node, listens there.
    #[error("{0} is in use: stop what listens there, or choose another address for the API")]
    InUse(SocketAddr),
    /// Ports below 1024 need a privilege.
    #[error("no permission to listen on {0}: choose a port above 1023 for the API")]
    NotPermitted(SocketAddr),
    /// No interface of this machine has the address.
    #[error("{0} is no address of this machine: choose one that is, or 127.0.0.1")]
    NotHere(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A bound socket that does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds `address`; port 0 takes any free port. Clients that connect from now on wait for [`Server::run`].
    ///
    /// # Errors
    /// [`BindError`], whose text says what to do.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse(address),
            io::ErrorKind::PermissionDenied => BindError::NotPermitted(address),
            io::ErrorKind::AddrNotAvailable => BindError::NotHere(address),
            _ => BindError::Other { address, source },
        };
        let listener = StdListener::bind(address).map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        Ok(Self { listener: listener.into(), address: bound })
    }

    /// The address in force, with the port that was chosen.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves `filter` until `shutdown` is done, then drains.
    ///
    /// The filter must not reject: end it with `.recover(rejection::answer)`.
    pub async fn run<F>(
        self,
        filter: F,
        limits: ServerLimits,
        shutdown: impl Future<Output = ()>,
        stats: Arc<ServerStats>,
    ) where
        F: Filter<Error = Infallible> + Clone + Send + Sync + 'static,
        F::Extract: Reply,
        F::Future: Send,
    {
        let service = TowerToHyperService::new(warp::service(filter));
        let limits = Arc::new(limits);
        let roster = Roster::new(limits.connections, Arc::clone(&stats));
        let accepting = async {
            loop {
                let (stream, _) = next_connection(|| self.listener.accept(), &stats).await;
                let Some(place) = roster.enter() else {
                    continue;
                };
                prepare(&stream);
                let (limits, stats) = (Arc::clone(&limits), Arc::clone(&stats));
                spawn(serve(stream, service.clone(), place, limits, stats));
            }
        };
        match first(shutdown, accepting).await {
            First::Left(()) => (),
            First::Right(never) => match never {},
        }
        drop(self.listener);
        roster.announce(Order::Drain);
        if timeout(limits.drain, roster.emptied()).await.is_ok() {
            return;
        }
        tracing::warn!(connections = stats.open(), "dropping connections that did not end in time");
        roster.announce(Order::Drop);
        if timeout(limits.drop_grace, roster.emptied()).await.is_err() {
            tracing::error!(connections = stats.open(), "connections are stuck in a handler that blocks");
        }
    }
}

/// What holds for every connection. A socket that refuses it is already dead, which reading from it will show.
fn prepare(stream: &TcpStream) {
    // Answers are written whole; waiting to fill a segment would only delay them.
    let _ = stream.set_nodelay(true);
    let unacknowledged = limits::HTTP_UNACKNOWLEDGED.as_millis() as u32;
    let _ = rustix::net::sockopt::set_tcp_user_timeout(stream.as_fd(), unacknowledged);
}

/// Accepts until it succeeds. Failures are counted; those that will not pass by themselves are waited out.
/// It yields each time, for a flood of connections is always ready and would hide the shutdown.
async fn next_connection<T, A>(mut accept: impl FnMut() -> A, stats: &ServerStats) -> T
where
    A: Future<Output = io::Result<T>>,
{
    let mut pause = limits::HTTP_ACCEPT_BACKOFF;
    loop {
        yield_now().await;
        let error = match accept().await {
            Ok(connection) => return connection,
            Err(error) => error,
        };
        stats.count_accept_error();
        if !is_of_the_connection(&error) {
            tracing::warn!(%error, ?pause, "cannot accept connections; waiting");
            sleep(pause).await;
            pause = (pause * 2).min(limits::HTTP_ACCEPT_BACKOFF_MOST);
        }
    }
}

/// Whether only the connection that was to be accepted failed. Other errors, such as too few file
/// descriptors, would come back at once.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::block_on;

    #[test]
    fn failures_of_accept_are_counted_and_waited_out() {
        const EMFILE: i32 = 24;
        let stats = ServerStats::default();
        let mut left = vec![
            Ok(7),
            Err(io::Error::from_raw_os_error(EMFILE)),
            Err(io::ErrorKind::ConnectionAborted.into()),
            Err(io::Error::from_raw_os_error(EMFILE)),
        ];
        let begun = std::time::Instant::now();
        let accepted = block_on(next_connection(|| std::future::ready(left.pop().unwrap()), &stats));
        assert_eq!(accepted, 7);
        assert_eq!(stats.accept_errors(), 3);
        assert!(begun.elapsed() >= limits::HTTP_ACCEPT_BACKOFF * 3, "the second wait is twice the first");
    }

    #[test]
    fn a_client_that_acknowledges_nothing_is_let_go_by_the_system() {
        block_on(async {
            let server = Server::bind(([127, 0, 0, 1], 0).into()).unwrap();
            let _client = std::net::TcpStream::connect(server.local_addr()).unwrap();
            let (stream, _) = server.listener.accept().await.unwrap();
            prepare(&stream);
            let set = rustix::net::sockopt::tcp_user_timeout(stream.as_fd()).unwrap();
            assert_eq!(u128::from(set), limits::HTTP_UNACKNOWLEDGED.as_millis());
            assert!(stream.nodelay().unwrap());
        });
    }

    #[test]
    fn a_flood_of_connections_does_not_hide_the_shutdown() {
        let stats = ServerStats::default();
        let mut accepted = 0;
        let flood = async {
            loop {
                next_connection(|| std::future::ready(Ok(())), &stats).await;
                accepted += 1;
                assert!(accepted < 1_000, "the shutdown is never looked at");
            }
        };
        let shutdown = async {
            for _ in 0..10 {
                yield_now().await;
            }
        };
        assert_eq!(block_on(first(shutdown, flood)), First::<(), ()>::Left(()));
    }

    #[test]
    fn an_address_in_use_is_named() {
        let first = Server::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let error = Server::bind(first.local_addr()).unwrap_err();
        assert!(matches!(error, BindError::InUse(address) if address == first.local_addr()));
        assert!(error.to_string().contains(&first.local_addr().to_string()));
    }
}
