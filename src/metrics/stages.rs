//! When each transaction was attached here, when it was durable and when final, in a file for whoever measures
//! (`spec/13-metrics.md`).
//!
//! Always true: nothing is recorded unless the configuration names a file; the file has a bound; and a disk that does not
//! take it costs the rest of the records, nothing else.

use crate::limits::STAGE_RECORDS;
use crate::node::now_nanos;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use weft_tangle::TxId;

/// What has become of a transaction, as a record names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Verified, and its history is here: it is being pushed on.
    Attached = 1,
    /// On disk.
    Durable = 2,
    /// A commit that is on disk has delivered it.
    Final = 3,
}

/// The records of one life of the process.
#[derive(Debug)]
pub struct Stages(Mutex<Records<BufWriter<File>>>);

impl Stages {
    /// Makes the file, which only its owner may read.
    ///
    /// # Errors
    /// It is there already, or cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = BufWriter::with_capacity(1 << 16, options.open(path)?);
        Ok(Self(Mutex::new(Records { out: Some(file), left: STAGE_RECORDS })))
    }

    /// Writes down that all of these have reached a stage now.
    pub(crate) fn note(&self, stage: Stage, ids: impl Iterator<Item = TxId>) {
        let now = now_nanos();
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.for_each(|id| records.add(now, stage, &id));
    }

    /// Hands the system what is still held back.
    pub(crate) fn flush(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush();
    }
}

#[derive(Debug)]
struct Records<W> {
    /// None once it could not be written, or is full.
    out: Option<W>,
    left: usize,
}

impl<W: Write> Records<W> {
    fn add(&mut self, now: u64, stage: Stage, id: &TxId) {
        let Some(out) = &mut self.out else { return };
        let mut record = [0; 9 + TxId::BYTES];
        record[..8].copy_from_slice(&now.to_be_bytes());
        record[8] = stage as u8;
        record[9..].copy_from_slice(id.as_bytes());
        let written = out.write_all(&record);
        self.left -= 1;
        match written {
            Err(error) => self.give_up(&error.to_string()),
            Ok(()) if self.left == 0 => {
                self.flush();
                self.give_up("it has as many records as it may have");
            }
            Ok(()) => {}
        }
    }

    fn flush(&mut self) {
        if let Some(Err(error)) = self.out.as_mut().map(Write::flush) {
            self.give_up(&error.to_string());
        }
    }

    fn give_up(&mut self, why: &str) {
        self.out = None;
        tracing::warn!(why, "no further stages of transactions are recorded");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_tangle::Timestamp;

    fn id(n: u64) -> TxId {
        TxId::first_at(Timestamp::from_millis(n))
    }

    #[test]
    fn records_are_as_the_specification_says() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stages");
        let stages = Stages::create(&path).unwrap();
        let before = now_nanos();
        stages.note(Stage::Attached, [id(7)].into_iter());
        stages.note(Stage::Durable, [id(7), id(8)].into_iter());
        stages.flush();
        let bytes = std::fs::read(&path).unwrap();
        let records: Vec<_> = bytes.chunks(49).collect();
        let named: Vec<_> = records.iter().map(|record| (record[8], record[9..].to_vec())).collect();
        let of = |n| id(n).as_bytes().to_vec();
        assert_eq!(named, [(1, of(7)), (2, of(7)), (2, of(8))]);
        let times: Vec<_> = records.iter().map(|r| u64::from_be_bytes(r[..8].try_into().unwrap())).collect();
        assert!(before <= times[0] && times.is_sorted() && times[1] == times[2], "{times:?}");
        let error = Stages::create(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "nothing is overwritten");
    }

    /// A disk with room for so many bytes.
    struct Small(usize);

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_or_a_full_file_ends_the_records_and_nothing_else() {
        for (room, most) in [(100, 1_000), (1_000, 2)] {
            let mut records = Records { out: Some(Small(room)), left: most };
            for n in 0..2 {
                assert!(records.out.is_some(), "record {n}");
                records.add(1, Stage::Attached, &id(n));
            }
            (2..9).for_each(|n| records.add(1, Stage::Attached, &id(n)));
            assert!(records.out.is_none());
        }
    }
}
