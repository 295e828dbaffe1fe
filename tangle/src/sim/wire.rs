//! What happens on links: nodes find and lose each other, parcels are sent and arrive.

use super::Micros;
use super::link::{CONGESTED_BYTES, Connection, End, Link, LinkSettings, Parcel, QUEUE_BYTES};
use super::net::{Happening, Load, Net};
use super::random::Random;
use super::trace::Note;
use crate::gossip::{Class, Frame, Message, Reason};
use crate::replica::{Event, Source};
use std::sync::Arc;

/// Microseconds before a node tries again to reach another one, the first time; twice as much each further time.
const DIAL_AGAIN: Micros = 500_000;

/// The longest such pause.
const DIAL_LONGEST: Micros = 8_000_000;

/// Microseconds after which streams that were stalled by a cut go on, at most: the sender looks less and less often.
const PROBE: Micros = 1_000_000;

impl Net {
    /// Connects two nodes that run.
    pub fn connect(&mut self, a: usize, b: usize) {
        let link = self.link(a, b);
        self.establish(link);
    }

    /// Connects all nodes that run with each other.
    pub fn connect_all(&mut self) {
        for a in 0..self.nodes.len() {
            (0..a).for_each(|b| self.connect(a, b));
        }
    }

    /// Ends a connection; both ends notice at once.
    pub fn disconnect(&mut self, a: usize, b: usize) {
        let link = self.link(a, b);
        let generation = self.links[link as usize].generation;
        (0..2).for_each(|side| self.lost(link, generation, side));
    }

    /// Lets two nodes look for each other from now on.
    pub(super) fn keep(&mut self, a: usize, b: usize, settings: LinkSettings) {
        let link = self.link(a, b);
        self.links[link as usize].settings = settings;
        self.links[link as usize].is_kept = true;
        self.dial_in(link, 0);
    }

    /// The source under which a node knows another one.
    pub fn source_of(&self, node: usize, peer: usize) -> Option<Source> {
        let link = self.pairs.get(&(node.min(peer), node.max(peer)))?;
        let found = self.nodes[node].ends.iter().find(|(_, end)| end.link == *link);
        found.map(|(source, _)| *source)
    }

    /// The link between two nodes.
    pub(super) fn link(&mut self, a: usize, b: usize) -> u32 {
        let pair = (a.min(b), a.max(b));
        if let Some(link) = self.pairs.get(&pair) {
            return *link;
        }
        let number = self.links.len() as u32;
        let random = Random::new(self.settings.seed, &[2, pair.0 as u64, pair.1 as u64]);
        self.links.push(Link::new([pair.0, pair.1], self.settings.link, random));
        self.pairs.insert(pair, number);
        number
    }

    fn establish(&mut self, number: u32) {
        let link = &mut self.links[number as usize];
        let nodes = link.nodes;
        if nodes[0] == nodes[1]
            || link.connection.is_some()
            || !nodes.iter().all(|node| self.nodes[*node].is_up)
        {
            return;
        }
        link.generation += 1;
        let sources = nodes.map(|node| self.nodes[node].next_source());
        let generation = link.generation;
        link.connection =
            Some(Connection { generation, sources, alive: [true; 2], lanes: Default::default() });
        link.attempts = 0;
        for side in 0..2 {
            let (node, peer) = (nodes[side], nodes[1 - side]);
            self.nodes[node].ends.insert(sources[side], End { link: number, side });
            let device = self.nodes[peer].device;
            let cursor = self.nodes[node].disk.cursors.get(&device).cloned().unwrap_or_default();
            self.nodes[node].note(self.now, Note::Connected(peer));
            self.event(node, Event::Connected { source: sources[side], device, cursor });
        }
    }

    /// One end of a connection notices that it is over.
    pub(super) fn lost(&mut self, number: u32, generation: u32, side: usize) {
        let link = &mut self.links[number as usize];
        let (node, peer) = (link.nodes[side], link.nodes[1 - side]);
        let Some(connection) = link.current(generation).filter(|connection| connection.alive[side]) else {
            return;
        };
        connection.alive[side] = false;
        let source = connection.sources[side];
        self.forget_if_over(number);
        self.nodes[node].ends.remove(&source);
        self.nodes[node].note(self.now, Note::Lost(peer));
        self.event(node, Event::Left { source });
    }

    /// A connection that neither end takes for one is none. Its nodes look for each other again.
    fn forget_if_over(&mut self, number: u32) {
        let link = &mut self.links[number as usize];
        if link.connection.as_ref().is_some_and(|connection| connection.alive == [false; 2]) {
            link.connection = None;
            self.dial_in(number, DIAL_AGAIN / 2);
        }
    }

    /// A node's process has ended: the other ends of its connections notice in time.
    pub(super) fn abandon(&mut self, node: usize) {
        let ends: Vec<End> = self.nodes[node].ends.values().copied().collect();
        for End { link: number, side } in ends {
            let link = &mut self.links[number as usize];
            let (generation, is_kept, idle) = (link.generation, link.is_kept, link.settings.idle);
            let pause = if is_kept { link.random.between(0, idle) } else { 0 };
            if let Some(connection) = &mut link.connection {
                connection.alive[side] = false;
            }
            self.forget_if_over(number);
            let side = 1 - side as u8;
            match pause {
                0 => self.lost(number, generation, usize::from(side)),
                pause => self.later(pause, Happening::Lost { link: number, generation, side }),
            }
        }
    }

    /// A node sends another one away.
    pub(super) fn send_away(&mut self, node: usize, source: Source, reason: Reason) {
        let Some(End { link: number, side }) = self.nodes[node].ends.remove(&source) else { return };
        let link = &mut self.links[number as usize];
        let (peer, generation, pause) = (link.nodes[1 - side], link.generation, link.settings.delay);
        if let Reason::Fault(_, until) | Reason::Banned(_, until) = reason {
            link.barred_until = link.barred_until.max(self.nodes[node].micros_of(until));
        }
        if let Some(connection) = &mut link.connection {
            connection.alive[side] = false;
        }
        self.nodes[node].dropped.push(reason);
        self.nodes[node].note(self.now, Note::SentAway(peer, reason));
        self.look_at_trust(node, peer, reason);
        self.forget_if_over(number);
        self.later(pause, Happening::Lost { link: number, generation, side: 1 - side as u8 });
    }

    /// A cut has lasted long enough for both ends to notice, unless it is over.
    pub(super) fn idle(&mut self, number: u32, cut: u32) {
        let link = &self.links[number as usize];
        if link.cuts > 0 && link.cut_number == cut {
            let generation = link.generation;
            (0..2).for_each(|side| self.lost(number, generation, side));
        }
    }

    pub(super) fn dial_in(&mut self, number: u32, pause: Micros) {
        let link = &mut self.links[number as usize];
        if link.is_kept && !std::mem::replace(&mut link.is_dialling, true) {
            let pause = pause / 2 + link.random.between(0, pause);
            let barred = link.barred_until.saturating_sub(self.now);
            self.later(pause.max(barred), Happening::Dial { link: number });
        }
    }

    /// Two nodes that look for each other try again.
    pub(super) fn dial(&mut self, number: u32) {
        let link = &mut self.links[number as usize];
        link.is_dialling = false;
        let is_stale = |connection: &Connection| connection.alive != [true; 2];
        if !link.is_kept || link.connection.as_ref().is_some_and(|connection| !is_stale(connection)) {
            return;
        }
        let is_barred = link.barred_until > self.now;
        if is_barred || link.cuts > 0 || !link.nodes.iter().all(|node| self.nodes[*node].is_up) {
            link.attempts += 1;
            let pause = DIAL_AGAIN << link.attempts.min(4);
            self.dial_in(number, pause.min(DIAL_LONGEST));
            return;
        }
        // The new connection takes the place of one that only one end still believes in.
        let generation = link.generation;
        (0..2).for_each(|side| self.lost(number, generation, side));
        self.links[number as usize].is_dialling = false;
        self.establish(number);
    }

    /// A link begins or ends to be cut.
    pub(super) fn cut(&mut self, number: u32, begins: bool) {
        let link = &mut self.links[number as usize];
        if begins {
            link.cuts += 1;
            if link.cuts == 1 {
                link.cut_number += 1;
                let (cut, idle) = (link.cut_number, link.settings.idle);
                self.later(idle, Happening::Idle { link: number, cut });
            }
            return;
        }
        link.cuts = link.cuts.saturating_sub(1);
        if link.cuts == 0 {
            let probe = link.random.between(0, PROBE.min(link.settings.idle / 4));
            self.resume(number, probe);
        }
    }

    /// What was sent while a link was cut comes now.
    fn resume(&mut self, number: u32, probe: Micros) {
        for side in 0..2 {
            let Some(connection) = &mut self.links[number as usize].connection else { return };
            let lane = &mut connection.lanes[side];
            lane.stalled_bytes = 0;
            for parcel in std::mem::take(&mut lane.stalled) {
                self.travel(number, side, parcel, probe);
            }
            self.look_at_congestion(number, side);
        }
    }

    /// Sends a parcel on a connection, if it is still there.
    pub(super) fn send(&mut self, node: usize, source: Source, parcel: Parcel) {
        match self.nodes[node].lies.is_some() {
            true => self.send_tampered(node, source, parcel),
            false => self.send_as_it_is(node, source, parcel),
        }
    }

    pub(super) fn send_as_it_is(&mut self, node: usize, source: Source, parcel: Parcel) {
        let Some(End { link: number, side }) = self.nodes[node].ends.get(&source).copied() else { return };
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

    fn travel(&mut self, number: u32, side: usize, parcel: Parcel, pause: Micros) {
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
    fn look_at_congestion(&mut self, number: u32, side: usize) {
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
