//! A peer made of plain quinn and the project's codecs, that says whatever a test tells it to.
//!
//! Nothing here goes through the shell of a node, so that it can say what no honest node would.

use crate::support::now;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, Endpoint, EndpointConfig, RecvStream};
pub(crate) use quinn::{ConnectionError, SendStream};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use weft::gossip::{ALPN, Intro, Session, Side};
use weft::runtime::{block_on, quic_runtime, timeout};
use weft_tangle::gossip::{Frame, Fresh, Message, Run, Tree};
use weft_tangle::signing::{PublicKey, SigningKey};
use weft_tangle::{DeviceId, NetworkId, TxId};

/// What is waited for comes in milliseconds, but for what a deadline ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// The stream of transactions that are pushed begins with this.
pub(crate) const LIVE: u8 = 1;
/// That of transactions that were asked for.
pub(crate) const BULK: u8 = 2;

/// Waits for what must come.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    block_on(timeout(PATIENCE, future)).unwrap()
}

/// A frame as it goes on a stream.
pub(crate) fn framed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

/// A connection with a node, and its control stream.
pub(crate) struct Liar {
    pub(crate) connection: Connection,
    pub(crate) send: SendStream,
    recv: RecvStream,
}

impl Liar {
    /// Dials a node from one address of this machine, with these key exchanges.
    pub(crate) fn dial_from(
        host: Ipv4Addr,
        groups: Vec<&'static dyn SupportedKxGroup>,
        address: SocketAddr,
    ) -> Result<Self, ConnectionError> {
        let provider = Arc::new(CryptoProvider { kx_groups: groups, ..default_provider() });
        let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            .with_no_client_auth();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        let endpoint = endpoint(None, SocketAddr::from((host, 0)));
        let connection = wait(endpoint.connect_with(config, address, "weft").unwrap())?;
        let (send, recv) = wait(connection.open_bi())?;
        Ok(Self { connection, send, recv })
    }

    /// Dials a node as honest ones do.
    pub(crate) fn dial(address: SocketAddr) -> Self {
        Self::dial_from(Ipv4Addr::LOCALHOST, hybrid(), address).unwrap()
    }

    /// Takes the next call.
    pub(crate) fn answer(endpoint: &Endpoint) -> Self {
        let connection = wait(async { endpoint.accept().await.unwrap().await.unwrap() });
        let (send, recv) = wait(connection.accept_bi()).unwrap();
        Self { connection, send, recv }
    }

    /// Writes a frame of the control stream; says whether there was somebody to read it.
    pub(crate) fn write(&mut self, message: &[u8]) -> bool {
        wait(self.send.write_all(&framed(message))).is_ok()
    }

    /// The next frame of the control stream; nothing when the connection has ended.
    pub(crate) fn read(&mut self) -> Option<Vec<u8>> {
        wait(async {
            let mut length = [0; 4];
            self.recv.read_exact(&mut length).await.ok()?;
            let mut message = vec![0; u32::from_be_bytes(length) as usize];
            self.recv.read_exact(&mut message).await.ok()?;
            Some(message)
        })
    }

    /// Leaves as an honest peer does: whose streams end before the connection is at fault, and kept out.
    pub(crate) fn leave(&self) {
        self.connection.close(0_u32.into(), b"");
    }

    /// The code that the node closed with.
    pub(crate) fn code(&self) -> u64 {
        match wait(self.connection.closed()) {
            ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
            other => panic!("{other}"),
        }
    }

    /// What both sides of the handshake sign.
    pub(crate) fn session(&self, network: NetworkId, client: DeviceId, server: DeviceId) -> Session {
        let mut exporter = [0; 32];
        self.connection
            .export_keying_material(&mut exporter, b"weft/handshake/1", network.as_bytes())
            .unwrap();
        Session { network, client, server, exporter }
    }

    /// Dials a node and proves who it is, as an honest node does.
    pub(crate) fn member(network: NetworkId, key: &SigningKey, server: &PublicKey, at: SocketAddr) -> Self {
        let mut liar = Self::dial(at);
        liar.write(&intro(network, key).encode());
        Intro::decode(&liar.read().unwrap()).unwrap();
        let session = liar.session(network, DeviceId::of(key.public_key()), DeviceId::of(server));
        liar.write(session.prove(Side::Client, key).as_bytes());
        session.check(Side::Server, server, &liar.read().unwrap()).unwrap();
        liar
    }

    /// A member that has asked for the node's log and opened its own, of `length` entries.
    pub(crate) fn join(&mut self, length: u64) {
        assert!(self.say(&Message::Tail { checkpoints: vec![], credit: 4_096 }));
        assert!(self.say(&Message::From { position: 0, length, life: 1 }));
    }

    pub(crate) fn say(&mut self, message: &Message) -> bool {
        self.write(&Frame::Message(message.clone()).encode())
    }

    /// The next message; nothing when the connection has ended.
    pub(crate) fn hear(&mut self) -> Option<Message> {
        self.read().map(|bytes| Message::decode(&bytes).unwrap())
    }

    /// Opens a stream that begins with this byte.
    pub(crate) fn open(&self, opening: u8) -> SendStream {
        let mut stream = wait(self.connection.open_uni()).unwrap();
        wait(stream.write_all(&[opening])).unwrap();
        stream
    }
}

/// Pushes transactions along a tree, one a frame; says whether there was somebody to read them.
pub(crate) fn push(stream: &mut SendStream, tree: u32, wires: &[Vec<u8>]) -> bool {
    let frames = wires.iter().map(|wire| framed(&Frame::Pushed(Tree(tree), vec![wire]).encode()));
    wait(stream.write_all(&frames.collect::<Vec<_>>().concat())).is_ok()
}

/// The only key exchange that nodes speak.
pub(crate) fn hybrid() -> Vec<&'static dyn SupportedKxGroup> {
    vec![rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768]
}

/// One that a quantum computer will break.
pub(crate) fn classical() -> Vec<&'static dyn SupportedKxGroup> {
    vec![rustls::crypto::aws_lc_rs::kx_group::X25519]
}

/// What a member of the committee says of itself.
pub(crate) fn intro(network: NetworkId, key: &SigningKey) -> Intro {
    let public_key = key.public_key().clone();
    Intro { network, instance: now().to_be_bytes(), public_key, credential: Vec::new() }
}

/// A server where a node expects another one.
pub(crate) fn server(address: SocketAddr) -> Endpoint {
    let made = rcgen::generate_simple_self_signed(["weft".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = CryptoProvider { kx_groups: hybrid(), ..default_provider() };
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let crypto = QuicServerConfig::try_from(tls).unwrap();
    endpoint(Some(quinn::ServerConfig::with_crypto(Arc::new(crypto))), address)
}

fn endpoint(server: Option<quinn::ServerConfig>, address: SocketAddr) -> Endpoint {
    let socket = UdpSocket::bind(address).unwrap();
    Endpoint::new(EndpointConfig::default(), server, socket, quic_runtime()).unwrap()
}

/// Ids of transactions that do not exist.
pub(crate) fn invented(numbers: std::ops::Range<u64>) -> Vec<TxId> {
    let time = now();
    let id = |number: u64| {
        let digest = weft_tangle::blake2s(&[b"invented", &number.to_be_bytes()]);
        let at = (time + number / 100).to_be_bytes();
        TxId::from_bytes(std::array::from_fn(|byte| if byte < 8 { at[byte] } else { digest[byte - 8] }))
    };
    numbers.map(id).collect()
}

/// Entries of a log, each with its whole id.
pub(crate) fn entries(first: u64, behind: u64, ids: &[TxId]) -> Message {
    let mut time = 0;
    let fresh = ids.iter().map(|id| {
        let at = id.timestamp().as_millis() as i64;
        let delta = at - std::mem::replace(&mut time, at);
        Fresh { delta, hash: id.as_bytes()[8..].try_into().unwrap() }
    });
    Message::Log { first, behind, runs: vec![Run::New(fresh.collect())] }
}

/// Takes every certificate.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
