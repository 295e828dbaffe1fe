//! From a simulation that failed to a shorter one that fails alike: fewer faults, sensors and nodes, and less time.
//!
//! Always true: what is returned fails, in the same invariant as what was given.

use super::invariant::Violation;
use super::run::{Outcome, run};
use super::scenario::{Scenario, Span};

/// Simulations that are tried.
const TRIES: usize = 400;

/// Happenings that are simulated in all.
const EVENTS: u64 = 60_000_000;

/// What is left of the efforts.
struct Search {
    seed: u64,
    best: Outcome,
    tries: usize,
    events: u64,
}

/// The shortest simulation that was found to fail as this one did. One that did not fail comes back as it is.
pub fn shrink(failed: Outcome) -> Outcome {
    if failed.violation.is_none() {
        return failed;
    }
    let mut search = Search { seed: failed.seed, best: failed, tries: TRIES, events: EVENTS };
    loop {
        let before = search.best.scenario.clone();
        search.cut_time();
        search.leave_out_faults();
        search.simplify();
        if search.best.scenario == before || search.is_over() {
            return search.best;
        }
    }
}

impl Search {
    fn is_over(&self) -> bool {
        self.tries == 0 || self.events == 0
    }

    /// Tries a shorter scenario and keeps it if it fails alike.
    fn offer(&mut self, scenario: Scenario) -> bool {
        if self.is_over() || scenario == self.best.scenario {
            return false;
        }
        self.tries -= 1;
        let outcome = run(&scenario, self.seed);
        self.events = self.events.saturating_sub(outcome.events);
        let kind =
            |outcome: &Outcome| outcome.violation.as_ref().map(|Violation { invariant, .. }| *invariant);
        let is_alike = kind(&outcome) == kind(&self.best);
        if is_alike {
            self.best = outcome;
        }
        is_alike
    }

    fn with(&mut self, change: impl FnOnce(&mut Scenario)) -> bool {
        let mut scenario = self.best.scenario.clone();
        change(&mut scenario);
        self.offer(scenario)
    }

    /// Ends the faults no later than the first violation, or halfway.
    fn cut_time(&mut self) {
        let lasts = self.best.scenario.lasts.low;
        let at = self.best.violation.as_ref().map_or(lasts, |violation| violation.at);
        for end in [at.min(lasts), lasts / 2, lasts * 3 / 4] {
            let cut = |scenario: &mut Scenario| {
                scenario.lasts = Span::of(end);
                scenario.plan.retain(|planned| planned.at <= end);
                scenario
                    .plan
                    .iter_mut()
                    .for_each(|planned| planned.lasting = planned.lasting.min(end - planned.at));
            };
            if self.with(cut) {
                break;
            }
        }
    }

    /// Leaves out faults: first large parts of them, then smaller ones, then one by one.
    fn leave_out_faults(&mut self) {
        let mut part = self.best.scenario.plan.len();
        while part > 0 {
            let mut begin = 0;
            while begin < self.best.scenario.plan.len() {
                let end = (begin + part).min(self.best.scenario.plan.len());
                if !self.with(|scenario| drop(scenario.plan.drain(begin..end))) {
                    begin = end;
                }
                if self.is_over() {
                    return;
                }
            }
            part /= 2;
        }
    }

    /// Fewer sensors, liars and nodes, and links that are better.
    fn simplify(&mut self) {
        let none = Span::of(0);
        for liars in 0..self.best.scenario.liars.low {
            if self.with(|scenario| scenario.liars = Span::of(liars)) {
                break;
            }
        }
        for lying in 0..self.best.scenario.members.lying.low {
            if self.with(|scenario| scenario.members.lying = Span::of(lying)) {
                break;
            }
        }
        for lie in self.best.scenario.members.lies.clone() {
            if self.best.scenario.members.lying.low > 0 {
                self.with(|scenario| scenario.members.lies.retain(|other| *other != lie));
            }
        }
        for lie in self.best.scenario.lies.clone() {
            if self.best.scenario.liars.low > 0 {
                self.with(|scenario| scenario.lies.retain(|other| *other != lie));
            }
        }
        let count = self.best.scenario.sensors.count.low;
        for fewer in [1, 2, count / 2, count.saturating_sub(1)].into_iter().filter(|fewer| *fewer < count) {
            if self.with(|scenario| scenario.sensors.count = Span::of(fewer)) {
                break;
            }
        }
        while self.best.scenario.nodes.low > 1
            && self.with(|scenario| scenario.nodes = Span::of(scenario.nodes.low - 1))
        {}
        self.with(|scenario| scenario.sensors.equivocating = none);
        self.with(|scenario| scenario.sensors.revoking = none);
        self.with(|scenario| scenario.sensors.lost_state = none);
        self.with(|scenario| scenario.sensors.lost_answer = none);
        self.with(|scenario| scenario.sensors.roam = none);
        self.with(|scenario| scenario.links.repeat = none);
        self.with(|scenario| scenario.links.loss = none);
        self.with(|scenario| scenario.links.bandwidth = None);
        self.with(|scenario| scenario.machines.skew_ms = none);
        self.with(|scenario| scenario.sensors.enrol = false);
    }
}
