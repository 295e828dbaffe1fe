//! How the machines of a simulated network are, and who of them are members of the committee.

use super::Micros;
use super::link::LinkSettings;
use crate::finality::Pace;
use std::ops::Range;

/// How machines and the network are.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What all that is drawn follows from.
    pub seed: u64,
    /// Milliseconds of an epoch, 1,000 to 86,400,000.
    pub epoch_ms: u64,
    /// Links, where nothing else is said.
    pub link: LinkSettings,
    /// Microseconds of a transaction's checks, half as much to half as much again.
    pub check: Micros,
    /// Microseconds of a commit, half as much to half as much again.
    pub commit: Micros,
    /// Microseconds between two backups of each node; none without.
    pub backups: Option<Micros>,
    /// The first member of the committee and the node behind the last; where these are the same, no node is one.
    pub members: (usize, usize),
    /// How fast rounds follow each other.
    pub pace: Pace,
}

impl Settings {
    /// Machines side by side with fast disks.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            epoch_ms: 600_000,
            link: LinkSettings::LOOPBACK,
            check: 100,
            commit: 1_000,
            backups: None,
            members: (0, 0),
            pace: Pace::default(),
        }
    }

    pub(super) fn members(&self) -> Range<usize> {
        self.members.0..self.members.1
    }
}
