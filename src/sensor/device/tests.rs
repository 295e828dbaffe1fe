//! What a device makes is what a node accepts: checked with the ledger's own checks.

use super::*;
use crate::sensor::KeyFile;
use weft_tangle::check::Screened;
use weft_tangle::{Network, NetworkParts, Transaction, Verified, content_format};

const NOW: u64 = 1_700_000_000_000;
const EPOCH_MS: u64 = 600_000;

struct World {
    _directory: tempfile::TempDir,
    key: KeyFile,
    network: Network,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let key = KeyFile::create(&directory.path().join("sensor.key")).unwrap();
    let fog = KeyFile::create(&directory.path().join("fog.key")).unwrap();
    let network = Network::new(NetworkParts {
        name: "ward".into(),
        created: Timestamp::from_millis(NOW - 5_000_000),
        open_enrolment: true,
        rules: Rules::new(EPOCH_MS, 4, 3, 6).unwrap(),
        registrars: vec![],
        committee: vec![fog.key().public_key().clone()],
    })
    .unwrap();
    World { _directory: directory, key, network }
}

impl World {
    fn device(&self) -> Device<'_> {
        let terms = Terms { network: *self.network.id(), rules: *self.network.rules(), open_enrolment: true };
        Device::new(self.key.key(), State::create(&self.key).unwrap(), terms)
    }

    fn ticket(&self, time: u64, pairs: usize) -> Ticket {
        Ticket {
            network: *self.network.id(),
            time,
            epoch: time / EPOCH_MS,
            counter: 0,
            difficulty: 3,
            enrolment_difficulty: 6,
            parents: vec![[self.network.genesis(); 2]; pairs],
        }
    }
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn make(device: &mut Device<'_>, now: u64) -> Result<Made, DeviceError> {
    let content =
        Content { kind: Kind::Reading, format: content_format::SENML_JSON, bytes: b"[]", salt: [1; 16] };
    device.make(content, at(now), NonZeroUsize::MIN, &Stop::default())
}

#[test]
fn what_it_makes_passes_the_ledgers_checks() {
    let world = world();
    let mut device = world.device();
    device.take_ticket(&world.ticket(NOW, 64), at(NOW)).unwrap();
    let enrolment =
        crate::sensor::enrol::enrolment(&world.key, weft_tangle::Role::Sensor, at(NOW), 30).unwrap();
    let content = Content {
        kind: Kind::Enrol,
        format: content_format::WEFT,
        bytes: &enrolment.encode(),
        salt: [2; 16],
    };
    let made = device.make(content, at(NOW), NonZeroUsize::MIN, &Stop::default()).unwrap();
    let transaction = Transaction::decode(&world.network, &made.wire).unwrap();
    let screened = Screened::check(&world.network, transaction).unwrap();
    let verified = Verified::check_enrolment(&world.network, screened).unwrap();
    assert_eq!((verified.id(), made.counter), (made.id, 0));
    for counter in 1..40 {
        let made = make(&mut device, NOW).unwrap();
        let transaction = Transaction::decode(&world.network, &made.wire).unwrap();
        let header = transaction.header();
        assert_eq!((header.counter, header.timestamp), (counter, at(NOW + u64::from(counter))));
        let needed = transaction.check_work(&world.network).unwrap();
        assert_eq!(
            needed,
            world.network.rules().difficulty(Kind::Reading, counter, true),
            "dearer beyond the quota"
        );
        assert_eq!(transaction.id(), made.id);
    }
}

#[test]
fn a_node_may_ask_for_more_work_but_not_for_any() {
    let world = world();
    let mut device = world.device();
    let mut ticket = world.ticket(NOW, 1);
    ticket.difficulty = 12;
    device.take_ticket(&ticket, at(NOW)).unwrap();
    let made = make(&mut device, NOW).unwrap();
    let seed_input = Transaction::decode(&world.network, &made.wire).unwrap();
    let seed = weft_pow::Seed::of(made.id.as_bytes(), seed_input.signature());
    let nonce: [u8; 8] = made.wire[2580..2588].try_into().unwrap();
    assert!(weft_pow::leading_zero_bits(&seed, weft_pow::Nonce::from_bytes(nonce)) >= 12);
    ticket.difficulty = WORK_BITS + 1;
    assert!(matches!(device.take_ticket(&ticket, at(NOW)), Err(DeviceError::Work { bits: 41 })));
}

#[test]
fn a_pair_serves_once_and_grows_stale() {
    let world = world();
    let mut device = world.device();
    assert!(device.needs_ticket(at(NOW)));
    device.take_ticket(&world.ticket(NOW, 2), at(NOW)).unwrap();
    make(&mut device, NOW).unwrap();
    assert!(!device.needs_ticket(at(NOW + PAIRS_AGE_MS)));
    assert!(device.needs_ticket(at(NOW + PAIRS_AGE_MS + 1)));
    assert!(device.needs_ticket(at(NOW - 1)), "the system's clock was set back");
    make(&mut device, NOW).unwrap();
    assert!(device.needs_ticket(at(NOW)));
    assert!(matches!(make(&mut device, NOW), Err(DeviceError::NoTicket)));
}

#[test]
fn time_follows_parents_and_the_last_transaction() {
    let parents = |a: u64, b: u64| [TxId::first_at(at(a)), TxId::first_at(at(b))];
    let time =
        |parents, last: Option<u64>| timestamp(parents, at(NOW), last.map(at)).ok().map(Timestamp::as_millis);
    assert_eq!(time(parents(1, 2), None), Some(NOW));
    assert_eq!(time(parents(NOW + 7, 2), None), Some(NOW + 8));
    assert_eq!(time(parents(1, NOW + 7), Some(NOW + 8)), Some(NOW + 9));
    assert_eq!(time(parents(1, 2), Some(NOW)), Some(NOW + 1));
    assert_eq!(time(parents(1, 2), Some(NOW + 60_000)), Some(NOW), "the clock was set back since");
    assert_eq!(time(parents(1, NOW + AHEAD_MS - 1), None), Some(NOW + AHEAD_MS));
    assert_eq!(time(parents(1, NOW + AHEAD_MS), None), None);
}

#[test]
fn a_clock_that_is_far_off_is_set_by_the_ticket() {
    let world = world();
    let mut device = world.device();
    for (system, corrected) in [(NOW - 10_000, None), (NOW + 10_000, None), (NOW - 10_001, Some(10_001))] {
        assert_eq!(device.take_ticket(&world.ticket(NOW, 1), at(system)).unwrap(), corrected);
    }
    assert_eq!(device.time(at(NOW)).as_millis(), NOW + 10_001);
    assert_eq!(device.take_ticket(&world.ticket(NOW, 1), at(NOW + 3_600_000)).unwrap(), Some(-3_610_001));
    assert_eq!(device.time(at(NOW + 3_600_000)).as_millis(), NOW);
    let made = make(&mut device, NOW + 3_600_000).unwrap();
    assert_eq!(made.id.timestamp().as_millis(), NOW);
}

#[test]
fn counters_follow_the_state_and_what_the_node_has_seen() {
    let world = world();
    let mut device = world.device();
    let mut ticket = world.ticket(NOW, 4);
    device.take_ticket(&ticket, at(NOW)).unwrap();
    assert_eq!(make(&mut device, NOW).unwrap().counter, 0);
    ticket.counter = 9;
    device.take_ticket(&ticket, at(NOW)).unwrap();
    assert_eq!(make(&mut device, NOW).unwrap().counter, 9, "a restored state catches up");
    ticket.counter = u32::MAX;
    device.take_ticket(&ticket, at(NOW)).unwrap();
    assert_eq!(make(&mut device, NOW).unwrap().counter, 10, "a node cannot use up the counters");
    assert_eq!(make(&mut device, NOW + EPOCH_MS).unwrap().counter, 0, "a new epoch begins at zero");
    device.into_state().close().unwrap();
    let mut state = State::open(&world.key).unwrap();
    assert_eq!(state.take(world.network.id(), Epoch(NOW / EPOCH_MS), 0).unwrap(), 11);
}

#[test]
fn a_lost_state_says_how_long_to_wait() {
    let world = world();
    let terms = Terms { network: *world.network.id(), rules: *world.network.rules(), open_enrolment: true };
    let mut device = Device::new(world.key.key(), State::open(&world.key).unwrap(), terms);
    device.take_ticket(&world.ticket(NOW, 4), at(NOW)).unwrap();
    let next = (NOW / EPOCH_MS + 1) * EPOCH_MS;
    match make(&mut device, NOW) {
        Err(DeviceError::Wait { until, milliseconds }) => {
            assert_eq!((until, milliseconds), (at(next), next - NOW))
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(make(&mut device, next).unwrap().counter, 0);
}

#[test]
fn another_networks_ticket_is_refused_and_a_stop_ends_the_search() {
    let world = world();
    let mut device = world.device();
    let mut ticket = world.ticket(NOW, 1);
    ticket.difficulty = WORK_BITS;
    device.take_ticket(&ticket, at(NOW)).unwrap();
    let stop = Stop::default();
    stop.raise();
    let content =
        Content { kind: Kind::Reading, format: content_format::SENML_JSON, bytes: b"[]", salt: [1; 16] };
    let stopped = device.make(content, at(NOW), NonZeroUsize::MIN, &stop);
    assert!(matches!(stopped, Err(DeviceError::Stopped)));
    ticket.network = NetworkId::from_bytes([9; 32]);
    assert!(matches!(device.take_ticket(&ticket, at(NOW)), Err(DeviceError::OtherNetwork { .. })));
}
