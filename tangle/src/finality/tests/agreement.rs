//! The commit rule on random graphs of witnesses: what runs against the rule written down, any order against any other,
//! one node's view against another's, and that a planted fault does not pass.

use super::plain::{Outcome, Plain};
use super::universe::{Dice, Settings, Universe};
use crate::TxId;
use crate::finality::rule::Parameters;
use crate::finality::testing::{Drawn, insert};
use crate::finality::{Committer, Known, Rotation, Round, Shape, Window, WitnessGraph};
use crate::planted::{Planted, with};
use std::collections::BTreeMap;

/// Turns change often, so that short graphs have many of them.
const ROTATION_COMMITS: u64 = 3;
const ACTIVE_ROUNDS: u64 = 2;

const COMMITTEES: [usize; 7] = [1, 2, 3, 4, 5, 7, 10];

fn commits_of(leader: &TxId) -> u64 {
    1 + u64::from(leader.as_bytes()[39].is_multiple_of(4))
}

fn settings(members: usize) -> Settings {
    Settings { members, rounds: if members > 5 { 9 } else { 14 }, twin_parents: false }
}

/// What runs in a node, fed with one witness after the other.
struct Running {
    window: Window,
    committer: Committer,
    commits: u64,
    leaders: Vec<TxId>,
}

impl Running {
    fn new(universe: &Universe) -> Self {
        let parameters = Parameters {
            rotation_commits: ROTATION_COMMITS,
            active_rounds: ACTIVE_ROUNDS,
            ..Parameters::new(universe.size)
        };
        let committer = Committer::with(parameters, Rotation::new(universe.size), Round::FIRST);
        Self { window: Window::new(Round::FIRST), committer, commits: 0, leaders: Vec::new() }
    }

    fn attach(&mut self, drawn: &Drawn) {
        if let Some(place) = insert(&mut self.window, drawn) {
            self.committer.attached(&self.window, place);
        }
        while let Some(leader) = self.committer.next_leader() {
            let id = self.window.vertex(leader).unwrap().id;
            self.leaders.push(id);
            let first = self.commits + 1;
            self.commits += commits_of(&id);
            self.committer.delivered(&self.window, first..=self.commits);
            // As a node does: what is too old to decide anything is dropped.
            self.window.drop_before(leader.round.back_to_first(ACTIVE_ROUNDS - 1));
        }
    }

    fn through(universe: &Universe, order: &[TxId]) -> Vec<TxId> {
        let mut running = Self::new(universe);
        for id in order {
            running.attach(&universe.witnesses[id]);
        }
        running.leaders
    }
}

fn plain<'a>(universe: &Universe, witnesses: &'a BTreeMap<TxId, Drawn>) -> Plain<'a> {
    let size = universe.size;
    Plain { size, witnesses, rotation_commits: ROTATION_COMMITS, active_rounds: ACTIVE_ROUNDS, commits_of }
}

/// After each witness of a view: what runs has committed what the plain rule commits.
fn equals_plain(universe: &Universe, view: &[TxId]) -> Result<(), String> {
    let mut running = Running::new(universe);
    let mut held = BTreeMap::new();
    for id in view {
        running.attach(&universe.witnesses[id]);
        held.insert(*id, universe.witnesses[id].clone());
        let expected = plain(universe, &held).leaders();
        if running.leaders != expected {
            return Err(format!("after {} witnesses: {:?}, not {expected:?}", held.len(), running.leaders));
        }
    }
    Ok(())
}

/// What honest members have committed, each in the order in which it came to hold its witnesses.
fn views_agree(universe: &Universe) -> Result<(), String> {
    let sequences: Vec<Vec<TxId>> =
        universe.views.iter().map(|view| Running::through(universe, view)).collect();
    for (a, b) in sequences.iter().flat_map(|a| sequences.iter().map(move |b| (a, b))) {
        if a.iter().zip(b).any(|(a, b)| a != b) {
            return Err(format!("{a:?} and {b:?}"));
        }
    }
    Ok(())
}

fn orders_agree(universe: &Universe, seed: u64) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let [one, other] = [(); 2].map(|()| Running::through(universe, &universe.any_order(&mut dice)));
    if one == other { Ok(()) } else { Err(format!("{one:?} and {other:?}")) }
}

#[test]
fn what_runs_equals_the_rule_after_every_witness() {
    for members in COMMITTEES {
        for seed in 0..if members > 5 { 12 } else { 40 } {
            let universe = Universe::new(seed, settings(members));
            for view in universe.views.iter().take(2) {
                equals_plain(&universe, view)
                    .unwrap_or_else(|problem| panic!("{members} members, seed {seed}: {problem}"));
            }
        }
    }
}

#[test]
fn views_of_honest_members_are_prefixes_of_each_other() {
    for members in COMMITTEES {
        for seed in 0..400 {
            views_agree(&Universe::new(seed, settings(members)))
                .unwrap_or_else(|problem| panic!("{members} members, seed {seed}: {problem}"));
        }
    }
}

#[test]
fn two_orders_of_arrival_give_the_same_commits() {
    for members in COMMITTEES {
        for seed in 0..60 {
            orders_agree(&Universe::new(seed, settings(members)), seed)
                .unwrap_or_else(|problem| panic!("{members} members, seed {seed}: {problem}"));
        }
    }
}

#[test]
fn every_drawn_witness_has_its_shape() {
    for members in COMMITTEES {
        for seed in 0..40 {
            let universe = Universe::new(seed, settings(members));
            let known = |id: &TxId| {
                universe.witnesses.get(id).map(|drawn| Known { author: drawn.author, round: drawn.round })
            };
            for drawn in universe.witnesses.values() {
                let Drawn { author, round, parents, previous, .. } = drawn;
                let shape = Shape { author: *author, round: *round, parents, previous: *previous };
                assert_eq!(shape.check(universe.size, &known), Ok(()), "{drawn:?}");
            }
        }
    }
}

/// Graphs that never come to a certain case show nothing about it.
#[test]
fn the_graphs_come_to_every_case() {
    let mut cases: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..150 {
        let universe = Universe::new(seed, settings(4));
        let rule = plain(&universe, &universe.witnesses);
        let active: Vec<_> = crate::finality::Members::all(universe.size).iter().collect();
        for slot in 1..=12 {
            let twins = if rule.leaders_of(slot, &active).len() > 1 { " of twins" } else { "" };
            let case = match (rule.direct(slot, &active), rule.decide(slot, &active)) {
                (Outcome::Commit(_), _) if twins.is_empty() => "direct commit",
                (Outcome::Commit(_), _) => "direct commit of twins",
                (Outcome::Skip, _) => "direct skip",
                (_, Outcome::Commit(_)) => "indirect commit",
                (_, Outcome::Skip) => "indirect skip",
                (_, Outcome::Undecided) => "undecided",
            };
            *cases.entry(case).or_default() += 1;
        }
    }
    for case in ["direct commit", "direct commit of twins", "direct skip", "indirect commit", "indirect skip"]
    {
        assert!(cases.get(case).is_some_and(|count| *count >= 20), "{case}: {cases:?}");
    }
}

#[test]
fn planted_faults_are_found() {
    // That witness parents are two of one author is here for the graphs to say; nobody checks their shape.
    let faults =
        [Planted::SmallQuorum, Planted::CountedWitnesses, Planted::KeepsDecisions, Planted::TwinParents];
    for fault in faults {
        let twin_parents = fault == Planted::TwinParents;
        let found = (0..3_000).find(|seed| {
            let members = [4, 7][(seed % 2) as usize];
            let settings = Settings { twin_parents, ..settings(members) };
            with(fault, || views_agree(&Universe::new(*seed, settings))).is_err()
        });
        assert!(found.is_some(), "{fault:?} is not seen by nodes that disagree");
    }
    let early = (0..100).any(|seed| {
        let universe = Universe::new(seed, settings(4));
        with(Planted::RotatesEarly, || equals_plain(&universe, &universe.views[0])).is_err()
    });
    assert!(early, "turns taken early are not what the rule says");
}
