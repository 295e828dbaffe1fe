//! Witnesses with what stands in their bodies, the commits that follow from them, and which leaders of drawn graphs are
//! committed.

mod bare;
mod chains;
mod proofs;
mod witnesses;

use super::made::{Made, Plan};
use super::world::World;
use super::{Failure, hex};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use weft_tangle::body::Witness;
use weft_tangle::finality::{
    Committer, Delivered, Entry, FinalVerdict, Finality, Ledger, Member, Pace, Round, Window, WitnessGraph,
};
use weft_tangle::{
    CommitteeSize, DeviceId, Digest, HistoryError, Timestamp, Transaction, TxId, content_format,
};

/// Names of the witnesses of both members, round by round.
const WITNESSES: [[&str; 2]; 5] = [
    ["witness-a1", "witness-b1"],
    ["witness", "witness-b2"],
    ["witness-a3", "witness-b3"],
    ["witness-a4", "witness-b4"],
    ["witness-a5", "witness-b5"],
];

/// All that was attached, and what commits have delivered.
#[derive(Default)]
struct Book {
    entries: BTreeMap<TxId, Entry>,
    verdicts: BTreeMap<TxId, FinalVerdict>,
}

impl Ledger for Book {
    fn entry(&self, id: &TxId) -> Result<Entry, HistoryError> {
        self.entries.get(id).cloned().ok_or_else(|| HistoryError::Unread(format!("{id} is not attached")))
    }

    fn position(&self, id: &TxId) -> Result<u64, HistoryError> {
        Ok(self.entries.range(..id).count() as u64)
    }

    fn at(&self, position: u64) -> Result<TxId, HistoryError> {
        let found = self.entries.keys().nth(position as usize).copied();
        found.ok_or_else(|| HistoryError::Unread(format!("nothing is attached at {position}")))
    }

    fn is_delivered(&self, id: &TxId) -> Result<bool, HistoryError> {
        Ok(self.verdicts.contains_key(id))
    }

    fn delivered(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        for (id, verdict) in &self.verdicts {
            let entry = self.entry(id)?;
            let counts = *verdict != FinalVerdict::Revoked && range.contains(&id.timestamp());
            if counts && entry.issuer == *issuer {
                visit(*id, entry.counter);
            }
        }
        Ok(())
    }

    fn is_revoked(&self, device: &DeviceId) -> Result<bool, HistoryError> {
        let counts = |id: &TxId| self.verdicts.get(id) == Some(&FinalVerdict::Counts);
        Ok(self.entries.iter().any(|(id, entry)| entry.revokes == Some(*device) && counts(id)))
    }

    fn digest(&self, _: u64) -> Result<Option<Digest>, HistoryError> {
        Ok(None)
    }
}

/// Witnesses with what stands in them, the commits that they make, and the index that is certified with each witness.
type Rounds = (Vec<(Made, Witness)>, Vec<Delivered>, Vec<u64>);

/// Five rounds of both members, one of which sweeps the last of the valid transactions, and the commits they make.
fn run(world: &World, valid: &[Made]) -> Result<Rounds, Failure> {
    let genesis = world.open.genesis();
    let mut finality = Finality::new(&world.open);
    finality.set_device(&world.id("fog"), Pace::default());
    let mut book = Book::default();
    let attach = |finality: &mut Finality, book: &mut Book, made: &Made| -> Result<(), Failure> {
        let transaction = Transaction::decode(&world.open, &made.wire())?;
        finality.attached(book.entries.len() as u64, &transaction, false, book)?;
        book.entries.insert(made.id, Entry::of(&transaction, genesis));
        Ok(())
    };
    for made in valid {
        attach(&mut finality, &mut book, made)?;
    }
    let (mut witnesses, mut commits, mut certified): Rounds = Default::default();
    for (before, names) in (0..).zip(WITNESSES) {
        let newest = &witnesses[witnesses.len().saturating_sub(2)..];
        let parents: Vec<TxId> = newest.iter().map(|(made, _)| made.id).collect();
        let mut round = Vec::new();
        for (place, (name, holder)) in names.iter().zip(["member-a", "member-b"]).enumerate() {
            let sweeps = valid.last().filter(|_| (before, place) == (1, 0)).map(|made| made.id);
            let number = Round::FIRST.plus(before as u64);
            let vote = finality.status().last;
            let witness = Witness::new(number, vote, parents.clone(), sweeps.into_iter().collect())?;
            let plan = Plan {
                holder,
                kind: 3,
                content_format: content_format::WEFT,
                counter: u32::try_from(before)?,
                after_ms: 40_000 + 50 * before as u64 + 10 * place as u64,
                content: witness.encode(),
                ..Plan::new(world, name, witness.header_parents(parents.get(place).copied(), genesis))
            };
            round.push((plan.make(world)?, witness));
        }
        for (made, _) in &round {
            attach(&mut finality, &mut book, made)?;
            certified.push(finality.status().certified);
        }
        witnesses.extend(round);
        while let Some(handed) = finality.next_commit(&book)? {
            book.verdicts.extend(handed.delivered.leaves());
            commits.push(handed.delivered);
        }
    }
    Ok((witnesses, commits, certified))
}

/// The file.
pub(crate) fn finality(world: &World, valid: &[Made]) -> Result<Value, Failure> {
    let (witnesses, commits, certified) = run(world, valid)?;
    let paths = proofs::paths(&commits)?;
    let made: Vec<Made> = witnesses.iter().map(|(made, _)| made.clone()).collect();
    let rows: Vec<Value> = witnesses
        .iter()
        .map(|(made, witness)| {
            let mut row = made.json(&world.open);
            row.insert("witness".into(), fields(witness));
            row.into()
        })
        .collect();
    let commits: Vec<Value> = commits
        .iter()
        .map(|Delivered { commit, digest, transactions, .. }| {
            let delivered =
                transactions.iter().map(|judged| json!([judged.id.to_string(), judged.verdict.to_byte()]));
            json!({
                "index": commit.index,
                "previous": hex(&commit.previous.0),
                "leader": commit.leader.to_string(),
                "time": commit.time.as_millis(),
                "root": hex(&commit.root.0),
                "count": commit.count,
                "bytes": hex(&commit.encode()),
                "digest": hex(&digest.0),
                "delivered": delivered.collect::<Vec<_>>(),
            })
        })
        .collect();
    Ok(json!({
        "about": "Witnesses of the committee of the network `open`, in an order in which they attach after the \
                  transactions of transactions.json, and all commits that follow. Each delivers ids with the byte of \
                  their verdict. `graphs` are witnesses by author, round and strokes for twins, each with its witness \
                  parents; parent 1 is the own one of these, else the newest own one before it, else the genesis. \
                  `leaders` are committed, in this order, each by one commit, and no others. `certified` has for each \
                  witness, in their order, the index up to which commits are certified once it is here.",
        "witnesses": rows,
        "commits": commits,
        "certified": certified,
        "graphs": graphs()?,
        "about_bare": "In what follows transactions are a header and a content: the salt is 16 zero bytes, signature and \
                       nonce do not matter. `verdicts` are transactions of the network `open`, in an order in which they \
                       attach, with the byte of each one's verdict, then witnesses that take them along, and all commits \
                       that follow; `disputed_later` has for each commit those of earlier ones, counting until then, that \
                       it disputes. `split` is the same of so many readings of `sensor`: number i from 0 has the parents \
                       i - 1 and i - 2, the genesis where there is none, content format 110, content `[]`, the timestamp \
                       i + 1,000 ms behind the network's creation and counter i; but number 65,536 has counter 65,535. Its \
                       first leader gives two commits. `refusals` are witnesses of `member-a` by the checks of page 04. \
                       `shapes` are witnesses above those drawn, by the checks of page 17; `reading` is no witness.",
        "verdicts": chains::verdicts(world)?,
        "split": chains::split(world)?,
        "refusals": witnesses::refusals(world, valid, &made)?,
        "shapes": witnesses::shapes(),
        "about_proofs": "`paths` are the audit paths of the first leaves, for each number of leaves one for each place; \
                         `invalid` are no proofs: that of `path_of`, with so many digests less or more at its end. `votes` \
                         are what a node makes and hears; the digest of commit i is 32 bytes i in its own chain, 32 bytes \
                         i + 128 in the other.",
        "paths": paths,
        "votes": proofs::votes(),
    }))
}

fn fields(witness: &Witness) -> Value {
    let texts = |ids: &[TxId]| ids.iter().map(TxId::to_string).collect::<Vec<_>>();
    let bytes = |ids: &[TxId]| ids.iter().map(|id| hex(id.as_bytes())).collect::<Vec<_>>();
    let head = witness.head();
    json!({
        "round": head.round.get(),
        "vote": {"index": head.vote.index, "digest": hex(&head.vote.digest.0)},
        "references": hex(&head.references.0),
        "witness_parents": texts(witness.parents()),
        "witness_parents_hex": bytes(witness.parents()),
        "sweeps": texts(witness.sweeps()),
        "sweeps_hex": bytes(witness.sweeps()),
    })
}

/// A round of `authors`, each on all of the round before.
fn round(number: u64, authors: &str) -> String {
    let parents: Vec<String> =
        authors.chars().filter(|_| number > 1).map(|author| format!("{author}{}", number - 1)).collect();
    authors.chars().map(|author| format!("{author}{number}: {}; ", parents.join(" "))).collect()
}

fn graphs() -> Result<Vec<Value>, Failure> {
    let rounds =
        |numbers: Range<u64>, authors| numbers.map(|number| round(number, authors)).collect::<String>();
    let one_certificate = "A1; B1; C1; D1; A2: A1 B1 C1; B2: A1 B1 C1; C2: A1 B1 C1; D2: A1 C1 D1; ";
    let twins = "A1; B1; B1'; C1; D1; A2: A1 B1 C1 D1; C2: A1 B1' C1 D1; D2: A1 C1 D1; ";
    let back = |number: u64| if number < 120 { "ABD" } else { "ABCD" };
    let drawings = [
        ("one member", 1, rounds(1..5, "A")),
        ("all are there", 4, rounds(1..6, "ABCD")),
        ("the first leader is gone", 4, rounds(1..7, "ACD")),
        ("twins that share the votes", 4, format!("{twins}{}", rounds(3..7, "ACD"))),
        (
            "one certificate, in the anchor's history",
            4,
            format!(
                "{one_certificate}A3: A2 B2 C2; B3: A2 B2 D2; C3: B2 C2 D2; D3: B2 C2 D2; {}",
                rounds(4..7, "ABCD")
            ),
        ),
        (
            "one certificate, not in the anchor's history",
            4,
            format!(
                "{one_certificate}A3: A2 C2 D2; B3: A2 B2 C2; C3: B2 C2 D2; D3: B2 C2 D2; \
                 A4: A3 C3 D3; B4: A3 B3 C3; C4: A3 C3 D3; D4: A3 C3 D3; {}",
                rounds(5..7, "ABCD")
            ),
        ),
        (
            "one is gone, leads no more, and leads again when it is back",
            4,
            (1..240)
                .map(|number| {
                    // Who comes back has no witness of the round before to build on.
                    if number == 120 {
                        rounds(120..121, "ABD") + "C120: A119 B119 D119; "
                    } else {
                        round(number, back(number))
                    }
                })
                .collect(),
        ),
    ];
    drawings
        .iter()
        .map(|(about, members, drawing)| {
            let leaders = leaders(*members, drawing)?;
            Ok(json!({"about": about, "members": members, "witnesses": drawing.trim_end(), "leaders": leaders}))
        })
        .collect()
}

/// What the crate commits of a drawing.
fn leaders(members: usize, drawing: &str) -> Result<Vec<String>, Failure> {
    let size = CommitteeSize::new(members).ok_or("no such committee")?;
    let (mut window, mut committer) = (Window::new(Round::FIRST), Committer::new(size));
    let mut names: BTreeMap<String, TxId> = BTreeMap::new();
    let mut drawn: Vec<(TxId, Member, u64)> = Vec::new();
    let mut leaders: Vec<String> = Vec::new();
    for part in drawing.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, parents) = part.split_once(':').unwrap_or((part, ""));
        let place = name.bytes().next().ok_or("a name")?.wrapping_sub(b'A');
        let author = Member::new(usize::from(place)).ok_or("no such member")?;
        let number: u64 = name[1..].trim_end_matches('\'').parse()?;
        let find = |name: &str| names.get(name).copied().ok_or("a parent comes before its child");
        let parents = parents.split_whitespace().map(find).collect::<Result<BTreeSet<_>, _>>()?;
        let parents: Vec<TxId> = parents.into_iter().collect();
        let mut id = [0; TxId::BYTES];
        id[..8].copy_from_slice(&(names.len() as u64 + 1).to_be_bytes());
        let id = TxId::from_bytes(id);
        let of_round = Round::new(number).ok_or("there is no round 0")?;
        let own = |(_, other, earlier): &&(TxId, Member, u64)| *other == author && *earlier < number;
        let built_on = drawn.iter().filter(own).find(|(id, ..)| parents.contains(id));
        let previous = built_on.or_else(|| drawn.iter().rev().find(own)).map(|(id, ..)| *id);
        drawn.push((id, author, number));
        let placed = window.insert(id, author, of_round, &parents, previous).ok_or("drawn twice")?;
        names.insert(name.into(), id);
        committer.attached(&window, placed);
        while let Some(leader) = committer.next_leader() {
            let committed = window.vertex(leader).ok_or("a leader is in the graph")?.id;
            leaders.extend(names.iter().find(|(_, id)| **id == committed).map(|(name, _)| name.clone()));
            let index = leaders.len() as u64;
            committer.delivered(&window, index..=index);
        }
    }
    Ok(leaders)
}
