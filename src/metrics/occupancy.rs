//! What the replica holds, and what it counts from its own start, which is not that of the process.

use super::Metrics;
use prometheus::IntGauge;
use std::sync::atomic::Ordering;
use weft_tangle::replica::Occupancy;

impl Metrics {
    /// Takes over what the replica holds.
    pub fn set_occupancy(&self, occupancy: Occupancy) {
        let set = |gauge: &IntGauge, value: usize| gauge.set(value as i64);
        set(&self.tips, occupancy.tips);
        set(&self.pending, occupancy.pending);
        set(&self.window, occupancy.window);
        set(&self.in_flight, occupancy.in_flight);
        set(&self.wanted, occupancy.wanted);
        set(&self.withheld, occupancy.withheld);
        let dropped = self.tips_dropped_before.load(Ordering::Relaxed) + occupancy.tips_dropped;
        self.tips_dropped.inc_by(dropped.saturating_sub(self.tips_dropped.get()));
    }

    /// The node writes again, with a new replica, which counts from nothing.
    pub fn count_recovery(&self) {
        self.recoveries.inc();
        self.tips_dropped_before.store(self.tips_dropped.get(), Ordering::Relaxed);
    }
}
