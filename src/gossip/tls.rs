//! TLS 1.3 with X25519MLKEM768 alone, and the QUIC parameters: the only file that configures either.
//!
//! Certificates carry no identity: each node makes one when it starts, and whoever answers may show any. The
//! handshake behind it signs this session's exporter with the nodes' ML-DSA-44 keys, so somebody in the middle has
//! two sessions and proofs for neither. What TLS must still do is hold the certificate's key to the session.

use super::limits::{
    CRYPTO_BUFFER, INCOMING, INCOMING_BYTES, INCOMING_BYTES_ALL, RECEIVE_WINDOW, SEND_WINDOW,
    STRANGER_WINDOW, STREAM_WINDOW,
};
use super::options::ShellLimits;
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn::{Connection, ConnectionError, IdleTimeout, TransportConfig, VarInt};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};
use std::sync::Arc;

/// The protocol that both sides name in TLS (RFC 7301).
pub const ALPN: &[u8] = b"weft/1";

/// The name that every certificate carries and that clients ask for. It means nothing.
pub(super) const SERVER_NAME: &str = "weft";

/// Why no TLS configuration comes out: a fault of the libraries, not of what a user said.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// rustls does not take what it was given.
    #[error("cannot configure TLS: {0}")]
    Rustls(#[from] Error),
    /// The provider lacks what QUIC begins with.
    #[error("cannot configure QUIC: {0}")]
    Quic(#[from] NoInitialCipherSuite),
}

/// Both sides of one endpoint.
pub(super) struct Configs {
    pub(super) server: quinn::ServerConfig,
    pub(super) client: quinn::ClientConfig,
}

/// Makes a certificate and the configurations that use it.
pub(super) fn configure(limits: &ShellLimits) -> Result<Configs, TlsError> {
    let provider = Arc::new(provider());
    let transport = Arc::new(transport(limits));
    let client = QuicClientConfig::try_from(client(&provider)?)?;
    let mut client = quinn::ClientConfig::new(Arc::new(client));
    client.transport_config(Arc::clone(&transport));
    let server = QuicServerConfig::try_from(server(&provider)?)?;
    let mut server = quinn::ServerConfig::with_crypto(Arc::new(server));
    server
        .transport_config(transport)
        .migration(false)
        .max_incoming(INCOMING)
        .incoming_buffer_size(INCOMING_BYTES)
        .incoming_buffer_size_total(INCOMING_BYTES_ALL);
    Ok(Configs { server, client })
}

/// rustls' own, but for the key exchange: a recording made today is not read by a quantum computer of tomorrow.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider { kx_groups: vec![kx_group::X25519MLKEM768], ..default_provider() }
}

pub(super) fn server(provider: &Arc<CryptoProvider>) -> Result<ServerConfig, TlsError> {
    let made = rcgen::generate_simple_self_signed([SERVER_NAME.to_owned()])?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A resumed session would skip the key exchange, and early data could be replayed.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

pub(super) fn client(provider: &Arc<CryptoProvider>) -> Result<ClientConfig, TlsError> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(Arc::clone(provider))))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}

/// What a stranger gets: one stream and little window. [`widen`] gives a peer the rest.
fn transport(limits: &ShellLimits) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(STRANGER_WINDOW))
        .send_window(SEND_WINDOW)
        .crypto_buffer_size(CRYPTO_BUFFER)
        .datagram_receive_buffer_size(None)
        .keep_alive_interval(Some(limits.keep_alive))
        // A timeout too long for the wire would mean none; the default is finite.
        .max_idle_timeout(IdleTimeout::try_from(limits.idle_timeout).ok());
    transport
}

/// Gives a connection whose peer has proved who it is its streams and windows.
pub(super) fn widen(connection: &Connection) {
    connection.set_receive_window(VarInt::from_u32(RECEIVE_WINDOW));
    connection.set_max_concurrent_uni_streams(VarInt::from_u32(2));
}

/// 32 bytes that only the two ends of this TLS session can know (RFC 8446 §7.5).
///
/// # Errors
/// The connection is not there any more.
pub(super) fn exporter(
    connection: &Connection,
    label: &str,
    context: &[u8],
) -> Result<[u8; 32], ConnectionError> {
    let mut bytes = [0; 32];
    match connection.export_keying_material(&mut bytes, label.as_bytes(), context) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(connection.close_reason().unwrap_or(ConnectionError::LocallyClosed)),
    }
}

/// Takes every certificate, and of each the proof that the other side has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
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
