//! From `host:port` to socket addresses, within a deadline.

use super::limits::{ADDRESSES_PER_NAME, RESOLVE_TIMEOUT, RESOLVERS};
use super::reason::Departure;
use crate::runtime::{timeout, unblock};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Resolves names, a bounded number at once.
#[derive(Debug, Default, Clone)]
pub(super) struct Resolver(Arc<AtomicUsize>);

/// A resolver at work; the thread that it blocks keeps it.
struct Busy(Arc<AtomicUsize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Resolver {
    /// The addresses that `address` stands for and that a socket bound to `local` can reach.
    ///
    /// # Errors
    /// [`Departure::Address`], which says what is wrong.
    pub(super) async fn resolve(
        &self,
        address: &str,
        local: SocketAddr,
    ) -> Result<Vec<SocketAddr>, Departure> {
        let failed = |why: &str| Departure::Address(format!("{address}: {why}"));
        let found = match address.parse() {
            Ok(literal) => vec![literal],
            Err(_) => self.look_up(address.to_owned()).await.map_err(|why| failed(&why))?,
        };
        let usable: Vec<_> = found.into_iter().filter(|found| is_usable(*found, local)).collect();
        if usable.is_empty() { Err(failed("no address that can be reached from here")) } else { Ok(usable) }
    }

    async fn look_up(&self, address: String) -> Result<Vec<SocketAddr>, String> {
        let busy = Busy(Arc::clone(&self.0));
        if self.0.fetch_add(1, Ordering::AcqRel) >= RESOLVERS {
            return Err("other names are still being resolved".into());
        }
        let asked = unblock(move || {
            let _busy = busy;
            address.to_socket_addrs().map(|found| found.take(ADDRESSES_PER_NAME).collect())
        });
        match timeout(RESOLVE_TIMEOUT, asked).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(error.to_string()),
            Err(elapsed) => Err(elapsed.to_string()),
        }
    }
}

/// An address of the socket's family that one host can have; not this very socket.
fn is_usable(found: SocketAddr, local: SocketAddr) -> bool {
    let ip = found.ip();
    let is_host = !ip.is_unspecified() && !ip.is_multicast() && found.port() != 0;
    // A socket of IPv6 also reaches IPv4, written in its way.
    is_host && found != local && (found.is_ipv4() || local.is_ipv6())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::block_on;

    fn resolve(address: &str) -> Result<Vec<SocketAddr>, Departure> {
        block_on(Resolver::default().resolve(address, SocketAddr::from(([127, 0, 0, 1], 8_471))))
    }

    #[test]
    fn literals_and_names_become_addresses() {
        let there = SocketAddr::from(([127, 0, 0, 1], 9));
        assert_eq!(resolve("127.0.0.1:9").unwrap(), [there]);
        assert!(resolve("localhost:9").unwrap().contains(&there));
    }

    #[test]
    fn what_cannot_be_a_peer_is_not_dialled() {
        for address in
            ["127.0.0.1:8471", "0.0.0.0:9", "224.0.0.1:9", "127.0.0.1:0", "[::1]:9", "no port", "", "a b:1"]
        {
            assert!(matches!(resolve(address), Err(Departure::Address(_))), "{address}");
        }
    }

    #[test]
    fn resolvers_that_hang_are_bounded() {
        let resolver = Resolver::default();
        resolver.0.store(RESOLVERS, Ordering::Release);
        let local = SocketAddr::from(([127, 0, 0, 1], 1));
        let refused = block_on(resolver.resolve("localhost:9", local)).unwrap_err();
        assert!(refused.to_string().contains("still being resolved"), "{refused}");
        assert_eq!(resolver.0.load(Ordering::Acquire), RESOLVERS, "a place that was refused is given back");
    }
}
