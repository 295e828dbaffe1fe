//! Figures of a simulation: what went over the links, and how long transactions took.

use super::Micros;

/// What went over all links.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    /// Bytes of all streams, framing and all.
    pub bytes: u64,
    /// Of these, those of messages.
    pub control: u64,
    /// Of these, those of answers to requests.
    pub bulk: u64,
    /// Of these, those of witnesses, pushed or asked for.
    pub witnesses: u64,
    /// Messages that were sent.
    pub messages: u64,
    /// Transactions that arrived.
    pub bodies: u64,
    /// Bytes of transactions that were attached at a node that was not the first one.
    pub delivered: u64,
    /// Transactions that arrived where they were attached already.
    pub duplicates: u64,
    /// Pushes that were left out because the peer did not read fast enough.
    pub left_out: u64,
}

impl Traffic {
    /// What has come since an earlier count.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            bytes: self.bytes - earlier.bytes,
            control: self.control - earlier.control,
            bulk: self.bulk - earlier.bulk,
            witnesses: self.witnesses - earlier.witnesses,
            messages: self.messages - earlier.messages,
            bodies: self.bodies - earlier.bodies,
            delivered: self.delivered - earlier.delivered,
            duplicates: self.duplicates - earlier.duplicates,
            left_out: self.left_out - earlier.left_out,
        }
    }
}

/// Steps in which a duration doubles.
const STEPS: u64 = 16;

/// Durations in microseconds, counted in steps of a sixteenth.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Latencies {
    counts: Vec<u64>,
    count: u64,
    most: Micros,
}

impl Latencies {
    pub(super) fn add(&mut self, latency: Micros) {
        let place = place(latency);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += 1;
        self.count += 1;
        self.most = self.most.max(latency);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Durations that were counted, in ascending order, each with how many were no longer, to a sixteenth.
    pub fn shares(&self) -> impl Iterator<Item = (Micros, u64)> {
        let counted = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counted.scan(0, |seen, (place, count)| {
            *seen += count;
            Some((longest(place).min(self.most), *seen))
        })
    }

    /// The longest, exactly.
    pub fn most(&self) -> Micros {
        self.most
    }

    /// What `permille` of a thousand are no longer than, to a sixteenth; zero where nothing was counted.
    pub fn quantile(&self, permille: u64) -> Micros {
        let rank = (self.count * permille.min(1_000)).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return longest(place).min(self.most);
            }
        }
        self.most
    }
}

/// Exact below [`STEPS`]; above, the power of two below and how many sixteenths of it.
fn place(latency: Micros) -> usize {
    if latency < STEPS {
        return latency as usize;
    }
    let power = u64::from(latency.ilog2());
    let step = (latency >> (power - 4)) - STEPS;
    ((power - 3) * STEPS + step) as usize
}

/// The longest duration of a place.
fn longest(place: usize) -> Micros {
    let place = place as u64;
    if place < STEPS {
        return place;
    }
    let (power, step) = (place / STEPS + 3, place % STEPS);
    let behind = u128::from(STEPS + step + 1) << (power - 4);
    u64::try_from(behind - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_sixteenth() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(500), 0);
        (1..=10_000).for_each(|latency| latencies.add(latency));
        for (permille, exact) in [(1, 10), (500, 5_000), (990, 9_900), (1_000, 10_000)] {
            let found = latencies.quantile(permille);
            assert!(found >= exact && found <= exact + exact / 16, "{permille}: {found}");
        }
        assert_eq!((latencies.count(), latencies.most()), (10_000, 10_000));
        let shares: Vec<_> = latencies.shares().collect();
        assert!(shares.is_sorted() && shares.iter().all(|(latency, count)| latency == count));
        assert_eq!(shares.last(), Some(&(10_000, 10_000)));
    }

    #[test]
    fn places_follow_each_other() {
        for latency in (0..5_000).chain([1 << 40, u64::MAX]) {
            let place = place(latency);
            assert!(latency <= longest(place) && (place == 0 || latency > longest(place - 1)), "{latency}");
        }
    }
}
