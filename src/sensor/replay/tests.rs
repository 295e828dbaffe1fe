//! Replays at a node that checks all it is sent, compared with the recording value by value.

use super::*;
use crate::recording::{Options, Recording};
use crate::sensor::test_node::{Fault, TestNode};
use crate::sensor::{State, enrol};
use std::collections::BTreeMap;
use weft_tangle::Role;

const EPOCH_MS: u64 = 86_400_000;

fn recording(text: &str) -> Recording<&[u8]> {
    Recording::open(text.as_bytes(), &Options::default()).unwrap()
}

fn survey(text: &str) -> Survey {
    Survey::of(recording(text), &BTreeMap::new()).unwrap()
}

fn done((summary, error): (Summary, Option<ReplayError>)) -> Summary {
    assert!(error.is_none(), "{error:?}");
    summary
}

fn session(node: &TestNode) -> Session<'_> {
    State::create(&node.key).unwrap().close().unwrap();
    let mut session = Session::open(node.client(), &node.key, Stop::default(), |_| ()).unwrap();
    let now = session.time().unwrap();
    enrol::send(&mut session, &enrol::enrolment(&node.key, Role::Sensor, now, 5).unwrap()).unwrap();
    session
}

/// All records of the readings that the node took, in order.
fn records(node: &TestNode) -> Vec<Record> {
    let seat = node.seat.lock().unwrap();
    let readings = seat.taken.iter().filter(|taken| taken.header().kind == Kind::Reading);
    readings
        .flat_map(|taken| {
            crate::content::records(110, taken.content(), taken.header().timestamp.as_millis()).unwrap()
        })
        .collect()
}

const MAX: Plan = Plan { speed: Speed::Max, rows: 3, keep_time: false };

#[test]
fn every_value_arrives_once_and_its_time_is_moved_to_now() {
    let node = TestNode::start(EPOCH_MS, &[]);
    let mut session = session(&node);
    node.seat.lock().unwrap().faults = [Fault::Busy, Fault::LoseAnswer, Fault::Busy].into();
    let text = "seconds,hr,temperature\n0,60,36.5\n1.5,61,\n2,62,36.7\n4,63,36.8\n";
    let before = crate::sensor::system_now().as_millis() as i64;
    let mut told = vec![];
    let mut on_sent = |sent: &Sent, summary: &Summary| told.push((sent.id, summary.rows));
    let samples = recording(text);
    let summary = done(run(&mut session, MAX, &survey(text), samples, &Stop::default(), &mut on_sent));
    let after = crate::sensor::system_now().as_millis() as i64;
    assert_eq!((summary.transactions, summary.rows, summary.values, summary.stopped), (2, 4, 7, false));
    assert_eq!(told.iter().map(|(_, rows)| *rows).collect::<Vec<_>>(), [3, 4]);
    assert_eq!((summary.first, summary.last), (Some(told[0].0), Some(told[1].0)));
    let records = records(&node);
    let last = records.last().unwrap().time().milliseconds();
    assert!((before..=after).contains(&last), "{before} {last} {after}");
    let seen: Vec<_> = records
        .iter()
        .map(|r| {
            (
                r.time().milliseconds() - last,
                r.name().rsplit(':').next().unwrap(),
                r.number().unwrap(),
                r.unit(),
            )
        })
        .collect();
    let (beats, celsius) = (Some("beat/min"), Some("Cel"));
    assert_eq!(
        seen,
        [
            (-4000, "hr", 60.0, beats),
            (-4000, "temperature", 36.5, celsius),
            (-2500, "hr", 61.0, beats),
            (-2000, "hr", 62.0, beats),
            (-2000, "temperature", 36.7, celsius),
            (0, "hr", 63.0, beats),
            (0, "temperature", 36.8, celsius),
        ]
    );
}

#[test]
fn a_recordings_own_times_are_kept_when_it_has_any() {
    let node = TestNode::start(EPOCH_MS, &[]);
    let mut session = session(&node);
    let plan = Plan { keep_time: true, ..MAX };
    let text = "datetime,x\n2016-11-24 13:58:58.081000,326\n2016-11-24 13:58:58.097000,327\n";
    done(run(&mut session, plan, &survey(text), recording(text), &Stop::default(), &mut |_, _| ()));
    let times: Vec<_> = records(&node).iter().map(|record| record.time().milliseconds()).collect();
    assert_eq!(times, [1_479_995_938_081, 1_479_995_938_097]);
    let text = "seconds,x\n0,1\n";
    let refused = run(&mut session, plan, &survey(text), recording(text), &Stop::default(), &mut |_, _| ());
    assert!(matches!(refused, (_, Some(ReplayError::NoTime))));
    let plan = Plan { rows: 0, ..MAX };
    let refused = run(&mut session, plan, &survey(text), recording(text), &Stop::default(), &mut |_, _| ());
    assert!(matches!(refused, (_, Some(ReplayError::Rows(0)))));
}

#[test]
fn what_is_too_long_for_a_transaction_is_split() {
    let node = TestNode::start(EPOCH_MS, &[]);
    let mut session = session(&node);
    let rows: String = (0..2_000).map(|i| format!("{i},{}\n", f64::from(i) / 7.0)).collect();
    let text = format!("ms,wave\n{rows}");
    let plan = Plan { rows: 2_000, ..MAX };
    let summary =
        done(run(&mut session, plan, &survey(&text), recording(&text), &Stop::default(), &mut |_, _| ()));
    assert_eq!((summary.rows, summary.values), (2_000, 2_000));
    assert!(summary.transactions > 1);
    let values: Vec<f64> = records(&node).iter().map(|record| record.number().unwrap()).collect();
    assert_eq!(values, (0..2_000).map(|i| f64::from(i) / 7.0).collect::<Vec<_>>());
}

#[test]
fn a_stop_leaves_a_beginning_and_no_gap() {
    let node = TestNode::start(EPOCH_MS, &[]);
    let mut session = session(&node);
    let stop = Stop::default();
    let text = "seconds,x\n0,1\n1,2\n2,3\n";
    let plan = Plan { rows: 1, speed: Speed::Max, keep_time: false };
    let mut last = None;
    let mut on_sent = |sent: &Sent, summary: &Summary| {
        last = Some(sent.clone());
        if summary.rows == 2 {
            stop.raise();
        }
    };
    let summary = done(run(&mut session, plan, &survey(text), recording(text), &stop, &mut on_sent));
    assert_eq!((summary.rows, summary.stopped), (2, true));
    session.close().unwrap();
    let mut session = Session::open(node.client(), &node.key, Stop::default(), |_| ()).unwrap();
    let sent = session.send(Kind::Reading, content_format::SENML_JSON, br#"[{"n":"a","v":1}]"#).unwrap();
    let last = last.unwrap();
    let epoch = |sent: &Sent| sent.id.timestamp().as_millis() / EPOCH_MS;
    let next = if epoch(&last) == epoch(&sent) { last.counter + 1 } else { 0 };
    assert_eq!((sent.counter, Some(last.id)), (next, summary.last));
}

#[test]
fn a_refusal_ends_it_and_tells_what_went_before() {
    let node = TestNode::start(EPOCH_MS, &[]);
    let mut session = session(&node);
    let text = "seconds,x\n0,1\n1,2\n2,3\n";
    let plan = Plan { rows: 1, speed: Speed::Max, keep_time: false };
    let seat = node.seat.clone();
    let mut on_sent = |_: &Sent, _: &Summary| seat.lock().unwrap().faults = [Fault::Stale; 9].into();
    let (summary, error) =
        run(&mut session, plan, &survey(text), recording(text), &Stop::default(), &mut on_sent);
    assert!(matches!(error, Some(ReplayError::Session(SessionError::Client(_)))), "{error:?}");
    assert_eq!(summary.rows, 1);
}

#[test]
fn no_record_lies_ahead_of_when_it_is_sent() {
    let now = Time::from_milliseconds(1_700_000_000_000);
    let length = Duration::from_secs(3_600);
    for (speed, first_ms) in [
        (Speed::Max, 1_700_000_000_000 - 3_600_000),
        (Speed::Times(1.0), 1_700_000_000_000),
        (Speed::Times(10.0), 1_700_000_000_000 - 3_240_000),
        (Speed::Times(0.5), 1_700_000_000_000),
    ] {
        let origin = origin(now, length, speed);
        assert_eq!(origin, first_ms * 1000, "{speed:?}");
        for offset in [Duration::ZERO, length / 3, length] {
            let sent = now.microseconds() + micros(speed.due(offset));
            assert!(origin + micros(offset) <= sent, "{speed:?} {offset:?}");
        }
    }
}

#[test]
fn speeds_are_read() {
    let speed = |text: &str| text.parse::<Speed>();
    assert_eq!(speed("0"), Ok(Speed::Max));
    assert_eq!(speed("max"), Ok(Speed::Max));
    assert_eq!(speed("2.5"), Ok(Speed::Times(2.5)));
    for bad in ["", "-1", "nan", "inf", "1e9", "1e-9", "fast"] {
        assert!(speed(bad).is_err(), "{bad}");
    }
}
