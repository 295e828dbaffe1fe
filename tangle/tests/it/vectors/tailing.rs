//! What two nodes say while one tails the other's log, played against a replica: it says what the file says, and finds the
//! faults that it names.

use super::door::send;
use super::verdicts::{check, issuers};
use super::{bytes, committed, keys, networks, number, rows, text, time, valid};
use crate::support::MapHistory;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use weft_tangle::gossip::{Fault, Message};
use weft_tangle::replica::{Effect, Event, Replica, Source};
use weft_tangle::{DeviceId, Position, Timestamp};

const PEER: Source = Source::Peer(1);

/// The node of the file, with its peer.
struct Node {
    replica: Replica,
    history: MapHistory,
    now: Timestamp,
    said: VecDeque<Message>,
    is_dropped: bool,
}

impl Node {
    fn new(set: &Value) -> Self {
        let (networks, keys) = (networks(), keys());
        let network = &networks["open"];
        let known = issuers(network);
        let valid: BTreeMap<String, Vec<u8>> = valid().into_iter().collect();
        let now = time(set, "life");
        let mut replica = Replica::new(Arc::new(network.clone()), Position(0));
        replica.set_device(DeviceId::of(&keys[text(set, "node")]), &[]);
        let mut history = MapHistory::new(network.genesis());
        for name in rows(set, "log") {
            let verified = check(network, &known, &valid[name.as_str().unwrap()], now).unwrap();
            assert_eq!(send(&mut replica, &mut history, verified, now), Ok(true));
        }
        let mut node = Self { replica, history, now, said: VecDeque::new(), is_dropped: false };
        let device = DeviceId::of(&keys[text(set, "peer")]);
        node.event(Event::Connected { source: PEER, device, cursor: Vec::new() });
        node
    }

    fn event(&mut self, event: Event) {
        for effect in self.replica.handle(event, self.now, &self.history).unwrap() {
            match effect {
                Effect::Send { message, .. } => self.said.push_back(message),
                Effect::Disconnect { .. } => self.is_dropped = true,
                _ => {}
            }
        }
    }

    /// The next message, within a second.
    fn says(&mut self) -> Option<Message> {
        for _ in 0..100 {
            if !self.said.is_empty() {
                break;
            }
            self.now = self.now.plus(10);
            self.event(Event::Tick);
        }
        self.said.pop_front()
    }

    fn points(&self) -> u32 {
        let views = self.replica.peers();
        views.iter().find(|view| view.source == PEER).map_or(Fault::Log.points(), |view| view.points)
    }
}

#[test]
fn a_log_is_tailed_as_the_file_says() {
    let set = committed("tailing.json");
    for story in rows(&set, "stories") {
        let about = text(story, "about");
        let mut node = Node::new(&set);
        let steps = rows(story, "steps");
        for (at, step) in steps.iter().enumerate() {
            let message = Message::decode(&bytes(step, "hex")).unwrap();
            if text(step, "from") == "node" {
                assert_eq!(node.says(), Some(message), "{about}, step {at}");
                continue;
            }
            assert_eq!((node.points(), node.is_dropped), (0, false), "{about}, before step {at}");
            node.event(Event::Message { source: PEER, message });
        }
        let fault = story["fault"].as_str();
        let found = Fault::ALL.into_iter().find(|known| Some(known.name()) == fault);
        assert_eq!(found.is_some(), fault.is_some(), "{about}");
        assert_eq!(node.points(), found.map_or(0, Fault::points), "{about}");
        assert_eq!(node.is_dropped, found == Some(Fault::Log), "{about}");
    }
    assert_eq!(number(&set, "life"), Node::new(&set).now.as_millis());
}
