//! One simulated fog node: a replica, its disk, its clock and its ends of links.
//!
//! Always true: what belongs to one life of the process, from its start to its end, is gone with it; a happening that
//! was meant for an earlier life finds another number of lives and is nothing.

use super::catalogue::{Catalogue, Number};
use super::disk::{Batch, Disk};
use super::history::View;
use super::keys::{Checks, Key, Memory};
use super::liar::Lies;
use super::link::End;
use super::settings::Settings;
use super::trace::{Note, Notes};
use super::{BASE, Micros};
use crate::check_peer::Knowledge;
use crate::finality::{Pace, Round};
use crate::gossip::Reason;
use crate::limits::{OWN_DIGESTS, WINDOW};
use crate::replica::{Arrival, Source, Token};
use crate::verdicts::Recall;
use crate::{DeviceId, History, HistoryError, Issuer, Kind, Position, Replica, Timestamp, Transaction, TxId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A node.
#[derive(Debug)]
pub struct Node {
    pub(super) device: DeviceId,
    pace: Pace,
    pub(super) replica: Replica,
    pub(super) disk: Disk,
    /// The ends of its connections, by their sources.
    pub(super) ends: BTreeMap<Source, End>,
    /// Milliseconds by which its clock is ahead.
    pub(super) offset: i64,
    pub(super) is_up: bool,
    /// Faults that keep it down.
    pub(super) downs: u32,
    /// Counts its lives.
    pub(super) life: u32,
    /// What the commit that runs will have written.
    pub(super) committing: Option<Batch>,
    /// How long a commit takes.
    pub(super) commit: Micros,
    pub(super) wakes_at: Option<Micros>,
    /// Which sensor waits for which answer.
    pub(super) waiting: BTreeMap<Token, (u32, u32)>,
    pub(super) memory: Memory,
    pub(super) lies: Option<Lies>,
    pub(super) notes: Notes,
    /// Why it sent peers away.
    pub(super) dropped: Vec<Reason>,
    /// Bytes that it has sent to all peers.
    pub(super) sent: u64,
    sources: u32,
    tokens: u64,
}

/// Keys of nodes have numbers from here on.
const NODES_KEYS: u64 = 1 << 41;

/// A replica that goes on behind what is on disk.
fn replica(catalogue: &Catalogue, device: DeviceId, pace: Pace, disk: &Disk) -> Replica {
    let durable = disk.durable();
    let mut replica = Replica::new(Arc::clone(&catalogue.network), Position(durable.len() as u64));
    replica.set_pace(pace);
    replica.set_device(device, disk.cursors.get(&device).map_or(&[], Vec::as_slice));
    if disk.has_forgotten() {
        replica.forgot();
    }
    let commits = disk.durable_commits();
    let digests = commits.skip(disk.durable_commits().len().saturating_sub(OWN_DIGESTS));
    let mut first = Round::FIRST;
    if let Some(newest) = disk.durable_commits().next_back() {
        first = newest.resume.first_round();
        replica.resume(&newest.resume, digests.map(|commit| commit.delivered.vote()));
    }
    for (position, number) in (0..).map(Position).zip(durable) {
        let is_delivered = disk.outcome(*number).is_some();
        let is_deciding = catalogue.witness(*number).is_some_and(|witness| witness.round >= first);
        if !is_delivered || is_deciding {
            let restored = replica.restore(position, catalogue.get(*number), is_delivered);
            restored.expect("a witness that was attached has a body");
        }
    }
    for (position, number) in (0..).map(Position).zip(durable).skip(durable.len().saturating_sub(WINDOW)) {
        let (id, header) = (catalogue.id(*number), catalogue.get(*number).header());
        let (parents, is_witness) = (header.parents.map(Some), header.kind == Kind::Witness);
        replica.recover(&Arrival { position, id, parents, is_witness });
    }
    replica
}

impl Node {
    pub(super) fn new(catalogue: &Catalogue, number: usize, settings: &Settings) -> Self {
        let (device, disk, pace) = (Self::key(number).device(), Disk::default(), settings.pace);
        Self {
            device,
            pace,
            replica: replica(catalogue, device, pace, &disk),
            disk,
            ends: BTreeMap::new(),
            offset: 0,
            is_up: true,
            downs: 0,
            life: 0,
            committing: None,
            commit: settings.commit,
            wakes_at: None,
            waiting: BTreeMap::new(),
            memory: Memory::default(),
            lies: None,
            notes: Notes::default(),
            dropped: Vec::new(),
            sent: 0,
            sources: 0,
            tokens: 0,
        }
    }

    /// The key of a node, made anew each time: keys are long, and nodes may be many.
    pub(super) fn key(number: usize) -> Key {
        Key::new(NODES_KEYS + number as u64)
    }

    /// Its device.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// Its replica.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Transactions that it has attached.
    pub fn attached(&self) -> usize {
        self.disk.order().len()
    }

    /// Transactions that it has attached and that are on its disk.
    pub fn durable(&self) -> usize {
        self.disk.durable().len()
    }

    /// How far it has read the logs of others, as it is on its disk.
    pub fn cursors(&self) -> &BTreeMap<DeviceId, Vec<u8>> {
        &self.disk.cursors
    }

    /// Whether its process runs.
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// Why it has sent peers away.
    pub fn dropped(&self) -> &[Reason] {
        &self.dropped
    }

    /// Whether it keeps to the rules.
    pub fn is_honest(&self) -> bool {
        self.lies.is_none()
    }

    /// What its clock shows.
    pub(super) fn clock(&self, now: Micros) -> Timestamp {
        let shown = BASE.plus(now / 1_000);
        if self.offset < 0 { shown.minus(self.offset.unsigned_abs()) } else { shown.plus(self.offset as u64) }
    }

    /// When its clock shows this, if nobody sets it meanwhile.
    pub(super) fn micros_of(&self, time: Timestamp) -> Micros {
        let ahead = BASE.plus(self.offset.max(0).unsigned_abs());
        let behind = self.offset.min(0).unsigned_abs();
        time.since(ahead).saturating_add(behind).saturating_mul(1_000)
    }

    pub(super) fn next_source(&mut self) -> Source {
        self.sources += 1;
        Source::Peer(self.sources)
    }

    pub(super) fn next_token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }

    pub(super) fn note(&mut self, at: Micros, note: Note) {
        self.notes.push(at, note);
    }

    /// The process ends. Whether the commit that ran then is on disk is for `is_written` to say.
    pub(super) fn crash(&mut self, is_written: bool, catalogue: &Catalogue) {
        if let Some(batch) = self.committing.take().filter(|_| is_written) {
            self.disk.write(batch, catalogue);
        }
        self.disk.crash();
        self.ends.clear();
        self.waiting.clear();
        self.wakes_at = None;
        self.memory = Memory::default();
        self.life += 1;
        self.is_up = false;
    }

    /// Begins again with what is on disk.
    pub(super) fn restart(&mut self, catalogue: &Catalogue) {
        self.is_up = true;
        self.replica = replica(catalogue, self.device, self.pace, &self.disk);
    }
}

/// What a node knows when it checks a transaction of a peer or of a client.
pub(super) struct Known<'a> {
    pub(super) view: View<'a>,
    pub(super) checks: Checks<'a>,
}

impl<'a> Known<'a> {
    pub(super) fn new(catalogue: &'a Catalogue, node: &'a Node) -> Self {
        let view = View { catalogue, disk: &node.disk };
        Self { view, checks: Checks { book: &catalogue.book, memory: &node.memory } }
    }

    /// Whether a transaction of this number is stored.
    pub(super) fn has(&self, number: Number) -> bool {
        self.view.disk.has_durable(number)
    }
}

impl Knowledge for Known<'_> {
    type Fault = HistoryError;

    fn contains(&self, id: &TxId) -> Result<bool, HistoryError> {
        self.view.contains(id)
    }

    fn issuer(&self, transaction: &Transaction) -> Result<Option<Arc<Issuer>>, HistoryError> {
        let device = &transaction.header().issuer;
        let stored = self.view.catalogue.enrolments(device).iter();
        let stored = stored.filter(|(number, _)| self.has(*number)).map(|(_, issuer)| issuer);
        let known = self.view.catalogue.given(device).into_iter().chain(stored);
        Ok(known.into_iter().find(|issuer| issuer.permits(transaction).is_ok()).cloned())
    }

    fn verdicts(&self) -> &dyn Recall {
        &self.checks
    }
}
