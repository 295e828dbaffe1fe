//! Opening: what is not ours is refused in words.

use super::layout::{META, SCHEMA};
use super::*;
use weft_tangle::History as _;

#[test]
fn what_is_not_ours_is_refused_in_words() {
    let network = network("ours");
    let theirs = crate::testing::network("theirs");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new/data");
    let open = |network: &Network| Store::open(&path, network, &StoreOptions::default());
    let store = open(&network).unwrap();

    let error = open(&network).unwrap_err();
    assert!(matches!(&error, StoreError::InUse { .. }));
    assert!(error.to_string().contains("in use by another process"));
    drop(store);

    let error = open(&theirs).unwrap_err();
    assert!(matches!(&error, StoreError::OtherNetwork { stored, configured, .. }
        if stored == network.id() && configured == theirs.id()));
    let words = error.to_string();
    assert!(words.contains(&network.id().to_string()) && words.contains(&theirs.id().to_string()));
    drop(open(&network).unwrap());

    let set_schema = |schema: u32| {
        change(&path, |commit| {
            let mut meta = commit.open_table(META).unwrap();
            meta.insert("schema", &schema.to_be_bytes()[..]).unwrap();
        });
    };
    set_schema(SCHEMA + 1);
    let error = open(&network).unwrap_err();
    let known = SCHEMA;
    assert!(
        matches!(error, StoreError::NewerSchema { found, known: ours, .. } if (found, ours) == (known + 1, known))
    );
    assert!(error.to_string().contains("run the newer version"));
    set_schema(SCHEMA - 1);
    let error = open(&network).unwrap_err();
    assert!(matches!(&error, StoreError::OldForm { .. }), "{error}");
    assert!(error.to_string().contains("go on with that build"), "{error}");

    change(&path, |commit| assert!(commit.delete_table(META).unwrap()));
    assert!(matches!(open(&network), Err(StoreError::NotAStore { .. })));

    std::fs::write(path.join(FILE_NAME), b"these are no transactions").unwrap();
    assert!(matches!(open(&network), Err(StoreError::NotAStore { .. })));

    let file = path.join(FILE_NAME);
    assert!(matches!(
        Store::open(&file, &network, &StoreOptions::default()),
        Err(StoreError::Unreachable { path, .. }) if path == file
    ));
}

#[test]
#[cfg(unix)]
fn only_this_user_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    drop(Store::open(&data, &network("private"), &StoreOptions::default()).unwrap());
    for path in [data.clone(), data.join(FILE_NAME)] {
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{path:?}");
    }
}

#[test]
fn a_store_whose_making_was_cut_short_is_made_again() {
    let network = network("unborn");
    for operations in 0..12 {
        for seed in 0..8 {
            let disk = disks::MemoryDisk::default();
            disk.fail_after(operations);
            let _: Result<_, _> = open_on(disk.clone(), &network).map(drop);
            let image = disk.crash(&mut Dice::new(seed));
            let store = open_on(disks::MemoryDisk::with_image(image), &network).unwrap();
            assert_eq!(store.next_position().unwrap(), Position(0), "{operations} operations, seed {seed}");
        }
    }
    let mut image = vec![0; 1 << 20];
    image[9_000] = 1;
    let error = open_on(disks::MemoryDisk::with_image(image), &network).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "what holds anything is never emptied");
}

#[test]
fn a_shared_snapshot_is_shared_until_the_next_commit() {
    let network = network("shared");
    let (ledger, _) = ledger(&network, 5, 1, 3);
    let store = open_on(disks::MemoryDisk::default(), &network).unwrap();
    let shows = |reader: &Reader| {
        ledger.arrivals.iter().map(|attached| reader.contains(&attached.id()).unwrap()).collect::<Vec<_>>()
    };
    let before = store.shared_reader().unwrap();
    assert_eq!(shows(&before), [false; 3]);
    for (stored, attached) in ledger.arrivals.iter().enumerate() {
        store.append(std::slice::from_ref(attached)).unwrap();
        let reader = store.shared_reader().unwrap();
        assert!(Arc::ptr_eq(&reader, &store.shared_reader().unwrap()));
        assert_eq!(shows(&reader), [true, stored >= 1, stored >= 2], "it shows what was committed before");
    }
    assert_eq!(shows(&before), [false; 3], "one that is still held stays as it was");
}
