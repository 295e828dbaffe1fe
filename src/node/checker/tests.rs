//! What a checker hands on and when, and what it counts as done.

use super::*;
use crate::bell;
use crate::http::ConnectionId;
use crate::limits::OWNER_WAITING;
use crate::metrics::Metrics;
use crate::node::fair::{Bounds, Origin, queue};
use crate::node::job::Work;
use crate::node::peering::Share;
use crate::store::Fragile;
use crate::testing::{Device, Ledger, network, reading};
use futures_channel::oneshot;
use std::ops::Range;
use std::thread;
use weft_tangle::replica::Source;

/// A checker over a store that knows one device.
struct World {
    checker: Checker,
    checked: bell::Receiver<Checked>,
    metrics: Arc<Metrics>,
    disk: Fragile,
    device: Device,
}

impl World {
    fn new() -> Self {
        let (network, device) = (network("checker"), Device::new(1));
        let disk = Fragile::new(&network);
        disk.store.append(&[Ledger::new(&network, 1).enrol(&device, 0)]).unwrap();
        let directory = Arc::new(Directory::new(Arc::clone(&network)));
        let (owner, checked) = bell::bounded(8);
        let metrics = Metrics::new("checker").unwrap();
        let verdicts = Arc::new(SharedVerdicts::new(Arc::clone(&metrics)));
        let checker = Checker { verdicts, ..Checker::of(&network, &disk.store, &directory, owner) };
        Self { checker, checked, metrics, disk, device }
    }

    /// A peer's job of the device's readings with these counters.
    fn job(&self, counters: Range<u32>) -> Job {
        let wire = |counter| reading(&self.checker.network, &self.device, counter).into();
        let work = Work::Wires(counters.map(wire).collect());
        Job::Peer(PeerJob { source: Source::Peer(1), tree: None, work, share: Share::default() })
    }

    /// These jobs, in their order, of which there will be no more.
    fn queue(&self, jobs: Vec<Job>) -> Receiver<Job> {
        let (sender, receiver) = queue(Bounds::default());
        let origin = Origin { issuer: self.device.id(), connection: ConnectionId::of_peer(1) };
        for job in jobs {
            self.checker.progress.submit(job.len());
            assert!(sender.push(origin, 1, job).is_ok());
        }
        receiver
    }
}

#[test]
fn a_check_that_panics_is_a_fault() {
    assert_eq!(unharmed(|| Ok(1)), Ok(1));
    assert_eq!(unharmed::<()>(|| panic!("as if a decoder had a slip")), Err(Fault::Internal));
}

#[test]
fn what_was_before_a_long_job_is_handed_on_before_that_is_checked() {
    let world = World::new();
    let jobs = world.queue(vec![world.job(0..1), world.job(1..2 + CHECKED_TOGETHER as u32)]);
    let (room, progress) = (&world.checker.room, &world.checker.progress);
    // Who hands on has finished, and waits for room.
    room.take(OWNER_WAITING);
    thread::scope(|scope| {
        scope.spawn(|| world.checker.run(&jobs));
        while !progress.is_past(1) {
            thread::yield_now();
        }
        assert_eq!(world.metrics.signatures_checked(true), 1);
        room.give(OWNER_WAITING);
    });
    assert_eq!(world.metrics.signatures_checked(true), 2 + CHECKED_TOGETHER as u64);
    assert_eq!(
        world.checked.try_iter().map(|checked| checked.len()).collect::<Vec<_>>(),
        [1, 1 + CHECKED_TOGETHER]
    );
}

#[test]
fn every_transaction_is_counted_out_whatever_comes_of_it() {
    let world = World::new();
    let (answers, mut answered) = oneshot::channel();
    let junk = Job::Door(DoorJob { items: vec![Bytes::from_static(b"junk"); 3], answers });
    // What storage does not tell is left out of what is handed on.
    world.disk.fail_reads();
    let jobs = world.queue(vec![junk, world.job(0..2)]);
    world.checker.run(&jobs);
    assert!(answered.try_recv().unwrap().unwrap().iter().all(Result::is_err));
    assert_eq!(world.checked.try_iter().map(|checked| checked.len()).collect::<Vec<_>>(), [0]);
    let progress = &world.checker.progress;
    assert!(progress.is_past(progress.mark(99)) && progress.is_past(5));
}
