//! What becomes final, and how the committee's rounds go.

use super::alone::Alone;
use super::register::{counter, counters, histogram, int_gauge, int_gauge_vec};
use crate::node::FinalityView;
use crate::node::bus::Bus;
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};
use weft_tangle::finality::{Delivered, FinalVerdict, MemberView, Status};
use weft_tangle::limits::JUMP_ROUNDS;

/// Seconds from a tenth to a minute, close where readings should be.
const FINAL_SECONDS: [f64; 14] = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0, 2.0, 5.0, 15.0, 60.0];

/// What a member can be; each has its series from the first scrape on.
const STATES: [&str; 3] = ["current", "behind", "silent"];

/// Members with a series each: of larger committees the API tells, for there may be few series.
const MEMBERS: usize = 16;

/// The figures of finality.
#[derive(Debug)]
pub(super) struct FinalityMetrics {
    pub(super) seconds: Histogram,
    transactions: IntCounterVec,
    commits: IntCounter,
    commit: IntGauge,
    certified: IntGauge,
    round: IntGauge,
    open: IntGauge,
    uncovered: IntGauge,
    skipped: IntCounter,
    members: IntGaugeVec,
    member_round: IntGaugeVec,
    equivocations: IntCounter,
    diverged: IntGauge,
    listening: IntGauge,
    own_witnesses: IntCounter,
    own_witness_bytes: IntCounter,
    listeners: IntGauge,
    lagged: IntCounter,
}

impl FinalityMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            seconds: histogram(
                r,
                "weft_final_seconds",
                "Time from the answer to a transaction taken here until it is final and that is on disk.",
                FINAL_SECONDS.to_vec(),
            )?,
            transactions: counters(
                r,
                "weft_final_transactions_total",
                "Transactions that became final, witnesses among them, by verdict.",
                &["verdict"],
            )?,
            commits: counter(r, "weft_finality_commits_total", "Commits made and durable.")?,
            commit: int_gauge(r, "weft_finality_commit", "Index of the newest durable commit.")?,
            certified: int_gauge(
                r,
                "weft_finality_certified_commit",
                "Index of the newest durable commit that a quorum has voted for.",
            )?,
            round: int_gauge(r, "weft_finality_round", "The highest round with a witness.")?,
            open: int_gauge(
                r,
                "weft_finality_open_transactions",
                "Attached transactions, witnesses not among them, that are not final.",
            )?,
            uncovered: int_gauge(
                r,
                "weft_finality_uncovered_transactions",
                "Transactions and witnesses that no witness covers.",
            )?,
            skipped: counter(r, "weft_finality_skipped_slots_total", "Rounds whose leader was passed by.")?,
            members: int_gauge_vec(
                r,
                "weft_finality_members",
                "Members of the committee by what their witnesses show.",
                &["state"],
            )?,
            member_round: int_gauge_vec(
                r,
                "weft_finality_member_round",
                "The highest round with a witness of a member, of committees of at most 16.",
                &["member"],
            )?,
            equivocations: counter(
                r,
                "weft_finality_equivocations_total",
                "Witnesses of which the member had made another one for the same round.",
            )?,
            diverged: int_gauge(
                r,
                "weft_finality_diverged",
                "1 when nothing is finalised any more because chains of commits have parted.",
            )?,
            listening: int_gauge(
                r,
                "weft_finality_listening",
                "1 while this member makes no witness because it has not heard enough others.",
            )?,
            own_witnesses: counter(r, "weft_finality_own_witnesses_total", "Witnesses made by this node.")?,
            own_witness_bytes: counter(
                r,
                "weft_finality_own_witness_bytes_total",
                "Bytes of those witnesses.",
            )?,
            listeners: int_gauge(r, "weft_event_listeners", "Listeners to this node's events.")?,
            lagged: counter(
                r,
                "weft_event_listeners_dropped_total",
                "Listeners to this node's events that were too slow.",
            )?,
        })
    }

    /// A commit is durable.
    pub(super) fn count_commit(&self, delivered: &Delivered) {
        self.commits.inc();
        let mut counts = [0_u64; 4];
        for judged in &delivered.transactions {
            counts[usize::from(judged.verdict.to_byte())] += 1;
        }
        for (byte, count) in (0..).zip(counts).filter(|(_, count)| *count > 0) {
            if let Some(verdict) = FinalVerdict::from_byte(byte) {
                self.transactions.with_label_values(&[verdict.name()]).inc_by(count);
            }
        }
    }

    /// This node has made a witness.
    pub(super) fn count_own_witness(&self, bytes: usize) {
        self.own_witnesses.inc();
        self.own_witness_bytes.inc_by(bytes as u64);
    }

    /// Takes over how finality stands.
    pub(super) fn set(&self, view: &FinalityView, is_diverged: bool, alone: &mut Alone<'_>) {
        let (status, totals) = (view.status(), view.totals());
        self.commit.set(status.last.index as i64);
        self.certified.set(status.certified as i64);
        self.round.set(round_of(status.round));
        self.open.set(status.open as i64);
        self.uncovered.set(status.uncovered as i64);
        alone.catch_up(&self.skipped, totals.skipped);
        alone.catch_up(&self.equivocations, totals.twins);
        self.diverged.set(is_diverged.into());
        self.listening.set(status.is_listening.into());
        for (state, members) in by_state(&status) {
            self.members.with_label_values(&[state]).set(members);
        }
        if status.members.len() <= MEMBERS {
            for (number, member) in status.members.iter().enumerate() {
                let round = round_of(member.round);
                self.member_round.with_label_values(&[number.to_string()]).set(round);
            }
        }
    }

    /// Takes over who listens.
    pub(super) fn set_listeners(&self, bus: &Bus, alone: &mut Alone<'_>) {
        self.listeners.set(bus.subscribers() as i64);
        alone.catch_up(&self.lagged, bus.lagged());
    }

    /// Counts everything that there can be, for the test that bounds the series.
    #[cfg(test)]
    pub(super) fn at_its_fullest(&self) {
        STATES.iter().for_each(|state| self.members.with_label_values(&[*state]).set(1));
        (0..MEMBERS).for_each(|number| self.member_round.with_label_values(&[number.to_string()]).set(1));
        let verdicts = (0..=255).filter_map(FinalVerdict::from_byte);
        verdicts.for_each(|verdict| self.transactions.with_label_values(&[verdict.name()]).inc());
    }
}

fn round_of(round: Option<weft_tangle::finality::Round>) -> i64 {
    round.map_or(0, |round| round.get() as i64)
}

/// How many members are in each state: with a witness of the newest rounds, of earlier ones alone, of none.
fn by_state(status: &Status) -> [(&'static str, i64); 3] {
    let newest = status.round.map_or(0, |round| round.get());
    let state = |member: &MemberView| match member.round {
        None => 2,
        Some(round) => usize::from(round.get() + JUMP_ROUNDS < newest),
    };
    let mut counts = [0; 3];
    status.members.iter().for_each(|member| counts[state(member)] += 1);
    [0, 1, 2].map(|at| (STATES[at], counts[at]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_tangle::finality::Round;
    use weft_tangle::{Position, Replica};

    #[test]
    fn members_are_told_apart_by_their_newest_witness() {
        let replica = Replica::new(crate::testing::network("members"), Position(0));
        let mut status = replica.finality();
        let member = |round| MemberView { round: Round::new(round), ..status.members[0] };
        let members = [0, 1, 11, 12, 20].map(member).to_vec();
        assert_eq!(by_state(&status), [("current", 0), ("behind", 0), ("silent", 1)]);
        (status.members, status.round) = (members, Round::new(20));
        assert_eq!(by_state(&status), [("current", 2), ("behind", 2), ("silent", 1)]);
    }
}
