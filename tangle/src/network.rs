//! What all nodes of a network share, and the id that follows from it (`spec/06-network-file.md`).

use crate::limits::{COMMITTEE, DIFFICULTY_BASE_BITS, NETWORK_NAME_BYTES, REGISTRARS};
use crate::signing::PublicKey;
use crate::{CommitteeSize, DeviceId, Epoch, Kind, NetworkId, Standing, Timestamp, TxId, blake2s};
use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use weft_pow::Difficulty;

/// Why numbers are no rules for a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// An epoch would have no length, or one of more than a day.
    #[error("epoch_ms is {0}; it must be 1000 to 86400000")]
    Epoch(u64),
    /// No transaction would be within the quota.
    #[error("quota is 0; it must be at least 1")]
    Quota,
    /// A difficulty that no gateway could do.
    #[error("{name} is {bits} bits; at most 40 can be asked for")]
    Difficulty {
        /// The rule's name in the network file.
        name: &'static str,
        /// What was asked for.
        bits: u8,
    },
}

/// The numbers that every node applies alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    epoch_ms: NonZeroU64,
    quota: NonZeroU32,
    difficulty: Difficulty,
    enrolment_difficulty: Difficulty,
}

impl Rules {
    /// Checks the numbers: the length of an epoch in milliseconds, the transactions a device may issue in one before
    /// they grow dearer, and the zero bits of work at the first counter, for an enrolment in an open network apart.
    pub fn new(
        epoch_ms: u64,
        quota: u32,
        difficulty: u8,
        enrolment_difficulty: u8,
    ) -> Result<Self, RulesError> {
        let bits = |name, bits: u8| {
            let fits = bits <= DIFFICULTY_BASE_BITS;
            Difficulty::new(bits).filter(|_| fits).ok_or(RulesError::Difficulty { name, bits })
        };
        Ok(Self {
            epoch_ms: NonZeroU64::new(epoch_ms)
                .filter(|ms| (1_000..=86_400_000).contains(&ms.get()))
                .ok_or(RulesError::Epoch(epoch_ms))?,
            quota: NonZeroU32::new(quota).ok_or(RulesError::Quota)?,
            difficulty: bits("difficulty", difficulty)?,
            enrolment_difficulty: bits("enrolment_difficulty", enrolment_difficulty)?,
        })
    }

    /// Milliseconds of an epoch.
    pub const fn epoch_ms(&self) -> u64 {
        self.epoch_ms.get()
    }

    /// Transactions of a device in an epoch before they grow dearer.
    pub const fn quota(&self) -> u32 {
        self.quota.get()
    }

    /// The epoch that a time falls into.
    pub const fn epoch(&self, at: Timestamp) -> Epoch {
        Epoch(at.as_millis() / self.epoch_ms.get())
    }

    /// The first moment of an epoch, and the first after it.
    pub const fn span(&self, epoch: Epoch) -> std::ops::Range<Timestamp> {
        let start = epoch.0.saturating_mul(self.epoch_ms.get());
        Timestamp::from_millis(start)..Timestamp::from_millis(start.saturating_add(self.epoch_ms.get()))
    }

    /// The work of a transaction: `base[kind] + floor(log2(1 + counter / quota))`. A pure function of header and
    /// network file, so every node judges alike (`spec/07-proof-of-work.md`).
    pub fn difficulty(&self, kind: Kind, counter: u32, open_network: bool) -> Difficulty {
        let base = match kind {
            Kind::Witness => return Difficulty::ZERO,
            Kind::Enrol if open_network => self.enrolment_difficulty,
            _ => self.difficulty,
        };
        base.escalated(counter, self.quota)
    }

    /// Work at the first counter for an enrolment in a closed network and for all other kinds, and for an
    /// enrolment in an open one.
    pub const fn base_difficulties(&self) -> (Difficulty, Difficulty) {
        (self.difficulty, self.enrolment_difficulty)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::new(600_000, 600, 10, 18).expect("the default rules keep their own bounds")
    }
}

/// Why a network file describes no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The name is empty, too long or not printable.
    #[error("the network's name must have 1 to {NETWORK_NAME_BYTES} bytes without control characters")]
    Name,
    /// Created at time zero.
    #[error("the network's creation time must be later than 1970")]
    Created,
    /// Nobody could ever finalise.
    #[error("the committee has {0} members; it needs 1 to {COMMITTEE}")]
    Committee(usize),
    /// Too many registrars.
    #[error("the network has {0} registrars; at most {REGISTRARS} are possible")]
    Registrars(usize),
    /// Nobody could ever enrol.
    #[error(
        "enrolment is closed and there is no registrar, so nobody could enrol; name a registrar or open the enrolment"
    )]
    Closed,
    /// One key stands twice.
    #[error("the key of {0} stands twice; every registrar and committee member needs a key of its own")]
    Twice(DeviceId),
}

/// What a network file says, before it is checked.
#[derive(Clone, Debug)]
pub struct NetworkParts {
    /// A name for people.
    pub name: String,
    /// When the network was made; no transaction is as old.
    pub created: Timestamp,
    /// Whether sensors, gateways and patients enrol without a registrar.
    pub open_enrolment: bool,
    /// The rules.
    pub rules: Rules,
    /// Keys that admit others.
    pub registrars: Vec<PublicKey>,
    /// Keys of the fog nodes that witness.
    pub committee: Vec<PublicKey>,
}

/// A network: its rules, its registrars and committee, and the id that follows from all of it.
#[derive(Clone, Debug)]
pub struct Network {
    id: NetworkId,
    genesis: TxId,
    name: String,
    created: Timestamp,
    open_enrolment: bool,
    rules: Rules,
    registrars: BTreeMap<DeviceId, PublicKey>,
    committee: BTreeMap<DeviceId, PublicKey>,
}

impl Network {
    /// Checks what a network file says and computes the network's id.
    pub fn new(parts: NetworkParts) -> Result<Self, NetworkError> {
        let NetworkParts { name, created, open_enrolment, rules, registrars, committee } = parts;
        let printable = !name.chars().any(char::is_control);
        if !(1..=NETWORK_NAME_BYTES).contains(&name.len()) || !printable {
            return Err(NetworkError::Name);
        }
        if created.as_millis() == 0 {
            return Err(NetworkError::Created);
        }
        if !(1..=COMMITTEE).contains(&committee.len()) {
            return Err(NetworkError::Committee(committee.len()));
        }
        if registrars.len() > REGISTRARS {
            return Err(NetworkError::Registrars(registrars.len()));
        }
        if registrars.is_empty() && !open_enrolment {
            return Err(NetworkError::Closed);
        }
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) =
            registrars.iter().chain(&committee).map(DeviceId::of).find(|id| !seen.insert(*id))
        {
            return Err(NetworkError::Twice(twice));
        }
        let by_id = |keys: Vec<PublicKey>| keys.into_iter().map(|key| (DeviceId::of(&key), key)).collect();
        let mut network = Self {
            id: NetworkId::from_bytes([0; 32]),
            genesis: TxId::first_at(created),
            name,
            created,
            open_enrolment,
            rules,
            registrars: by_id(registrars),
            committee: by_id(committee),
        };
        network.id = NetworkId::from_bytes(blake2s(&[&network.canonical_form()]));
        network.genesis = TxId::genesis(&network.id, created);
        Ok(network)
    }

    /// The bytes whose digest is the network's id: all that never changes, keys sorted by their ids.
    pub fn canonical_form(&self) -> Vec<u8> {
        let mut bytes = b"weft/network/1\0".to_vec();
        bytes.extend_from_slice(&(self.name.len() as u16).to_be_bytes());
        bytes.extend_from_slice(self.name.as_bytes());
        bytes.extend_from_slice(&self.created.as_millis().to_be_bytes());
        bytes.push(self.open_enrolment.into());
        bytes.extend_from_slice(&self.rules.epoch_ms().to_be_bytes());
        bytes.extend_from_slice(&self.rules.quota().to_be_bytes());
        bytes.push(self.rules.difficulty.bits());
        bytes.push(self.rules.enrolment_difficulty.bits());
        for keys in [&self.registrars, &self.committee] {
            bytes.extend_from_slice(&(keys.len() as u16).to_be_bytes());
            for key in keys.values() {
                bytes.extend_from_slice(key.as_bytes());
            }
        }
        bytes
    }

    /// The network's id.
    pub fn id(&self) -> &NetworkId {
        &self.id
    }

    /// The id that stands for the beginning.
    pub fn genesis(&self) -> TxId {
        self.genesis
    }

    /// The name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When the network was made.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether sensors, gateways and patients enrol without a registrar.
    pub fn is_open(&self) -> bool {
        self.open_enrolment
    }

    /// The registrar with this id.
    pub fn registrar(&self, id: &DeviceId) -> Option<&PublicKey> {
        self.registrars.get(id)
    }

    /// The registrars, by id.
    pub fn registrars(&self) -> impl ExactSizeIterator<Item = (&DeviceId, &PublicKey)> {
        self.registrars.iter()
    }

    /// How many members the committee has.
    pub fn committee_size(&self) -> CommitteeSize {
        CommitteeSize::new(self.committee.len())
            .expect("a network without a committee is refused when it is made")
    }

    /// The members of the committee, by id.
    pub fn committee(&self) -> impl ExactSizeIterator<Item = (&DeviceId, &PublicKey)> {
        self.committee.iter()
    }

    /// What the network file itself says of a key: registrars and committee count as enrolled.
    pub fn standing(&self, id: &DeviceId) -> Option<(&PublicKey, Standing)> {
        let registrar = self.registrars.get(id).map(|key| (key, Standing::Registrar));
        registrar.or_else(|| self.committee.get(id).map(|key| (key, Standing::Committee)))
    }
}
