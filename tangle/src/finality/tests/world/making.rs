//! Transactions of this world: real ones but for signature and work, which nobody here checks.

use super::{Event, World};
use crate::transaction::body_digest;
use crate::{DeviceId, Header, Kind, Timestamp, Transaction, TxId, content_format, signing::SIGNATURE_BYTES};

impl World {
    /// A reading comes to a node, or to the same a little later if that is away.
    pub(super) fn reading(&mut self, place: usize) {
        if self.nodes[place].finality.is_none() {
            return self.at(self.now + 200, Event::Reading(place));
        }
        let node = &self.nodes[place].stored;
        let newest: Vec<TxId> = node
            .log
            .iter()
            .rev()
            .filter(|id| node.attached[*id].header().kind == Kind::Reading)
            .take(6)
            .copied()
            .collect();
        let genesis = self.network.genesis();
        let [one, other] =
            [(); 2].map(|()| newest.get(self.dice.below(newest.len())).copied().unwrap_or(genesis));
        let parents = [one, if one == other { genesis } else { other }];
        let timestamp = Timestamp::from_millis(self.now).max(one.max(other).timestamp().plus(1));
        let issuer = DeviceId::from_bytes([200 + self.dice.below(5) as u8; 32]);
        let reading = self.make(Kind::Reading, issuer, timestamp, parents, b"[]");
        self.readings.push((reading.id(), self.now));
        self.send(place, self.others(place), &reading);
        self.arrives(place, reading);
    }

    /// The next transaction of an issuer.
    pub(in crate::finality::tests) fn make(
        &mut self,
        kind: Kind,
        issuer: DeviceId,
        timestamp: Timestamp,
        parents: [TxId; 2],
        content: &[u8],
    ) -> Transaction {
        let counter = self.counters.entry(issuer).or_default();
        *counter += 1;
        let body = [&[7; 16], content].concat();
        let header = Header {
            kind,
            content_format: content_format::WEFT,
            counter: *counter,
            timestamp,
            issuer,
            parents,
            body_digest: body_digest(kind, &body).unwrap(),
        };
        let wire = [&header.encode()[..], &[0; SIGNATURE_BYTES + 8], &body].concat();
        Transaction::decode(&self.network, &wire).unwrap()
    }
}
