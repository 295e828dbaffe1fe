//! The ordered checks: each rule with the input that only it refuses.

use crate::support::{MEMBER, REGISTRAR, START, key, network, world};
use weft_pow::{Difficulty, Nonce};
use weft_tangle::body::{Address, Anchor, Enrolment, Reason, Revocation, Vote, Witness};
use weft_tangle::check::{check_door, check_enrolment_cheaply};
use weft_tangle::finality::Round;
use weft_tangle::limits::{AHEAD_MS, BODY_OFFSET, DOOR_BEHIND_MS};
use weft_tangle::signing::SigningKey;
use weft_tangle::{
    DeviceId, Digest, Draft, HEADER_BYTES, Issuer, Kind, Malformed, Network, NetworkParts, Refusal, Role,
    Rules, Screened, Standing, Timestamp, Transaction, Verified, content_format,
};

fn kind(byte: u8) -> Kind {
    Kind::from_byte(byte).unwrap()
}

fn weft<'a>(byte: u8, content: &'a [u8]) -> Draft<'a> {
    let reading = world().reading(0, START.plus(1), [world().genesis(); 2]);
    Draft { kind: kind(byte), content_format: content_format::WEFT, content, ..reading }
}

fn screen(network: &Network, draft: &Draft<'_>, key: &SigningKey) -> Screened {
    let wire = draft.sign(network.id(), key).unwrap().with_nonce(Nonce::from_bytes([0; 8]));
    Screened::check(network, Transaction::decode(network, &wire).unwrap()).unwrap()
}

#[test]
fn the_door_asks_for_kind_and_clock() {
    let now = START.plus(DOOR_BEHIND_MS * 2);
    let mut header = world().screened(&weft(2, b""), 0).transaction().header().clone();
    let mut check = |byte, timestamp| {
        (header.kind, header.timestamp) = (kind(byte), timestamp);
        check_door(&header, now)
    };
    for byte in [3, 9, 11] {
        assert_eq!(check(byte, now), Err(Refusal::KindNotAtDoor(kind(byte))));
    }
    for byte in [4, 5, 8, 10] {
        assert_eq!(check(byte, now), Err(Refusal::KindNotYet(kind(byte))));
    }
    for byte in [1, 2, 6, 7, 128, 255] {
        assert_eq!(check(byte, now), Ok(()));
    }
    assert_eq!(check(2, now.plus(AHEAD_MS)), Ok(()));
    assert_eq!(check(2, now.plus(AHEAD_MS + 1)), Err(Refusal::Ahead { ahead_ms: AHEAD_MS + 1 }));
    assert_eq!(check(2, now.minus(DOOR_BEHIND_MS)), Ok(()));
    assert_eq!(
        check(2, now.minus(DOOR_BEHIND_MS + 1)),
        Err(Refusal::Behind { behind_ms: DOOR_BEHIND_MS + 1 })
    );
    assert!(matches!(check(2, Timestamp::from_millis(u64::MAX)), Err(Refusal::Ahead { .. })));
    assert!(matches!(check(2, Timestamp::from_millis(0)), Err(Refusal::Behind { .. })));
}

#[test]
fn kinds_that_are_not_at_work_are_recognised() {
    for byte in [4, 5, 8, 9, 10, 11] {
        let transaction = Transaction::decode(&world().network, &world().wire(&weft(byte, b""), 0)).unwrap();
        let refused = Screened::check(&world().network, transaction).unwrap_err();
        assert_eq!(refused, Refusal::KindNotYet(kind(byte)));
    }
}

#[test]
fn a_witness_of_somebody_else_is_refused_before_anything_is_looked_up() {
    let witness = Witness::new(Round::FIRST, Vote::NONE, vec![], vec![]).unwrap().encode();
    let network = &world().network;
    let screen = |key: &SigningKey| {
        let wire = weft(3, &witness).sign(network.id(), key).unwrap().with_nonce(Nonce::from_bytes([0; 8]));
        Screened::check(network, Transaction::decode(network, &wire).unwrap())
    };
    assert!(screen(&key(MEMBER)).is_ok());
    for other in [key(0), key(REGISTRAR)] {
        let refused = screen(&other).unwrap_err();
        assert!(matches!(refused, Refusal::Malformed(Malformed::Field { field: "issuer", .. })), "{refused}");
    }
}

#[test]
fn work_is_counted_bit_by_bit_and_belongs_to_one_signature() {
    let rules = Rules::new(600_000, 2, 6, 9).unwrap();
    let network = Network::new(NetworkParts {
        name: "work".into(),
        created: START,
        open_enrolment: true,
        rules,
        registrars: vec![],
        committee: vec![key(MEMBER).public_key().clone()],
    })
    .unwrap();
    for (kind_byte, counter, bits) in [(2, 0, 6), (2, 1, 6), (2, 2, 7), (2, 6, 8), (1, 0, 9), (1, 2, 10)] {
        let mut draft = weft(kind_byte, b"");
        (draft.counter, draft.parents) = (counter, [network.genesis(); 2]);
        let signed = draft.sign(network.id(), world().key(0)).unwrap();
        let other = draft.sign(network.id(), world().key(1)).unwrap();
        let of_work = |found: u32| {
            let found_there = |nonce: &u64| {
                weft_pow::leading_zero_bits(&signed.seed(), Nonce::from_bytes(nonce.to_be_bytes())) == found
            };
            Nonce::from_bytes((0..).find(found_there).unwrap().to_be_bytes())
        };
        let check = |wire: Vec<u8>| {
            let transaction = Transaction::decode(&network, &wire).unwrap();
            Screened::check(&network, transaction).map(drop)
        };
        let needed = u32::from(Difficulty::new(bits).unwrap().bits());
        let short = Refusal::Work { found: needed - 1, needed };
        assert_eq!(check(signed.with_nonce(of_work(needed - 1))), Err(short));
        assert_eq!(check(signed.with_nonce(of_work(needed))), Ok(()));
        assert!(check(other.with_nonce(of_work(needed))).is_err(), "work cannot be carried over");
    }
}

#[test]
fn only_the_issuer_whose_key_signed_is_taken() {
    let world = world();
    let draft = weft(200, b"anything");
    let refused = Verified::check(&world.network, world.screened(&draft, 0), world.issuer(1)).unwrap_err();
    assert_eq!(refused, Refusal::NotEnrolled(world.device(0)));

    let wire = world.wire(&draft, 0);
    let mut bad = wire.clone();
    bad[HEADER_BYTES + 7] ^= 1;
    let screened =
        Screened::check(&world.network, Transaction::decode(&world.network, &bad).unwrap()).unwrap();
    assert_eq!(screened.transaction().id(), world.screened(&draft, 0).transaction().id());
    assert_eq!(Verified::check(&world.network, screened, world.issuer(0)).unwrap_err(), Refusal::Signature);

    // The same header on another network has another id, so its signature is worth nothing there.
    let other = network(false);
    assert_ne!(other.id(), world.network.id());
    let mut replayed = draft.clone();
    replayed.parents = [other.genesis(), world.genesis()];
    let wire = replayed.sign(world.network.id(), world.key(0)).unwrap().with_nonce(Nonce::from_bytes([0; 8]));
    let screened = Screened::check(&other, Transaction::decode(&other, &wire).unwrap()).unwrap();
    assert_eq!(Verified::check(&other, screened, world.issuer(0)).unwrap_err(), Refusal::Signature);
}

#[test]
fn any_one_standing_that_permits_it_suffices() {
    let enrolled =
        |role, from, until| Standing::Enrolled { role, valid: START.plus(from)..START.plus(until) };
    let check = |standings| {
        let issuer = Issuer::new(world().key(0).public_key(), standings).unwrap();
        let mut draft = weft(2, b"");
        draft.timestamp = START.plus(10);
        Verified::check(&world().network, world().screened(&draft, 0), &issuer).map(drop)
    };
    let then = Refusal::NotEnrolledThen { device: world().device(0), at: START.plus(10) };
    assert_eq!(check(vec![]), Err(then.clone()));
    assert_eq!(check(vec![enrolled(Role::Sensor, 0, 10)]), Err(then.clone()));
    assert_eq!(check(vec![enrolled(Role::Sensor, 11, 20)]), Err(then));
    assert_eq!(check(vec![enrolled(Role::Sensor, 10, 11)]), Ok(()));
    let role = Refusal::Role { role: Role::Researcher, kind: kind(2) };
    assert_eq!(check(vec![enrolled(Role::Researcher, 0, 20)]), Err(role.clone()));
    assert_eq!(check(vec![enrolled(Role::Researcher, 0, 20), enrolled(Role::Sensor, 0, 10)]), Err(role));
    assert_eq!(check(vec![enrolled(Role::Researcher, 0, 20), enrolled(Role::Patient, 0, 20)]), Ok(()));
    assert!(matches!(check(vec![Standing::Registrar]), Err(Refusal::Admission(_))));
}

#[test]
fn a_device_revokes_itself_and_only_a_registrar_revokes_others() {
    let check = |issuer: &Issuer, of: DeviceId| {
        let content = Revocation { device: of, reason: Reason::Lost }.encode();
        Verified::check(&world().network, world().screened(&weft(6, &content), 0), issuer).map(drop)
    };
    let registrar = Issuer::new(world().key(0).public_key(), vec![Standing::Registrar]).unwrap();
    assert_eq!(check(world().issuer(0), world().device(0)), Ok(()));
    let role = Refusal::Role { role: Role::Sensor, kind: kind(6) };
    assert_eq!(check(world().issuer(0), world().device(1)), Err(role));
    assert_eq!(check(&registrar, world().device(1)), Ok(()));
}

#[test]
fn what_weft_encodes_must_be_well_formed() {
    let anchor =
        Anchor { digest: Digest([1; 32]), size: 3, media_type: "image/png".into() }.encode().unwrap();
    let revocation = Revocation { device: world().device(0), reason: Reason::Lost }.encode();
    let registrar = Issuer::new(world().key(0).public_key(), vec![Standing::Registrar]).unwrap();
    for (byte, content) in [(7, anchor), (6, revocation)] {
        let check = |draft: &Draft<'_>| {
            Verified::check(&world().network, world().screened(draft, 0), &registrar).map(drop)
        };
        assert_eq!(check(&weft(byte, &content)), Ok(()));
        let mut other_format = weft(byte, &content);
        other_format.content_format = 112;
        let format = Malformed::Field {
            field: "content format",
            problem: "must be 0xFFFF for kinds that Weft encodes itself",
        };
        assert_eq!(check(&other_format), Err(format.into()));
        let trailing = [&content[..], &[0]].concat();
        assert!(matches!(
            check(&weft(byte, &trailing)),
            Err(Refusal::Malformed(Malformed::Trailing { bytes: 1, .. }))
        ));
        let short = &content[..content.len() - 1];
        assert!(matches!(check(&weft(byte, short)), Err(Refusal::Malformed(Malformed::Truncated { .. }))));
    }
}

/// An enrolment of device 0 on a network, checked.
fn enrol(network: &Network, enrolment: &Enrolment, signer: u8) -> Result<(), Refusal> {
    let content = enrolment.encode();
    let mut draft = weft(1, &content);
    draft.parents = [network.genesis(); 2];
    let screened = screen(network, &draft, world().key(signer));
    let cheap = check_enrolment_cheaply(network, screened.transaction());
    let checked = Verified::check_enrolment(network, screened);
    if let Ok(verified) = &checked {
        assert_eq!(verified.enrolment(), Some(enrolment));
        assert_eq!(cheap, Ok(()));
    }
    checked.map(drop)
}

#[test]
fn who_enrols_by_itself_and_who_needs_a_registrar() {
    let [open, closed] = [network(true), network(false)];
    let roles = [Role::Sensor, Role::Gateway, Role::Patient, Role::Practitioner, Role::Fog, Role::Researcher];
    for role in roles {
        let plain = Enrolment { role, ..world().enrolment(0) };
        let by_itself = matches!(role, Role::Sensor | Role::Gateway | Role::Patient);
        assert_eq!(enrol(&open, &plain, 0).is_ok(), by_itself, "{role}");
        assert!(matches!(enrol(&closed, &plain, 0), Err(Refusal::Admission(_))), "{role}");
        for network in [&open, &closed] {
            assert_eq!(enrol(network, &plain.clone().admitted_by(network.id(), &key(REGISTRAR)), 0), Ok(()));
            let stranger = plain.clone().admitted_by(network.id(), &key(MEMBER));
            assert!(matches!(enrol(network, &stranger, 0), Err(Refusal::Admission(_))));
        }
    }
}

#[test]
fn an_admission_covers_every_field_and_one_network() {
    let [open, closed] = [network(true), network(false)];
    let plain = Enrolment { role: Role::Fog, ..world().enrolment(0) };
    let admitted = plain.admitted_by(closed.id(), &key(REGISTRAR));
    assert_eq!(enrol(&closed, &admitted, 0), Ok(()));
    assert_eq!(enrol(&open, &admitted, 0), Err(Refusal::RegistrarSignature), "admitted elsewhere");
    let changes: [fn(&mut Enrolment); 6] = [
        |e| e.role = Role::Practitioner,
        |e| e.valid_from = e.valid_from.plus(1),
        |e| e.valid_until = e.valid_until.minus(1),
        |e| e.owner[0] ^= 1,
        |e| e.kem_public_key = Some(Box::new([1; 1216])),
        |e| e.address = Some(Address::new(b"a:1").unwrap()),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut changed = admitted.clone();
        change(&mut changed);
        assert_eq!(enrol(&closed, &changed, 0), Err(Refusal::RegistrarSignature), "change {index}");
    }
    let mut bad = admitted.clone();
    bad.admission.as_mut().unwrap().signature[0] ^= 1;
    assert_eq!(enrol(&closed, &bad, 0), Err(Refusal::RegistrarSignature));
}

#[test]
fn a_key_introduces_itself_and_nobody_else() {
    let network = &world().network;
    let field =
        |refused| matches!(refused, Err(Refusal::Malformed(Malformed::Field { field: "public key", .. })));
    assert!(field(enrol(network, &world().enrolment(1), 0)));
    let content = world().enrolment(0).encode();
    let draft = weft(1, &content);
    let mut wire = world().wire(&draft, 0);
    wire[BODY_OFFSET - 100] ^= 1;
    let screened = Screened::check(network, Transaction::decode(network, &wire).unwrap()).unwrap();
    assert_eq!(Verified::check_enrolment(network, screened).unwrap_err(), Refusal::Signature);
    let mut other_format = draft.clone();
    other_format.content_format = 110;
    let screened = world().screened(&other_format, 0);
    assert!(check_enrolment_cheaply(network, screened.transaction()).is_err());
    assert!(Verified::check_enrolment(network, screened).is_err());
    // The general check sends an enrolment the same way, whoever is given as its issuer.
    let screened = world().screened(&draft, 0);
    assert!(Verified::check(network, screened, world().issuer(1)).unwrap().enrolment().is_some());
}
