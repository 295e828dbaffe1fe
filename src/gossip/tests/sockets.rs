//! Sockets that are not to be had, or fail while they are used.

use super::*;
use crate::gossip::ShellError;
use crate::gossip::listen::listen;
use crate::runtime::block_on;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, UdpPoller};
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::UdpSocket;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// The runtime of a node whose sockets fail on command, as one does that the system has no memory for.
#[derive(Clone, Debug, Default)]
struct Failing(Arc<AtomicBool>);

impl Runtime for Failing {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        quic_runtime().new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        quic_runtime().spawn(future);
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let inner = quic_runtime().wrap_udp_socket(socket)?;
        Ok(Arc::new(FailingSocket { inner, fails: Arc::clone(&self.0) }))
    }
}

#[derive(Debug)]
struct FailingSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    fails: Arc<AtomicBool>,
}

impl AsyncUdpSocket for FailingSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.inner.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if self.fails.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        }
        self.inner.poll_recv(cx, buffers, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

#[test]
fn a_socket_that_fails_is_seen_and_one_that_is_closed_is_not_taken_for_that() {
    let network = network("sockets", 2);
    let failing = Failing::default();
    let (a, b) =
        (Node::on(&network, 1, options(), Vec::new(), Arc::new(failing.clone())), Node::start(&network, 2));
    b.learn(&a);
    b.connected();
    a.connected();
    let metrics = crate::metrics::Metrics::new("network").unwrap();
    let said = |node: &Node| {
        metrics.set_gossip(&node.shell);
        metrics.registered().contains("\nweft_gossip_failed 1\n")
    };
    assert!(!a.shell.has_failed() && !said(&a));
    failing.0.store(true, Ordering::SeqCst);
    // Whatever comes wakes the one who reads.
    let sender = UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    sender.send_to(&[0], a.address()).unwrap();
    until("it is noticed", || a.shell.has_failed());
    assert!(said(&a) && !said(&b));
    a.left();
    block_on(b.shell.clone().stop());
    // Its own task may not have seen the end yet; this one has.
    block_on(listen(Arc::clone(&b.shell.shared)));
    assert!(!b.shell.has_failed(), "it was stopped");
}

#[test]
fn an_address_that_somebody_has_is_said_with_what_to_do() {
    let network = network("taken", 2);
    let taken = UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let listen = taken.local_addr().unwrap();
    let identity = Identity { network, key: key(1), credential: Vec::new() };
    let options = ShellOptions::new(listen);
    let refused = Shell::start(options, identity, Arc::new(Revoked::default())).unwrap_err();
    assert!(matches!(refused, ShellError::Listen { .. }));
    let words = refused.to_string();
    assert!(words.contains(&listen.to_string()) && words.contains("--gossip-listen"), "{words}");
}
