//! How long what the demo's devices send takes to become final on every node, as the nodes' own events say.
//!
//! The clock runs from the moment at which a device has its node's answer to the moment at which the last node has told
//! that the transaction is final: both are seen from outside, over HTTP.

use super::print;
use super::ward::NODES;
use crate::sensor::client::Event;
use crate::sensor::follow::{Heard, follow};
use crate::sensor::{Client, ClientError, Patience, Stop};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use weft_tangle::TxId;

/// Transactions that are followed at once; of more than that, when nothing becomes final, the oldest are let go.
const FOLLOWED: usize = 65_536;

/// How long is waited, when the recordings have ended, for all that was sent to be final.
const LAST_WAIT: Duration = Duration::from_secs(20);

/// What was sent, and which nodes have told that it is final.
#[derive(Default)]
pub(super) struct Finals {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    open: BTreeMap<TxId, One>,
    /// Nodes whose events are followed.
    listening: usize,
    /// How many took so many milliseconds.
    took: BTreeMap<u128, usize>,
    done: usize,
    sent: usize,
}

/// A transaction that is not final on all nodes.
#[derive(Default)]
struct One {
    /// By which device, and when it had the answer.
    sent: Option<(String, Instant)>,
    /// How many nodes have told, and when the last did.
    told: Vec<Instant>,
}

impl Finals {
    /// Follows the node at `url` until `stop` is raised.
    pub(super) fn listen(&self, url: &str, stop: &Stop) -> Result<(), ClientError> {
        let mut client = Client::new(url, Patience::INTERACTIVE, stop.clone())?;
        follow(&mut client, "kind=final", None, stop, |heard| match heard {
            Heard::Open => {
                self.lock().listening += 1;
                self.changed.notify_all();
            }
            Heard::Event(event) => self.hear(&event),
            Heard::Lost(_) => {}
        })
    }

    /// Waits until all nodes are followed, so that nothing becomes final unseen. False when `stop` was raised first.
    pub(super) fn is_listening(&self, stop: &Stop) -> bool {
        while self.lock().listening < NODES.into() {
            if !stop.sleep(Duration::from_millis(10)) {
                return false;
            }
        }
        true
    }

    /// A device has the answer that its transaction was taken.
    pub(super) fn sent(&self, name: &str, id: TxId) {
        let now = Instant::now();
        let mut seen = self.lock();
        seen.sent += 1;
        seen.open.entry(id).or_default().sent = Some((name.to_owned(), now));
        self.look(seen, id);
    }

    fn hear(&self, event: &Event) {
        let now = Instant::now();
        let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
        let Some(id) = data["id"].as_str().and_then(|id| id.parse().ok()) else { return };
        let mut seen = self.lock();
        seen.open.entry(id).or_default().told.push(now);
        self.look(seen, id);
    }

    /// Says so when a transaction is final on all nodes.
    fn look(&self, mut seen: MutexGuard<'_, Seen>, id: TxId) {
        if seen.open.len() > FOLLOWED {
            seen.open.pop_first();
        }
        let done = |one: &One| one.sent.is_some() && one.told.len() >= NODES.into();
        if !seen.open.get(&id).is_some_and(done) {
            return;
        }
        let Some(One { sent: Some((name, sent)), told }) = seen.open.remove(&id) else { return };
        let last = told.into_iter().max().unwrap_or(sent);
        let took = last.saturating_duration_since(sent).as_millis();
        // Before it is counted, so that the summary stands behind it. Whoever reads has read enough; the devices go on for
        // those who ask the API.
        let line = format!("{name}  final on all {NODES} nodes after {took} ms  {id}\n");
        let _closed = print(&line);
        *seen.took.entry(took).or_default() += 1;
        seen.done += 1;
        drop(seen);
        self.changed.notify_all();
    }

    /// Waits until all that was sent is final, and says in a line how long it took; nothing when it is not in time.
    pub(super) fn summary(&self) -> Option<String> {
        let seen = self.lock();
        let is_open = |seen: &mut Seen| seen.done < seen.sent;
        let waited = self.changed.wait_timeout_while(seen, LAST_WAIT, is_open);
        let (seen, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() || seen.done == 0 {
            return None;
        }
        let mut left = seen.done.div_ceil(2);
        let half = seen.took.iter().find_map(|(took, count)| {
            left = left.saturating_sub(*count);
            (left == 0).then_some(*took)
        });
        let slowest = seen.took.keys().last().copied();
        Some(format!(
            "all {} transactions are final on all {NODES} nodes: half of them within {} ms of their node's answer, the slowest within {} ms",
            seen.done,
            half.unwrap_or_default(),
            slowest.unwrap_or_default(),
        ))
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Every change is complete before the lock is left.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
