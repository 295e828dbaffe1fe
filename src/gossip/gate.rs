//! Who may begin a handshake: bounds on connections that have not proved who they are, in all and per address.
//!
//! Refusing by address would let whoever forges addresses lock others out, so an address counts only once its holder
//! has shown that it receives there. While little goes on nobody is asked to; under load everybody is.
//!
//! Always true: strangers never hold the part of the places, or take the part of the rate, that is kept for addresses at
//! which known nodes were found ([`Known`]).

use super::bucket::Bucket;
use super::known::Known;
use super::limits::{
    HANDSHAKE_ADDRESSES, HANDSHAKE_BURST, HANDSHAKE_BURST_PER_ADDRESS, HANDSHAKE_RATE,
    HANDSHAKE_RATE_PER_ADDRESS, HANDSHAKES_KEPT, HANDSHAKES_KEPT_PER_ADDRESS,
};
use super::options::ShellLimits;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use weft_tangle::DeviceId;

/// What to do with an incoming connection.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Let it begin.
    Begin(Pass),
    /// Let the client first show that it receives at its address.
    Validate,
    /// Refuse it: there are too many.
    Refuse,
}

/// The bounds and what is used of them.
#[derive(Debug)]
pub(super) struct Gate {
    most_per_address: usize,
    most_unvalidated: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// For everybody.
    common: Part,
    /// For addresses of known nodes.
    kept: Part,
    addresses: HashMap<IpAddr, Address>,
    known: Known,
}

/// A part of all places.
#[derive(Debug)]
struct Part {
    most: usize,
    open: usize,
    rate: Bucket,
}

impl Part {
    /// Takes a place, if there is one and the rate allows it.
    fn take(&mut self, now: Instant) -> bool {
        let is_free = self.open < self.most && self.rate.take(1, now);
        self.open += usize::from(is_free);
        is_free
    }
}

#[derive(Debug)]
struct Address {
    open: usize,
    /// Those of them in places that are kept.
    kept: usize,
    rate: Bucket,
}

impl Gate {
    pub(super) fn new(limits: &ShellLimits, now: Instant) -> Arc<Self> {
        let part = |is_kept: bool| {
            let of = |all: usize| if is_kept { all / HANDSHAKES_KEPT } else { all - all / HANDSHAKES_KEPT };
            let [rate, burst] = [HANDSHAKE_RATE, HANDSHAKE_BURST].map(|all| of(all as usize) as u64);
            Part { most: of(limits.handshakes), open: 0, rate: Bucket::new(rate, burst, now) }
        };
        let (common, kept) = (part(false), part(true));
        let state = State { common, kept, addresses: HashMap::new(), known: Known::default() };
        Arc::new(Self {
            most_per_address: limits.handshakes_per_address,
            most_unvalidated: limits.handshakes_unvalidated,
            state: Mutex::new(state),
        })
    }

    /// A fog node is at this address: a peer has proved it there, or it is a member of the committee, whose name stands for it.
    pub(super) fn learn(&self, device: DeviceId, is_committee: bool, address: IpAddr) {
        let (mut state, address) = (self.lock(), network_of(address));
        match is_committee {
            true => state.known.learn_member(device, address),
            false => state.known.learn_other(device, address),
        }
    }

    /// Judges a connection from `address`, which the client `validated` or not.
    pub(super) fn judge(self: &Arc<Self>, address: IpAddr, validated: bool, now: Instant) -> Verdict {
        let address = network_of(address);
        let mut state = self.lock();
        let State { common, kept, addresses, known } = &mut *state;
        let is_busy =
            common.open + kept.open >= self.most_unvalidated || addresses.len() >= HANDSHAKE_ADDRESSES / 2;
        if !validated && is_busy {
            return Verdict::Validate;
        }
        // Whoever forges an address has not validated it.
        let is_known = || validated && known.contains(&address);
        if common.open >= common.most && !is_known() {
            return Verdict::Refuse;
        }
        if addresses.len() >= HANDSHAKE_ADDRESSES {
            addresses.retain(|_, used| used.open > 0 || !used.rate.is_full(now));
        }
        let is_new = !addresses.contains_key(&address);
        if is_new && addresses.len() >= HANDSHAKE_ADDRESSES {
            return Verdict::Refuse;
        }
        let used = addresses.entry(address).or_insert_with(|| Address {
            open: 0,
            kept: 0,
            rate: Bucket::new(HANDSHAKE_RATE_PER_ADDRESS.into(), HANDSHAKE_BURST_PER_ADDRESS.into(), now),
        });
        let has_share = used.open < self.most_per_address && used.rate.take(1, now);
        let begins = has_share && common.take(now);
        let is_kept =
            has_share && !begins && used.kept < HANDSHAKES_KEPT_PER_ADDRESS && is_known() && kept.take(now);
        if begins || is_kept {
            used.open += 1;
            used.kept += usize::from(is_kept);
            return Verdict::Begin(Pass { gate: Arc::clone(self), address, is_kept });
        }
        if is_new {
            addresses.remove(&address);
        }
        if validated { Verdict::Refuse } else { Verdict::Validate }
    }

    /// Connections that have not proved who they are.
    pub(super) fn open(&self) -> usize {
        let state = self.lock();
        state.common.open + state.kept.open
    }

    fn leave(&self, address: IpAddr, is_kept: bool) {
        let mut state = self.lock();
        let part = if is_kept { &mut state.kept } else { &mut state.common };
        part.open -= 1;
        if let Some(used) = state.addresses.get_mut(&address) {
            used.open -= 1;
            used.kept -= usize::from(is_kept);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those that have not proved who they are, left when it is dropped.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    address: IpAddr,
    is_kept: bool,
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.gate.leave(self.address, self.is_kept);
    }
}

/// Whoever has one IPv6 address has the 2^64 around it.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn host(number: u32) -> IpAddr {
        IpAddr::V4((0x0A00_0000 + number).into())
    }

    fn gate() -> (Arc<Gate>, Instant) {
        let now = Instant::now();
        (Gate::new(&ShellLimits::default(), now), now)
    }

    fn begin(gate: &Arc<Gate>, address: IpAddr, validated: bool, now: Instant) -> Option<Pass> {
        match gate.judge(address, validated, now) {
            Verdict::Begin(pass) => Some(pass),
            _ => None,
        }
    }

    #[test]
    fn strangers_are_bounded_and_forged_ones_sooner() {
        let (gate, now) = gate();
        let limits = ShellLimits::default();
        let forged: Vec<_> = (0..99).map_while(|number| begin(&gate, host(number), false, now)).collect();
        assert_eq!(forged.len(), limits.handshakes_unvalidated);
        assert!(matches!(gate.judge(host(7), false, now), Verdict::Validate));
        let real: Vec<_> = (0..99).map_while(|number| begin(&gate, host(number), true, now)).collect();
        assert_eq!(forged.len() + real.len(), limits.handshakes / 2, "as many are kept");
        assert!(matches!(gate.judge(host(99), true, now), Verdict::Refuse));
        drop((forged, real));
        assert_eq!(gate.open(), 0);
        assert!(begin(&gate, host(7), false, now).is_some());
    }

    #[test]
    fn strangers_do_not_keep_out_whose_addresses_are_known() {
        let (gate, now) = gate();
        let limits = ShellLimits::default();
        let device = |number: u32| DeviceId::from_bytes([number as u8; 32]);
        (0..20).for_each(|number| gate.learn(device(number), number < 10, host(1_000 + number)));
        let strangers: Vec<_> =
            (0..999).map_while(|number| begin(&gate, host(number % 4), true, now)).collect();
        assert_eq!(strangers.len(), limits.handshakes / 2);
        assert!(
            matches!(gate.judge(host(1_000), false, now), Verdict::Validate),
            "anybody can write that address"
        );
        let mine: Vec<_> = (0..9).map_while(|_| begin(&gate, host(1_000), true, now)).collect();
        assert_eq!(mine.len(), HANDSHAKES_KEPT_PER_ADDRESS, "others have their share");
        let known: Vec<_> =
            (1_001..1_020).filter_map(|number| begin(&gate, host(number), true, now)).collect();
        assert_eq!(known.len(), 19);
        let rest: Vec<_> =
            (1_001..1_020).cycle().map_while(|number| begin(&gate, host(number), true, now)).collect();
        assert_eq!(gate.open(), limits.handshakes);
        assert!(begin(&gate, host(4), true, now).is_none());
        drop((strangers, mine, known, rest));
        assert_eq!(gate.open(), 0);
        // Nor by their number: all that strangers may begin is used up.
        while (0..200).filter_map(|number| begin(&gate, host(number), true, now)).count() > 0 {}
        assert!(begin(&gate, host(1_001), true, now).is_some());
    }

    #[test]
    fn one_address_does_not_take_all_places() {
        let (gate, now) = gate();
        let mine: Vec<_> = (0..99).map_while(|_| begin(&gate, host(1), true, now)).collect();
        assert_eq!(mine.len(), ShellLimits::default().handshakes_per_address);
        assert!(begin(&gate, host(2), true, now).is_some());
        let six = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(network_of(six("2001:db8::1")), network_of(six("2001:db8::ffff:1")));
        assert_ne!(network_of(six("2001:db8::1")), network_of(six("2001:db8:0:1::1")));
        assert_eq!(network_of(six("::ffff:10.0.0.1")), host(1), "an IPv4 address in IPv6's clothes");
    }

    #[test]
    fn rates_are_bounded_per_address_and_in_all() {
        let (gate, now) = gate();
        let tries = |address: fn(u32) -> IpAddr, at| {
            (0..2_000).filter(|number| begin(&gate, address(*number), true, at).is_some()).count()
        };
        assert_eq!(tries(|_| host(0), now), HANDSHAKE_BURST_PER_ADDRESS as usize);
        let strangers = HANDSHAKE_BURST / 2;
        assert_eq!(tries(host, now), (strangers - HANDSHAKE_BURST_PER_ADDRESS) as usize);
        assert_eq!(tries(host, now + Duration::from_secs(1)), HANDSHAKE_RATE as usize / 2);
    }

    #[test]
    fn addresses_are_forgotten() {
        let (gate, mut now) = gate();
        for round in 0..200 {
            now += Duration::from_secs(1);
            for number in 0..HANDSHAKE_RATE / 2 {
                begin(&gate, host(round * HANDSHAKE_RATE + number), true, now).unwrap();
            }
            assert!(gate.lock().addresses.len() <= HANDSHAKE_ADDRESSES);
        }
    }
}
