//! Whole chains of commits from transactions and witnesses without signatures: every verdict, and a leader that gives two
//! commits.

use super::super::world::World;
use super::super::{Failure, hex};
use super::Book;
use super::bare::{Bare, Plan};
use serde_json::{Value, json};
use weft_tangle::body::{Reason, Revocation, Witness};
use weft_tangle::finality::{Committee, Delivered, Entry, FinalVerdict, Finality, Pace, Round};
use weft_tangle::{TxId, content_format};

/// When the first witness is made, in milliseconds after the network's creation: later than all that is swept.
const WITNESSES_FROM_MS: u64 = 700_000;

/// Both members of `open`, round after round, each on both of the round before.
struct Chain<'a> {
    world: &'a World,
    finality: Finality,
    book: Book,
    /// The members by their numbers.
    members: Vec<&'static str>,
    /// The witnesses of the newest round, by members.
    newest: Vec<TxId>,
    rounds: u32,
    witnesses: Vec<Value>,
    commits: Vec<Delivered>,
    certified: Vec<Value>,
}

impl<'a> Chain<'a> {
    fn new(world: &'a World) -> Self {
        let mut finality = Finality::new(&world.open);
        finality.set_device(&world.id("fog"), Pace::default());
        let committee = Committee::of(&world.open);
        let mut members = vec!["member-a", "member-b"];
        members.sort_by_key(|name| committee.member(&world.id(name)));
        Self {
            world,
            finality,
            book: Book::default(),
            members,
            newest: Vec::new(),
            rounds: 0,
            witnesses: Vec::new(),
            commits: Vec::new(),
            certified: Vec::new(),
        }
    }

    fn attach(&mut self, bare: &Bare) -> Result<(), Failure> {
        let transaction = bare.transaction(self.world)?;
        let arrival = self.book.entries.len() as u64;
        self.finality.attached(arrival, &transaction, false, &self.book)?;
        self.book.entries.insert(bare.id, Entry::of(&transaction, self.world.open.genesis()));
        Ok(())
    }

    /// A round of which the leader's witness takes these along. What that commits is made at once.
    fn round(&mut self, sweeps: &[TxId]) -> Result<(), Failure> {
        let genesis = self.world.open.genesis();
        let vote = self.finality.status().last;
        let number = Round::new(u64::from(self.rounds) + 1).ok_or("there is no round 0")?;
        let leader = usize::try_from(number.get())? % self.members.len();
        let mut round = Vec::new();
        for (place, holder) in self.members.iter().enumerate() {
            let sweeps = if place == leader { sweeps.to_vec() } else { Vec::new() };
            let witness = Witness::new(number, vote, self.newest.clone(), sweeps)?;
            let parents = witness.header_parents(self.newest.get(place).copied(), genesis);
            let after_ms = WITNESSES_FROM_MS + 100 * u64::from(self.rounds) + 10 * place as u64;
            let plan = Plan::witness(self.world, holder, self.rounds, after_ms, parents, witness.encode());
            round.push(plan.make(self.world)?);
        }
        for bare in &round {
            self.attach(bare)?;
            self.witnesses.push(bare.json());
            let certified = self.finality.status().certified;
            self.certified.push(certified.into());
        }
        self.newest = round.iter().map(|bare| bare.id).collect();
        self.rounds += 1;
        loop {
            match self.finality.next_commit(&self.book)? {
                Some(handed) => {
                    self.book.verdicts.extend(handed.delivered.leaves());
                    self.commits.push(handed.delivered);
                }
                None if self.finality.is_delivering() => {}
                None => return Ok(()),
            }
        }
    }

    /// What a row has of witnesses and commits; a leaf each where `all` are to be listed.
    fn json(&self, is_listed: bool) -> [Value; 3] {
        let commits = self.commits.iter().map(|Delivered { commit, digest, transactions, .. }| {
            let mut row = json!({"bytes": hex(&commit.encode()), "digest": hex(&digest.0)});
            if is_listed {
                let leaves = transactions.iter();
                let leaves = leaves.map(|judged| json!([judged.id.to_string(), judged.verdict.to_byte()]));
                row["delivered"] = leaves.collect();
            }
            row
        });
        [self.witnesses.clone().into(), commits.collect(), self.certified.clone().into()]
    }
}

/// One transaction of the chain of verdicts: what it is, and its verdict as page 17 has it.
struct Row {
    about: &'static str,
    holder: &'static str,
    counter: u32,
    after_ms: u64,
    /// The device that it revokes; it is a reading, or of kind 128 where the holder is a registrar, when none.
    revokes: Option<&'static str>,
    verdict: FinalVerdict,
}

const fn reading(
    about: &'static str,
    holder: &'static str,
    counter: u32,
    after_ms: u64,
    verdict: FinalVerdict,
) -> Row {
    Row { about, holder, counter, after_ms, revokes: None, verdict }
}

const fn revocation(
    about: &'static str,
    (holder, revoked): (&'static str, &'static str),
    counter: u32,
    after_ms: u64,
    verdict: FinalVerdict,
) -> Row {
    Row { about, holder, counter, after_ms, revokes: Some(revoked), verdict }
}

/// What each leader takes along, in the order of ids, with the verdicts by hand.
fn batches() -> Vec<Vec<Row>> {
    use FinalVerdict::{Conflict, Counts, Disputed, Revoked};
    vec![
        vec![
            reading("alone with its counter; a later commit disputes it", "sensor", 0, 1_000, Counts),
            reading("another with its counter stands behind it in the commit", "patient", 5, 2_000, Disputed),
            reading("another with its counter stands before it", "patient", 5, 2_001, Disputed),
            reading("of a device that is revoked behind it", "stranger", 0, 3_000, Counts),
            revocation("counts from here on", ("registrar-a", "stranger"), 0, 4_000, Counts),
            reading("of a revoked device", "stranger", 1, 4_001, Revoked),
            reading("a revoked one disputes nothing of its commit", "stranger", 0, 4_002, Revoked),
            revocation(
                "of a control kind, with a counter that is used: no effect",
                ("registrar-a", "patient"),
                0,
                5_000,
                Conflict,
            ),
            reading("of a device whose revocation has no effect", "patient", 6, 6_000, Counts),
        ],
        vec![
            reading("has the counter of one of an earlier commit", "sensor", 0, 1_500, Disputed),
            reading("a revoked one disputes nothing of an earlier commit", "stranger", 0, 3_500, Revoked),
            revocation("a revoked one revokes nobody", ("stranger", "sensor"), 2, 7_000, Revoked),
            reading("no control kind, before one of a control kind", "registrar-b", 4, 8_000, Disputed),
            revocation(
                "of a control kind, behind one of no control kind",
                ("registrar-b", "fog"),
                4,
                8_001,
                Conflict,
            ),
            revocation(
                "of a control kind, before one of no control kind",
                ("registrar-b", "fog"),
                5,
                9_000,
                Counts,
            ),
            reading("no control kind, behind one of a control kind", "registrar-b", 5, 9_001, Disputed),
            reading("the same counter in the next epoch", "sensor", 0, 600_000, Counts),
        ],
        vec![
            reading("a third one with a counter", "patient", 5, 1_700, Disputed),
            reading("of a device that revokes itself behind it", "sensor", 1, 10_000, Counts),
            revocation("a device revokes itself", ("sensor", "sensor"), 2, 11_000, Counts),
            revocation(
                "a member is revoked; it goes on to vote",
                ("registrar-a", "member-a"),
                1,
                12_000,
                Counts,
            ),
        ],
        vec![
            reading(
                "older than the revocation, but behind it in the order of commits",
                "sensor",
                3,
                500,
                Revoked,
            ),
            reading("a revoked one does not dispute", "sensor", 1, 10_500, Revoked),
            reading("older than all, delivered late", "patient", 7, 400, Counts),
        ],
    ]
}

/// The chain of all verdicts.
pub(super) fn verdicts(world: &World) -> Result<Value, Failure> {
    let mut chain = Chain::new(world);
    let mut rows = Vec::new();
    let mut made = Vec::new();
    for mut batch in batches() {
        batch.sort_by_key(|row| row.after_ms);
        let mut sweeps = Vec::new();
        for Row { about, holder, counter, after_ms, revokes, verdict } in batch {
            let plan = Plan { holder, ..Plan::reading(world, counter, after_ms) };
            let plan = match revokes {
                Some(device) => {
                    let content = Revocation { device: world.id(device), reason: Reason::Lost }.encode();
                    Plan { kind: 6, content_format: content_format::WEFT, content, ..plan }
                }
                None if holder.starts_with("registrar") => Plan { kind: 128, ..plan },
                None => plan,
            };
            let bare = plan.make(world)?;
            chain.attach(&bare)?;
            sweeps.push(bare.id);
            let mut row = bare.json();
            row["about"] = about.into();
            row["verdict"] = verdict.to_byte().into();
            rows.push(row);
            made.push((bare.id, about, verdict));
        }
        chain.round(&sweeps)?;
    }
    for _ in 0..4 {
        chain.round(&[])?;
    }
    for (id, about, verdict) in made {
        if chain.book.verdicts.get(&id) != Some(&verdict) {
            return Err(format!("{about}: {:?}, not {verdict:?}", chain.book.verdicts.get(&id)).into());
        }
    }
    let stood = |id: &TxId| chain.book.verdicts.get(id) == Some(&FinalVerdict::Counts);
    let disputed: Vec<Value> = chain
        .commits
        .iter()
        .map(|delivered| {
            let earlier = delivered.also_disputed.iter().filter(|id| stood(id));
            earlier.map(|id| Value::from(id.to_string())).collect()
        })
        .collect();
    let [witnesses, commits, certified] = chain.json(true);
    Ok(json!({
        "transactions": rows,
        "witnesses": witnesses,
        "commits": commits,
        "certified": certified,
        "disputed_later": disputed,
    }))
}

/// Readings that one leader reaches, more than one commit has.
const SPLIT: u32 = 65_540;

/// A leader with two commits. Of two readings with one counter one is the last of the first commit, the other the first
/// of the second.
pub(super) fn split(world: &World) -> Result<Value, Failure> {
    let mut chain = Chain::new(world);
    let genesis = world.open.genesis();
    let mut parents = [genesis; 2];
    for number in 0..SPLIT {
        let counter = if number == 65_536 { 65_535 } else { number };
        let reading = Plan { parents, ..Plan::reading(world, counter, 1_000 + u64::from(number)) };
        let bare = reading.make(world)?;
        chain.attach(&bare)?;
        parents = [bare.id, parents[0]];
    }
    chain.round(&[parents[0]])?;
    for _ in 0..3 {
        chain.round(&[])?;
    }
    let of_first = chain.commits.iter().filter(|made| made.commit.leader == chain.commits[0].commit.leader);
    let counts: Vec<u32> = of_first.map(|made| made.commit.count).collect();
    if counts != [65_536, 5] || chain.book.verdicts.get(&parents[0]) != Some(&FinalVerdict::Counts) {
        return Err(format!("the leader gives {counts:?}").into());
    }
    let [witnesses, commits, certified] = chain.json(false);
    Ok(json!({"readings": SPLIT, "witnesses": witnesses, "commits": commits, "certified": certified}))
}
