//! The state against a model: a set of all counters ever used, which no crash, failing disk or clock may repeat.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// A disk whose next write fails, before or after it took effect.
#[derive(Default)]
struct Disk {
    content: Option<Vec<u8>>,
    fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Before,
    After,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Disk>>);

impl Store for Shared {
    fn load(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().content.clone())
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        let fault = disk.fault.take();
        if !matches!(fault, Some(Fault::Before)) {
            disk.content = Some(bytes.to_vec());
        }
        fault.map_or(Ok(()), |_| Err(io::Error::other("the disk failed")))
    }
}

const DEVICE: DeviceId = DeviceId::from_bytes([4; 32]);

fn network(number: u8) -> NetworkId {
    NetworkId::from_bytes([number; 32])
}

fn load(disk: &Shared) -> State {
    State::load("state".into(), Box::new(disk.clone()), DEVICE, None).unwrap()
}

fn fresh() -> Shared {
    let mut disk = Shared::default();
    disk.replace(&Written::of(DEVICE, false).encode()).unwrap();
    disk
}

#[derive(Clone, Debug)]
enum Step {
    Take { network: u8, times: u32, at_least: u32 },
    Clock(u64),
    Fault(Fault),
    Crash,
    Close,
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..2u8, 1..90u32, prop_oneof![4 => Just(0), 1 => 0..400u32])
            .prop_map(|(network, times, at_least)| Step::Take { network, times, at_least }),
        3 => (0..14u64).prop_map(Step::Clock),
        2 => prop_oneof![Just(Fault::Before), Just(Fault::After)].prop_map(Step::Fault),
        2 => Just(Step::Crash),
        2 => Just(Step::Close),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_counter_is_ever_used_twice(steps in prop::collection::vec(step(), 1..60)) {
        run(&steps)?;
    }

    // With a clock that goes forward, a state that is lost costs an epoch and repeats nothing.
    #[test]
    fn nor_when_the_state_is_lost(mut steps in prop::collection::vec(
        prop_oneof![6 => step(), 1 => Just(Step::Lose)], 1..60)) {
        let mut clock = 0;
        for step in &mut steps {
            if let Step::Clock(to) = step {
                clock += *to % 3;
                *to = clock;
            }
        }
        run(&steps)?;
    }
}

fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let disk = fresh();
    let mut state = load(&disk);
    let mut used = BTreeSet::new();
    let mut epoch = Epoch(0);
    for step in steps {
        match step {
            Step::Take { network: number, times, at_least } => {
                for _ in 0..*times {
                    let expected = state.next(&network(*number), epoch).max(*at_least);
                    // A refusal is always allowed here; what must never be is a repetition.
                    if let Ok(counter) = state.take(&network(*number), epoch, *at_least) {
                        prop_assert!(used.insert((*number, epoch, counter)), "{counter} in {epoch:?} again");
                        prop_assert_eq!(counter, expected);
                    }
                }
            }
            Step::Clock(to) => epoch = Epoch(*to),
            Step::Fault(fault) => disk.0.lock().unwrap().fault = Some(*fault),
            Step::Crash => state = load(&disk),
            Step::Close => {
                let _may_fail = state.close();
                state = load(&disk);
            }
            Step::Lose => {
                disk.0.lock().unwrap().content = None;
                state = load(&disk);
            }
        }
    }
    Ok(())
}

#[test]
fn a_crash_leaves_a_gap_and_a_clean_end_none() {
    let disk = fresh();
    let mut state = load(&disk);
    for expected in 0..5 {
        assert_eq!(state.take(&network(1), Epoch(7), 0).unwrap(), expected);
    }
    let mut state = load(&disk);
    assert_eq!(state.take(&network(1), Epoch(7), 0).unwrap(), 64);
    state.close().unwrap();
    let mut state = load(&disk);
    assert_eq!(state.take(&network(1), Epoch(7), 0).unwrap(), 65);
    assert_eq!(state.take(&network(1), Epoch(8), 0).unwrap(), 0);
    assert_eq!(state.take(&network(1), Epoch(7), 0).unwrap(), 66, "the clock went back");
    assert_eq!(state.take(&network(2), Epoch(7), 0).unwrap(), 0);
}

#[test]
fn nothing_is_handed_out_that_is_not_on_disk() {
    for fault in [Fault::Before, Fault::After] {
        let disk = fresh();
        let mut state = load(&disk);
        disk.0.lock().unwrap().fault = Some(fault);
        assert!(matches!(state.take(&network(1), Epoch(7), 0), Err(StateError::Disk { .. })));
        assert_eq!(state.take(&network(1), Epoch(7), 0).unwrap(), 0);
        let on_disk = String::from_utf8(disk.load().unwrap().unwrap()).unwrap();
        assert!(on_disk.contains("\"7\": 64"), "{on_disk}");
    }
}

#[test]
fn a_lost_state_waits_one_epoch_in_each_network_even_across_a_restart() {
    let disk = Shared::default();
    let mut state = load(&disk);
    assert!(state.was_lost());
    for _ in 0..2 {
        let refused = state.take(&network(1), Epoch(7), 0);
        assert!(matches!(refused, Err(StateError::Closed { opens: Epoch(8), .. })), "{refused:?}");
        state = load(&disk);
    }
    assert_eq!(state.take(&network(1), Epoch(8), 0).unwrap(), 0);
    assert!(matches!(state.take(&network(2), Epoch(8), 0), Err(StateError::Closed { opens: Epoch(9), .. })));
}

#[test]
fn two_processes_never_hold_one_key() {
    let directory = tempfile::tempdir().unwrap();
    let key = KeyFile::create(&directory.path().join("sensor.key")).unwrap();
    let mut state = State::create(&key).unwrap();
    assert!(matches!(State::open(&key), Err(StateError::InUse { .. })));
    assert_eq!(state.take(&network(1), Epoch(7), 0).unwrap(), 0);
    state.close().unwrap();
    let mut state = State::open(&key).unwrap();
    assert!(!state.was_lost());
    assert_eq!(state.take(&network(1), Epoch(7), 0).unwrap(), 1);
    drop(state);
    assert!(matches!(State::create(&key), Err(StateError::Exists { .. })));
    assert_eq!(State::open(&key).unwrap().take(&network(1), Epoch(7), 0).unwrap(), 65);
}

#[test]
fn a_state_that_is_not_this_keys_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let key = KeyFile::create(&directory.path().join("sensor.key")).unwrap();
    let path = State::path_of(key.path());
    let refusal = |text: &[u8]| {
        std::fs::write(&path, text).unwrap();
        State::open(&key).err().unwrap().to_string()
    };
    assert!(refusal(&Written::of(DEVICE, false).encode()).contains("is the state of device"));
    assert!(refusal(b"").contains("is not a state file"));
    let mut later = Written::of(key.device(), false);
    later.version = 2;
    assert!(refusal(&later.encode()).contains("version 2 instead of 1"));
    let mut odd = Written::of(key.device(), false);
    odd.networks.insert("x".into(), Counters::default());
    assert!(refusal(&odd.encode()).contains("no network id"));
    assert!(refusal(&[b' '; 70_000]).contains("more than 65536 bytes"));
}
