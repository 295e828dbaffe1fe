//! The figures count on from one replica to the next, and there are never too many of them.

use super::*;
use weft_tangle::replica::Occupancy;

/// The routes with the statuses that each can answer.
const ANSWERS: [(&str, &[u16]); 11] = [
    ("/healthz", &[200, 405]),
    ("/readyz", &[200, 405, 503]),
    ("/metrics", &[200, 405, 500]),
    ("/api/v1/network", &[200, 405, 500]),
    ("/api/v1/ticket", &[200, 400, 405, 406, 503]),
    ("/api/v1/transactions", &[200, 201, 400, 401, 403, 405, 408, 409, 413, 415, 422, 500, 503]),
    ("/api/v1/transactions/batch", &[200, 400, 405, 408, 413, 415, 500, 503]),
    ("/api/v1/transactions/{id}", &[200, 400, 404, 405, 406, 500]),
    ("/api/v1/devices/{id}", &[200, 400, 404, 405, 500]),
    ("/api/v1/devices/{id}/readings", &[200, 400, 405, 406, 500]),
    ("other", &[404]),
];

#[test]
fn a_new_replica_counts_on_from_the_one_before() {
    let metrics = Metrics::new("network").unwrap();
    let dropped = |tips_dropped| Occupancy { tips_dropped, ..Occupancy::default() };
    metrics.set_occupancy(dropped(5));
    metrics.count_recovery();
    metrics.set_occupancy(dropped(0));
    metrics.set_occupancy(dropped(2));
    assert_eq!((metrics.tips_dropped.get(), metrics.recoveries.get()), (7, 1));
}

#[test]
fn whatever_happens_there_are_fewer_than_500_series() {
    let metrics = Metrics::new("network").unwrap();
    for (route, statuses) in ANSWERS {
        statuses.iter().for_each(|status| metrics.count_request(route, *status, 0.01));
    }
    ProblemKind::ALL.iter().for_each(|kind| metrics.count_refused(*kind));
    for kind in (0..=255).filter_map(|byte| weft_tangle::Kind::from_byte(byte).ok()) {
        metrics.count_attached(kind, false);
        metrics.count_attached(kind, true);
    }
    metrics.count_signature(true, 0.01);
    metrics.count_signature(false, 0.01);
    metrics.queue.with_label_values(&["check"]).set(1);
    metrics.queue.with_label_values(&["owner"]).set(1);
    metrics.queue.with_label_values(&["ticket"]).set(1);
    for event in 0..11 {
        metrics.connections.with_label_values(&[event.to_string()]).inc();
    }
    metrics.gossip.at_its_fullest();
    metrics.finality.at_its_fullest();
    let text = metrics.registered();
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    assert!((300..500).contains(&series), "{series} series");
}
