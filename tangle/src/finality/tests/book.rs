//! A ledger of maps, and the network of the tests.

use crate::finality::{Delivered, Entry, FinalVerdict, Ledger};
use crate::signing::{Seed, SigningKey};
use crate::{DeviceId, Digest, HistoryError, Kind, Network, NetworkParts, Rules, Timestamp, TxId};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;

/// Everything that was attached and delivered, in maps.
#[derive(Clone, Default)]
pub(super) struct Book {
    pub(super) entries: BTreeMap<TxId, Entry>,
    pub(super) verdicts: BTreeMap<TxId, FinalVerdict>,
    pub(super) digests: Vec<Digest>,
    /// The order in which all of them came, where it is not that of their ids.
    pub(super) arrivals: Vec<TxId>,
    /// Reads until one fails.
    pub(super) fails_after: Cell<Option<usize>>,
    /// Delivered transactions of an issuer that were looked at.
    pub(super) visited: Cell<usize>,
}

impl Book {
    pub(super) fn store(&mut self, delivered: &Delivered) {
        self.digests.push(delivered.digest);
        for judged in &delivered.transactions {
            assert_eq!(self.verdicts.insert(judged.id, judged.verdict), None, "delivered twice");
        }
    }

    fn read(&self) -> Result<(), HistoryError> {
        match self.fails_after.get() {
            Some(0) => Err(HistoryError::Unread("a test's".into())),
            left => {
                self.fails_after.set(left.map(|left| left - 1));
                Ok(())
            }
        }
    }
}

impl Ledger for Book {
    fn entry(&self, id: &TxId) -> Result<Entry, HistoryError> {
        self.read()?;
        self.entries.get(id).cloned().ok_or_else(|| HistoryError::Unread(format!("{id} is not here")))
    }

    fn position(&self, id: &TxId) -> Result<u64, HistoryError> {
        self.read()?;
        let place = self.arrivals.iter().position(|other| other == id);
        Ok(place.unwrap_or_else(|| self.entries.range(..id).count()) as u64)
    }

    fn at(&self, position: u64) -> Result<TxId, HistoryError> {
        self.read()?;
        let place = position as usize;
        let found = self.arrivals.get(place).or_else(|| self.entries.keys().nth(place));
        found.copied().ok_or_else(|| HistoryError::Unread(format!("nothing is at {position}")))
    }

    fn is_delivered(&self, id: &TxId) -> Result<bool, HistoryError> {
        self.read()?;
        Ok(self.verdicts.contains_key(id))
    }

    fn delivered(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        self.read()?;
        for (id, _) in self.verdicts.iter().filter(|(_, verdict)| **verdict != FinalVerdict::Revoked) {
            let entry = &self.entries[id];
            if entry.issuer == *issuer && range.contains(&id.timestamp()) {
                self.visited.set(self.visited.get() + 1);
                visit(*id, entry.counter);
            }
        }
        Ok(())
    }

    /// As a store does, which looks at those alone that have the counter, the ones that are not delivered among them.
    fn same_counter(
        &self,
        issuer: &DeviceId,
        epoch: Range<Timestamp>,
        counter: u32,
    ) -> Result<Vec<(TxId, Kind)>, HistoryError> {
        self.read()?;
        let is_same = |id: &TxId, entry: &Entry| {
            entry.issuer == *issuer && entry.counter == counter && epoch.contains(&id.timestamp())
        };
        let mut found = Vec::new();
        for (id, entry) in self.entries.iter().filter(|(id, entry)| is_same(id, entry)) {
            self.visited.set(self.visited.get() + 1);
            let verdict = self.verdicts.get(id).filter(|verdict| **verdict != FinalVerdict::Revoked);
            found.extend(verdict.map(|_| (*id, entry.kind)));
            if found.len() == 2 {
                break;
            }
        }
        Ok(found)
    }

    fn is_revoked(&self, device: &DeviceId) -> Result<bool, HistoryError> {
        self.read()?;
        let counts = |id: &TxId| self.verdicts.get(id) == Some(&FinalVerdict::Counts);
        Ok(self.entries.iter().any(|(id, entry)| entry.revokes == Some(*device) && counts(id)))
    }

    fn digest(&self, index: u64) -> Result<Option<Digest>, HistoryError> {
        self.read()?;
        Ok(index.checked_sub(1).and_then(|at| self.digests.get(at as usize)).copied())
    }
}

pub(super) fn network(members: u8) -> Network {
    let key = |seed| SigningKey::from_seed(&Seed::from_bytes([seed; 32])).unwrap().public_key().clone();
    Network::new(NetworkParts {
        name: "finality".into(),
        created: Timestamp::from_millis(1),
        open_enrolment: true,
        rules: Rules::new(1_000, 600, 0, 0).unwrap(),
        registrars: vec![],
        committee: (0..members).map(key).collect(),
    })
    .unwrap()
}
