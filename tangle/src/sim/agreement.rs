//! What must hold in the end: that all honest nodes hold the same, and draw the same from it.
//!
//! Of three or more transactions of one issuer, epoch and counter each node takes two by itself and more only where
//! something references them (`spec/03-transaction.md`); of three or more witnesses of one author and round more only where
//! another author's calls for them (`spec/17-finality.md`), and none of that author's which builds on one that is not here.
//! So which ones a node holds may differ, acknowledged or not, as long as nothing that all hold references them.

use super::catalogue::{Number, Slot};
use super::invariant::Invariant;
use super::net::Net;
use super::trace::name;
use crate::limits::{VARIANTS_PER_COUNTER, WITNESSES_PER_ROUND};
use crate::replica::Effect;
use crate::replica::{Event, Ticket};
use crate::{DeviceId, Timestamp};
use std::collections::BTreeSet;

/// Pairs of a node and a device whose counters are looked at in the end; all of them in small networks.
const COUNTERS_LOOKED_AT: usize = 1 << 20;

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
    pub(super) fn needed(&self) -> BTreeSet<Number> {
        // A place for each transaction there is: a thousand nodes hold the same ones.
        let mut is_held = vec![false; self.catalogue.len()];
        let honest = self.nodes.iter().filter(|node| node.is_honest());
        honest.flat_map(|node| node.disk.order()).for_each(|held| is_held[*held as usize] = true);
        let is_held = |transaction: &Number| is_held[*transaction as usize];
        let is_surplus = |transaction: &Number| {
            let variants = self.catalogue.variants(&self.catalogue.slot(*transaction));
            let witness = self.catalogue.witness(*transaction);
            let twins = witness.map_or(&[][..], |w| self.catalogue.of_round(w.round, w.author));
            let are_more =
                |same: &[Number], most: usize| same.iter().filter(|variant| is_held(variant)).count() > most;
            are_more(variants, VARIANTS_PER_COUNTER) || are_more(twins, WITNESSES_PER_ROUND)
        };
        // What references one too many of its own author's; all that it references has a smaller number.
        let mut hangs = vec![false; self.catalogue.len()];
        for transaction in 0..self.catalogue.len() as Number {
            let author = |number: Number| self.catalogue.witness(number).map(|witness| witness.author);
            let own = self.catalogue.referenced(transaction).filter(|other| author(*other).is_some());
            let mut own = own.filter(|other| author(*other) == author(transaction));
            hangs[transaction as usize] =
                is_held(&transaction) && (is_surplus(&transaction) || own.any(|other| hangs[other as usize]));
        }
        let mut needed = BTreeSet::new();
        let mut open: Vec<Number> = (0..self.catalogue.len() as Number)
            .filter(|transaction| is_held(transaction) && !hangs[*transaction as usize])
            .collect();
        while let Some(transaction) = open.pop() {
            if needed.insert(transaction) {
                open.extend(self.catalogue.referenced(transaction));
            }
        }
        needed
    }

    /// What a client was told is taken, and an honest node that has it not on its disk, or not as final where it must become
    /// so. Which of too many variants that is may differ.
    pub(super) fn unserved(&self) -> Option<(usize, Number, Invariant)> {
        let needed = self.needed();
        let is_finalising = self.is_finalising();
        let honest = || self.nodes.iter().enumerate().filter(|(_, node)| node.is_honest());
        self.judge.promised().filter(|promised| needed.contains(promised)).find_map(|promised| {
            honest().find_map(|(number, node)| {
                if !node.is_up || !node.disk.has_durable(promised) {
                    return Some((number, promised, Invariant::Alike));
                }
                let is_open = is_finalising && node.disk.outcome(promised).is_none();
                is_open.then_some((number, promised, Invariant::Final))
            })
        })
    }

    /// Checks what must hold although liars are there.
    pub(super) fn look_at_served(&mut self) {
        match self.unserved() {
            Some((node, left, Invariant::Final)) => self.violated(Invariant::Final, node, |net| {
                format!("{} is not final while liars are there", name(left, &net.catalogue))
            }),
            Some((node, left, invariant)) => self.violated(invariant, node, |net| {
                format!("{} does not come while liars are there", name(left, &net.catalogue))
            }),
            None => self.violated(Invariant::Alike, 0, |net| {
                format!(
                    "{} sensors still hand in what nobody takes, while liars are there",
                    net.busy_sensors()
                )
            }),
        }
    }

    /// Checks all that must hold in the end. What does not is the violation from then on.
    pub(super) fn look_at_the_end(&mut self) {
        if let Some((node, what)) = self.difference() {
            return self.violated(Invariant::Alike, node, |_| what);
        }
        let needed = self.needed();
        let contested = self.contested(&needed);
        for node in 0..self.nodes.len() {
            if self.nodes[node].is_honest() {
                self.look_at_evidence(node, &contested, &needed);
                self.look_at_counters(node);
                self.look_at_rest(node);
            }
        }
    }

    fn is_proven(&self, number: usize, slot: &Slot) -> bool {
        let disk = &self.nodes[number].disk;
        self.catalogue.variants(slot).iter().filter(|variant| disk.has(**variant)).count() > 1
    }

    /// What some honest node holds proof of that it was used twice, but for what only some need to hold proof of: of
    /// three or more witnesses of one round each takes two by itself, whatever their counters.
    fn contested(&self, needed: &BTreeSet<Number>) -> BTreeSet<Slot> {
        let slots = self.catalogue.slots().filter(|slot| self.catalogue.variants(slot).len() > 1);
        let honest = || (0..self.nodes.len()).filter(|node| self.nodes[*node].is_honest());
        let is_proven = |slot: &&Slot| honest().any(|node| self.is_proven(node, slot));
        slots.filter(is_proven).filter(|slot| !self.is_vague(slot, needed)).copied().collect()
    }

    /// Whether a witness of a round that has too many is among what claims the slot, or one that some hold and not all
    /// have to.
    fn is_vague(&self, slot: &Slot, needed: &BTreeSet<Number>) -> bool {
        let is_held =
            |variant: &Number| self.nodes.iter().any(|node| node.is_honest() && node.disk.has(*variant));
        let is_loose = |variant: &Number| {
            self.catalogue.witness(*variant).is_some() && !needed.contains(variant) && is_held(variant)
        };
        if self.catalogue.variants(slot).iter().any(is_loose) {
            return true;
        }
        let of_round = |variant: &Number| {
            let witness = self.catalogue.witness(*variant)?;
            Some(self.catalogue.of_round(witness.round, witness.author).len())
        };
        let mut counts = self.catalogue.variants(slot).iter().filter_map(of_round);
        counts.any(|count| count > WITNESSES_PER_ROUND)
    }

    /// A device has used a counter twice where two transactions say so, and a node knows it of the same ones. What is
    /// proven anywhere is proven everywhere.
    fn look_at_evidence(&mut self, number: usize, contested: &BTreeSet<Slot>, needed: &BTreeSet<Number>) {
        let twins = self.nodes[number].disk.twins().keys();
        let known = twins.map(|twin| self.catalogue.slot(*twin));
        let known: BTreeSet<Slot> =
            known.filter(|slot| !self.is_vague(slot, needed) || !self.is_proven(number, slot)).collect();
        let unproven = contested.iter().find(|slot| !self.is_proven(number, slot));
        let differs = known.symmetric_difference(contested).next().or(unproven).copied();
        if let Some((device, epoch, counter)) = differs {
            self.violated(Invariant::Evidence, number, |_| {
                format!(
                    "device {device} used counter {counter} of epoch {} twice, and not all is known of it",
                    epoch.0
                )
            });
        }
    }

    /// The next counter of each device, as the node tells it, is one more than the highest that is there. In a large
    /// network each node is asked for some of the devices, and some nodes for each.
    fn look_at_counters(&mut self, number: usize) {
        let devices: Vec<DeviceId> = self.catalogue.devices().copied().collect();
        let step = (devices.len() * self.nodes.len()).div_ceil(COUNTERS_LOOKED_AT).max(1);
        for device in devices.into_iter().skip(number % step).step_by(step) {
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
        let view = super::history::View { catalogue: &self.catalogue, disk: &node.disk };
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
