//! The replica as its gossip sees it.

use super::{Flight, Graph, History, HistoryError, Pending, Replica, Source};
use crate::TxId;
use crate::gossip::{Gossip, Here, Whereabouts};
use crate::limits::IN_FLIGHT;
use std::ops::Range;

/// Everything of a replica but its gossip.
pub(super) struct Rest<'a> {
    genesis: TxId,
    graph: &'a Graph,
    flight: &'a Flight,
    pending: &'a Pending,
    history: &'a dyn History,
}

impl Replica {
    /// Gossip, and the rest for it to look at.
    pub(super) fn parts<'a>(&'a mut self, history: &'a dyn History) -> (&'a mut Gossip, Rest<'a>) {
        let genesis = self.network.genesis();
        let rest =
            Rest { genesis, graph: &self.graph, flight: &self.flight, pending: &self.pending, history };
        (&mut self.gossip, rest)
    }
}

impl Here for Rest<'_> {
    fn whereabouts(&self, id: &TxId) -> Result<Whereabouts, HistoryError> {
        if self.flight.contains(id) {
            return Ok(Whereabouts::Attached);
        }
        // What is in the window and not in flight is durable.
        if *id == self.genesis || self.graph.contains(id) || self.history.contains(id)? {
            return Ok(Whereabouts::Durable);
        }
        Ok(if self.pending.contains(id) { Whereabouts::Waiting } else { Whereabouts::Unknown })
    }

    fn waiting_of(&self, source: Source) -> usize {
        self.pending.held_by(source)
    }

    fn is_missed(&self, id: &TxId) -> bool {
        self.pending.wants(id)
    }

    fn has_room(&self) -> bool {
        self.flight.len() < IN_FLIGHT
    }

    fn log(&self, range: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        self.history.log(range, visit)
    }
}
