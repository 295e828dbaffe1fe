//! Nodes that do not keep to the rules: each runs the real replica and changes what that wants to say.
//!
//! So its lies come where they hurt, in the midst of what would have been true. Liars are numbered behind all others, and
//! sensors do not go to them. They have keys of their own, which every node knows.

use super::Micros;
use super::catalogue::Number;
use super::faults::pick;
use super::keys::{Key, signed};
use super::link::Parcel;
use super::net::{Happening, Net};
use super::random::{Chance, Random};
use crate::gossip::{Class, Frame, Fresh, Message, Run, Tree};
use crate::limits::LOG_ENTRIES;
use crate::replica::Source;
use crate::{Draft, Kind, Timestamp, TxId, content_format};
use std::sync::Arc;

/// A way to lie.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lie {
    /// Frames that are none, or that are broken.
    Garbage,
    /// Transactions that its log names and that it does not send.
    Withhold,
    /// Transactions that do not exist, in its log and among parents.
    Invent,
    /// The same again and again, and more than anybody wants.
    Flood,
    /// Two and more transactions of one counter, each to somebody else.
    Twins,
    /// Positions that are not.
    Positions,
    /// Copies with signatures that are wrong.
    Forge,
    /// Transactions that are older than what they reference.
    Backdate,
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Garbage,
        Self::Withhold,
        Self::Invent,
        Self::Flood,
        Self::Twins,
        Self::Positions,
        Self::Forge,
        Self::Backdate,
    ];

    /// A short stable name, as scenario files have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Garbage => "garbage",
            Self::Withhold => "withhold",
            Self::Invent => "invent",
            Self::Flood => "flood",
            Self::Twins => "twins",
            Self::Positions => "positions",
            Self::Forge => "forge",
            Self::Backdate => "backdate",
        }
    }
}

/// Microseconds between two things that a liar does of its own accord, at most.
const PAUSE: Micros = 400_000;

/// How many of a flood go at once.
const FLOOD: u64 = 60;

/// Variants of one counter that a liar sends, at most.
const VARIANTS: u64 = 12;

/// Keys of liars have numbers from here on.
const LIARS_KEYS: u64 = 1 << 40;

/// What a liar is like.
#[derive(Debug)]
pub(super) struct Lies {
    kinds: Vec<Lie>,
    /// How often what it says is changed.
    often: Chance,
    key: Key,
    counter: u32,
    random: Random,
}

impl Net {
    /// Makes the last of the nodes liars.
    pub(super) fn corrupt(&mut self, count: usize, kinds: &[Lie], often: Chance) {
        let first = self.nodes.len().saturating_sub(count);
        for number in first..self.nodes.len() {
            let key = Key::new(LIARS_KEYS + number as u64);
            self.catalogue.give(&key);
            let random = Random::new(self.settings.seed, &[4, number as u64]);
            let kinds = kinds.to_vec();
            self.nodes[number].lies = Some(Lies { kinds, often, key, counter: 0, random });
            self.lie_later(number);
        }
    }

    pub(super) fn lie_later(&mut self, node: usize) {
        let life = self.nodes[node].life;
        let Some(lies) = self.nodes[node].lies.as_mut() else { return };
        let pause = lies.random.between(PAUSE / 8, PAUSE);
        self.later(pause, Happening::Lies { node: node as u32, life });
    }

    /// A liar does something of its own accord.
    pub(super) fn lie(&mut self, node: usize) {
        let sources: Vec<Source> = self.nodes[node].ends.keys().copied().collect();
        if let Some(lies) = self.nodes[node].lies.as_mut()
            && !sources.is_empty()
            && !lies.kinds.is_empty()
        {
            let (kind, source) = (pick(&mut lies.random, &lies.kinds), pick(&mut lies.random, &sources));
            match kind {
                Lie::Garbage => self.send_garbage(node, source),
                Lie::Flood => self.flood(node, source),
                Lie::Twins => self.send_twins(node, &sources),
                Lie::Invent => self.send_orphan(node, source),
                Lie::Forge => self.send_forged(node, source),
                Lie::Backdate => self.send_backdated(node, source),
                Lie::Withhold | Lie::Positions => {}
            }
        }
        self.lie_later(node);
    }

    /// Sends what a liar's replica wants said, or something else.
    pub(super) fn send_tampered(&mut self, node: usize, source: Source, parcel: Parcel) {
        let Some(lies) = self.nodes[node].lies.as_mut() else { return };
        let parcel = match lies.random.happens(lies.often) {
            true => lies.tamper(parcel),
            false => Some(parcel),
        };
        if let Some(parcel) = parcel {
            self.send_as_it_is(node, source, parcel);
        }
    }

    fn random_of(&mut self, node: usize) -> Random {
        match self.nodes[node].lies.as_mut() {
            Some(lies) => Random::new(lies.random.number(), &[]),
            None => Random::new(0, &[]),
        }
    }

    fn send_garbage(&mut self, node: usize, source: Source) {
        let mut random = self.random_of(node);
        let class = pick(&mut random, &[Class::Control, Class::Live, Class::Bulk]);
        let frame: Arc<[u8]> = random.bytes::<48>()[..random.index(48)].into();
        self.send_as_it_is(node, source, Parcel::Raw(class, frame));
    }

    /// What it has, or what nobody asked for, or requests for anything.
    fn flood(&mut self, node: usize, source: Source) {
        let mut random = self.random_of(node);
        let count = random.between(1, FLOOD);
        let known = self.nodes[node].disk.durable().to_vec();
        for request in 0..count {
            let parcel = match random.below(3) {
                0 if !known.is_empty() => {
                    Parcel::Push(Tree(random.number() as u8), pick(&mut random, &known))
                }
                1 if !known.is_empty() => Parcel::Body(pick(&mut random, &known)),
                _ => {
                    let ids =
                        vec![invented(&mut random, TxId::genesis(self.catalogue.network.id(), super::BASE))];
                    let request = 1 << 20 | request as u32;
                    Self::parcel(Message::Want { request, graft: true, ranges: vec![], ids })
                }
            };
            self.send_as_it_is(node, source, parcel);
        }
    }

    /// Transactions of one counter, each to another peer.
    fn send_twins(&mut self, node: usize, sources: &[Source]) {
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
    fn send_orphan(&mut self, node: usize, source: Source) {
        let mut random = self.random_of(node);
        let [parent, other] = self.some_parents(node, &mut random);
        let parents = [invented(&mut random, parent), other];
        if let Some(made) = self.liars_reading(node, parents, &mut random, true) {
            self.send_as_it_is(node, source, Parcel::Push(Tree(9), made));
        }
    }

    /// A transaction that is older than what it references: no transaction, for whoever decodes it.
    fn send_backdated(&mut self, node: usize, source: Source) {
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
    fn send_forged(&mut self, node: usize, source: Source) {
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

impl Lies {
    fn lies(&self, kind: Lie) -> bool {
        self.kinds.contains(&kind)
    }

    /// What is sent instead; nothing where it is kept back.
    fn tamper(&mut self, parcel: Parcel) -> Option<Parcel> {
        match parcel {
            Parcel::Body(_) | Parcel::Push(..) if self.lies(Lie::Withhold) => None,
            Parcel::Message(frame) => Some(Parcel::Message(self.tamper_message(frame))),
            parcel => Some(parcel),
        }
    }

    fn tamper_message(&mut self, frame: Arc<[u8]>) -> Arc<[u8]> {
        if self.lies(Lie::Garbage) && self.random.below(4) == 0 {
            let mut broken = frame.to_vec();
            let at = self.random.index(broken.len().max(1)).min(broken.len().saturating_sub(1));
            if let Some(byte) = broken.get_mut(at) {
                *byte ^= 1 << self.random.below(8);
            }
            return broken.into();
        }
        let Ok(Frame::Message(message)) = Frame::decode(Class::Control, &frame) else { return frame };
        Frame::Message(self.tamper_decoded(message)).encode().into()
    }

    fn tamper_decoded(&mut self, message: Message) -> Message {
        let random = &mut self.random;
        let positions = self.kinds.contains(&Lie::Positions);
        match message {
            Message::Log { first, behind, mut runs } => {
                if self.kinds.contains(&Lie::Invent) {
                    runs.iter_mut().for_each(|run| invent(run, random));
                }
                let (first, behind) = match positions {
                    true if random.below(4) == 0 => (odd(first, random), behind),
                    true => (first, odd(behind, random)),
                    false => (first, behind),
                };
                Message::Log { first, behind, runs }
            }
            Message::From { position, length, life } if positions => match random.below(3) {
                0 => Message::From { position: odd(position, random), length, life },
                1 => Message::From { position, length: odd(length, random), life },
                _ => Message::From { position, length, life: odd(life, random) },
            },
            Message::Ack { position, credit } if positions => match random.below(2) {
                0 => Message::Ack { position: odd(position, random), credit },
                _ => Message::Ack { position, credit: random.number() as u32 },
            },
            Message::Want { request, graft, mut ranges, ids } if positions => {
                for range in &mut ranges {
                    range.first = odd(range.first, random);
                }
                Message::Want { request, graft, ranges, ids }
            }
            other => other,
        }
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

/// A number near another one, or far from it.
fn odd(number: u64, random: &mut Random) -> u64 {
    match random.below(4) {
        0 => number.wrapping_add(1),
        1 => number.wrapping_sub(1),
        2 => number.wrapping_add(random.below(5_000)),
        _ => random.number(),
    }
}

/// An id that no transaction has, of about that time.
fn invented(random: &mut Random, near: TxId) -> TxId {
    TxId::from_parts(near.timestamp(), &random.bytes())
}

/// Puts ids that do not exist in place of some.
fn invent(run: &mut Run, random: &mut Random) {
    match run {
        Run::New(ids) => {
            for Fresh { hash, .. } in ids.iter_mut().take(LOG_ENTRIES) {
                if random.below(8) == 0 {
                    *hash = random.bytes();
                }
            }
        }
        Run::Yours { skip, .. } => *skip = skip.wrapping_add(i64::from(random.below(64) == 0)),
    }
}
