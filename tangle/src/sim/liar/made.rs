//! What liars send of their own accord: what nobody asked for, and what is not right.

use super::super::catalogue::Number;
use super::super::faults::pick;
use super::super::keys::signed;
use super::super::link::Parcel;
use super::super::net::Net;
use super::super::random::Random;
use crate::gossip::{Class, Frame, Message, Tree};
use crate::replica::Source;
use crate::{Draft, Kind, Timestamp, TxId, content_format};
use std::sync::Arc;

/// How many of a flood go at once.
const FLOOD: u64 = 60;

/// Variants of one counter that a liar sends, at most.
const VARIANTS: u64 = 12;

impl Net {
    pub(super) fn send_garbage(&mut self, node: usize, source: Source) {
        let mut random = self.random_of(node);
        let class = pick(&mut random, &[Class::Control, Class::Live, Class::Bulk]);
        let frame: Arc<[u8]> = random.bytes::<48>()[..random.index(48)].into();
        self.send_as_it_is(node, source, Parcel::Raw(class, frame));
    }

    /// What it has, or what nobody asked for, or requests for anything.
    pub(super) fn flood(&mut self, node: usize, source: Source) {
        let mut random = self.random_of(node);
        let count = random.between(1, FLOOD);
        let known = self.nodes[node].disk.durable().to_vec();
        for request in 0..count {
            let parcel = match random.below(3) {
                0 if !known.is_empty() => {
                    Parcel::Push(Tree(random.number() as u32), pick(&mut random, &known))
                }
                1 if !known.is_empty() => Parcel::Body(pick(&mut random, &known)),
                _ => {
                    let ids = vec![invented(
                        &mut random,
                        TxId::genesis(self.catalogue.network.id(), super::super::BASE),
                    )];
                    let request = 1 << 20 | request as u32;
                    Self::parcel(Message::Want { request, graft: true, ranges: vec![], ids })
                }
            };
            self.send_as_it_is(node, source, parcel);
        }
    }

    /// Transactions of one counter, each to another peer.
    pub(super) fn send_twins(&mut self, node: usize, sources: &[Source]) {
        let mut random = self.random_of(node);
        let parents = self.some_parents(node, &mut random);
        for _ in 0..random.between(2, VARIANTS) {
            if let Some(made) = self.liars_reading(node, parents, &mut random, false) {
                self.send_as_it_is(node, pick(&mut random, sources), Parcel::Push(Tree(7), made));
            }
        }
        if let Some(lies) = self.nodes[node].lies.as_mut() {
            lies.counter += 1;
        }
    }

    /// A transaction whose parent does not exist.
    pub(super) fn send_orphan(&mut self, node: usize, source: Source) {
        let mut random = self.random_of(node);
        let [parent, other] = self.some_parents(node, &mut random);
        let parents = [invented(&mut random, parent), other];
        if let Some(made) = self.liars_reading(node, parents, &mut random, true) {
            self.send_as_it_is(node, source, Parcel::Push(Tree(9), made));
        }
    }

    /// A transaction that is older than what it references: no transaction, for whoever decodes it.
    pub(super) fn send_backdated(&mut self, node: usize, source: Source) {
        let mut random = self.random_of(node);
        let parents = self.some_parents(node, &mut random);
        let Some(lies) = self.nodes[node].lies.as_mut() else { return };
        lies.counter += 1;
        let (counter, key) = (lies.counter, lies.key.clone());
        let timestamp = parents.iter().map(|id| id.timestamp()).fold(Timestamp::default(), Timestamp::max);
        let draft = reading(counter, timestamp, parents, &mut random);
        let parcel = match self.catalogue.make(&draft, &key) {
            Ok(made) => Parcel::Push(Tree(11), made),
            Err(_) => {
                let Ok(wire) = signed(self.catalogue.network.id(), &draft, &key) else { return };
                Parcel::Raw(Class::Live, Frame::Pushed(Tree(11), vec![&wire]).encode().into())
            }
        };
        self.send_as_it_is(node, source, parcel);
    }

    fn liars_reading(
        &mut self,
        node: usize,
        parents: [TxId; 2],
        random: &mut Random,
        counts: bool,
    ) -> Option<Number> {
        let now = self.nodes[node].clock(self.now);
        let lies = self.nodes[node].lies.as_mut()?;
        let timestamp = parents.iter().map(|id| id.timestamp().plus(1)).fold(now, Timestamp::max);
        lies.counter += u32::from(counts);
        let (counter, key) = (lies.counter, lies.key.clone());
        self.catalogue.make(&reading(counter, timestamp, parents, random), &key).ok()
    }

    /// A copy of something true, with a byte of its signature or of its body changed.
    pub(super) fn send_forged(&mut self, node: usize, source: Source) {
        let mut random = self.random_of(node);
        let known = self.catalogue.len();
        if known == 0 {
            return;
        }
        // The newest ones may not be there yet.
        let number = known - 1 - random.index(known.min(8));
        let mut wire = self.catalogue.get(number as Number).wire().to_vec();
        let at = if random.below(4) == 0 { wire.len() - 1 } else { 200 };
        wire[at] ^= 1;
        let frame = match random.below(2) {
            0 => Frame::Pushed(Tree(3), vec![&wire]),
            _ => Frame::Bodies(vec![&wire]),
        };
        let parcel = Parcel::Raw(frame.class(), frame.encode().into());
        self.send_as_it_is(node, source, parcel);
    }
}

fn reading(counter: u32, timestamp: Timestamp, parents: [TxId; 2], random: &mut Random) -> Draft<'static> {
    Draft {
        kind: Kind::Reading,
        content_format: content_format::SENML_JSON,
        counter,
        timestamp,
        parents,
        salt: random.bytes(),
        content: b"[]",
    }
}

/// An id that no transaction has, of about that time.
pub(super) fn invented(random: &mut Random, near: TxId) -> TxId {
    TxId::from_parts(near.timestamp(), &random.bytes())
}
