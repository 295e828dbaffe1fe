//! Wrong, hostile or unlucky input at the door of a real node: each has its stated answer, and the node stays up.

use crate::support::{Device, Wish, key_in, now, word};
use crate::world::{world, world_without_quorum};
use weft_tangle::body::{Anchor, Reason, Revocation, Vote, Witness};
use weft_tangle::finality::Round;
use weft_tangle::{Digest, Kind, NetworkId, Role, Timestamp, TxId};

#[test]
fn a_reading_comes_back_as_it_was_sent() {
    let mut world = world_without_quorum();
    let wish = world.sensor.reading(world.parents());
    let wire = world.sensor.wire(&wish);
    let id = world.sensor.sign(&wish).id();
    world.expect(&wire, 201, "attached");
    world.expect(&wire, 200, "attached");
    let path = format!("/api/v1/transactions/{id}");
    let (status, json) = world.node.get(&path);
    assert_eq!(status, 200);
    assert_eq!(json["kind"], "reading");
    assert_eq!(json["issuer"], world.sensor.id().to_string());
    assert_eq!(json["counter"], 1);
    assert_eq!(json["timestamp"], wish.timestamp);
    assert_eq!(json["parents"][0], wish.parents[0].to_string());
    assert_eq!(json["status"], "attached");
    assert_eq!(world.node.get_as(&path, "application/octet-stream"), (200, wire));
    assert_eq!(world.node.get_as(&path, "image/png").0, 406);
    let (status, readings) = world.node.get(&format!("/api/v1/devices/{}/readings", world.sensor.id()));
    assert_eq!(status, 200);
    assert_eq!(readings[0]["v"], 72);
    assert_eq!(world.node.stop(), Some(0));
}

#[test]
fn bytes_that_are_no_transaction() {
    let mut world = world();
    let wish = world.sensor.reading(world.parents());
    let good = world.sensor.wire(&wish);
    let changed = |at: usize, value: u8| {
        let mut wire = good.clone();
        wire[at] = value;
        wire
    };
    world.expect(&[], 400, "malformed");
    world.expect(&good[..2_603], 400, "malformed");
    world.expect(&vec![1; 2_588 + 16_384 + 1], 413, "too-large");
    world.expect(&changed(0, 2), 400, "malformed");
    world.expect(&changed(1, 0), 400, "malformed");
    world.expect(&changed(1, 127), 400, "malformed");
    world.expect(&changed(130, !good[130]), 422, "digest");
    world.expect(&[&good[..], b"x"].concat(), 422, "digest");
    world.expect(&good[..good.len() - 1], 422, "digest");
    let json = world.node.post_as("/api/v1/transactions", "application/json", &good);
    assert_eq!((json.0, word(&json.1)), (415, "unsupported-media-type".into()));
    world.expect(&good, 201, "attached");
}

#[test]
fn work_and_signature() {
    let mut world = world();
    let wish = world.sensor.reading(world.parents());
    let signed = world.sensor.sign(&wish);
    let lazy =
        (0u64..).map(weft_pow::Nonce).find(|nonce| weft_pow::leading_zero_bits(&signed.seed(), *nonce) < 10);
    world.expect(&signed.with_nonce(lazy.unwrap()), 422, "pow");

    // Right work under a wrong signature: the seed covers the signature, so both are made anew.
    let other = Device::new(2, world.node.network());
    let forged = weft_tangle::signing::message(
        weft_tangle::signing::Purpose::Transaction,
        world.sensor.network.as_bytes(),
        &[signed.id().as_bytes()],
    );
    let signature = other.key.sign(&forged);
    let seed = weft_pow::Seed::of(signed.id().as_bytes(), signature.as_bytes());
    let nonce =
        (0u64..).map(weft_pow::Nonce).find(|nonce| weft_pow::leading_zero_bits(&seed, *nonce) >= 10).unwrap();
    let mut wire = world.sensor.wire(&wish);
    wire[160..2_580].copy_from_slice(signature.as_bytes());
    wire[2_580..2_588].copy_from_slice(&nonce.to_bytes());
    world.expect(&wire, 422, "signature");

    // Signed for another network: here its id and its signed message are others.
    let elsewhere =
        Device { network: NetworkId::from_bytes([9; 32]), ..Device::new(1, world.sensor.network) };
    let (status, word) = world.node.submit(&elsewhere.wire(&wish));
    assert!(status == 422 && (word == "pow" || word == "signature"), "{status} {word}");
    world.expect_wish(|_| {}, 201, "attached");
}

#[test]
fn issuers_and_roles() {
    let world = world();
    let parents = world.parents();
    let mut stranger = Device::new(3, world.node.network());
    let reading = stranger.reading(parents);
    world.expect(&stranger.wire(&reading), 401, "not-enrolled");

    let mut past = Device::new(4, world.node.network());
    let mut enrolment = past.enrolment(Role::Sensor);
    enrolment.valid_until = Timestamp::from_millis(now() - 3_600_000);
    let wish = past.control(Kind::Enrol, enrolment.encode(), world.parents());
    world.expect(&past.wire(&wish), 201, "attached");
    let reading = past.reading(world.parents());
    world.expect(&past.wire(&reading), 401, "not-enrolled");

    let mut fog = Device::new(5, world.node.network());
    let wish = fog.control(Kind::Enrol, fog.enrolment(Role::Fog).encode(), world.parents());
    world.expect(&fog.wire(&wish), 403, "role");

    let registrar = key_in(world.data(), "registrar.key");
    let admitted = fog.enrolment(Role::Practitioner).admitted_by(&fog.network, &registrar);
    let wish = fog.control(Kind::Enrol, admitted.encode(), world.parents());
    world.expect(&fog.wire(&wish), 201, "attached");
    let reading = fog.reading(world.parents());
    world.expect(&fog.wire(&reading), 403, "role");

    let mut false_registrar = fog.enrolment(Role::Fog).admitted_by(&fog.network, &world.sensor.key);
    let wish = fog.control(Kind::Enrol, false_registrar.encode(), world.parents());
    world.expect(&fog.wire(&wish), 403, "role");
    false_registrar.admission =
        fog.enrolment(Role::Researcher).admitted_by(&fog.network, &registrar).admission;
    let wish = fog.control(Kind::Enrol, false_registrar.encode(), world.parents());
    world.expect(&fog.wire(&wish), 422, "signature");

    let foreign = world.sensor.enrolment(Role::Sensor);
    let wish = stranger.control(Kind::Enrol, foreign.encode(), world.parents());
    world.expect(&stranger.wire(&wish), 400, "malformed");
}

#[test]
fn kinds_that_do_not_come_in_here() {
    let mut world = world();
    for kind in [9, 11] {
        world.expect_wish(|wish| wish.kind = Kind::from_byte(kind).unwrap(), 422, "kind-not-at-door");
    }
    let witness = Witness::new(Round::FIRST, Vote::NONE, vec![], vec![]).unwrap();
    let wish = |wish: &mut Wish| (wish.kind, wish.content) = (Kind::Witness, witness.encode());
    world.expect_wish(wish, 422, "kind-not-at-door");
    for kind in [4, 5, 8, 10] {
        world.expect_wish(|wish| wish.kind = Kind::from_byte(kind).unwrap(), 422, "kind-not-yet");
    }
    world.expect_wish(|wish| wish.kind = Kind::from_byte(200).unwrap(), 201, "attached");
}

#[test]
fn parents_and_times() {
    let mut world = world();
    let [tip, _] = world.parents();
    let genesis = world.node.genesis();
    let unknown = TxId::first_at(Timestamp::from_millis(now() - 1));
    world.expect_wish(|wish| wish.parents = [tip, unknown], 422, "parents");
    world.expect_wish(|wish| wish.parents = [tip, tip], 422, "parents");
    world.expect_wish(|wish| wish.timestamp = tip.timestamp().as_millis(), 422, "parents");
    world.expect_wish(|wish| wish.timestamp = now() + 15_000, 422, "timestamp");
    world.expect_wish(|wish| wish.parents = [genesis, genesis], 201, "attached");
    world.expect_wish(|wish| wish.parents = [tip, genesis], 201, "attached");
    world.expect_wish(|wish| wish.timestamp = now() + 5_000, 201, "attached");
}

#[test]
fn a_counter_used_twice() {
    let mut world = world_without_quorum();
    let parents = world.parents();
    let mut twice = |value: u8| {
        let mut wish = world.sensor.reading(parents);
        wish.counter = 77;
        wish.content = format!(r#"[{{"n":"urn:dev:ow:1:hr","v":{value}}}]"#).into_bytes();
        (world.sensor.wire(&wish), world.sensor.sign(&wish).id())
    };
    let [(first, first_id), (second, second_id), (third, _)] = [1, 2, 3].map(&mut twice);
    world.expect(&first, 201, "attached");
    world.expect(&second, 201, "disputed");
    world.expect(&third, 409, "equivocation");
    world.expect(&first, 200, "disputed");
    let device = world.node.get(&format!("/api/v1/devices/{}", world.sensor.id())).1;
    let twins = &device["equivocations"][0];
    assert_eq!(twins["counter"], 77);
    let mut ids = [first_id.to_string(), second_id.to_string()];
    ids.sort();
    assert_eq!(twins["transactions"], serde_json::json!(ids));
    assert_eq!(device["epochs"][0]["highest"], 77);
    assert_eq!(device["epochs"][0]["gaps"], serde_json::json!([[1, 76]]));

    // Of a control kind the second could not count, and is told so.
    let device = world.sensor.id();
    let revocation = |reason| Revocation { device, reason }.encode();
    let [lost, retired] = [Reason::Lost, Reason::Retired].map(|reason| {
        let mut wish = world.sensor.control(Kind::RevokeDevice, revocation(reason), parents);
        wish.counter = 90;
        world.sensor.wire(&wish)
    });
    world.expect(&lost, 201, "attached");
    world.expect(&retired, 409, "equivocation");
    let device = world.node.get(&format!("/api/v1/devices/{}", world.sensor.id())).1;
    assert_eq!(device["revocations"][0]["reason"], "lost");
}

#[test]
fn contents() {
    let mut world = world();
    world.expect_wish(|wish| wish.content = b"[{\"n\":\"hr\",".to_vec(), 422, "content");
    world.expect_wish(|wish| wish.content = b"[]".to_vec(), 422, "content");
    world.expect_wish(|wish| wish.content_format = 50, 415, "unsupported-media-type");
    world.expect_wish(|wish| wish.content_format = 0xFFFF, 415, "unsupported-media-type");
    world.expect_wish(|wish| wish.content = vec![b' '; 16_369 - 1], 422, "content");

    let other = Device::new(8, world.node.network());
    let of_another = Revocation { device: other.id(), reason: Reason::Lost }.encode();
    let wish = world.sensor.control(Kind::RevokeDevice, of_another, world.parents());
    world.expect(&world.sensor.wire(&wish), 403, "role");
    let anchor = Anchor { digest: Digest([1; 32]), size: 5, media_type: "application/dicom".into() };
    let mut content = anchor.encode().unwrap();
    let wish = world.sensor.control(Kind::Anchor, content.clone(), world.parents());
    world.expect(&world.sensor.wire(&wish), 201, "attached");
    content.push(0);
    let wish = world.sensor.control(Kind::Anchor, content, world.parents());
    world.expect(&world.sensor.wire(&wish), 400, "malformed");
}
