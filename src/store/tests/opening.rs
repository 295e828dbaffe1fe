//! Opening: what is not ours is refused in words, and a damaged row is never served.

use super::layout::{META, SCHEMA, TRANSACTIONS};
use super::*;

fn change(directory: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = Database::open(directory.join(FILE_NAME)).unwrap();
    let commit = database.begin_write().unwrap();
    change(&commit);
    commit.commit().unwrap();
}

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

    change(&path, |commit| {
        let mut meta = commit.open_table(META).unwrap();
        meta.insert("schema", &(SCHEMA + 1).to_be_bytes()[..]).unwrap();
    });
    let error = open(&network).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 2, known: 1, .. }));
    assert!(error.to_string().contains("run the newer version"));

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
fn a_flipped_byte_is_found_wherever_it_is() {
    let network = network("damage");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, devices) = ledger(&network, 31, 1, 3);
    let attached = &ledger.arrivals[0];
    let id = attached.id();
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    store.append(&ledger.arrivals).unwrap();
    let row = layout::encode_row(attached.position(), attached.transaction().wire());
    assert_eq!(layout::decode_row(&network, &id, &row).unwrap().1, *attached.transaction());
    for at in 0..row.len() {
        let mut damaged = row.clone();
        damaged[at] ^= 1 << (at % 8);
        let found = layout::decode_row(&network, &id, &damaged);
        assert!(matches!(found, Err(StoreError::Damaged { id: named, .. }) if named == id), "byte {at}");
    }
    for length in [0, 15, 16, 2_603, row.len() - 1] {
        assert!(layout::decode_row(&network, &id, &row[..length]).is_err());
    }
    drop(store);

    change(directory.path(), |commit| {
        let mut damaged = row.clone();
        damaged[row.len() / 2] ^= 1;
        commit.open_table(TRANSACTIONS).unwrap().insert(id.as_bytes(), &damaged[..]).unwrap();
    });
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    let reader = store.reader().unwrap();
    assert!(matches!(reader.transaction(&id), Err(StoreError::Damaged { id: named, .. }) if named == id));
    assert!(matches!(reader.enrolments(&devices[0].id(), 9), Err(StoreError::Damaged { .. })));
    assert!(reader.transaction(&ledger.arrivals[1].id()).unwrap().is_some());
}
