//! A file of acknowledged ids, one a line, in the order of the acknowledgements.
//!
//! Always true: an id is in the file, as far as other processes can see, before the next request is sent. So whoever
//! kills node or load at any moment has at most the acknowledgements still on their way missing from it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use weft_tangle::TxId;

/// The file, shared by all devices: the system appends each write as a whole.
pub(super) struct Ids(File);

impl Ids {
    /// Opens the file; what is in it stays.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(OpenOptions::new().create(true).append(true).open(path)?))
    }

    /// Appends ids that were acknowledged by one answer.
    pub(super) fn append(&self, ids: &[TxId]) -> io::Result<()> {
        let lines: String = ids.iter().map(|id| format!("{id}\n")).collect();
        (&self.0).write_all(lines.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_tangle::{NetworkId, Timestamp};

    #[test]
    fn lines_of_many_threads_stay_whole_and_what_was_there_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ids");
        std::fs::write(&path, "before\n").unwrap();
        let ids = Ids::open(&path).unwrap();
        let id = |number: u64| {
            TxId::of(&NetworkId::from_bytes([1; 32]), Timestamp::from_millis(number), &[0; 160])
        };
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let ids = &ids;
                scope.spawn(move || {
                    for number in 0..100 {
                        ids.append(&[id(thread * 1_000 + number), id(thread * 1_000 + number + 500)])
                            .unwrap();
                    }
                });
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("before"));
        let found: std::collections::BTreeSet<TxId> = lines.map(|line| line.parse().unwrap()).collect();
        assert_eq!(found.len(), 1_600);
    }
}
