//! A session at a node that checks all it is sent.

use super::*;
use crate::sensor::enrol;
use crate::sensor::test_node::{Fault, TestNode};
use std::cell::RefCell;
use weft_tangle::{Role, content_format};

const EPOCH_MS: u64 = 86_400_000;

const CONTENT: &[u8] = br#"[{"n":"a","v":1}]"#;

fn reading(session: &mut Session<'_>) -> Result<Sent, SessionError> {
    session.send(Kind::Reading, content_format::SENML_JSON, CONTENT)
}

/// The next counter, or the first one where midnight, and so a new epoch, came between.
fn counter_after(last: &Sent, sent: &Sent) -> u32 {
    let epoch = |sent: &Sent| sent.id.timestamp().as_millis() / EPOCH_MS;
    if epoch(last) == epoch(sent) { last.counter + 1 } else { 0 }
}

fn enrol(session: &mut Session<'_>, node: &TestNode) -> Sent {
    let now = session.time().unwrap();
    let enrolment = enrol::enrolment(&node.key, Role::Sensor, now, 5).unwrap();
    enrol::send(session, &enrolment).unwrap()
}

#[test]
fn enrols_and_sends_and_goes_on_without_a_gap() {
    let node = TestNode::start(EPOCH_MS, &[]);
    State::create(&node.key).unwrap().close().unwrap();
    let mut session = Session::open(node.client(), &node.key, Stop::default(), |_| ()).unwrap();
    assert!(matches!(reading(&mut session), Err(SessionError::Client(_))), "not enrolled");
    let mut last = enrol(&mut session, &node);
    for _ in 0..3 {
        let sent = reading(&mut session).unwrap();
        assert!(sent.id > last.id, "ids sort in the order of sending");
        assert_eq!((sent.counter, sent.status.as_str()), (counter_after(&last, &sent), "attached"));
        last = sent;
        session.close().unwrap();
        session = Session::open(node.client(), &node.key, Stop::default(), |_| ()).unwrap();
    }
    let seat = node.seat.lock().unwrap();
    assert_eq!(seat.taken.len(), 4);
    assert_eq!(seat.taken.last().unwrap().content(), CONTENT);
}

#[test]
fn a_lost_answer_and_a_busy_node_make_no_double() {
    let node = TestNode::start(EPOCH_MS, &[Fault::Busy, Fault::LoseAnswer]);
    State::create(&node.key).unwrap().close().unwrap();
    let mut session = Session::open(node.client(), &node.key, Stop::default(), |_| ()).unwrap();
    let sent = enrol(&mut session, &node);
    let seat = node.seat.lock().unwrap();
    assert_eq!(seat.bodies.len(), 3);
    assert!(seat.bodies.windows(2).all(|pair| pair[0] == pair[1]), "the identical bytes");
    assert_eq!(seat.taken.iter().map(weft_tangle::Transaction::id).collect::<Vec<_>>(), [sent.id]);
}

#[test]
fn a_stale_ticket_is_replaced_a_bounded_number_of_times() {
    let notices = RefCell::new(vec![]);
    let node = TestNode::start(EPOCH_MS, &[Fault::Stale]);
    State::create(&node.key).unwrap().close().unwrap();
    let note = |notice| notices.borrow_mut().push(notice);
    let mut session = Session::open(node.client(), &node.key, Stop::default(), note).unwrap();
    let sent = enrol(&mut session, &node);
    assert_eq!(notices.borrow().as_slice(), [Notice::Remade]);
    let bodies = node.seat.lock().unwrap().bodies.clone();
    assert!(bodies.len() == 2 && bodies[0] != bodies[1], "made anew");
    assert_eq!(&bodies[1][8..16], sent.id.timestamp().as_millis().to_be_bytes());
    node.seat.lock().unwrap().faults = [Fault::Stale; 9].into();
    let error = reading(&mut session).unwrap_err();
    assert!(error.to_string().contains("(parents, HTTP 422)"), "{error}");
    assert_eq!(notices.borrow().len(), 1 + REMAKES as usize);
}

#[test]
fn a_node_that_answers_for_another_transaction_is_not_believed() {
    let node = TestNode::start(EPOCH_MS, &[Fault::OtherId]);
    let state = State::create(&node.key).unwrap();
    assert!(matches!(
        Session::open(node.client(), &node.key, Stop::default(), |_| ()),
        Err(SessionError::State(StateError::InUse { .. }))
    ));
    state.close().unwrap();
    let mut session = Session::open(node.client(), &node.key, Stop::default(), |_| ()).unwrap();
    let now = session.time().unwrap();
    let enrolment = enrol::enrolment(&node.key, Role::Sensor, now, 5).unwrap();
    let refused = enrol::send(&mut session, &enrolment);
    assert!(matches!(refused, Err(SessionError::OtherTransaction { .. })), "{refused:?}");
}

#[test]
fn a_lost_state_waits_for_the_next_epoch_and_says_so() {
    let notices = RefCell::new(vec![]);
    let node = TestNode::start(1_000, &[]);
    let note = |notice| notices.borrow_mut().push(notice);
    let mut session = Session::open(node.client(), &node.key, Stop::default(), note).unwrap();
    let before = system_now().as_millis() / 1_000;
    let sent = enrol(&mut session, &node);
    assert!(sent.id.timestamp().as_millis() / 1_000 > before);
    assert!(matches!(notices.borrow().as_slice(), [Notice::Waiting { wait_ms: 1..=1_000 }]));
    assert!(node.directory.path().join("sensor.key.state").exists(), "what was lost is counted again");
}
