//! A log in which records are damaged: what becomes of the store, and of the log.

use super::*;
use crate::store::volume::{FileSystem, Volume};

/// A store of three records in the log alone, the second of which has been damaged on disk.
fn damaged(network: &Network, ledger: &Ledger) -> (MemoryDisk, Store) {
    let disk = MemoryDisk::default();
    let store = open_with(&disk, network).unwrap();
    for attached in &ledger.arrivals[..3] {
        store.append(std::slice::from_ref(attached)).unwrap();
    }
    let first = record::bytes_of(&[Record::from(&*ledger.arrivals[0])], &Settlement::default());
    let offset = BLOCK_BYTES as u64 + first + 60;
    let mut byte = [0];
    disk.read(offset, &mut byte).unwrap();
    disk.write(offset, &[byte[0] ^ 1]).unwrap();
    disk.sync_data().unwrap();
    (disk, store)
}

#[test]
fn a_store_that_has_lost_a_record_is_not_opened_again_and_nothing_of_it_is_written() {
    let (network, ledger) = world(12);
    let (disk, store) = damaged(&network, &ledger);
    store.distrust("a test says so".into());
    let (operations, image) = (disk.operations(), disk.image());
    for _ in 0..2 {
        let error = store.try_reopen().unwrap_err().to_string();
        assert!(error.contains("before Position(1), but those before Position(3)"), "{error}");
        assert_eq!(disk.operations(), operations);
        assert!(disk.image() == image && disk.kept().is_empty());
    }
    assert_eq!(stored(&store), 1, "it reads on");
}

#[test]
fn a_damaged_log_is_kept_before_it_is_cleared_or_the_store_is_not_opened() {
    let (network, ledger) = world(13);
    let (disk, store) = damaged(&network, &ledger);
    store.distrust("a test says so".into());
    drop(store);
    let log = front_of(&disk).log().unwrap();
    // The database writes as it is opened: let that succeed, and what keeps the log fail.
    let mut refused = 0;
    for operations in 0.. {
        disk.fail_after(operations);
        let opened = open_with(&disk, &network);
        disk.mend();
        match opened {
            Ok(store) => {
                assert_eq!(stored(&store), 1);
                break;
            }
            Err(StoreError::Unreachable { .. }) => {
                refused += 1;
                assert!(front_of(&disk).log().unwrap() == log);
            }
            Err(_) => {}
        }
        assert!(!disk.kept().is_empty() || front_of(&disk).log().unwrap() == log);
    }
    assert!(refused > 0);
    assert!(disk.kept().iter().all(|kept| *kept == log));
    assert!(front_of(&disk).log().unwrap() != log, "it was cleared");
}

#[test]
fn what_is_kept_of_a_log_is_a_file_for_this_user_alone() {
    let directory = tempfile::tempdir().unwrap();
    let volume = FileSystem { path: directory.path().join("weft.redb") };
    let kept = volume.keep(&[1, 2, 3]).unwrap();
    assert_eq!(volume.keep(&[1, 2, 3]).unwrap(), kept, "the same once");
    assert_ne!(volume.keep(&[1, 2]).unwrap(), kept);
    assert_eq!(std::fs::read(&kept).unwrap(), [1, 2, 3]);
    let name = kept.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("weft.redb.log.") && name.len() == 30, "{name}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
