//! Who may begin a handshake: bounds on connections that have not proved who they are, in all and per address.
//!
//! Refusing by address would let whoever forges addresses lock others out, so an address counts only once its holder
//! has shown that it receives there. While little goes on nobody is asked to; under load everybody is.

use super::bucket::Bucket;
use super::limits::{
    HANDSHAKE_ADDRESSES, HANDSHAKE_BURST, HANDSHAKE_BURST_PER_ADDRESS, HANDSHAKE_RATE,
    HANDSHAKE_RATE_PER_ADDRESS,
};
use super::options::ShellLimits;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

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
    most: usize,
    most_per_address: usize,
    most_unvalidated: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    open: usize,
    rate: Bucket,
    addresses: HashMap<IpAddr, Address>,
}

#[derive(Debug)]
struct Address {
    open: usize,
    rate: Bucket,
}

impl Gate {
    pub(super) fn new(limits: &ShellLimits, now: Instant) -> Arc<Self> {
        let rate = Bucket::new(HANDSHAKE_RATE.into(), HANDSHAKE_BURST.into(), now);
        Arc::new(Self {
            most: limits.handshakes,
            most_per_address: limits.handshakes_per_address,
            most_unvalidated: limits.handshakes_unvalidated,
            state: Mutex::new(State { open: 0, rate, addresses: HashMap::new() }),
        })
    }

    /// Judges a connection from `address`, which the client `validated` or not.
    pub(super) fn judge(self: &Arc<Self>, address: IpAddr, validated: bool, now: Instant) -> Verdict {
        let address = network_of(address);
        let mut state = self.lock();
        let is_busy = state.open >= self.most_unvalidated || state.addresses.len() >= HANDSHAKE_ADDRESSES / 2;
        if !validated && is_busy {
            return Verdict::Validate;
        }
        if state.open >= self.most {
            return Verdict::Refuse;
        }
        if state.addresses.len() >= HANDSHAKE_ADDRESSES {
            state.addresses.retain(|_, used| used.open > 0 || !used.rate.is_full(now));
        }
        let is_known = state.addresses.contains_key(&address);
        if !is_known && state.addresses.len() >= HANDSHAKE_ADDRESSES {
            return Verdict::Refuse;
        }
        let used = state.addresses.entry(address).or_insert_with(|| Address {
            open: 0,
            rate: Bucket::new(HANDSHAKE_RATE_PER_ADDRESS.into(), HANDSHAKE_BURST_PER_ADDRESS.into(), now),
        });
        if used.open >= self.most_per_address || !used.rate.take(1, now) {
            return if validated { Verdict::Refuse } else { Verdict::Validate };
        }
        used.open += 1;
        state.open += 1;
        if state.rate.take(1, now) {
            return Verdict::Begin(Pass { gate: Arc::clone(self), address });
        }
        if is_known {
            drop(state);
            self.leave(address);
        } else {
            state.open -= 1;
            state.addresses.remove(&address);
        }
        if validated { Verdict::Refuse } else { Verdict::Validate }
    }

    /// Connections that have not proved who they are.
    pub(super) fn open(&self) -> usize {
        self.lock().open
    }

    fn leave(&self, address: IpAddr) {
        let mut state = self.lock();
        state.open -= 1;
        if let Some(used) = state.addresses.get_mut(&address) {
            used.open -= 1;
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
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.gate.leave(self.address);
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
        assert_eq!(forged.len() + real.len(), limits.handshakes);
        assert!(matches!(gate.judge(host(99), true, now), Verdict::Refuse));
        drop((forged, real));
        assert_eq!(gate.open(), 0);
        assert!(begin(&gate, host(7), false, now).is_some());
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
        assert_eq!(tries(host, now), (HANDSHAKE_BURST - HANDSHAKE_BURST_PER_ADDRESS) as usize);
        assert_eq!(tries(host, now + Duration::from_secs(1)), HANDSHAKE_RATE as usize);
    }

    #[test]
    fn addresses_are_forgotten() {
        let (gate, mut now) = gate();
        for round in 0..200 {
            now += Duration::from_secs(1);
            for number in 0..HANDSHAKE_RATE {
                begin(&gate, host(round * HANDSHAKE_RATE + number), true, now).unwrap();
            }
            assert!(gate.lock().addresses.len() <= HANDSHAKE_ADDRESSES);
        }
    }
}
