//! A peer made of plain quinn, which does what it is told: bytes on streams, and what comes back.

use super::super::frame::length_prefix;
use super::super::intro::{Intro, Session, Side};
use super::super::options::ShellLimits;
use super::super::tls;
use super::{PATIENCE, device, key};
use crate::runtime::{block_on, quic_runtime, timeout};
use quinn::{Connection, ConnectionError, Endpoint, EndpointConfig, RecvStream, SendStream};
use rustls::crypto::SupportedKxGroup;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use weft_tangle::{DeviceId, Network};

/// An endpoint that speaks as shells do, or with other parameters of TLS.
pub(super) fn endpoint(config: Option<quinn::ClientConfig>) -> Endpoint {
    endpoint_at([127, 0, 0, 1], config)
}

/// The same at another address of this machine.
pub(super) fn endpoint_at(host: [u8; 4], config: Option<quinn::ClientConfig>) -> Endpoint {
    let configs = tls::configure(&ShellLimits::default()).unwrap();
    let socket = UdpSocket::bind(SocketAddr::from((host, 0))).unwrap();
    let runtime = quic_runtime();
    let server = Some(configs.server);
    // The endpoint's tasks need no executor's context, but its clock does.
    let mut endpoint = Endpoint::new(EndpointConfig::default(), server, socket, runtime).unwrap();
    endpoint.set_default_client_config(config.unwrap_or(configs.client));
    endpoint
}

/// A client's configuration with these key exchanges and this protocol.
pub(super) fn client_config(groups: Vec<&'static dyn SupportedKxGroup>, alpn: &[u8]) -> quinn::ClientConfig {
    let provider = rustls::crypto::CryptoProvider { kx_groups: groups, ..tls::provider() };
    let mut config = tls::client(&Arc::new(provider)).unwrap();
    config.alpn_protocols = vec![alpn.to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(config).unwrap();
    quinn::ClientConfig::new(Arc::new(crypto))
}

/// A server's configuration with these key exchanges.
pub(super) fn server_config(groups: Vec<&'static dyn SupportedKxGroup>) -> quinn::ServerConfig {
    let provider = rustls::crypto::CryptoProvider { kx_groups: groups, ..tls::provider() };
    let config = tls::server(&Arc::new(provider)).unwrap();
    let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(config).unwrap();
    quinn::ServerConfig::with_crypto(Arc::new(crypto))
}

/// A connection with its first stream.
pub(super) struct Raw {
    pub(super) connection: Connection,
    pub(super) send: SendStream,
    pub(super) recv: RecvStream,
}

/// Waits for what must come.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    block_on(timeout(PATIENCE, future)).unwrap()
}

impl Raw {
    /// Dials a shell.
    pub(super) fn dial(address: SocketAddr) -> Self {
        Self::dial_from(endpoint(None), address).unwrap()
    }

    pub(super) fn dial_from(endpoint: Endpoint, address: SocketAddr) -> Result<Self, ConnectionError> {
        let connection = wait(endpoint.connect(address, tls::SERVER_NAME).unwrap())?;
        let (send, recv) = wait(connection.open_bi())?;
        Ok(Self { connection, send, recv })
    }

    /// Takes a call of a shell.
    pub(super) fn answer(endpoint: Endpoint) -> Self {
        let connection = wait(async { endpoint.accept().await.unwrap().await.unwrap() });
        let (send, recv) = wait(connection.accept_bi()).unwrap();
        Self { connection, send, recv }
    }

    pub(super) fn write(&mut self, message: &[u8]) {
        let framed = [&length_prefix(message.len())[..], message].concat();
        wait(self.send.write_all(&framed)).unwrap();
    }

    /// The next frame, or how the connection ended.
    pub(super) fn read(&mut self) -> Result<Vec<u8>, ConnectionError> {
        let read = wait(async {
            let mut length = [0; 4];
            self.recv.read_exact(&mut length).await.ok()?;
            let mut message = vec![0; u32::from_be_bytes(length) as usize];
            self.recv.read_exact(&mut message).await.ok()?;
            Some(message)
        });
        read.ok_or_else(|| wait(self.connection.closed()))
    }

    /// The code that the other side closed with.
    pub(super) fn code(&self) -> u64 {
        match wait(self.connection.closed()) {
            ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
            other => panic!("{other}"),
        }
    }

    pub(super) fn session(&self, network: &Network, client: DeviceId, server: DeviceId) -> Session {
        let exporter = tls::exporter(&self.connection, "weft/handshake/1", network.id().as_bytes()).unwrap();
        Session { network: *network.id(), client, server, exporter }
    }

    /// Dials and proves to be `number`, as an honest client does.
    pub(super) fn authenticated(network: &Network, number: u8, server: u8, address: SocketAddr) -> Self {
        let mut raw = Self::dial(address);
        raw.write(&intro(network, number).encode());
        Intro::decode(&raw.read().unwrap()).unwrap();
        let session = raw.session(network, device(number), device(server));
        raw.write(session.prove(Side::Client, &key(number)).as_bytes());
        let proof = raw.read().unwrap();
        session.check(Side::Server, key(server).public_key(), &proof).unwrap();
        raw
    }

    /// Opens a stream of its own that begins with `bytes`.
    pub(super) fn open(&self, bytes: &[u8]) -> SendStream {
        let mut stream = wait(self.connection.open_uni()).unwrap();
        wait(stream.write_all(bytes)).unwrap();
        stream
    }
}

/// What a member of the committee says of itself.
pub(super) fn intro(network: &Network, number: u8) -> Intro {
    Intro {
        network: *network.id(),
        instance: [number; 8],
        public_key: key(number).public_key().clone(),
        credential: Vec::new(),
    }
}
