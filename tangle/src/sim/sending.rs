//! What goes over connections: parcels are sent, travel and arrive.

use super::Micros;
use super::happening::{Happening, Load};
use super::link::{CONGESTED_BYTES, End, Link, Parcel, QUEUE_BYTES};
use super::net::Net;
use super::trace::Note;
use crate::gossip::{Class, Frame, Message};
use crate::limits::BODY_OFFSET;
use crate::replica::{Event, Source};
use std::sync::Arc;

impl Net {
    /// Sends a parcel on a connection, if it is still there.
    pub(super) fn send(&mut self, node: usize, source: Source, parcel: Parcel) {
        match self.nodes[node].lies.is_some() {
            true => self.send_tampered(node, source, parcel),
            false => self.send_as_it_is(node, source, parcel),
        }
    }

    pub(super) fn send_as_it_is(&mut self, node: usize, source: Source, parcel: Parcel) {
        let Some(End { link: number, side }) = self.nodes[node].ends.get(&source).copied() else { return };
        if let Parcel::Push(_, number) | Parcel::Body(number) = &parcel {
            self.look_at_sent(node, *number);
        }
        let bytes = parcel.bytes(|number| self.catalogue.get(number).wire().len());
        let now = self.now;
        let link = &mut self.links[number as usize];
        let (is_cut, repeat) = (link.cuts > 0, link.settings.repeat);
        let Some(connection) = &mut link.connection else { return };
        let lane = &mut connection.lanes[side];
        if parcel.class() == Class::Live && lane.backlog(now, &link.settings) > QUEUE_BYTES {
            // The log names it.
            self.traffic.left_out += 1;
            return;
        }
        self.traffic.bytes += bytes;
        match parcel.class() {
            Class::Control => self.traffic.control += bytes,
            Class::Bulk => self.traffic.bulk += bytes,
            Class::Live => {}
        }
        if let Parcel::Push(_, number) | Parcel::Body(number) = &parcel
            && self.catalogue.witness(*number).is_some()
        {
            self.traffic.witnesses += bytes;
        }
        self.nodes[node].sent += bytes;
        if is_cut {
            lane.stalled.push(parcel);
            lane.stalled_bytes += bytes;
        } else {
            let is_repeated =
                matches!(parcel, Parcel::Push(..) | Parcel::Body(_)) && link.random.happens(repeat);
            if is_repeated {
                self.travel(number, side, parcel.clone(), 0);
            }
            self.travel(number, side, parcel, 0);
        }
        self.look_at_congestion(number, side);
    }

    pub(super) fn travel(&mut self, number: u32, side: usize, parcel: Parcel, pause: Micros) {
        let bytes = parcel.bytes(|number| self.catalogue.get(number).wire().len());
        let now = self.now + pause;
        let Link { settings, random, connection: Some(connection), generation, .. } =
            &mut self.links[number as usize]
        else {
            return;
        };
        let at = connection.lanes[side].arrival(now, parcel.class(), bytes, settings, random);
        let (generation, side) = (*generation, 1 - side as u8);
        self.at(at, Happening::Arrives { link: number, generation, side, parcel });
    }

    /// Says when what is to be sent to a peer begins to pile up, or no longer does.
    pub(super) fn look_at_congestion(&mut self, number: u32, side: usize) {
        let now = self.now;
        let link = &mut self.links[number as usize];
        let (node, generation, bandwidth) = (link.nodes[side], link.generation, link.settings.bandwidth);
        let Some(connection) = &mut link.connection else { return };
        let source = connection.sources[side];
        let lane = &mut connection.lanes[side];
        let backlog = lane.backlog(now, &link.settings);
        if backlog > CONGESTED_BYTES && !lane.is_congested {
            lane.is_congested = true;
            self.said.push_back((node, Event::Congested { source }));
        }
        if lane.is_congested && link.cuts == 0 && !std::mem::replace(&mut lane.is_watched, true) {
            let wait = bandwidth.map_or(0, |bandwidth| backlog.saturating_mul(1_000_000) / bandwidth.max(1));
            self.later(
                wait * 3 / 4 + 1_000,
                Happening::Drained { link: number, generation, side: side as u8 },
            );
        }
    }

    /// Looks whether what piled up is sent.
    pub(super) fn drained(&mut self, number: u32, generation: u32, side: usize) {
        let now = self.now;
        let link = &mut self.links[number as usize];
        let (node, settings) = (link.nodes[side], link.settings);
        let Some(connection) = link.current(generation) else { return };
        let source = connection.sources[side];
        let lane = &mut connection.lanes[side];
        lane.is_watched = false;
        if !lane.is_congested {
            return;
        }
        if lane.backlog(now, &settings) <= CONGESTED_BYTES / 4 {
            lane.is_congested = false;
            self.event(node, Event::Drained { source });
        } else {
            self.look_at_congestion(number, side);
        }
    }

    /// A parcel arrives, if its connection is still there.
    pub(super) fn arrives(&mut self, number: u32, generation: u32, side: usize, parcel: Parcel) {
        let link = &mut self.links[number as usize];
        let (node, peer) = (link.nodes[side], link.nodes[1 - side]);
        let Some(connection) = link.current(generation).filter(|connection| connection.alive[side]) else {
            return;
        };
        let source = connection.sources[side];
        let lane = &mut connection.lanes[1 - side];
        match parcel {
            Parcel::Done(frame) if lane.checking > 0 => lane.behind.push(frame),
            Parcel::Done(frame) => self.hears(node, peer, source, Class::Bulk, &frame),
            Parcel::Message(frame) => self.hears(node, peer, source, Class::Control, &frame),
            Parcel::Push(tree, transaction) => {
                self.check_later(node, source, Some(tree), Load::Known(transaction), None);
            }
            Parcel::Body(transaction) => {
                lane.checking += 1;
                self.check_later(node, source, None, Load::Known(transaction), Some((number, generation)));
            }
            Parcel::Bare(transaction) => {
                lane.checking += 1;
                let left = self.catalogue.get(transaction).wire()[..BODY_OFFSET].into();
                self.check_later(node, source, None, Load::Wire(left), Some((number, generation)));
            }
            Parcel::Raw(class, frame) => self.arrives_raw(node, peer, source, class, &frame),
        }
    }

    fn arrives_raw(&mut self, node: usize, peer: usize, source: Source, class: Class, frame: &[u8]) {
        self.nodes[node].note(self.now, Note::Raw(peer, class));
        let (tree, wires) = match Frame::decode(class, frame) {
            Ok(Frame::Pushed(tree, wires)) => (Some(tree), wires),
            Ok(Frame::Bodies(wires)) => (None, wires),
            Ok(Frame::Message(_)) | Err(_) => return self.hears(node, peer, source, class, frame),
        };
        for wire in wires {
            self.check_later(node, source, tree, Load::Wire(wire.into()), None);
        }
    }

    /// A node hears a message, or what should be one.
    pub(super) fn hears(&mut self, node: usize, peer: usize, source: Source, class: Class, frame: &[u8]) {
        let event = match Frame::decode(class, frame) {
            Ok(Frame::Message(message)) => {
                self.nodes[node].note(self.now, Note::Heard(peer, name(&message)));
                Event::Message { source, message }
            }
            _ => Event::Garbled { source },
        };
        self.event(node, event);
    }

    /// A message as it is sent.
    pub(super) fn parcel(message: Message) -> Parcel {
        let is_done = matches!(message, Message::Done { .. });
        let frame: Arc<[u8]> = Frame::Message(message).encode().into();
        if is_done { Parcel::Done(frame) } else { Parcel::Message(frame) }
    }
}

const fn name(message: &Message) -> &'static str {
    match message {
        Message::Tail { .. } => "Tail",
        Message::From { .. } => "From",
        Message::Log { .. } => "Log",
        Message::Ack { .. } => "Ack",
        Message::Want { .. } => "Want",
        Message::Done { .. } => "Done",
        Message::Prune { .. } => "Prune",
    }
}
