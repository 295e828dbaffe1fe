//! Sensors: they ask for a ticket, think, sign, hand in, and try again until they are told that it is taken.
//!
//! Always true: an honest sensor uses a counter once, as long as it keeps its state; it hands in the same bytes again
//! until some node answers. One that equivocates uses each counter for several readings.

mod settings;
mod sign;

pub use settings::SensorSettings;

use super::Micros;
use super::catalogue::Number;
use super::happening::Happening;
use super::keys::Key;
use super::net::Net;
use super::random::Random;
use super::trace::Note;
use crate::replica::{Event, Ticket, Token};
use crate::{DeviceId, Epoch, Kind, Refusal, TxId};

/// Microseconds between a sensor and a node, each way.
const WAY: Micros = 5_000;

/// Microseconds after which a sensor does not wait for an answer any more.
const PATIENCE: Micros = 3_000_000;

/// Microseconds before a sensor tries what did not work again.
const AGAIN: Micros = 500_000;

/// Refusals for want of an enrolment after which a sensor enrols again: it was lost with a disk.
const REFUSALS: u32 = 16;

/// Readings after which a sensor that revokes itself does so, at most.
const REVOKES_AFTER: u64 = 8;

/// What a sensor does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Asks for a ticket.
    Ask,
    /// Hands in what it has.
    Hand,
    /// Waits no longer.
    GiveUp,
}

/// One sensor.
#[derive(Debug)]
pub(super) struct Sensor {
    /// The number that its key is made of, anew each time: keys are long, and sensors are many.
    number: u64,
    device: DeviceId,
    node: usize,
    random: Random,
    is_enrolled: bool,
    pub(super) equivocates: bool,
    /// Readings until it revokes itself.
    revokes_in: Option<u64>,
    /// The epoch that it counts in, and the next counter.
    counter: Option<(Epoch, u32)>,
    /// Counts what it waits for: answers to what it does not wait for any more are nothing.
    turn: u32,
    ticket: Option<Ticket>,
    asked_at: Micros,
    /// What it has signed and nobody has taken.
    open: Option<Number>,
    is_waiting: bool,
    /// How often in a row it was told that it is not enrolled.
    strange: u32,
}

impl Sensor {
    fn key(&self) -> Key {
        Key::new(self.number)
    }
}

impl Net {
    /// Adds sensors at nodes drawn at random; each begins within one pause.
    pub(super) fn add_sensors(&mut self, count: usize, equivocating: usize, settings: SensorSettings) {
        self.sensor_settings = settings;
        for _ in 0..count {
            let number = self.sensors.len();
            let device = Key::new(number as u64).device();
            let mut random = Random::new(self.settings.seed, &[3, number as u64]);
            let node = random.index(self.honest().max(1));
            let begin = random.between(0, settings.pause.1.max(1));
            let is_revoking = number + settings.revoking >= count;
            let revokes_in = is_revoking.then(|| random.below(REVOKES_AFTER));
            self.sensors.push(Sensor {
                number: number as u64,
                device,
                node,
                random,
                is_enrolled: !settings.enrol,
                equivocates: number < equivocating,
                revokes_in,
                counter: None,
                turn: 0,
                ticket: None,
                asked_at: 0,
                open: None,
                is_waiting: false,
                strange: 0,
            });
            self.sensor_later(number as u32, begin, Step::Ask);
        }
    }

    /// Lets a sensor that everybody knows fetch a ticket of a node now and hand a reading in at once.
    pub fn submit(&mut self, node: usize) {
        if self.sensors.is_empty() {
            self.add_sensors(
                8,
                0,
                SensorSettings { pause: (Micros::MAX / 4, Micros::MAX / 4), ..SensorSettings::default() },
            );
        }
        let number = self.random.index(self.sensors.len());
        if !self.nodes[node].is_up {
            return;
        }
        let sensor = &mut self.sensors[number];
        (sensor.node, sensor.open, sensor.is_waiting) = (node, None, false);
        sensor.turn += 1;
        self.ask(number as u32);
    }

    /// Sends at this rate, at doors drawn at random, for a time.
    pub fn load(&mut self, per_second: u64, micros: Micros) {
        let pause = 1_000_000 / per_second.max(1);
        for _ in 0..micros / pause {
            let node = self.random.index(self.nodes.len());
            self.submit(node);
            self.run(pause);
        }
    }

    /// Sensors begin nothing new; what they have signed they still hand in.
    pub(super) fn calm_sensors(&mut self) {
        self.is_calm = true;
        for number in 0..self.sensors.len() {
            let sensor = &mut self.sensors[number];
            if sensor.open.is_none() {
                sensor.turn += 1;
            }
        }
    }

    /// Sensors that have signed something and were not told that it is taken.
    pub(super) fn busy_sensors(&self) -> usize {
        self.sensors.iter().filter(|sensor| sensor.open.is_some()).count()
    }

    fn sensor_later(&mut self, number: u32, pause: Micros, step: Step) {
        let turn = self.sensors[number as usize].turn;
        self.later(pause, Happening::Sensor { sensor: number, turn, step });
    }

    pub(super) fn sensor_steps(&mut self, number: u32, turn: u32, step: Step) {
        let sensor = &self.sensors[number as usize];
        if sensor.turn != turn {
            return;
        }
        match step {
            Step::Ask => self.ask(number),
            Step::Hand => self.hand(number),
            Step::GiveUp if sensor.is_waiting => {
                self.roam(number, true);
                self.hand(number);
            }
            Step::GiveUp => {}
        }
    }

    /// Lets a sensor go to another node, by chance or because the one it is at does not answer.
    fn roam(&mut self, number: u32, must: bool) {
        let (honest, chance) = (self.honest(), self.sensor_settings.roam);
        let sensor = &mut self.sensors[number as usize];
        if (sensor.random.happens(chance) || must) && honest > 1 {
            sensor.node = (sensor.node + 1 + sensor.random.index(honest - 1)) % honest;
        }
    }

    fn ask(&mut self, number: u32) {
        let sensor = &mut self.sensors[number as usize];
        let (node, turn, device) = (sensor.node, sensor.turn, sensor.device);
        if !self.nodes[node].is_up {
            self.roam(number, true);
            return self.sensor_later(number, AGAIN, Step::Ask);
        }
        let entropy = sensor.random.bytes();
        let token = self.nodes[node].next_token();
        self.nodes[node].waiting.insert(token, (number, turn));
        self.nodes[node].note(self.now, Note::Asked(number));
        self.event(node, Event::Ticket { device, count: 1, entropy, token });
    }

    /// A sensor gets its ticket.
    pub(super) fn give_ticket(&mut self, node: usize, token: Token, ticket: &Ticket) {
        let Some((number, turn)) = self.nodes[node].waiting.remove(&token) else { return };
        self.look_at_ticket(node, ticket);
        let (low, high) = self.sensor_settings.think;
        let now = self.now;
        let sensor = &mut self.sensors[number as usize];
        if sensor.turn != turn {
            return;
        }
        let think = if high == 0 { 0 } else { 2 * WAY + sensor.random.between(low, high) };
        (sensor.ticket, sensor.asked_at) = (Some(ticket.clone()), now);
        match think {
            0 => self.hand(number),
            think => self.sensor_later(number, think, Step::Hand),
        }
    }

    /// A sensor hands in what it has signed, or signs first.
    fn hand(&mut self, number: u32) {
        if self.sensors[number as usize].open.is_none() {
            match self.sign(number) {
                Some(signed) => self.sensors[number as usize].open = Some(signed),
                None => return self.sensor_later(number, AGAIN, Step::Ask),
            }
        }
        let sensor = &mut self.sensors[number as usize];
        sensor.turn += 1;
        sensor.is_waiting = true;
        let (node, turn, equivocates) = (sensor.node, sensor.turn, sensor.equivocates && sensor.is_enrolled);
        let Some(open) = sensor.open else { return };
        self.sensor_later(number, PATIENCE, Step::GiveUp);
        if self.nodes[node].is_up {
            self.hand_in(node, number, turn, open);
        }
        if equivocates {
            self.equivocate(number, open);
        }
    }

    /// A sensor hears what has become of what it handed in.
    pub(super) fn sensor_hears(&mut self, number: u32, turn: u32, answer: Result<(), &Refusal>) {
        let SensorSettings { pause, lost_answer, lost_state, .. } = self.sensor_settings;
        let sensor = &mut self.sensors[number as usize];
        if sensor.turn != turn || sensor.random.happens(lost_answer) {
            return;
        }
        sensor.turn += 1;
        sensor.is_waiting = false;
        let again = AGAIN / 2 + sensor.random.between(0, AGAIN);
        let is_strange = matches!(answer, Err(Refusal::NotEnrolled(_) | Refusal::NotEnrolledThen { .. }));
        sensor.strange = if is_strange { sensor.strange + 1 } else { 0 };
        match answer {
            Ok(()) => {
                let was = sensor.open.take().map(|open| self.catalogue.get(open).header().kind);
                sensor.is_enrolled |= was == Some(Kind::Enrol);
                if sensor.random.happens(lost_state) {
                    sensor.counter = None;
                }
                let pause = sensor.random.between(pause.0, pause.1);
                self.roam(number, false);
                if !self.is_calm {
                    self.sensor_later(number, pause, Step::Ask);
                }
            }
            // Its enrolment has not come so far, or the node has too much to do.
            Err(Refusal::Overloaded) => self.sensor_later(number, again, Step::Hand),
            Err(_) if is_strange && sensor.strange < REFUSALS => self.sensor_later(number, again, Step::Hand),
            // A fresh ticket mends all else.
            Err(_) => {
                sensor.is_enrolled &= !is_strange;
                sensor.strange = 0;
                sensor.open = None;
                if !self.is_calm {
                    self.sensor_later(number, again, Step::Ask);
                }
            }
        }
    }

    /// Nodes that sensors go to: those that keep to the rules, which come first.
    pub(super) fn honest(&self) -> usize {
        self.nodes.iter().take_while(|node| node.is_honest()).count()
    }

    /// Parents as a node would hand them out now.
    pub(super) fn some_parents(&mut self, node: usize, random: &mut Random) -> [TxId; 2] {
        let durable = self.nodes[node].disk.durable();
        let genesis = self.catalogue.network.genesis();
        if durable.is_empty() {
            return [genesis; 2];
        }
        let recent = durable.len().min(32);
        let pick = |at: usize| self.catalogue.id(durable[durable.len() - 1 - at]);
        let [first, second] = [random.index(recent), random.index(recent)];
        if first == second { [pick(first), genesis] } else { [pick(first), pick(second)] }
    }
}
