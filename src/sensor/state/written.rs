//! The text of a state file, JSON.

use super::StateError;
use super::counters::Counters;
use crate::sensor::limits::STATE_NETWORKS;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use weft_tangle::{DeviceId, NetworkId};

/// What stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) version: u32,
    device: String,
    /// Whether an earlier state was lost: in a network not seen since, the running epoch is not used.
    pub(super) lost: bool,
    pub(super) networks: BTreeMap<String, Counters>,
}

const VERSION: u32 = 1;

impl Written {
    pub(super) fn of(device: DeviceId, lost: bool) -> Self {
        Self { version: VERSION, device: device.to_string(), lost, networks: BTreeMap::new() }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("texts and numbers always have a JSON form");
        bytes.push(b'\n');
        bytes
    }

    pub(super) fn decode(path: &Path, device: DeviceId, bytes: &[u8]) -> Result<Self, StateError> {
        let wrong = |problem: String| StateError::Format { path: path.into(), problem };
        let written: Self = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if written.version != VERSION {
            return Err(wrong(format!("version {} instead of {VERSION}", written.version)));
        }
        if written.device != device.to_string() {
            let found = written.device.chars().take(DeviceId::BYTES * 2).collect();
            return Err(StateError::OtherDevice { path: path.into(), found });
        }
        let bounded = written.networks.values().all(Counters::are_bounded);
        if written.networks.len() > STATE_NETWORKS || !bounded {
            return Err(wrong("more networks or epochs than a device keeps".into()));
        }
        if written.networks.keys().any(|network| network.parse::<NetworkId>().is_err()) {
            return Err(wrong("a network that is no network id".into()));
        }
        Ok(written)
    }
}
