//! What sensors sign: who they are, what they measure, that they are not to be trusted any more.

use super::super::catalogue::Number;
use super::super::keys::Key;
use super::super::net::Net;
use super::Sensor;
use crate::body::{Enrolment, Reason, Revocation};
use crate::{Draft, Kind, Role, Timestamp, content_format};

/// Readings that a sensor that equivocates makes of one counter, at most.
const VARIANTS: u64 = 4;

/// CoAP Content-Format of the readings; nobody here looks into them.
const SENML_JSON: u16 = content_format::SENML_JSON;

/// What a sensor has to say.
enum Says {
    Enrolment,
    Reading,
    Revocation,
}

impl Sensor {
    /// What comes next, and with it what comes after.
    fn says(&mut self) -> Says {
        if !self.is_enrolled {
            return Says::Enrolment;
        }
        match self.revokes_in {
            Some(0) => {
                self.revokes_in = None;
                Says::Revocation
            }
            left => {
                self.revokes_in = left.map(|left| left - 1);
                Says::Reading
            }
        }
    }
}

impl Net {
    pub(super) fn sign(&mut self, number: u32) -> Option<Number> {
        let rules = *self.catalogue.network.rules();
        let (now, bytes) = (self.now, self.sensor_settings.bytes);
        let sensor = &mut self.sensors[number as usize];
        let ticket = sensor.ticket.take()?;
        let key = sensor.key();
        let parents = *ticket.parents.first()?;
        let since = ticket.time.plus((now - sensor.asked_at) / 1_000);
        let timestamp = parents.iter().map(|id| id.timestamp().plus(1)).fold(since, Timestamp::max);
        let epoch = rules.epoch(timestamp);
        let own = sensor.counter.filter(|(own, _)| *own == epoch).map_or(0, |(_, next)| next);
        let told = if ticket.epoch == epoch { ticket.counter } else { 0 };
        let counter = own.max(told);
        sensor.counter = Some((epoch, counter + 1));
        let salt = sensor.random.bytes();
        let (kind, content_format, content) = match sensor.says() {
            Says::Enrolment => (Kind::Enrol, content_format::WEFT, enrolment(&key, timestamp).encode()),
            Says::Revocation => {
                let revocation = Revocation { device: key.device(), reason: Reason::Lost };
                (Kind::RevokeDevice, content_format::WEFT, revocation.encode())
            }
            Says::Reading => (Kind::Reading, SENML_JSON, vec![7; bytes]),
        };
        let draft = Draft { kind, content_format, counter, timestamp, parents, salt, content: &content };
        if !self.sensor_settings.enrol {
            self.catalogue.give(&key);
        }
        self.catalogue.make(&draft, &key).ok()
    }

    /// A sensor uses the counter of what it has just handed in for others too, each handed in somewhere.
    pub(super) fn equivocate(&mut self, number: u32, open: Number) {
        let header = self.catalogue.get(open).header().clone();
        let content = match header.kind {
            Kind::Reading => b"another".to_vec(),
            // The same once more under another salt is another one all the same.
            _ => self.catalogue.get(open).content().to_vec(),
        };
        let variants = self.sensors[number as usize].random.below(VARIANTS);
        for _ in 0..variants {
            let honest = self.honest();
            let sensor = &mut self.sensors[number as usize];
            let (node, salt) = (sensor.random.index(honest), sensor.random.bytes());
            let draft = Draft {
                kind: header.kind,
                content_format: header.content_format,
                counter: header.counter,
                timestamp: header.timestamp,
                parents: header.parents,
                salt,
                content: &content,
            };
            let made = self.catalogue.make(&draft, &self.sensors[number as usize].key());
            if let Some(made) = made.ok().filter(|_| self.nodes[node].is_up) {
                // Nobody waits for this one's answer.
                self.hand_in(node, number, u32::MAX, made);
            }
        }
    }
}

/// What a sensor says of itself.
fn enrolment(key: &Key, from: Timestamp) -> Enrolment {
    Enrolment {
        role: Role::Sensor,
        valid_from: from.minus(60_000),
        valid_until: Timestamp::from_millis(u64::MAX),
        owner: [0; 32],
        public_key: key.public().clone(),
        kem_public_key: None,
        address: None,
        admission: None,
    }
}
