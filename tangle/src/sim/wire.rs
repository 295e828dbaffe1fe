//! What happens to connections: nodes find and lose each other, links are cut and mended.

use super::Micros;
use super::happening::Happening;
use super::link::{Connection, End, Link, LinkSettings};
use super::net::Net;
use super::random::Random;
use super::trace::Note;
use crate::gossip::Reason;
use crate::replica::{Event, Source};

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
}
