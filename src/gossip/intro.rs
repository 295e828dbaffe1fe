//! The messages of the handshake as bytes (`spec/15-transport.md`).
//!
//! ```text
//! Intro = version (2) || NetworkId (32) || instance (8) || public key (1312) || credential (rest, at most 8192)
//! Proof = ML-DSA-44 signature (2420) over
//!         "weft/handshake/1" || 0x00 || NetworkId || side (1) || own DeviceId || peer's DeviceId || exporter (32)
//! ```

use super::limits::CREDENTIAL_BYTES;
use super::reason::Reason;
use weft_tangle::signing::{
    PUBLIC_KEY_BYTES, PublicKey, Purpose, SIGNATURE_BYTES, Signature, SigningKey, VerifyingKey, message,
};
use weft_tangle::{DeviceId, NetworkId};

/// The version of the handshake that this node speaks.
pub const VERSION: u16 = 1;

/// Bytes of an introduction without a credential.
pub(super) const INTRO_BYTES: usize = 2 + NetworkId::BYTES + INSTANCE_BYTES + PUBLIC_KEY_BYTES;

/// Bytes of the longest introduction.
pub(super) const INTRO_MOST_BYTES: usize = INTRO_BYTES + CREDENTIAL_BYTES;

/// Bytes of the number that a node draws when it starts.
pub(super) const INSTANCE_BYTES: usize = 8;

/// Which end of the connection a node is; the client is the one that dialled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// It dialled.
    Client,
    /// It was dialled.
    Server,
}

impl Side {
    /// The byte in a proof, so that nobody can be shown a proof of its own.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Client => 1,
            Self::Server => 2,
        }
    }

    /// The other end.
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What a node says of itself before anything is proved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intro {
    /// The network that it belongs to.
    pub network: NetworkId,
    /// Drawn when it started: tells a second connection of one process from that of a process started anew.
    pub instance: [u8; INSTANCE_BYTES],
    /// Its key.
    pub public_key: PublicKey,
    /// Nothing, or the enrolment that admits it, in wire form.
    pub credential: Vec<u8>,
}

impl Intro {
    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let version = VERSION.to_be_bytes();
        let parts: [&[u8]; 5] =
            [&version, self.network.as_bytes(), &self.instance, self.public_key.as_bytes(), &self.credential];
        parts.concat()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`Reason::Version`] when it begins with another version, whatever follows; [`Reason::Protocol`] when its
    /// length cannot be.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        let (version, rest) = bytes.split_first_chunk().ok_or(Reason::Protocol)?;
        if u16::from_be_bytes(*version) != VERSION {
            return Err(Reason::Version);
        }
        let (network, rest) = rest.split_first_chunk().ok_or(Reason::Protocol)?;
        let (instance, rest) = rest.split_first_chunk().ok_or(Reason::Protocol)?;
        let (key, credential) = rest.split_at_checked(PUBLIC_KEY_BYTES).ok_or(Reason::Protocol)?;
        if credential.len() > CREDENTIAL_BYTES {
            return Err(Reason::Protocol);
        }
        let public_key = PublicKey::from_bytes(key).map_err(|_| Reason::Protocol)?;
        let network = NetworkId::from_bytes(*network);
        Ok(Self { network, instance: *instance, public_key, credential: credential.to_vec() })
    }
}

/// What both ends of one connection know when they prove themselves.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// The network.
    pub network: NetworkId,
    /// The client.
    pub client: DeviceId,
    /// The server.
    pub server: DeviceId,
    /// The TLS session's exporter.
    pub exporter: [u8; 32],
}

impl Session {
    /// The bytes that the node on `side` signs.
    #[must_use]
    pub fn message(&self, side: Side) -> Vec<u8> {
        let (own, peer) = match side {
            Side::Client => (self.client, self.server),
            Side::Server => (self.server, self.client),
        };
        let parts: [&[u8]; 4] = [&[side.byte()], own.as_bytes(), peer.as_bytes(), &self.exporter];
        message(Purpose::Handshake, self.network.as_bytes(), &parts)
    }

    /// The proof of the node on `side`.
    #[must_use]
    pub fn prove(&self, side: Side, key: &SigningKey) -> Signature {
        key.sign(&self.message(side))
    }

    /// Checks the proof of the node on `side`.
    ///
    /// # Errors
    /// [`Reason::Protocol`] when it has another length than a signature, [`Reason::Proof`] when it is none of `key`
    /// over this session.
    pub fn check(&self, side: Side, key: &PublicKey, proof: &[u8]) -> Result<(), Reason> {
        if proof.len() != SIGNATURE_BYTES {
            return Err(Reason::Protocol);
        }
        let key = VerifyingKey::parse(key).map_err(|_| Reason::Unavailable)?;
        key.verify(&self.message(side), proof).map_err(|_| Reason::Proof)
    }
}
