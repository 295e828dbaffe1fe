//! Loads on a scripted node that checks what it is sent, and misbehaves.

use super::*;
use crate::sensor::test_node::{Fault, TestNode};
use std::collections::BTreeSet;
use std::sync::Mutex;
use weft_tangle::{Kind, TxId};

fn plan(node: &TestNode, count: u64) -> Plan {
    Plan {
        url: node.client().url().to_owned(),
        devices: 1,
        count,
        rate: None,
        batch: 1,
        presign: false,
        ids: Some(node.directory.path().join("ids")),
        data: None,
    }
}

fn ids(plan: &Plan) -> Vec<TxId> {
    let text = std::fs::read_to_string(plan.ids.as_ref().unwrap()).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn shares_add_up_and_bounds_hold() {
    let node = TestNode::start(600_000, &[]);
    let plan = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan(&node, 1_003);
        change(&mut plan);
        plan
    };
    for devices in [1, 7, 64, 1_000] {
        let plan = plan(&|plan| plan.devices = devices);
        assert_eq!((0..devices).map(|device| plan.share(device)).sum::<u64>(), 1_003);
        assert!(plan.share(0) - plan.share(devices - 1) <= 1);
        assert!(plan.check().is_ok());
    }
    // A hundred devices of ten each, in requests of at most 50: ten are in one, every hundredth of a second.
    let short =
        plan(&|plan| (plan.devices, plan.count, plan.batch, plan.rate) = (100, 1_000, 50, Some(1_000.0)));
    let start = Instant::now();
    assert_eq!(short.schedule(99).due(start, 0), Some(start + Duration::from_millis(990)));
    let changes: [&dyn Fn(&mut Plan); 8] = [
        &|plan| plan.devices = 0,
        &|plan| plan.devices = LOAD_DEVICES + 1,
        &|plan| plan.count = 0,
        &|plan| plan.batch = 0,
        &|plan| plan.batch = BATCH_TRANSACTIONS + 1,
        &|plan| (plan.presign, plan.count) = (true, LOAD_PRESIGNED + 1),
        &|plan| plan.rate = Some(0.0),
        &|plan| plan.rate = Some(f64::NAN),
    ];
    for change in changes {
        assert!(plan(change).check().is_err());
    }
}

#[test]
fn what_is_busy_or_lost_is_sent_again_and_counted_once() {
    for presign in [false, true] {
        // The first transaction is the enrolment, which is sent again by other means.
        let node = TestNode::start(600_000, &[]);
        let plan = Plan { presign, ..plan(&node, 10) };
        let stages = Mutex::new(Vec::new());
        let told = |stage: Stage| {
            node.seat.lock().unwrap().faults = [Fault::Busy, Fault::LoseAnswer].into();
            stages.lock().unwrap().push(stage);
        };
        let report = run(&plan, &Stop::default(), &told).unwrap();
        assert_eq!((report.accepted, report.refused_in_all(), report.unsent), (10, 0, 0), "{report:?}");
        assert_eq!((report.busy, report.errors, report.known, report.requests), (1, 1, 1, 12));
        assert!(report.latency.max >= report.latency.p50 && report.latency.p50 > 0.0);
        assert!(matches!(stages.lock().unwrap()[0], Stage::Enrolled { devices: 1, .. }));
        let seat = node.seat.lock().unwrap();
        let readings = seat.taken.iter().filter(|taken| taken.header().kind == Kind::Reading);
        assert_eq!(ids(&plan), readings.map(|taken| taken.id()).collect::<Vec<_>>());
    }
}

#[test]
fn what_is_signed_beforehand_is_a_chain_that_ends_where_it_breaks() {
    let node = TestNode::start(600_000, &[]);
    let plan = Plan { presign: true, ..plan(&node, 8) };
    let report = run(&plan, &Stop::default(), &|_| {}).unwrap();
    assert_eq!(report.accepted, 8, "{report:?}");
    {
        let seat = node.seat.lock().unwrap();
        let chain = &seat.taken[seat.taken.len() - 8..];
        assert!(chain.windows(2).all(|two| two[1].header().parents[0] == two[0].id()));
        assert_eq!(seat.tickets, 2, "one to enrol, one for all the rest");
    }
    let told = |stage| {
        if matches!(stage, Stage::Signed { .. }) {
            node.seat.lock().unwrap().faults = [Fault::Stale].into();
        }
    };
    let report = run(&plan, &Stop::default(), &told).unwrap();
    assert_eq!((report.accepted, report.refused.get("parents"), report.unsent), (0, Some(&1), 7));
}

#[test]
fn keys_are_used_again_and_no_counter_twice() {
    let node = TestNode::start(600_000, &[]);
    let plan = Plan { data: Some(node.directory.path().join("keys")), ..plan(&node, 3) };
    for _ in 0..2 {
        assert_eq!(run(&plan, &Stop::default(), &|_| {}).unwrap().accepted, 3);
    }
    let seat = node.seat.lock().unwrap();
    let used: BTreeSet<_> =
        seat.taken.iter().map(|taken| (taken.header().issuer, taken.header().counter)).collect();
    assert_eq!(used.len(), seat.taken.len());
    assert_eq!(seat.taken.iter().map(|taken| taken.header().issuer).collect::<BTreeSet<_>>().len(), 1);
}

#[test]
fn a_stop_before_the_first_is_a_stop_and_one_later_still_reports() {
    for presign in [false, true] {
        let node = TestNode::start(600_000, &[]);
        let plan = Plan { presign, ..plan(&node, 5) };
        let stop = Stop::default();
        stop.raise();
        assert!(run(&plan, &stop, &|_| {}).unwrap_err().is_stop());
        let stop = Stop::default();
        let last = |stage: Stage| {
            if matches!(stage, Stage::Signed { .. }) || !presign {
                stop.raise();
            }
        };
        let report = run(&plan, &stop, &last).unwrap();
        assert_eq!((report.accepted, report.unsent, report.errors), (0, 5, 0));
    }
}

#[test]
fn a_rate_is_kept() {
    let node = TestNode::start(600_000, &[]);
    for presign in [false, true] {
        let report = run(&Plan { presign, rate: Some(20.0), ..plan(&node, 5) }, &Stop::default(), &|_| {});
        let report = report.unwrap();
        assert_eq!((report.accepted, report.requests), (5, 5));
        assert!(report.sending >= Duration::from_millis(200), "{report:?}");
    }
}
