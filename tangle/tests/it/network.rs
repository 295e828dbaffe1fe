//! The network's id, its bounds, and the truth table of its difficulty.

use crate::support::{MEMBER, REGISTRAR, START, key};
use weft_tangle::limits::{COMMITTEE, REGISTRARS};
use weft_tangle::signing::{PUBLIC_KEY_BYTES, PublicKey};
use weft_tangle::{
    DeviceId, Kind, Network, NetworkError, NetworkParts, Rules, RulesError, Standing, Timestamp,
};

fn rules() -> Rules {
    Rules::new(600_000, 600, 10, 18).unwrap()
}

fn parts() -> NetworkParts {
    NetworkParts {
        name: "ward 7".into(),
        created: START,
        open_enrolment: false,
        rules: rules(),
        registrars: vec![fake_key(1), fake_key(2)],
        committee: vec![fake_key(3), fake_key(4)],
    }
}

/// Any bytes of the right length are a public key as far as a network file goes.
fn fake_key(number: u16) -> PublicKey {
    let mut bytes = [0; PUBLIC_KEY_BYTES];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    PublicKey::from_bytes(&bytes).unwrap()
}

#[test]
fn the_canonical_form_is_laid_out_as_specified() {
    let network = Network::new(parts()).unwrap();
    let mut expected = b"weft/network/1\0\0\x06ward 7".to_vec();
    expected.extend_from_slice(&START.as_millis().to_be_bytes());
    expected.push(0);
    expected.extend_from_slice(&600_000u64.to_be_bytes());
    expected.extend_from_slice(&600u32.to_be_bytes());
    expected.extend_from_slice(&[10, 18]);
    for mut keys in [vec![fake_key(1), fake_key(2)], vec![fake_key(3), fake_key(4)]] {
        keys.sort_by_key(DeviceId::of);
        expected.extend_from_slice(&2u16.to_be_bytes());
        keys.iter().for_each(|key| expected.extend_from_slice(key.as_bytes()));
    }
    assert_eq!(network.canonical_form(), expected);
    assert_eq!(*network.id().as_bytes(), weft_tangle::blake2s(&[&expected]));
    assert_eq!(network.genesis().timestamp(), START);
    assert_eq!(network.genesis().as_bytes()[8..], network.id().as_bytes()[..]);
}

#[test]
fn the_order_of_keys_is_no_part_of_a_network_and_all_else_is() {
    let id = |change: fn(&mut NetworkParts)| {
        let mut parts = parts();
        change(&mut parts);
        *Network::new(parts).unwrap().id()
    };
    let same = id(|_| ());
    assert_eq!(id(|parts| parts.registrars.reverse()), same);
    assert_eq!(id(|parts| parts.committee.reverse()), same);
    let different: [fn(&mut NetworkParts); 11] = [
        |parts| parts.name.push('x'),
        |parts| parts.created = parts.created.plus(1),
        |parts| parts.open_enrolment = true,
        |parts| parts.rules = Rules::new(600_001, 600, 10, 18).unwrap(),
        |parts| parts.rules = Rules::new(600_000, 601, 10, 18).unwrap(),
        |parts| parts.rules = Rules::new(600_000, 600, 11, 18).unwrap(),
        |parts| parts.rules = Rules::new(600_000, 600, 10, 19).unwrap(),
        |parts| parts.registrars.truncate(1),
        |parts| parts.committee.truncate(1),
        |parts| std::mem::swap(&mut parts.registrars, &mut parts.committee),
        |parts| parts.committee.push(parts.registrars.pop().unwrap()),
    ];
    let mut ids: Vec<_> = different.into_iter().map(id).chain([same]).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 12);
}

#[test]
fn each_bound_holds_on_both_sides() {
    let check = |change: &dyn Fn(&mut NetworkParts)| {
        let mut parts = parts();
        change(&mut parts);
        Network::new(parts).map(drop)
    };
    let keys = |count: usize| (0..count).map(|number| fake_key(100 + number as u16)).collect::<Vec<_>>();
    assert_eq!(check(&|parts| parts.name = "x".repeat(64)), Ok(()));
    for name in [String::new(), "x".repeat(65), "a\nb".into(), "a\u{7f}".into()] {
        assert_eq!(check(&|parts| parts.name.clone_from(&name)), Err(NetworkError::Name), "{name:?}");
    }
    assert_eq!(check(&|parts| parts.created = Timestamp::from_millis(0)), Err(NetworkError::Created));
    assert_eq!(check(&|parts| parts.committee = keys(COMMITTEE)), Ok(()));
    for count in [0, COMMITTEE + 1] {
        assert_eq!(check(&|parts| parts.committee = keys(count)), Err(NetworkError::Committee(count)));
    }
    assert_eq!(check(&|parts| parts.registrars = keys(REGISTRARS)), Ok(()));
    let too_many = Err(NetworkError::Registrars(REGISTRARS + 1));
    assert_eq!(check(&|parts| parts.registrars = keys(REGISTRARS + 1)), too_many);
    assert_eq!(check(&|parts| parts.registrars.clear()), Err(NetworkError::Closed));
    assert_eq!(check(&|parts| (parts.registrars, parts.open_enrolment) = (vec![], true)), Ok(()));
    let twice = Err(NetworkError::Twice(DeviceId::of(&fake_key(3))));
    assert_eq!(check(&|parts| parts.registrars.push(fake_key(3))), twice);
}

#[test]
fn rules_have_bounds() {
    let max = 86_400_000;
    for (epoch, valid) in [(0, false), (999, false), (1_000, true), (max, true), (max + 1, false)] {
        assert_eq!(Rules::new(epoch, 1, 0, 0).is_ok(), valid, "{epoch}");
    }
    assert_eq!(Rules::new(1_000, 0, 0, 0), Err(RulesError::Quota));
    assert!(Rules::new(1_000, 1, 40, 40).is_ok());
    let too_hard = |name| Err(RulesError::Difficulty { name, bits: 41 });
    assert_eq!(Rules::new(1_000, 1, 41, 0), too_hard("difficulty"));
    assert_eq!(Rules::new(1_000, 1, 0, 41), too_hard("enrolment_difficulty"));
}

#[test]
fn the_difficulty_of_each_kind_and_counter() {
    let bits = |byte, counter, open| rules().difficulty(Kind::from_byte(byte).unwrap(), counter, open).bits();
    let table = [
        (2, 0, 10),
        (2, 599, 10),
        (2, 600, 11),
        (2, 1_800, 12),
        (2, u32::MAX, 32),
        (6, 0, 10),
        (200, 0, 10),
        (3, 0, 0),
        (3, u32::MAX, 0),
    ];
    for (kind, counter, expected) in table {
        for open in [false, true] {
            assert_eq!(bits(kind, counter, open), expected, "kind {kind}, counter {counter}");
        }
    }
    assert_eq!((bits(1, 0, true), bits(1, 600, true)), (18, 19));
    assert_eq!((bits(1, 0, false), bits(1, 600, false)), (10, 11));
    assert_eq!(rules(), Rules::default(), "the defaults of the specification");
}

#[test]
fn epochs_cover_time_without_gaps() {
    let rules = rules();
    for ms in [0, 599_999, 600_000, u64::MAX / 600_000 * 600_000 - 1] {
        let epoch = rules.epoch(Timestamp::from_millis(ms));
        let span = rules.span(epoch);
        assert!(span.contains(&Timestamp::from_millis(ms)));
        assert_eq!(rules.epoch(span.end), weft_tangle::Epoch(epoch.0 + 1));
    }
}

#[test]
fn the_network_file_speaks_for_its_own() {
    let [registrar, member] = [REGISTRAR, MEMBER].map(|seed| key(seed).public_key().clone());
    let network = crate::support::network(true);
    let standing = |key: &PublicKey| network.standing(&DeviceId::of(key)).map(|(_, standing)| standing);
    assert_eq!(standing(&registrar), Some(Standing::Registrar));
    assert_eq!(standing(&member), Some(Standing::Committee));
    assert_eq!(standing(&fake_key(1)), None);
}
