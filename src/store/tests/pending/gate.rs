//! Whoever reads does not wait for the disk, though what is pending has to be published for it.

use super::*;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io;
use std::sync::Mutex;
use std::time::Duration;

/// After so long somebody waits for good.
const PATIENCE: Duration = Duration::from_secs(60);

/// A disk whose syncs wait at a gate while there is one: it says that one has come, and lets it go when its other end is
/// gone.
#[derive(Clone, Debug, Default)]
struct Gated {
    disk: MemoryDisk,
    gate: Arc<Mutex<Option<Gate>>>,
}

type Gate = (Sender<()>, Receiver<()>);

impl Gated {
    /// Closes the gate. What comes to it is told; dropping the other opens it.
    fn close_gate(&self) -> (Receiver<()>, Sender<()>) {
        let ((come, has_come), (open, is_open)) = (bounded(1), bounded(0));
        *self.gate.lock().unwrap() = Some((come, is_open));
        (has_come, open)
    }
}

impl StorageBackend for Gated {
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        let gate = self.gate.lock().unwrap().clone();
        if let Some((come, is_open)) = gate {
            let _gone = (come.try_send(()), is_open.recv());
        }
        self.disk.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.write(offset, data)
    }
}

#[test]
fn nobody_who_reads_waits_for_a_sync() {
    let network = network("gate");
    let (ledger, _) = ledger(&network, 10, 2, 60);
    let all = &ledger.arrivals;
    let disk = Gated::default();
    let store = open_cached(disk.clone(), &network).unwrap();
    // By way of the log, past it, and what only changes a row.
    type Write<'a> = &'a (dyn Fn(&Store) + Sync);
    let writes: [(u64, u64, Write<'_>); 3] = [
        (2, 3, &|store| store.append(&all[2..3]).unwrap()),
        (5, 40, &|store| store.append(&all[5..40]).unwrap()),
        (42, 42, &|store| store.recall().unwrap()),
    ];
    for (number, (before, behind, write)) in writes.into_iter().enumerate() {
        append_each(&store, &all[taken(&store) as usize..before as usize]);
        let (has_come, open) = disk.close_gate();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| write(&store));
            has_come.recv_timeout(PATIENCE).unwrap();
            let (say, said) = bounded(1);
            let store = &store;
            scope.spawn(move || {
                let shared = store.shared_reader().unwrap().transactions().unwrap();
                let _gone = say.send((store.reader().unwrap().transactions().unwrap(), shared));
            });
            let shown = said.recv_timeout(PATIENCE);
            // Before anything is found wrong, or nobody would end.
            drop(open);
            assert_eq!(shown, Ok((before, before)), "while write {number} waits for the disk");
            writer.join().unwrap();
        });
        assert_eq!(store.reader().unwrap().transactions().unwrap(), behind);
    }
    holds(&store, &ledger, 42);
}
