//! Attached and not yet durable: what storage still owes an answer for.
//!
//! Entries leave in the order in which they came, when storage says that all up to their position are on disk.

use super::{Attached, Position, Token};
use crate::limits::WAITERS_PER_TRANSACTION;
use crate::{DeviceId, Timestamp, TxId};
use indexmap::IndexMap;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// One transaction on its way to disk, and who waits for it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) attached: Arc<Attached>,
    /// The request that brought it.
    pub(super) first: Option<Token>,
    /// Requests that brought it again.
    pub(super) others: Vec<Token>,
    /// Peers are told of it when it is durable.
    pub(super) is_held: bool,
}

#[derive(Debug, Default)]
pub(super) struct Flight {
    entries: VecDeque<Entry>,
    by_id: IndexMap<TxId, Position>,
    /// The twin of each, by what makes a twin.
    by_counter: BTreeMap<(DeviceId, u32, TxId), Option<TxId>>,
}

impl Flight {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn contains(&self, id: &TxId) -> bool {
        self.by_id.contains_key(id)
    }

    pub(super) fn push(&mut self, attached: Arc<Attached>, first: Option<Token>, is_held: bool) {
        self.by_id.insert(attached.id(), attached.position());
        self.by_counter.insert(key_of(&attached), attached.twin());
        self.entries.push_back(Entry { attached, first, others: Vec::new(), is_held });
    }

    /// All of them, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Attached>> {
        self.entries.iter().map(|entry| &entry.attached)
    }

    /// The transaction with this id.
    pub(super) fn get(&self, id: &TxId) -> Option<&Arc<Attached>> {
        self.at(*self.by_id.get(id)?)
    }

    /// The transaction at this position.
    pub(super) fn at(&self, position: Position) -> Option<&Arc<Attached>> {
        let oldest = self.iter().next()?.position();
        let place = position.0.checked_sub(oldest.0)?;
        self.entries.get(usize::try_from(place).ok()?).map(|entry| &entry.attached)
    }

    /// Lets one more request wait for a transaction in flight; says no when too many wait.
    pub(super) fn wait(&mut self, id: &TxId, token: Token) -> bool {
        let Some(position) = self.by_id.get(id) else { return false };
        let Some(oldest) = self.entries.front().map(|entry| entry.attached.position()) else { return false };
        let entry = self.entries.get_mut((position.0 - oldest.0) as usize);
        let Some(entry) = entry.filter(|entry| entry.others.len() < WAITERS_PER_TRANSACTION) else {
            return false;
        };
        entry.others.push(token);
        true
    }

    /// Takes the oldest entry if it is durable by `position`.
    pub(super) fn pop_until(&mut self, position: Position) -> Option<Entry> {
        let durable = self.entries.front().is_some_and(|entry| entry.attached.position() <= position);
        let entry = durable.then(|| self.entries.pop_front()).flatten()?;
        self.by_id.swap_remove(&entry.attached.id());
        self.by_counter.remove(&key_of(&entry.attached));
        Some(entry)
    }

    /// Ids and counters of an issuer's transactions in a range of time.
    pub(super) fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
    ) -> impl Iterator<Item = (TxId, u32)> {
        let headers =
            self.entries.iter().map(|entry| (entry.attached.id(), entry.attached.transaction().header()));
        headers
            .filter(move |(_, header)| header.issuer == *issuer && range.contains(&header.timestamp))
            .map(|(id, header)| (id, header.counter))
    }

    /// An issuer's transactions with this counter in a range of time, in id order, each with its twin.
    pub(super) fn twins(
        &self,
        issuer: &DeviceId,
        range: &Range<Timestamp>,
        counter: u32,
    ) -> impl Iterator<Item = (TxId, Option<TxId>)> {
        let [first, end] = [range.start, range.end.max(range.start)].map(TxId::first_at);
        let keys = (*issuer, counter, first)..(*issuer, counter, end);
        self.by_counter.range(keys).map(|((.., id), twin)| (*id, *twin))
    }
}

fn key_of(attached: &Attached) -> (DeviceId, u32, TxId) {
    let header = attached.transaction().header();
    (header.issuer, header.counter, attached.id())
}
