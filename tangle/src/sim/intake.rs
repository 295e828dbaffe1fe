//! What comes to a node is checked as in production: some time later, so that one passes another, and no signature twice.

use super::Micros;
use super::catalogue::Number;
use super::happening::{Bulk, Happening, Load};
use super::net::Net;
use super::node::Known;
use super::trace::Note;
use crate::check::{check_door, check_enrolment_cheaply};
use crate::check_peer::{Knowledge, Sent, Way, check_issuer, check_sent, check_transaction};
use crate::gossip::{Class, Tree};
use crate::replica::{Event, Source, Taken, Token};
use crate::{HistoryError, Kind, Network, Refusal, Screened, Timestamp, Transaction, Verified};

const UNREADABLE: &str = "what is in memory can be read";

impl Net {
    /// Has a node check what a peer sent.
    pub(super) fn check_later(
        &mut self,
        node: usize,
        source: Source,
        tree: Option<Tree>,
        load: Load,
        bulk: Bulk,
    ) {
        self.traffic.bodies += u64::from(!matches!(load, Load::Again(_)));
        let life = self.nodes[node].life;
        let pause = self.around(self.settings.check);
        self.later(pause, Happening::Check { node: node as u32, life, source, tree, load, bulk });
    }

    /// A node has checked what a peer sent, unless that peer is gone.
    pub(super) fn check(
        &mut self,
        number: usize,
        source: Source,
        tree: Option<Tree>,
        load: Load,
        bulk: Bulk,
    ) {
        let node = &self.nodes[number];
        let Some(end) = node.ends.get(&source).copied() else { return };
        let (network, way) = (&*self.catalogue.network, Way { source, tree });
        let known = Known::new(&self.catalogue, node);
        let event = match load {
            Load::Known(transaction) => {
                check_transaction(network, self.catalogue.get(transaction).clone(), way, &known)
            }
            Load::Wire(wire) => check_sent(network, Sent::read(network, &wire, way), way, &known),
            Load::Again(screened) => check_issuer(network, *screened, way, &known),
        };
        let event = event.expect(UNREADABLE);
        let [peer, _] = {
            let nodes = self.links[end.link as usize].nodes;
            [nodes[1 - end.side], nodes[end.side]]
        };
        self.note_checked(number, peer, &event);
        self.look_at_checks(number);
        self.event(number, event);
        self.finish_bulk(number, peer, source, bulk);
    }

    fn note_checked(&mut self, number: usize, peer: usize, event: &Event) {
        let note = match event {
            Event::Pushed { transaction, .. } => {
                let number = self.catalogue.take_in(transaction.transaction());
                Note::Pushed(peer, number)
            }
            Event::Received { transaction, .. } => {
                Note::Delivered(peer, self.catalogue.take_in(transaction.transaction()))
            }
            Event::Duplicate { id, .. } => match self.catalogue.number(id) {
                Some(number) => Note::Repeated(peer, number),
                None => return,
            },
            Event::Refused { refusal, .. } => Note::Refused(peer, refusal.reason()),
            _ => return,
        };
        let is_known = match note {
            Note::Pushed(_, transaction) | Note::Delivered(_, transaction) => {
                self.nodes[number].disk.has(transaction)
            }
            Note::Repeated(..) => true,
            _ => false,
        };
        self.traffic.duplicates += u64::from(is_known);
        self.nodes[number].note(self.now, note);
    }

    /// The word that ends an answer waits for all that was sent before it.
    fn finish_bulk(&mut self, node: usize, peer: usize, source: Source, bulk: Bulk) {
        let Some((link, generation)) = bulk else { return };
        let link = &mut self.links[link as usize];
        let side = usize::from(link.nodes[0] == node);
        let Some(connection) = link.current(generation) else { return };
        let lane = &mut connection.lanes[side];
        lane.checking = lane.checking.saturating_sub(1);
        if lane.checking > 0 {
            return;
        }
        for frame in std::mem::take(&mut lane.behind) {
            self.hears(node, peer, source, Class::Bulk, &frame);
        }
    }

    /// A client hands in a transaction; the answer comes in time, if the node lives.
    pub(super) fn hand_in(&mut self, node: usize, sensor: u32, turn: u32, number: Number) {
        let life = self.nodes[node].life;
        self.nodes[node].note(self.now, Note::Submitted(sensor, number));
        let pause: Micros = self.around(self.settings.check);
        self.later(pause, Happening::Door { node: node as u32, life, sensor, turn, number });
    }

    /// The door has checked what a client handed in.
    pub(super) fn check_at_door(&mut self, number: usize, sensor: u32, turn: u32, transaction: Number) {
        let node = &self.nodes[number];
        let known = Known::new(&self.catalogue, node);
        let content = self.catalogue.get(transaction).clone();
        let checked = at_door(&self.catalogue.network, content, node.clock(self.now), &known);
        self.look_at_checks(number);
        let token = self.nodes[number].next_token();
        self.nodes[number].waiting.insert(token, (sensor, turn));
        match checked.expect(UNREADABLE) {
            Ok(Some(transaction)) => {
                let event = Event::Received { transaction, source: Source::Door, token: Some(token) };
                self.event(number, event);
            }
            Ok(None) => {
                let taken = Taken { id: self.catalogue.id(transaction), is_new: false, disputed: false };
                self.answer(number, token, Ok(taken));
            }
            Err(refusal) => self.answer(number, token, Err(refusal)),
        }
    }

    /// A node answers a client.
    pub(super) fn answer(&mut self, number: usize, token: Token, answer: Result<Taken, Refusal>) {
        let Some((sensor, turn)) = self.nodes[number].waiting.remove(&token) else { return };
        match answer {
            Ok(taken) => {
                let Some(transaction) = self.catalogue.number(&taken.id) else { return };
                self.nodes[number].note(self.now, Note::Acknowledged(sensor, transaction));
                self.look_at_acknowledged(number, transaction);
                self.sensor_hears(sensor, turn, Ok(()));
            }
            Err(refusal) => {
                self.nodes[number].note(self.now, Note::Rejected(sensor, refusal.reason()));
                self.sensor_hears(sensor, turn, Err(&refusal));
            }
        }
    }
}

/// What the door asks, cheapest first; nothing when the transaction is stored.
fn at_door(
    network: &Network,
    transaction: Transaction,
    now: Timestamp,
    known: &Known<'_>,
) -> Result<Result<Option<Verified>, Refusal>, HistoryError> {
    if known.contains(&transaction.id())? {
        return Ok(Ok(None));
    }
    let issuer = known.issuer(&transaction)?;
    let check = || {
        let header = transaction.header();
        check_door(header, now)?;
        if header.kind == Kind::Enrol {
            check_enrolment_cheaply(network, &transaction)?;
            let screened = Screened::check(network, transaction)?;
            return Verified::check_enrolment_once(network, screened, known.verdicts());
        }
        let issuer = issuer.ok_or(Refusal::NotEnrolled(header.issuer))?;
        let screened = Screened::check(network, transaction)?;
        Verified::check_once(network, screened, &issuer, known.verdicts())
    };
    Ok(check().map(Some))
}
