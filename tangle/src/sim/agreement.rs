//! What must hold in the end: that all honest nodes hold the same, and draw the same from it.
//!
//! Of three or more transactions of one issuer, epoch and counter each node takes two by itself and more only where
//! something references them (`spec/03-transaction.md`). So which ones a node holds may differ, acknowledged or not, as
//! long as nothing that all hold references them.

use super::catalogue::{Number, Slot};
use super::invariants::Invariant;
use super::net::Net;
use super::trace::name;
use crate::limits::VARIANTS_PER_COUNTER;
use crate::replica::Effect;
use crate::replica::{Event, Ticket};
use crate::{DeviceId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

impl Net {
    /// Whether all honest nodes run, hold the same, all of it on disk, and all that was acknowledged.
    pub fn is_agreed(&self) -> bool {
        self.difference().is_none()
    }

    /// A transaction that one node must have and has not, or why a node cannot be compared.
    fn difference(&self) -> Option<(usize, String)> {
        let honest = || self.nodes.iter().enumerate().filter(|(_, node)| node.is_honest());
        if let Some((number, _)) = honest().find(|(_, node)| !node.is_up || node.disk.unsaved() > 0) {
            return Some((number, "it is down, or has not written all".into()));
        }
        let is_lost = |promised: &Number| !honest().any(|(_, node)| node.disk.has(*promised));
        if let Some(lost) = self.judge.promised().find(is_lost) {
            return Some((0, format!("{} was acknowledged and is nowhere", name(lost, &self.catalogue))));
        }
        let (_, first) = honest().next()?;
        let is_same = |disk: &super::disk::Disk| {
            disk.print() == first.disk.print() && disk.order().len() == first.disk.order().len()
        };
        if honest().all(|(_, node)| is_same(&node.disk)) {
            return None;
        }
        let needed = self.needed();
        honest().find_map(|(number, node)| {
            let missing = needed.iter().find(|transaction| !node.disk.has(**transaction))?;
            Some((number, format!("{} is not there", name(*missing, &self.catalogue))))
        })
    }

    /// What every honest node must have: all that any of them has, but for variants too many that nothing needed
    /// references.
    fn needed(&self) -> BTreeSet<Number> {
        let honest = self.nodes.iter().filter(|node| node.is_honest());
        let all: BTreeSet<Number> = honest.flat_map(|node| node.disk.order()).copied().collect();
        let mut variants: BTreeMap<Slot, usize> = BTreeMap::new();
        for transaction in &all {
            *variants.entry(self.catalogue.slot(*transaction)).or_default() += 1;
        }
        let is_surplus =
            |transaction: &Number| variants[&self.catalogue.slot(*transaction)] > VARIANTS_PER_COUNTER;
        let mut needed = BTreeSet::new();
        let mut open: Vec<Number> =
            all.iter().copied().filter(|transaction| !is_surplus(transaction)).collect();
        while let Some(transaction) = open.pop() {
            if needed.insert(transaction) {
                open.extend(self.catalogue.parents(transaction));
            }
        }
        needed
    }

    /// Checks all that must hold in the end. What does not is the violation from then on.
    pub(super) fn look_at_the_end(&mut self) {
        if let Some((node, what)) = self.difference() {
            return self.violated(Invariant::Alike, node, |_| what);
        }
        for node in 0..self.nodes.len() {
            if self.nodes[node].is_honest() {
                self.look_at_evidence(node);
                self.look_at_counters(node);
                self.look_at_rest(node);
            }
        }
    }

    /// A device has used a counter twice where two transactions say so, and a node knows it of the same ones.
    fn look_at_evidence(&mut self, number: usize) {
        let disk = &self.nodes[number].disk;
        let known: BTreeSet<Slot> = disk.twins().keys().map(|twin| self.catalogue.slot(*twin)).collect();
        let is_proven = |slot: &Slot| {
            let here = self.catalogue.variants(slot).iter().filter(|variant| disk.has(**variant));
            here.count() > 1
        };
        let slots: BTreeSet<Slot> =
            disk.order().iter().map(|transaction| self.catalogue.slot(*transaction)).collect();
        let proven: BTreeSet<Slot> = slots.into_iter().filter(is_proven).collect();
        // What is proven anywhere is proven everywhere.
        let honest = self.nodes.iter().filter(|node| node.is_honest());
        let is_elsewhere = |slot: &&Slot| {
            let all = || self.catalogue.variants(slot).iter();
            honest.clone().any(|node| all().filter(|variant| node.disk.has(**variant)).count() > 1)
        };
        let anywhere: BTreeSet<Slot> = self.catalogue.slots().filter(is_elsewhere).copied().collect();
        let differs = known.symmetric_difference(&proven).chain(anywhere.difference(&proven)).next().copied();
        if let Some((device, epoch, counter)) = differs {
            self.violated(Invariant::Evidence, number, |_| {
                format!(
                    "device {device} used counter {counter} of epoch {} twice, and not all is known of it",
                    epoch.0
                )
            });
        }
    }

    /// The next counter of each device, as the node tells it, is one more than the highest that is there.
    fn look_at_counters(&mut self, number: usize) {
        let devices: Vec<DeviceId> = self.catalogue.devices().copied().collect();
        for device in devices {
            let Some(ticket) = self.ticket(number, device) else { continue };
            let span = self.catalogue.network.rules().span(ticket.epoch);
            let issued = self.catalogue.issued(&device, span);
            let here = issued.filter(|(_, transaction)| self.nodes[number].disk.has(*transaction));
            let highest = here.map(|(_, transaction)| self.catalogue.get(transaction).header().counter).max();
            let (next, told) = (highest.map_or(0, |highest| highest + 1), ticket.counter);
            if next != told {
                return self.violated(Invariant::Counters, number, |_| {
                    format!("the next counter of device {device} is {next}, the node says {told}")
                });
            }
        }
    }

    fn ticket(&mut self, number: usize, device: DeviceId) -> Option<Ticket> {
        let node = &mut self.nodes[number];
        let now: Timestamp = node.clock(self.now);
        let token = node.next_token();
        let view = super::disk::View { catalogue: &self.catalogue, disk: &node.disk };
        let event = Event::Ticket { device, count: 1, entropy: [0; 32], token };
        let effects = node.replica.handle(event, now, &view).ok()?;
        effects.into_iter().find_map(|effect| match effect {
            Effect::Ticket(_, ticket) => Some(ticket),
            _ => None,
        })
    }

    /// Nothing waits, is asked for or is behind.
    fn look_at_rest(&mut self, number: usize) {
        let held = self.nodes[number].replica.occupancy();
        let views = self.nodes[number].replica.peers();
        let behind = views.iter().map(|view| view.behind).max().unwrap_or(0);
        let asked: usize = views.iter().map(|view| view.asked).sum();
        if (held.pending, held.wanted, held.in_flight, asked, behind) != (0, 0, 0, 0, 0) {
            self.violated(Invariant::Rest, number, |_| {
                format!(
                    "{} wait, {} are wanted, {} in flight, {asked} asked for, {behind} of a peer's log not settled",
                    held.pending, held.wanted, held.in_flight
                )
            });
        }
    }
}
