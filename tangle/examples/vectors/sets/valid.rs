//! Valid transactions of every kind at work, each with all its intermediate values.

use super::made::{Made, Plan};
use super::world::{CREATED, NOW, VALID_UNTIL, World};
use super::{Failure, hex};
use serde_json::{Map, Value, json};
use weft_tangle::body::{Address, Anchor, Enrolment, KEM_PUBLIC_KEY_BYTES, Reason, Revocation};
use weft_tangle::{DeviceId, Digest, Role, TxId, blake2s, content_format};

/// A COSE_Encrypt0 as a device would seal it: protected {1: 24}, unprotected {4: 16 bytes}, 48 bytes of ciphertext.
fn sealed() -> Vec<u8> {
    [&b"\xd0\x83\x44\xa1\x01\x18\x18\xa1\x04\x50"[..], &[0x4B; 16], b"\x58\x30", &[0xCE; 48]].concat()
}

/// An enrolment of a holder's key without a registrar.
pub(crate) fn enrolment(world: &World, holder: &str, role: Role) -> Enrolment {
    Enrolment {
        role,
        valid_from: CREATED,
        valid_until: VALID_UNTIL,
        owner: [0; 32],
        public_key: world.key(holder).public_key().clone(),
        kem_public_key: None,
        address: None,
        admission: None,
    }
}

/// The transactions, in an order in which they can be attached.
pub(crate) fn transactions(world: &World) -> Result<Vec<Made>, Failure> {
    let genesis = world.open.genesis();
    let own = content_format::WEFT;
    let registrar = world.key("registrar-a");
    let plan = |name, after_ms, parents| Plan { after_ms, ..Plan::new(world, name, parents) };
    let enrol = |name, holder, after_ms, parents, enrolment: &Enrolment| {
        Plan {
            holder,
            kind: 1,
            content_format: own,
            content: enrolment.encode(),
            ..plan(name, after_ms, parents)
        }
        .make(world)
    };
    let mut made: Vec<Made> = Vec::new();
    let last = |made: &[Made]| -> [TxId; 2] {
        let mut ids = made.iter().rev().map(|made| made.id).chain([genesis, genesis]);
        std::array::from_fn(|_| ids.next().unwrap_or(genesis))
    };

    let mut sensor = enrolment(world, "sensor", Role::Sensor);
    sensor.owner = blake2s(&[b"a commitment to the patient's key"]);
    made.push(enrol("enrol-sensor", "sensor", 1_000, [genesis; 2], &sensor)?);
    let mut practitioner = enrolment(world, "practitioner", Role::Practitioner);
    practitioner.kem_public_key = Some(Box::new([0x3E; KEM_PUBLIC_KEY_BYTES]));
    let practitioner = practitioner.admitted_by(world.open.id(), registrar);
    made.push(enrol("enrol-practitioner", "practitioner", 2_000, last(&made), &practitioner)?);
    let mut fog = enrolment(world, "fog", Role::Fog);
    fog.address = Some(Address::new(b"192.0.2.7:8471")?);
    let fog = fog.admitted_by(world.open.id(), registrar);
    made.push(enrol("enrol-fog", "fog", 3_000, last(&made), &fog)?);

    made.push(Plan { counter: 1, ..plan("reading-json", 10_000, last(&made)) }.make(world)?);
    // [{0: "urn:dev:mac:0024befffe804ff1:spo2", 1: "%", 2: 97}]
    let cbor = [&b"\x81\xa3\x00\x78\x21urn:dev:mac:0024befffe804ff1:spo2\x01\x61%\x02\x18\x61"[..]].concat();
    let cbor =
        Plan { counter: 2, content_format: 112, content: cbor, ..plan("reading-cbor", 11_000, last(&made)) };
    made.push(cbor.make(world)?);
    let sealed = Plan {
        counter: 3,
        content_format: 16,
        content: sealed(),
        ..plan("reading-sealed", 12_000, last(&made))
    };
    made.push(sealed.make(world)?);
    // The fourth tenfold of the quota: two bits more.
    made.push(Plan { counter: 35, ..plan("reading-escalated", 13_000, last(&made)) }.make(world)?);
    let application = Plan {
        kind: 200,
        content_format: 0,
        counter: 4,
        content: b"pump 3: bolus confirmed".to_vec(),
        ..plan("application", 14_000, last(&made))
    };
    made.push(application.make(world)?);
    let document = b"a document kept elsewhere";
    let anchor = Anchor {
        digest: Digest(blake2s(&[document])),
        size: document.len() as u64,
        media_type: "application/dicom".into(),
    };
    let anchor = Plan {
        holder: "practitioner",
        kind: 7,
        content_format: own,
        counter: 1,
        content: anchor.encode()?,
        ..plan("anchor", 15_000, last(&made))
    };
    made.push(anchor.make(world)?);
    let revocation = |name, holder, counter, after_ms, reason, parents| {
        let content = Revocation { device: world.id("sensor"), reason }.encode();
        Plan { holder, kind: 6, content_format: own, counter, content, ..plan(name, after_ms, parents) }
            .make(world)
    };
    made.push(revocation("revoke-by-registrar", "registrar-a", 0, 16_000, Reason::Lost, last(&made))?);
    made.push(revocation("revoke-itself", "sensor", 5, 17_000, Reason::Retired, last(&made))?);
    Ok(made)
}

/// The file: enrolments with their fields beside them.
pub(crate) fn json(world: &World, valid: &[Made]) -> Value {
    let rows: Vec<Value> = valid
        .iter()
        .map(|made| {
            let mut row = made.json(&world.open);
            if let Ok(enrolment) = Enrolment::decode(made.content())
                && made.header.kind.to_byte() == 1
            {
                row.insert("enrolment".into(), fields(world, &enrolment).into());
            }
            row.into()
        })
        .collect();
    json!({
        "about": "Valid transactions of the network `open`, in an order in which they attach. The wire form is \
                  header || signature || nonce || salt || content. Signatures are the deterministic ones.",
        "now": NOW.as_millis(),
        "transactions": rows,
    })
}

fn fields(world: &World, enrolment: &Enrolment) -> Map<String, Value> {
    let admission = enrolment.admission.as_ref();
    let message = admission.map(|a| hex(&enrolment.admission_message(world.open.id(), &a.registrar)));
    let value = json!({
        "role": enrolment.role.name(),
        "valid_from": enrolment.valid_from.as_millis(),
        "valid_until": enrolment.valid_until.as_millis(),
        "owner": hex(&enrolment.owner),
        "device": DeviceId::of(&enrolment.public_key).to_string(),
        "kem_key_bytes": enrolment.kem_public_key.as_ref().map_or(0, |key| key.len()),
        "address": enrolment.address.as_ref().map_or("", Address::as_str),
        "registrar": admission.map(|a| a.registrar.to_string()),
        "admission_message": message,
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
