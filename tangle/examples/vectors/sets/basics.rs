//! Identifiers, hashes, keys, headers and the difficulty's table.

use super::made::Made;
use super::world::{HOLDERS, NOW, World};
use super::{Failure, hex};
use serde_json::{Value, json};
use weft_pow::Seed;
use weft_tangle::signing::{Purpose, message};
use weft_tangle::{DeviceId, Kind, Rules, TxId, blake2s, blake2s_keyed, to_text};

/// Bytes and texts; texts that are no ids.
pub(crate) fn identifiers(world: &World) -> Value {
    let bytes: [&[u8]; 5] = [&[0; 32], &[255; 32], &[0; 40], &[255; 40], world.open.id().as_bytes()];
    let good: Vec<Value> = bytes.iter().map(|b| json!({"hex": hex(b), "text": to_text(b)})).collect();
    let text = world.id("sensor").to_string();
    let bad = [
        ("too short", text[1..].to_string()),
        ("too long", format!("{text}0")),
        ("upper case", text.to_uppercase()),
        ("outside the alphabet", format!("w{}", &text[1..])),
        ("bits behind the last byte", "v".repeat(52)),
        ("padded", format!("{}====", &text[..48])),
    ];
    let bad: Vec<Value> = bad.iter().map(|(why, text)| json!({"why": why, "text": text})).collect();
    json!({
        "about": "Text form: lower-case base32hex (RFC 4648, section 7) without padding. `invalid` are no device ids.",
        "valid": good,
        "invalid": bad,
        "first_id_at": {"timestamp": NOW.as_millis(), "text": TxId::first_at(NOW).to_string()},
    })
}

/// The two forms of the hash, and the prefix of each signed message.
pub(crate) fn hashing(world: &World) -> Value {
    let key: [u8; 32] = std::array::from_fn(|i| i as u8);
    let inputs: [&[u8]; 3] = [b"", b"abc", &[0xA5; 160]];
    let rows = inputs.map(|input| {
        json!({
            "input": hex(input),
            "blake2s": hex(&blake2s(&[input])),
            "blake2s_keyed": hex(&blake2s_keyed(&key, &[input])),
        })
    });
    let purposes = [Purpose::Transaction, Purpose::Enrolment, Purpose::Handshake, Purpose::Request];
    let messages = purposes.map(|purpose| {
        json!({"label": purpose.label(), "prefix": hex(&message(purpose, world.open.id().as_bytes(), &[]))})
    });
    json!({
        "about": "BLAKE2s-256, plain and keyed with `key`; and label, zero byte and id of the network `open`.",
        "key": hex(&key),
        "hashes": rows,
        "message_prefixes": messages,
    })
}

/// Seeds, the keys that they expand to, their ids.
pub(crate) fn keys(world: &World) -> Value {
    let rows: Vec<Value> = HOLDERS
        .iter()
        .map(|(name, byte)| {
            let key = world.key(name).public_key();
            json!({
                "name": name,
                "seed": hex(&[*byte; 32]),
                "public_key": hex(key.as_bytes()),
                "device": DeviceId::of(key).to_string(),
            })
        })
        .collect();
    json!({"about": "ML-DSA-44 key pairs from seeds (FIPS 204, algorithm 6). Never use them.", "keys": rows})
}

/// Fields and the 160 bytes that they make; bytes that are no header.
pub(crate) fn headers(valid: &[Made]) -> Value {
    let rows: Vec<Value> = valid
        .iter()
        .map(|made| {
            let header = &made.header;
            json!({
                "name": made.name,
                "kind": header.kind.to_byte(),
                "content_format": header.content_format,
                "counter": header.counter,
                "timestamp": header.timestamp.as_millis(),
                "issuer": header.issuer.to_string(),
                "parents": header.parents.map(|parent| parent.to_string()),
                "body_digest": hex(&header.body_digest.0),
                "header": hex(&made.encoded),
            })
        })
        .collect();
    let refused: Vec<Value> = [(0, 0), (0, 2), (0, 255), (1, 0), (1, 12), (1, 127)]
        .iter()
        .filter_map(|(at, byte)| {
            let mut bytes = valid.first()?.encoded;
            bytes[*at] = *byte;
            let why = if *at == 0 { "version" } else { "reserved kind" };
            Some(json!({"why": why, "header": hex(&bytes)}))
        })
        .collect();
    json!({"about": "Headers as fields and as bytes.", "valid": rows, "invalid": refused})
}

/// Work of single nonces, and the difficulty by counter.
pub(crate) fn pow(world: &World) -> Result<Value, Failure> {
    let id: [u8; 40] = std::array::from_fn(|i| i as u8);
    let seed = Seed::of(&id, &[0xA5; 2420]);
    let nonces = [0, 1_897, 10_472, 26_007, 0x0102_0304_0506_0708, u64::MAX];
    let work: Vec<Value> = nonces
        .iter()
        .map(|nonce| {
            let nonce = weft_pow::Nonce(*nonce);
            json!({
                "nonce": hex(&nonce.to_bytes()),
                "work": hex(&blake2s(&[&seed.0, &nonce.to_bytes()])),
                "zero_bits": weft_pow::leading_zero_bits(&seed, nonce),
            })
        })
        .collect();
    let mut table = Vec::new();
    let default = Rules::default();
    for rules in [default, *world.open.rules(), Rules::new(600_000, 1, 40, 40)?] {
        let (base, enrolment) = rules.base_difficulties();
        let quota = rules.quota();
        let counters =
            [0, 1, quota - 1, quota, 3 * quota - 1, 3 * quota, 7 * quota, u32::MAX].map(|counter| {
                let bits = |kind, open: bool| rules.difficulty(kind, counter, open).bits();
                json!({
                    "counter": counter,
                    "enrol_open": bits(Kind::Enrol, true),
                    "enrol_closed": bits(Kind::Enrol, false),
                    "others": bits(Kind::Reading, true),
                })
            });
        table.push(json!({
            "quota": quota,
            "difficulty": base.bits(),
            "enrolment_difficulty": enrolment.bits(),
            "rows": counters,
        }));
    }
    Ok(json!({
        "about": "Work of nonces for one id and one signature, `times` times `byte`; bits of work by counter under three sets of rules.",
        "id": hex(&id),
        "signature": {"byte": "a5", "times": 2420},
        "seed": hex(&seed.0),
        "work": work,
        "difficulty": table,
    }))
}
