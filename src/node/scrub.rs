//! The scrub: one thread that goes through the store at a walking pace, again and again, and re-hashes what it finds.
//!
//! Always true: a snapshot is held for one row. A pass begins anywhere, so that a node that is restarted often comes
//! everywhere all the same.

use super::clock::now;
use crate::limits::SCRUB_REST;
use crate::metrics::Metrics;
use crate::store::{Scrubbed, Store, StoreError};
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use weft_tangle::Position;

/// The running scrub; it ends when this is dropped.
#[derive(Debug)]
pub struct Scrub {
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Scrub {
    /// Starts reading `rate` bytes a second; 0 is no scrub.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(store: Arc<Store>, metrics: Arc<Metrics>, rate: u64) -> io::Result<Self> {
        if rate == 0 {
            return Ok(Self { alive: None, thread: None });
        }
        let (alive, ended) = bounded::<()>(0);
        let rest = move |time| matches!(ended.recv_timeout(time), Err(RecvTimeoutError::Timeout));
        let work = move || {
            loop {
                let begin = now().as_millis();
                let pass = pass(&store, &metrics, begin, &|bytes| {
                    rest(Duration::from_secs_f64(bytes as f64 / rate as f64))
                });
                match pass {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => tracing::warn!(%error, "the scrub cannot read the store"),
                }
                if !rest(SCRUB_REST) {
                    return;
                }
            }
        };
        let thread = Builder::new().name("weft-scrub".into()).spawn(work)?;
        Ok(Self { alive: Some(alive), thread: Some(thread) })
    }
}

impl Drop for Scrub {
    fn drop(&mut self) {
        self.alive = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the scrub has panicked");
        }
    }
}

/// Goes once through the store, from `begin` (modulo its length) round to there. `rest` is told how much was read and
/// says whether to go on; the answer is whether the pass came to its end.
fn pass(
    store: &Store,
    metrics: &Metrics,
    begin: u64,
    rest: &dyn Fn(usize) -> bool,
) -> Result<bool, StoreError> {
    let total = store.next_position()?.0;
    let mut position = Position(begin.checked_rem(total).unwrap_or(0));
    let mut read = 0;
    while read < total {
        let step = store.taken()?.scrub(position)?;
        let Some(Scrubbed { next, bytes }) = step else {
            position = Position(0);
            continue;
        };
        read += next.0 - position.0;
        position = next;
        metrics.scrub_progress.set(read.min(total) as f64 / total as f64);
        if !rest(bytes) {
            return Ok(false);
        }
    }
    metrics.scrub_finished.set((now().as_millis() / 1_000) as i64);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;
    use crate::testing::{Device, Ledger, network};
    use std::cell::Cell;

    #[test]
    fn a_pass_reads_every_row_once_wherever_it_begins() {
        let network = network("scrub");
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
        let metrics = Metrics::new("scrub").unwrap();
        assert!(pass(&store, &metrics, 7, &|_| panic!("there is nothing to read")).unwrap());
        let (mut ledger, device) = (Ledger::new(&network, 1), Device::new(1));
        ledger.enrol(&device, 0);
        (1..60).for_each(|counter| drop(ledger.read(&device, counter)));
        store.append(&ledger.arrivals).unwrap();
        for begin in [0, 1, 30, 59, 60, u64::MAX] {
            let (bytes, steps) = (Cell::new(0), Cell::new(0));
            let rest = |read| {
                bytes.set(bytes.get() + read);
                steps.set(steps.get() + 1);
                true
            };
            assert!(pass(&store, &metrics, begin, &rest).unwrap());
            assert!(steps.get() >= 3 && bytes.get() >= 60 * 2_604, "{steps:?} steps, {bytes:?} bytes");
            assert!((metrics.scrub_progress.get() - 1.0).abs() < f64::EPSILON);
        }
        assert!(!pass(&store, &metrics, 0, &|_| false).unwrap(), "it stops when it is told to");
        assert!(metrics.scrub_progress.get() < 1.0);
        assert_eq!(store.damage(), (0, 0));
    }
}
