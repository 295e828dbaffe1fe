//! What liars make of what their replicas want to say.

use super::super::link::Parcel;
use super::super::random::Random;
use super::{Lie, Lies};
use crate::gossip::{Class, Frame, Fresh, Message, Run};
use crate::limits::{LOG_ENTRIES, WANT_IDS};
use crate::{Remains, Transaction};
use std::sync::Arc;

impl Lies {
    fn lies(&self, kind: Lie) -> bool {
        self.kinds.contains(&kind)
    }

    /// What is sent instead; nothing where it is kept back.
    pub(super) fn tamper(&mut self, parcel: Parcel) -> Option<Parcel> {
        match parcel {
            Parcel::Body(_) | Parcel::Push(..) if self.lies(Lie::Withhold) => None,
            Parcel::Message(frame) => Some(Parcel::Message(self.tamper_message(frame))),
            parcel => Some(parcel),
        }
    }

    /// Whether it sends this one without its body now.
    pub(super) fn strips(&mut self, transaction: &Transaction) -> bool {
        let strips = self.lies(Lie::Strip)
            && Remains::may_be_of(transaction.header().kind)
            && self.stripped.len() < WANT_IDS
            && (!self.lies(Lie::Withhold) || self.random.below(2) == 0);
        self.stripped.extend(strips.then(|| transaction.id()));
        strips
    }

    /// Has the word that ends an answer say what was sent without its body, as an honest node's would.
    pub(super) fn say_withheld(&mut self, parcel: Parcel) -> Parcel {
        let Parcel::Done(frame) = &parcel else { return parcel };
        let stripped = std::mem::take(&mut self.stripped);
        match Frame::decode(Class::Bulk, frame) {
            Ok(Frame::Message(Message::Done { request, lacking, mut withheld })) if !stripped.is_empty() => {
                withheld.extend(stripped);
                Parcel::Done(Frame::Message(Message::Done { request, lacking, withheld }).encode().into())
            }
            _ => parcel,
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

/// A number near another one, or far from it.
fn odd(number: u64, random: &mut Random) -> u64 {
    match random.below(4) {
        0 => number.wrapping_add(1),
        1 => number.wrapping_sub(1),
        2 => number.wrapping_add(random.below(5_000)),
        _ => random.number(),
    }
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
