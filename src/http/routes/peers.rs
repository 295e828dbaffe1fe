//! The peers in `/api/v1/network`: how each connection stands, and how the replica on either side is doing.

use crate::gossip::{PeerState, PeerView as Connection, Side};
use crate::node::Link;
use serde_json::{Map, Value, json};
use weft_tangle::gossip::PeerView;
use weft_tangle::replica::Source;

/// All peers that are known or connected, by id.
pub(super) fn peers(link: &Link) -> Vec<Value> {
    let views = link.views();
    link.shell.peers().iter().map(|connection| describe(connection, &views)).collect()
}

fn describe(connection: &Connection, views: &[PeerView]) -> Value {
    let mut peer = Map::new();
    let mut put = |name: &str, value: Value| peer.insert(name.into(), value);
    put("device", json!(connection.device.to_string()));
    put("committee", json!(connection.is_committee));
    put("addresses", json!(connection.addresses));
    put("state", json!(connection.state.name()));
    put("failures", json!(connection.failures));
    put("last", json!(connection.last.as_ref().map(|departure| departure.slug())));
    match &connection.state {
        PeerState::Connecting => {}
        PeerState::Waiting { remaining } => {
            put("retry_ms", json!(remaining.as_millis() as u64));
        }
        PeerState::Connected { number, side, address, lasting, round_trip, sent, received, queued, held } => {
            put("address", json!(address.to_string()));
            put("dialled_by", json!(if *side == Side::Client { "self" } else { "peer" }));
            put("seconds", json!(lasting.as_secs()));
            put("round_trip_ms", json!(round_trip.as_micros() as f64 / 1e3));
            put("sent_bytes", json!(sent));
            put("received_bytes", json!(received));
            put("queued_bytes", json!(queued));
            put("held_bytes", json!(held));
            if let Some(view) = views.iter().find(|view| view.source == Source::Peer(number.0)) {
                put("gossip", gossip(view));
            }
        }
    }
    Value::Object(peer)
}

fn gossip(view: &PeerView) -> Value {
    let counts = &view.counts;
    json!({
        "link": view.state.name(),
        "trees": view.trees,
        "points": view.points,
        "lag": view.lag,
        "behind": view.behind,
        "asked": view.asked,
        "entries": counts.entries,
        "pushed": counts.pushes_sent,
        "delivered": counts.bodies,
        "duplicates": counts.duplicates,
        "grafts": counts.grafts,
        "prunes_sent": counts.prunes_sent,
        "prunes": counts.prunes,
        "requests_sent": counts.requests_sent,
        "requests": counts.requests,
    })
}
