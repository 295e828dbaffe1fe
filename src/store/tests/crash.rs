//! Loss of power at any moment: what was acknowledged is there, once, without gaps, and the store goes on.

use super::disks::MemoryDisk;
use super::*;

/// One life after the other on the same disk, each ended by a crash after a random number of operations.
fn survives(network: &Arc<Network>, ledger: &Ledger, seed: u64, crashes: &mut u32) {
    let mut dice = Dice::new(seed);
    let all = &ledger.arrivals;
    let mut image = Vec::new();
    let mut acknowledged = 0;
    loop {
        let disk = MemoryDisk::with_image(image);
        disk.fail_after(dice.below(90));
        if let Ok(store) = open_on(disk.clone(), network) {
            let mut next = store.next_position().unwrap().0 as usize;
            assert!(next >= acknowledged, "seed {seed}: {acknowledged} were acknowledged, {next} are there");
            check(&store, all, next, seed);
            acknowledged = next;
            while next < all.len() {
                let end = (next + 1 + dice.below(9) as usize).min(all.len());
                if store.append(&all[next..end]).is_err() {
                    break;
                }
                next = end;
                acknowledged = end;
            }
        }
        if acknowledged == all.len() {
            return;
        }
        *crashes += 1;
        image = disk.crash(&mut dice);
    }
}

/// Positions 0 to `stored` hold the first transactions of the ledger, each once.
fn check(store: &Store, all: &[Arc<Attached>], stored: usize, seed: u64) {
    let mut log = Vec::new();
    store.recover(usize::MAX, &mut |id, _| log.push(id)).unwrap();
    let expected: Vec<TxId> = all[..stored].iter().map(|attached| attached.id()).collect();
    assert_eq!(log, expected, "seed {seed}");
    let reader = store.reader().unwrap();
    for attached in &all[..stored] {
        let found = reader.transaction(&attached.id()).unwrap().unwrap();
        assert_eq!(found.position, attached.position(), "seed {seed}");
        assert_eq!(found.transaction.wire(), attached.transaction().wire(), "seed {seed}");
    }
}

#[test]
fn whatever_was_acknowledged_survives_every_crash() {
    let network = network("crash");
    let (ledger, _) = ledger(&network, 21, 3, 80);
    let mut crashes = 0;
    let mut seed = 0;
    while crashes < 400 {
        survives(&network, &ledger, seed, &mut crashes);
        seed += 1;
    }
}
