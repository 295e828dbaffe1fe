//! Where known fog nodes come from, so that strangers do not keep them out.
//!
//! Always true: what stands here this node has found out by itself. A member of the committee has the addresses that its
//! names stood for when they were resolved, for the network file is to be trusted; everybody has the one from which it has
//! proved last who it is. Nodes dial from where they listen. What a stranger says adds nothing.

use super::limits::{KNOWN_ADDRESSES, PEERS_KNOWN};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use weft_tangle::DeviceId;

/// Addresses as the gate counts them.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Of each member the newest, newest first.
    members: BTreeMap<DeviceId, Vec<IpAddr>>,
    /// Of others, who has proved itself last behind.
    others: VecDeque<(DeviceId, IpAddr)>,
}

impl Known {
    /// A member of the committee is at this address, or one of its names stands for it.
    pub(super) fn learn_member(&mut self, device: DeviceId, address: IpAddr) {
        let addresses = self.members.entry(device).or_default();
        addresses.retain(|known| *known != address);
        addresses.insert(0, address);
        addresses.truncate(KNOWN_ADDRESSES);
    }

    /// Another fog node has proved at this address that it is who it says. Who did so longest ago gives way.
    pub(super) fn learn_other(&mut self, device: DeviceId, address: IpAddr) {
        self.others.retain(|(known, _)| *known != device);
        if self.others.len() >= PEERS_KNOWN {
            self.others.pop_front();
        }
        self.others.push_back((device, address));
    }

    /// Whether a known node is at this address.
    pub(super) fn contains(&self, address: &IpAddr) -> bool {
        let is_members = || self.members.values().any(|known| known.contains(address));
        self.others.iter().any(|(_, known)| known == address) || is_members()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: usize) -> DeviceId {
        let bytes = number.to_be_bytes();
        DeviceId::from_bytes(std::array::from_fn(|at| bytes.get(at).copied().unwrap_or(0)))
    }

    fn host(number: usize) -> IpAddr {
        IpAddr::V4((0x0A00_0000 + number as u32).into())
    }

    #[test]
    fn a_node_is_known_where_it_was_last_and_a_member_at_its_newest_addresses() {
        let mut known = Known::default();
        (1..=2).for_each(|number| known.learn_other(device(1), host(number)));
        assert!(!known.contains(&host(1)) && known.contains(&host(2)));
        (10..30).for_each(|number| known.learn_member(device(2), host(number)));
        known.learn_member(device(2), host(29 - KNOWN_ADDRESSES + 1));
        let kept: Vec<_> = (10..30).filter(|number| known.contains(&host(*number))).collect();
        assert_eq!(kept, ((30 - KNOWN_ADDRESSES)..30).collect::<Vec<_>>());
    }

    #[test]
    fn others_are_bounded_and_cost_no_member_anything() {
        let mut known = Known::default();
        known.learn_member(device(0), host(0));
        (1..=PEERS_KNOWN + 1).for_each(|number| known.learn_other(device(number), host(number)));
        assert!(known.contains(&host(0)) && !known.contains(&host(1)) && known.contains(&host(2)));
        assert_eq!(known.others.len(), PEERS_KNOWN);
    }
}
