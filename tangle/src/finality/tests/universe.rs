//! Random graphs of witnesses: members that are slow, gone or lie, and links that deliver in any causal order.

use crate::finality::testing::{Drawn, id, member, round};
use crate::finality::{Member, Members};
use crate::{CommitteeSize, TxId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};

/// A die that a seed determines.
pub(in crate::finality) struct Dice(ChaCha8Rng);

impl Dice {
    pub(in crate::finality) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `end`.
    pub(in crate::finality) fn below(&mut self, end: usize) -> usize {
        (self.0.next_u64() % end.max(1) as u64) as usize
    }

    pub(in crate::finality) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}

/// What a universe is made with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) members: usize,
    pub(super) rounds: u64,
    /// Witnesses may build on two of one author, as if nobody checked their shape.
    pub(super) twin_parents: bool,
}

/// All witnesses that were ever made, and who of the honest came to hold which, in which order.
pub(super) struct Universe {
    pub(super) size: CommitteeSize,
    pub(super) witnesses: BTreeMap<TxId, Drawn>,
    /// In an order in which they could be attached.
    pub(super) made: Vec<TxId>,
    pub(super) views: Vec<Vec<TxId>>,
}

struct World {
    size: CommitteeSize,
    settings: Settings,
    dice: Dice,
    liars: Members,
    gone: Members,
    witnesses: BTreeMap<TxId, Drawn>,
    made: Vec<TxId>,
    held: Vec<BTreeSet<TxId>>,
    order: Vec<Vec<TxId>>,
    own: Vec<Vec<TxId>>,
    /// Chances in a hundred: a delivery at once, a later one, a twin, a witness on a bare quorum.
    chances: [usize; 4],
}

impl Universe {
    pub(super) fn new(seed: u64, settings: Settings) -> Self {
        let size = CommitteeSize::new(settings.members).unwrap();
        let mut dice = Dice::new(seed);
        let spare = size.members() - size.quorum();
        let mut places: Vec<usize> = (0..size.members()).collect();
        let mut draw = |count: usize, dice: &mut Dice| -> Members {
            (0..count).map(|_| member(places.swap_remove(dice.below(places.len())))).collect()
        };
        let lying = dice.below(size.faulty() + 1).max(usize::from(size.faulty() > 0 && dice.percent(60)));
        let liars = draw(lying, &mut dice);
        let missing = dice.below(spare - lying + 1);
        let gone = draw(missing, &mut dice);
        let chances = [20 + dice.below(80), 10 + dice.below(80), 20 + dice.below(70), dice.below(100)];
        let none = || vec![Vec::new(); size.members()];
        let world = World {
            size,
            settings,
            dice,
            liars,
            gone,
            witnesses: BTreeMap::new(),
            made: Vec::new(),
            held: vec![BTreeSet::new(); size.members()],
            order: none(),
            own: none(),
            chances,
        };
        world.run()
    }

    /// All witnesses in a random order in which each comes after what it references.
    pub(super) fn any_order(&self, dice: &mut Dice) -> Vec<TxId> {
        let (mut order, mut held, mut rest) = (Vec::new(), BTreeSet::new(), self.made.clone());
        while !rest.is_empty() {
            let ready = |id: &TxId| {
                let witness = &self.witnesses[id];
                witness.parents.iter().chain(&witness.previous).all(|reference| held.contains(reference))
            };
            let choices: Vec<usize> = (0..rest.len()).filter(|at| ready(&rest[*at])).collect();
            let id = rest.remove(choices[dice.below(choices.len())]);
            held.insert(id);
            order.push(id);
        }
        order
    }
}

impl World {
    fn run(mut self) -> Universe {
        let steps = self.settings.rounds as usize * self.size.members() * 4;
        for _ in 0..steps {
            let who = member(self.dice.below(self.size.members()));
            if self.dice.percent(self.chances[1]) {
                self.deliver_any(who);
            }
            if !self.gone.contains(who) {
                self.witness(who);
            }
        }
        let honest = (0..self.size.members()).filter(|place| !self.liars.contains(member(*place)));
        let views = honest.map(|place| self.order[place].clone()).collect();
        Universe { size: self.size, witnesses: self.witnesses, made: self.made, views }
    }

    fn deliver_any(&mut self, to: Member) {
        let missing: Vec<TxId> =
            self.made.iter().filter(|id| !self.held[to.place()].contains(*id)).copied().collect();
        if !missing.is_empty() {
            let id = missing[self.dice.below(missing.len())];
            self.deliver(to, id);
        }
    }

    /// What a member gets it holds with all that it references.
    fn deliver(&mut self, to: Member, id: TxId) {
        if self.held[to.place()].contains(&id) {
            return;
        }
        let witness = self.witnesses[&id].clone();
        for reference in witness.parents.iter().chain(&witness.previous) {
            self.deliver(to, *reference);
        }
        self.held[to.place()].insert(id);
        self.order[to.place()].push(id);
    }

    /// Those of a round that a member holds, by author. Liars know everything.
    fn known(&self, who: Member, number: u64) -> BTreeMap<Member, Vec<TxId>> {
        let mut known: BTreeMap<Member, Vec<TxId>> = BTreeMap::new();
        for (id, witness) in &self.witnesses {
            let is_held = self.liars.contains(who) || self.held[who.place()].contains(id);
            if witness.round.get() == number && is_held {
                known.entry(witness.author).or_default().push(*id);
            }
        }
        known
    }

    fn witness(&mut self, who: Member) {
        let last = self.own[who.place()].last().map_or(0, |id| self.witnesses[id].round.get());
        let is_liar = self.liars.contains(who);
        let mut number = last + 1;
        if is_liar && last > 0 && self.dice.percent(self.chances[2]) {
            number = last - self.dice.below(2).min(last as usize - 1) as u64;
        } else if self.dice.percent(10) {
            // Who is far behind goes to where a quorum is.
            let is_quorum = |number: &u64| self.known(who, number - 1).len() >= self.size.quorum();
            number = (last + 3..=last + 9).rev().find(is_quorum).unwrap_or(number);
        }
        let twins = self.known(who, number).get(&who).map_or(0, Vec::len);
        if number > self.settings.rounds || twins > 2 {
            return;
        }
        let mut known = if number == 1 { BTreeMap::new() } else { self.known(who, number - 1) };
        let own = known.remove(&who).map(|own| own[self.dice.below(own.len())]);
        let needs_own = !is_liar && number == last + 1 && number > 1;
        let size = self.size.quorum();
        if number > 1 && (known.len() + usize::from(own.is_some()) < size || (needs_own && own.is_none())) {
            return;
        }
        let mut parents: Vec<TxId> = own.into_iter().collect();
        let mut others: Vec<(Member, Vec<TxId>)> = known.into_iter().collect();
        let is_bare = self.dice.percent(self.chances[3]);
        let enough = if is_bare { size } else { self.size.members() };
        while parents.len() < enough && !others.is_empty() {
            let (_, of_author) = others.swap_remove(self.dice.below(others.len()));
            if self.settings.twin_parents && self.dice.percent(70) {
                parents.extend(of_author);
            } else {
                parents.push(of_author[self.dice.below(of_author.len())]);
            }
        }
        let older = |id: &&TxId| self.witnesses[*id].round.get() + 1 < number;
        let previous = own.or_else(|| self.own[who.place()].iter().rev().find(older).copied());
        self.attach(who, number, parents, previous);
    }

    fn attach(&mut self, author: Member, number: u64, parents: Vec<TxId>, previous: Option<TxId>) {
        let name = format!("{author:?} {number} {}", self.made.len());
        let id = id(round(number), &name);
        self.witnesses.insert(id, Drawn { id, author, round: round(number), parents, previous });
        self.made.push(id);
        self.own[author.place()].push(id);
        for place in 0..self.size.members() {
            if place == author.place() || self.dice.percent(self.chances[0]) {
                self.deliver(member(place), id);
            }
        }
    }
}
