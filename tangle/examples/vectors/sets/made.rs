//! A finished transaction in its parts, and how one is made from a plan with at most one fault in it.

use super::world::{CREATED, World};
use super::{Failure, hex};
use serde_json::{Map, Value, json};
use weft_pow::{Difficulty, Nonce, Search, Seed, Step, leading_zero_bits};
use weft_tangle::signing::{Purpose, SIGNATURE_BYTES, message};
use weft_tangle::{Digest, HEADER_BYTES, Header, Kind, Network, Timestamp, TxId, blake2s};

/// What a transaction of the vectors is to be.
#[derive(Clone)]
pub(crate) struct Plan<'a> {
    pub(crate) name: &'static str,
    pub(crate) holder: &'static str,
    pub(crate) network: &'a Network,
    /// The network that the issuer believes to be on.
    pub(crate) signed_for: &'a Network,
    pub(crate) kind: u8,
    pub(crate) content_format: u16,
    pub(crate) counter: u32,
    /// Milliseconds after the network's creation.
    pub(crate) after_ms: u64,
    pub(crate) parents: [TxId; 2],
    pub(crate) content: Vec<u8>,
    /// Bits less than are needed.
    pub(crate) idle_bits: u32,
    /// A bit of the signature is turned before the work is done.
    pub(crate) spoil_signature: bool,
}

/// A transaction in its parts.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) name: &'static str,
    pub(crate) holder: &'static str,
    pub(crate) header: Header,
    pub(crate) encoded: [u8; HEADER_BYTES],
    pub(crate) id: TxId,
    message: Vec<u8>,
    signature: Vec<u8>,
    seed: Seed,
    difficulty: Difficulty,
    nonce: Nonce,
    body: Vec<u8>,
}

impl<'a> Plan<'a> {
    /// A reading of the sensor on the open network, to be changed by struct update.
    pub(crate) fn new(world: &'a World, name: &'static str, parents: [TxId; 2]) -> Self {
        Self {
            name,
            holder: "sensor",
            network: &world.open,
            signed_for: &world.open,
            kind: 2,
            content_format: 110,
            counter: 0,
            after_ms: 30_000,
            parents,
            content: br#"[{"n":"urn:dev:mac:0024befffe804ff1:hr","u":"beat/min","v":72}]"#.to_vec(),
            idle_bits: 0,
            spoil_signature: false,
        }
    }

    pub(crate) fn make(self, world: &World) -> Result<Made, Failure> {
        // A salt is random in life; here it follows from the name, so that the files come out alike.
        let salt = &blake2s(&[b"salt", self.name.as_bytes()])[..16];
        let body = [salt, &self.content].concat();
        // A witness's digest ends before its list of references; one too short for that has none that is right.
        let covered = if self.kind == 3 { body.get(..96).unwrap_or(&body) } else { &body };
        let header = Header {
            kind: Kind::from_byte(self.kind)?,
            content_format: self.content_format,
            counter: self.counter,
            timestamp: CREATED.plus(self.after_ms),
            issuer: world.id(self.holder),
            parents: self.parents,
            body_digest: Digest(blake2s(&[covered])),
        };
        let encoded = header.encode();
        let signed_id = TxId::of(self.signed_for.id(), header.timestamp, &encoded);
        let message = message(Purpose::Transaction, self.signed_for.id().as_bytes(), &[signed_id.as_bytes()]);
        let mut signature = world.key(self.holder).sign(&message).as_bytes().to_vec();
        signature[100] ^= u8::from(self.spoil_signature);
        let id = TxId::of(self.network.id(), header.timestamp, &encoded);
        let seed = Seed::of(id.as_bytes(), &signature);
        let difficulty = self.network.rules().difficulty(header.kind, header.counter, self.network.is_open());
        let nonce = search(&seed, difficulty, self.idle_bits)?;
        let Self { name, holder, .. } = self;
        Ok(Made { name, holder, header, encoded, id, message, signature, seed, difficulty, nonce, body })
    }
}

impl Made {
    pub(crate) fn wire(&self) -> Vec<u8> {
        [&self.encoded[..], &self.signature, &self.nonce.to_bytes(), &self.body].concat()
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        self.header.timestamp
    }

    pub(crate) fn content(&self) -> &[u8] {
        &self.body[16..]
    }

    /// Every value on the way to the wire form, which is `header || signature || nonce || salt || content`.
    pub(crate) fn json(&self, network: &Network) -> Map<String, Value> {
        debug_assert_eq!(self.signature.len(), SIGNATURE_BYTES);
        let header = &self.header;
        let value = json!({
            "name": self.name,
            "key": self.holder,
            "kind": header.kind.to_byte(),
            "kind_name": header.kind.name(),
            "content_format": header.content_format,
            "counter": header.counter,
            "timestamp": header.timestamp.as_millis(),
            "epoch": network.rules().epoch(header.timestamp).0,
            "issuer": header.issuer.to_string(),
            "parents": header.parents.map(|parent| parent.to_string()),
            "salt": hex(&self.body[..16]),
            "content": hex(self.content()),
            "body_digest": hex(&header.body_digest.0),
            "header": hex(&self.encoded),
            "id": self.id.to_string(),
            "id_hex": hex(self.id.as_bytes()),
            "message": hex(&self.message),
            "signature": hex(&self.signature),
            "pow_seed": hex(&self.seed.0),
            "difficulty": self.difficulty.bits(),
            "nonce": hex(&self.nonce.to_bytes()),
            "wire_bytes": self.wire().len(),
            "wire_blake2s": hex(&blake2s(&[&self.wire()])),
        });
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

/// The first nonce that shows the difficulty or, with `idle_bits`, exactly that many bits less.
fn search(seed: &Seed, difficulty: Difficulty, idle_bits: u32) -> Result<Nonce, Failure> {
    let needed = u32::from(difficulty.bits());
    let floor = needed.checked_sub(idle_bits).ok_or("less than no work")?;
    let floor = Difficulty::try_from(u8::try_from(floor)?)?;
    let mut search = Search::new(*seed, floor);
    loop {
        match search.step(1_000_000) {
            Step::Found(nonce) if idle_bits == 0 || leading_zero_bits(seed, nonce) < needed => {
                return Ok(nonce);
            }
            Step::Exhausted => return Err("no nonce shows the difficulty".into()),
            Step::Found(_) | Step::Continue => {}
        }
    }
}
