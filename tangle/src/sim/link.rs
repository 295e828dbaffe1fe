//! Links between nodes, and the connections over them.
//!
//! A connection has three streams each way, as QUIC's do: each keeps its order, none waits for another, and what is lost
//! on the way comes later. A link that is cut swallows everything; what was sent meanwhile comes when it is mended, or
//! never if the two ends have noticed before.

use super::Micros;
use super::random::{Chance, Random};
use crate::gossip::Class;
use crate::limits::BODY_OFFSET;
use crate::replica::Source;
use std::sync::Arc;

use super::catalogue::{Catalogue, Number};
use super::trace::{print, print_of};
use crate::gossip::Tree;

/// Bytes that framing adds to a message, and to a pushed or asked for transaction.
const FRAME_BYTES: u64 = 4;

/// Bytes that wait for a peer from which on it counts as one that does not read as fast as it is written to.
pub(super) const CONGESTED_BYTES: u64 = 512 * 1024;

/// Bytes that wait for a peer beyond which nothing is pushed there.
pub(super) const QUEUE_BYTES: u64 = 2 * CONGESTED_BYTES;

/// Microseconds between a loss and the first attempt to make it good, beside the way there and back.
const RETRY: Micros = 10_000;

/// Losses of one packet in a row that are drawn.
const LOSSES: u32 = 8;

/// How a link is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkSettings {
    /// Microseconds from one end to the other.
    pub delay: Micros,
    /// At most so many more.
    pub jitter: Micros,
    /// How often a frame must be sent again.
    pub loss: Chance,
    /// How often a transaction comes twice.
    pub repeat: Chance,
    /// Bytes a second each way; none where that is no matter.
    pub bandwidth: Option<u64>,
    /// Microseconds after which both ends of a connection notice that nothing comes any more.
    pub idle: Micros,
}

impl LinkSettings {
    /// Two processes on one machine.
    pub const LOOPBACK: Self = Self {
        delay: 100,
        jitter: 200,
        loss: Chance(0),
        repeat: Chance(0),
        bandwidth: None,
        idle: 12_000_000,
    };
}

/// One end of a connection, as its node sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) link: u32,
    pub(super) side: usize,
}

/// What travels.
#[derive(Clone, Debug)]
pub(super) enum Parcel {
    /// A message, on the control stream.
    Message(Arc<[u8]>),
    /// The word that a request is answered, on the bulk stream.
    Done(Arc<[u8]>),
    /// A transaction along a tree.
    Push(Tree, Number),
    /// A transaction that was asked for.
    Body(Number),
    /// What is left of one without its body, as a liar sends it who says that it was erased.
    Bare(Number),
    /// A frame as a liar has made it.
    Raw(Class, Arc<[u8]>),
}

impl Parcel {
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Message(_) => Class::Control,
            Self::Push(..) => Class::Live,
            Self::Done(_) | Self::Body(_) | Self::Bare(_) => Class::Bulk,
            Self::Raw(class, _) => *class,
        }
    }

    /// What it brings, for the trace.
    pub(super) fn print(&self, catalogue: &Catalogue) -> u64 {
        match self {
            Self::Message(bytes) | Self::Done(bytes) | Self::Raw(_, bytes) => print(bytes),
            Self::Push(tree, number) => u64::from(tree.0) ^ print_of(&catalogue.id(*number)),
            Self::Body(number) | Self::Bare(number) => print_of(&catalogue.id(*number)),
        }
    }

    /// Bytes on the wire, of which a transaction has so many.
    pub(super) fn bytes(&self, length: impl Fn(Number) -> usize) -> u64 {
        let payload = match self {
            Self::Message(bytes) | Self::Done(bytes) | Self::Raw(_, bytes) => bytes.len(),
            Self::Push(_, number) => 1 + length(*number),
            Self::Body(number) => length(*number),
            Self::Bare(_) => BODY_OFFSET,
        };
        FRAME_BYTES + payload as u64
    }
}

/// One direction of a connection.
#[derive(Default, Debug)]
pub(super) struct Lane {
    /// When the last parcel of each stream arrives.
    arrivals: [Micros; 3],
    /// Until when each stream has something to send, where bandwidth is short.
    busy: [Micros; 3],
    /// What was sent while the link is cut.
    pub(super) stalled: Vec<Parcel>,
    pub(super) stalled_bytes: u64,
    pub(super) is_congested: bool,
    /// Whether it will be looked at again.
    pub(super) is_watched: bool,
    /// Transactions of the bulk stream that are being checked at its end, and what came behind them.
    pub(super) checking: u32,
    pub(super) behind: Vec<Arc<[u8]>>,
}

impl Lane {
    /// When a parcel of so many bytes arrives that is sent now.
    pub(super) fn arrival(
        &mut self,
        now: Micros,
        class: Class,
        bytes: u64,
        settings: &LinkSettings,
        random: &mut Random,
    ) -> Micros {
        let class = class as usize;
        let mut sent = now;
        if let Some(bandwidth) = settings.bandwidth {
            let takes = bytes.saturating_mul(1_000_000) / bandwidth.max(1);
            sent = self.busy[..=class].iter().copied().fold(now, Micros::max) + takes;
            self.busy[class] = sent;
            // What goes before takes its time from what goes after.
            for later in &mut self.busy[class + 1..] {
                *later = (*later).max(now) + takes;
            }
        }
        let mut pause = settings.delay + random.between(0, settings.jitter);
        let mut again = RETRY + 2 * settings.delay + settings.jitter;
        for _ in 0..LOSSES {
            if !random.happens(settings.loss) {
                break;
            }
            pause += again;
            again *= 2;
        }
        self.arrivals[class] = self.arrivals[class].max(sent + pause);
        self.arrivals[class]
    }

    /// Bytes that wait to be sent.
    pub(super) fn backlog(&self, now: Micros, settings: &LinkSettings) -> u64 {
        let busy = self.busy.iter().copied().max().unwrap_or(now).saturating_sub(now);
        let queued = settings.bandwidth.map_or(0, |bandwidth| busy.saturating_mul(bandwidth) / 1_000_000);
        queued + self.stalled_bytes
    }
}

/// Two nodes that have found each other.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) generation: u32,
    pub(super) sources: [Source; 2],
    /// Which of the two still take it for one.
    pub(super) alive: [bool; 2],
    /// By the side that sends.
    pub(super) lanes: [Lane; 2],
}

/// Two nodes that can find each other.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) nodes: [usize; 2],
    pub(super) settings: LinkSettings,
    pub(super) random: Random,
    /// Faults that cut it now, and how often it was cut.
    pub(super) cuts: u32,
    pub(super) cut_number: u32,
    pub(super) connection: Option<Connection>,
    pub(super) generation: u32,
    /// Whether its nodes look for each other by themselves.
    pub(super) is_kept: bool,
    pub(super) is_dialling: bool,
    pub(super) attempts: u32,
    /// Until when one of the two does not want the other.
    pub(super) barred_until: Micros,
}

impl Link {
    pub(super) fn new(nodes: [usize; 2], settings: LinkSettings, random: Random) -> Self {
        Self {
            nodes,
            settings,
            random,
            cuts: 0,
            cut_number: 0,
            connection: None,
            generation: 0,
            is_kept: false,
            is_dialling: false,
            attempts: 0,
            barred_until: 0,
        }
    }

    /// The connection, if it is still the one of that number.
    pub(super) fn current(&mut self, generation: u32) -> Option<&mut Connection> {
        self.connection.as_mut().filter(|connection| connection.generation == generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: LinkSettings =
        LinkSettings { bandwidth: Some(1_000_000), jitter: 0, ..LinkSettings::LOOPBACK };

    #[test]
    fn a_stream_keeps_its_order_and_others_pass_it() {
        let (mut lane, mut random) = (Lane::default(), Random::new(1, &[]));
        let lossy = LinkSettings { loss: Chance(300_000), ..LinkSettings::LOOPBACK };
        let mut send = |now, class| lane.arrival(now, class, 100, &lossy, &mut random);
        let live: Vec<Micros> = (0..200).map(|n| send(n * 1_000, Class::Live)).collect();
        assert!(live.is_sorted(), "a stream in its order");
        let bulk: Vec<Micros> = (0..200).map(|n| send(n * 1_000, Class::Bulk)).collect();
        let passes = |(live, bulk): (&Micros, &Micros)| bulk < live;
        assert!(live.iter().zip(&bulk).any(passes), "one stream passes another");
        assert!(live.iter().zip(0..).any(|(at, n)| at - n * 1_000 > 10_000), "a loss takes its time");
    }

    #[test]
    fn a_narrow_link_sends_what_matters_most_first() {
        let (mut lane, mut random) = (Lane::default(), Random::new(1, &[]));
        let mut send = |class, bytes| lane.arrival(0, class, bytes, &SLOW, &mut random);
        assert_eq!(send(Class::Bulk, 10_000), 10_100, "a byte a microsecond");
        assert_eq!(send(Class::Control, 1_000), 1_100);
        assert_eq!(send(Class::Bulk, 1_000), 12_100, "it has waited for both");
        assert_eq!(lane.backlog(0, &SLOW), 12_000);
        assert_eq!(lane.backlog(12_000, &SLOW), 0);
    }
}
