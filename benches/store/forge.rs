//! Readings of 2.8 KB that are well formed in all but their signatures, and come in the order of time.

use super::CREATED;
use std::sync::Arc;
use weft_tangle::{DeviceId, Header, Kind, Network, Transaction, TxId, blake2s, content_format};

/// Bytes of a body: with header, signature and nonce they make 2.8 KB.
const BODY_BYTES: usize = 216;

/// Devices that take turns.
const DEVICES: u64 = 100;

/// Makes readings that are well formed in all but their signatures, each a millisecond after the one before.
pub(super) struct Forge {
    network: Arc<Network>,
    devices: Vec<DeviceId>,
    pub(super) ids: Vec<TxId>,
}

impl Forge {
    pub(super) fn new(network: &Arc<Network>) -> Self {
        let device = |number: u64| DeviceId::from_bytes(blake2s(&[&number.to_be_bytes()]));
        Self { network: Arc::clone(network), devices: (0..DEVICES).map(device).collect(), ids: Vec::new() }
    }

    pub(super) fn next(&mut self) -> Transaction {
        let number = self.ids.len() as u64;
        let genesis = self.network.genesis();
        let parents = match *self.ids.as_slice() {
            [.., second, first] => [first, second],
            [first] => [first, genesis],
            [] => [genesis; 2],
        };
        let mut body = [0x5A; BODY_BYTES];
        body[..8].copy_from_slice(&number.to_be_bytes());
        let header = Header {
            kind: Kind::Reading,
            content_format: content_format::SENML_CBOR,
            counter: (number / DEVICES) as u32,
            timestamp: CREATED.plus(1 + number),
            issuer: self.devices[(number % DEVICES) as usize],
            parents,
            body_digest: weft_tangle::Digest(blake2s(&[&body])),
        };
        let mut wire = header.encode().to_vec();
        wire.resize(weft_tangle::limits::BODY_OFFSET, 0xA5);
        wire.extend_from_slice(&body);
        let transaction = Transaction::decode(&self.network, &wire).expect("it is well formed");
        self.ids.push(transaction.id());
        transaction
    }
}
