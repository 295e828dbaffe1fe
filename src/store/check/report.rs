//! What a check has counted and found.

use crate::limits::CHECK_FAULTS;
use serde::{Deserialize, Serialize};
use weft_tangle::{Position, TxId};

/// Something that is not as it must be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// The table, by its name in `spec/11-storage.md`, or `file`, or `pages`.
    pub table: String,
    /// The transaction that it concerns, as text.
    pub id: Option<String>,
    /// Its position.
    pub position: Option<u64>,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

/// What is to be done about damage of one transaction.
const FETCH: &str = "check the disk; restore a backup, or send the transaction to the running node again";
/// What is to be done about tables that contradict each other.
const REBUILD: &str = "the tables contradict each other: restore a backup";
/// What is to be done about pages that are not what was written.
const REPLACE: &str = "check the disk, and restore a backup; or back up this file, which copies what is whole, and restore that";
/// Where pages are reported that are not what was written.
const PAGES: &str = "pages";

impl Fault {
    /// A transaction is not what was written.
    pub(super) fn of_transaction(id: TxId, position: u64, problem: String) -> Self {
        Self {
            table: "packs".into(),
            id: Some(id.to_string()),
            position: Some(position),
            problem,
            remedy: FETCH.into(),
        }
    }

    /// Pages of the file are not what was written.
    pub(super) fn of_pages(problem: String) -> Self {
        let (table, remedy) = (PAGES.into(), REPLACE.into());
        Self { table, id: None, position: None, problem, remedy }
    }

    /// Whether it is damage of transactions, or of pages, beside which what is whole can be copied.
    pub fn is_damage(&self) -> bool {
        (self.table == "packs" && self.id.is_some()) || self.table == PAGES
    }

    /// A table says what the others do not.
    pub(super) fn of_table(
        table: &str,
        id: Option<TxId>,
        position: Option<Position>,
        problem: String,
    ) -> Self {
        Self {
            table: table.into(),
            id: id.map(|id| id.to_string()),
            position: position.map(|position| position.0),
            problem,
            remedy: REBUILD.into(),
        }
    }
}

/// What a part of a check has counted and found.
#[derive(Default, Debug)]
pub struct Tally {
    pub(super) transactions: u64,
    pub(super) erased: u64,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) enrolments: u64,
    pub(super) revocations: u64,
    /// Positions that are noted as delivered.
    pub(super) delivered: u64,
    pub(super) witnesses: u64,
    /// The first position that is not noted as delivered.
    pub(super) open_from: Option<u64>,
    /// Transactions that commits list.
    pub(super) listed: u64,
    pub(super) faults: Vec<Fault>,
    pub(super) more_faults: u64,
}

impl Tally {
    pub(super) fn find(&mut self, fault: Fault) {
        if self.faults.len() < CHECK_FAULTS {
            self.faults.push(fault);
        } else {
            self.more_faults += 1;
        }
    }
}

/// What a check has counted and found in all.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Transactions checked.
    pub transactions: u64,
    /// How many of them have no body any more.
    pub erased: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows that hold them.
    pub rows: u64,
    /// Enrolments among them.
    pub enrolments: u64,
    /// Revocations of devices among them.
    pub revocations: u64,
    /// Witnesses among them.
    pub witnesses: u64,
    /// How many of them a commit has delivered.
    pub delivered: u64,
    /// Commits checked.
    pub commits: u64,
    /// What was found, by position as far as it has one.
    pub faults: Vec<Fault>,
    /// Faults found beyond those that are described.
    pub more_faults: u64,
    /// Whether everything was checked.
    pub is_complete: bool,
}

impl Report {
    pub(super) fn add(&mut self, tally: Tally) {
        self.transactions += tally.transactions;
        self.erased += tally.erased;
        self.bytes += tally.bytes;
        self.rows += tally.rows;
        self.enrolments += tally.enrolments;
        self.revocations += tally.revocations;
        self.witnesses += tally.witnesses;
        self.more_faults += tally.more_faults;
        tally.faults.into_iter().for_each(|fault| self.find(fault));
    }

    /// Adds a fault.
    pub fn find(&mut self, fault: Fault) {
        if self.faults.len() < CHECK_FAULTS {
            self.faults.push(fault);
        } else {
            self.more_faults += 1;
        }
    }

    /// How many faults there are in all.
    pub fn faults_in_all(&self) -> u64 {
        self.faults.len() as u64 + self.more_faults
    }
}
