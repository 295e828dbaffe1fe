//! The keys, networks and times that all vectors share.

use super::Failure;
use weft_tangle::signing::{PublicKey, Seed, SigningKey};
use weft_tangle::{DeviceId, Network, NetworkParts, Rules, Timestamp};

/// 2026-01-01T00:00:00.000Z.
pub(crate) const CREATED: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A device's clock when the vectors' transactions reach the door, one minute after the network was made.
pub(crate) const NOW: Timestamp = CREATED.plus(60_000);

/// Until when the enrolments of the vectors are valid: 30 days.
pub(crate) const VALID_UNTIL: Timestamp = CREATED.plus(30 * 86_400_000);

/// Every holder of a key, and the byte that its seed consists of.
pub(crate) const HOLDERS: [(&str, u8); 9] = [
    ("sensor", 0x01),
    ("patient", 0x02),
    ("practitioner", 0x03),
    ("fog", 0x04),
    ("stranger", 0x05),
    ("registrar-a", 0xA1),
    ("registrar-b", 0xA2),
    ("member-a", 0xC1),
    ("member-b", 0xC2),
];

/// Keys and networks.
pub(crate) struct World {
    /// Anybody enrols as sensor, gateway or patient; all transactions are on it unless said otherwise.
    pub(crate) open: Network,
    /// The same, but devices enrol by a registrar's signature only.
    pub(crate) closed: Network,
    /// The same as the open one but for its name: another network.
    pub(crate) other: Network,
    keys: Vec<(&'static str, SigningKey)>,
}

impl World {
    pub(crate) fn new() -> Result<Self, Failure> {
        let mut keys = Vec::new();
        for (name, byte) in HOLDERS {
            keys.push((name, SigningKey::from_seed(&Seed::from_bytes([byte; 32]))?));
        }
        Ok(Self {
            open: network(&keys, "Weft test vectors", true)?,
            closed: network(&keys, "Weft test vectors, closed", false)?,
            other: network(&keys, "Weft test vectors, another", true)?,
            keys,
        })
    }

    /// The key of a holder.
    pub(crate) fn key(&self, name: &str) -> &SigningKey {
        find(&self.keys, name)
    }

    /// The id of a holder.
    pub(crate) fn id(&self, name: &str) -> DeviceId {
        DeviceId::of(self.key(name).public_key())
    }

    /// The three networks with their names in the files.
    pub(crate) fn networks(&self) -> [(&'static str, &Network); 3] {
        [("open", &self.open), ("closed", &self.closed), ("other", &self.other)]
    }
}

fn find<'a>(keys: &'a [(&'static str, SigningKey)], name: &str) -> &'a SigningKey {
    let found = keys.iter().find(|(known, _)| *known == name);
    &found.expect("the vectors name only holders of the table above").1
}

/// Low difficulties and a small quota: nonces are real, and quickly found.
fn network(
    keys: &[(&'static str, SigningKey)],
    name: &str,
    open_enrolment: bool,
) -> Result<Network, Failure> {
    let public = |name| -> PublicKey { find(keys, name).public_key().clone() };
    Ok(Network::new(NetworkParts {
        name: name.into(),
        created: CREATED,
        open_enrolment,
        rules: Rules::new(600_000, 10, 6, 9)?,
        registrars: vec![public("registrar-a"), public("registrar-b")],
        committee: vec![public("member-a"), public("member-b")],
    })?)
}
