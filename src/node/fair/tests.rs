//! What the queue promises, counted in steps; and the queue beside its brute-force model.

use super::model::Model;
use super::{Bounds, Fair, Origin};
use crate::http::ConnectionId;
use proptest::prelude::*;
use std::collections::BTreeMap;
use weft_tangle::DeviceId;

fn origin(issuer: u32, connection: u64) -> Origin {
    let mut id = [0; 32];
    id[..4].copy_from_slice(&issuer.to_be_bytes());
    Origin { issuer: DeviceId::from_bytes(id), connection: ConnectionId(connection) }
}

/// Two that take part in most tests.
const FLOODER: u32 = 1;
const VICTIM: u32 = 2;

/// Weight that is served before the job called `name`, while `more` hands in again what was served.
fn weight_before(
    queue: &mut Fair<(&'static str, usize)>,
    name: &str,
    mut more: impl FnMut(&mut Fair<(&'static str, usize)>),
) -> usize {
    let mut before = 0;
    loop {
        let (served, weight) = queue.pop().unwrap();
        if served == name {
            return before;
        }
        before += weight;
        more(queue);
    }
}

#[test]
fn a_flood_from_500_connections_delays_another_device_by_a_few_jobs() {
    let mut queue = Fair::new(Bounds::default());
    let mut connection = 0;
    let mut flood = |queue: &mut Fair<_>| {
        connection += 1;
        // What does not get in is told so and tries again.
        let _full = queue.push(origin(FLOODER, connection % 500), 1, ("flood", 1));
    };
    (0..1_000).for_each(|_| flood(&mut queue));
    assert!(queue.len() >= 500, "so many would go before in a plain queue");
    for _ in 0..100 {
        queue.push(origin(VICTIM, 1_000), 1, ("victim", 1)).unwrap();
        let before = weight_before(&mut queue, "victim", &mut flood);
        assert!(before <= 2, "{before} jobs went before");
    }
}

#[test]
fn large_batches_of_many_devices_delay_a_small_job_by_less_than_one_of_them() {
    let mut queue = Fair::new(Bounds::default());
    let mut turn = 0;
    let mut flood = |queue: &mut Fair<_>| {
        turn += 1;
        let device = 10 + turn % 60;
        let _full = queue.push(origin(device, device.into()), 343, ("batch", 343));
    };
    (0..100).for_each(|_| flood(&mut queue));
    assert!(queue.weight >= 20_000, "so much would go before in a plain queue");
    for _ in 0..100 {
        queue.push(origin(VICTIM, 1), 1, ("victim", 1)).unwrap();
        let before = weight_before(&mut queue, "victim", &mut flood);
        assert!(before <= 343, "{before} went before");
    }
}

/// What each of two that always have something waiting gets, by weight.
fn shares(first: (Origin, usize), second: (Origin, usize)) -> [usize; 2] {
    let mut queue = Fair::new(Bounds::default());
    let mut shares = [0; 2];
    let sides = [first, second];
    for (side, (origin, weight)) in sides.into_iter().enumerate() {
        queue.push(origin, weight, side).unwrap();
        queue.push(origin, weight, side).unwrap();
    }
    while shares[0] + shares[1] < 100_000 {
        let side = queue.pop().unwrap();
        shares[side] += sides[side].1;
        queue.push(sides[side].0, sides[side].1, side).unwrap();
    }
    shares
}

#[test]
fn two_lines_get_the_same_whatever_their_jobs_weigh() {
    let [heavy, light] = shares((origin(FLOODER, 1), 849), (origin(VICTIM, 2), 1));
    assert!(heavy.abs_diff(light) <= 2 * 849, "{heavy} and {light}");
}

#[test]
fn who_claims_another_s_id_gets_at_most_as_much_as_the_other() {
    let [impostor, victim] = shares((origin(VICTIM, 1), 849), (origin(VICTIM, 2), 1));
    assert!(impostor.abs_diff(victim) <= 2 * 849, "{impostor} and {victim}");
}

#[test]
fn ever_new_devices_leave_half_to_one_who_waits() {
    let mut queue = Fair::new(Bounds::default());
    let mut served = [0; 2];
    (0..2).for_each(|_| queue.push(origin(FLOODER, 0), 100, 0).unwrap());
    for device in 100..50_000 {
        queue.push(origin(device, device.into()), 1, 1).unwrap();
        match queue.pop().unwrap() {
            0 => {
                served[0] += 100;
                queue.push(origin(FLOODER, 0), 100, 0).unwrap();
                // So that one new one waits at a time, as before.
                assert_eq!(queue.pop(), Some(1));
                served[1] += 1;
            }
            _ => served[1] += 1,
        }
    }
    let [waiting, new] = served;
    assert!(waiting > new * 9 / 10 && new > waiting * 9 / 10, "{waiting} beside {new}");
}

#[test]
fn who_always_comes_back_at_once_gets_its_share_and_no_more() {
    let mut queue = Fair::new(Bounds::default());
    let mut served = [0_usize; 2];
    let others = 10..20;
    for device in others.clone() {
        (0..2).for_each(|_| queue.push(origin(device, 1), 100, device).unwrap());
    }
    queue.push(origin(VICTIM, 1), 1, VICTIM).unwrap();
    for _ in 0..100_000 {
        let device = queue.pop().unwrap();
        let is_other = others.contains(&device);
        served[usize::from(is_other)] += if is_other { 100 } else { 1 };
        queue.push(origin(device, 1), if is_other { 100 } else { 1 }, device).unwrap();
    }
    let [one, ten] = served;
    assert!((one * 10).abs_diff(ten) < ten / 10, "{one} beside {ten}");
}

#[test]
fn a_line_that_floods_leaves_as_much_room_as_it_takes() {
    let bounds = Bounds::default();
    let mut queue = Fair::new(bounds);
    let fill = |queue: &mut Fair<()>, issuer: u32, weight: usize| {
        (0..2_000).filter(|connection| queue.push(origin(issuer, *connection), weight, ()).is_ok()).count()
    };
    assert_eq!(fill(&mut queue, FLOODER, 1), bounds.jobs / 2);
    assert_eq!(fill(&mut queue, VICTIM, 1), bounds.jobs / 4);
    assert_eq!(fill(&mut queue, 3, 1), bounds.jobs / 8);

    let mut queue = Fair::new(bounds);
    assert_eq!(fill(&mut queue, FLOODER, 256), bounds.weight / 2 / 256);
    // However many come after it, each finds room for something small.
    for device in 100..110 {
        assert!(fill(&mut queue, device, 16) > 0, "{} wait", queue.len());
    }
}

#[test]
fn no_connection_holds_more_than_its_bounds() {
    let bounds = Bounds::default();
    let mut queue = Fair::new(bounds);
    let mut fill = |connection, weight| {
        (0..1_000).filter(|_| queue.push(origin(VICTIM, connection), weight, ()).is_ok()).count()
    };
    assert_eq!(fill(1, 1), bounds.connection_jobs);
    assert_eq!(fill(2, 849), bounds.connection_weight / 849);
}

/// Something to do with a queue: hand in, or take.
#[derive(Debug, Clone)]
enum Step {
    Push { issuer: u32, connection: u64, weight: usize },
    Pop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let push = (0_u32..6, 0_u64..4, prop_oneof![Just(1_usize), 1_usize..40])
        .prop_map(|(issuer, connection, weight)| Step::Push { issuer, connection, weight });
    prop::collection::vec(prop_oneof![3 => push, 2 => Just(Step::Pop)], 1..300)
}

fn small_bounds() -> impl Strategy<Value = Bounds> {
    (4_usize..40, 40_usize..300, 1_usize..6).prop_map(|(jobs, weight, connection_jobs)| Bounds {
        jobs,
        weight,
        connection_jobs,
        connection_weight: 60,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_queue_does_what_the_model_does(bounds in small_bounds(), steps in steps()) {
        let (mut queue, mut model) = (Fair::new(bounds), Model::new(bounds));
        let drain = std::iter::repeat_n(Step::Pop, 300);
        for (name, step) in steps.into_iter().chain(drain).enumerate() {
            let name = name as u32;
            match step {
                Step::Push { issuer, connection, weight } => {
                    let from = origin(issuer, connection);
                    prop_assert_eq!(queue.push(from, weight, name).is_ok(), model.push(from, weight, name));
                }
                Step::Pop => prop_assert_eq!(queue.pop(), model.pop()),
            }
            prop_assert!(queue.len() <= bounds.jobs);
            prop_assert!(queue.lines.len() <= queue.len(), "only who waits is remembered");
        }
        prop_assert_eq!(queue.len(), 0);
    }

    #[test]
    fn nothing_is_lost_and_each_connection_is_served_in_its_order(steps in steps()) {
        let mut queue = Fair::new(Bounds::default());
        let mut next: BTreeMap<(u32, u64), (u32, u32)> = BTreeMap::new();
        let mut left = 0;
        let drain = std::iter::repeat_n(Step::Pop, 300);
        for step in steps.into_iter().chain(drain) {
            match step {
                Step::Push { issuer, connection, weight } => {
                    let (pushed, _) = next.entry((issuer, connection)).or_default();
                    if queue.push(origin(issuer, connection), weight, (issuer, connection, *pushed)).is_ok() {
                        *pushed += 1;
                        left += 1;
                    }
                }
                Step::Pop => match queue.pop() {
                    Some((issuer, connection, number)) => {
                        let (_, popped) = next.get_mut(&(issuer, connection)).unwrap();
                        prop_assert_eq!(number, *popped);
                        *popped += 1;
                        left -= 1;
                    }
                    None => prop_assert_eq!(left, 0, "an empty queue holds nothing"),
                },
            }
        }
        prop_assert_eq!(left, 0);
    }
}
