//! Witnesses that are refused: by what their bytes and the network file alone tell, and by whose witnesses they build on.

use super::super::Failure;
use super::super::made::Made;
use super::super::world::World;
use super::bare::Plan;
use serde_json::{Value, json};
use weft_tangle::body::Vote;
use weft_tangle::{Digest, TxId, blake2s, content_format};

/// A witness before it has bytes, with at most one fault.
#[derive(Clone)]
struct Fields {
    round: u64,
    vote: Vote,
    parents: Vec<TxId>,
    sweeps: Vec<TxId>,
    header_parents: [TxId; 2],
    content_format: u16,
    /// Milliseconds after the network's creation.
    after_ms: u64,
    /// A byte behind the list, which its digest covers.
    trailing: bool,
    /// The digest of another list.
    other_list: bool,
}

impl Fields {
    /// The bytes, whatever they are.
    fn content(&self) -> Vec<u8> {
        let mut list = vec![self.parents.len() as u8];
        list.extend((self.sweeps.len() as u16).to_be_bytes());
        self.parents.iter().chain(&self.sweeps).for_each(|id| list.extend(id.as_bytes()));
        list.extend(self.trailing.then_some(0));
        let digest = if self.other_list { [7; 32] } else { blake2s(&[&list]) };
        let Vote { index, digest: Digest(voted) } = self.vote;
        [&self.round.to_be_bytes()[..], &index.to_be_bytes(), &voted, &digest, &list].concat()
    }
}

/// Witnesses of `member-a`, of whom those are that are given, by rounds of both members.
pub(super) fn refusals(world: &World, valid: &[Made], witnesses: &[Made]) -> Result<Value, Failure> {
    let genesis = world.open.genesis();
    let id = |name: &str| {
        let all = witnesses.iter().chain(valid);
        let found = all.into_iter().find(|made| made.name == name).ok_or("a name of the vectors")?;
        Ok::<_, Failure>(found.id)
    };
    let [a1, b1] = [id("witness-a1")?, id("witness-b1")?];
    let [swept, other] = [id("reading-json")?, id("anchor")?];
    let mut parents = vec![a1, b1];
    parents.sort_unstable();
    let first_but = |references: &[TxId], own: TxId| {
        references.iter().copied().find(|id| *id != own).ok_or("a reference that is another")
    };
    let right = Fields {
        round: 2,
        vote: Vote::NONE,
        header_parents: [a1, first_but(&parents, a1)?],
        parents: parents.clone(),
        sweeps: vec![swept],
        content_format: content_format::WEFT,
        after_ms: 50_000,
        trailing: false,
        other_list: false,
    };
    let first = Fields {
        round: 1,
        parents: vec![],
        sweeps: vec![swept],
        header_parents: [genesis, swept],
        ..right.clone()
    };
    let mut two = vec![swept, other];
    two.sort_unstable();
    let descending = |ids: &[TxId]| ids.iter().rev().copied().collect::<Vec<_>>();
    let three = [&parents[..], &[id("witness")?]].concat();
    let with = |change: &dyn Fn(&mut Fields)| {
        let mut fields = right.clone();
        change(&mut fields);
        fields
    };
    let rows: Vec<(&str, Option<&str>, Fields)> = vec![
        ("round 2 as it must be", None, right.clone()),
        ("round 2 without sweeps", None, with(&|it| it.sweeps = vec![])),
        ("round 1 as it must be", None, first.clone()),
        (
            "round 1 without references: both parents are the genesis",
            None,
            Fields { sweeps: vec![], header_parents: [genesis; 2], ..first.clone() },
        ),
        ("a vote for a commit", None, with(&|it| it.vote = Vote { index: 1, digest: Digest([1; 32]) })),
        ("round 0", Some("malformed"), Fields { round: 0, ..first.clone() }),
        (
            "a vote for no commit that has a digest",
            Some("malformed"),
            with(&|it| it.vote = Vote { index: 0, digest: Digest([1; 32]) }),
        ),
        ("witness parents in round 1", Some("malformed"), with(&|it| it.round = 1)),
        (
            "Q - 1 witness parents",
            Some("malformed"),
            with(&|it| {
                it.parents = vec![a1];
                it.header_parents = [a1, swept];
            }),
        ),
        ("n + 1 witness parents", Some("malformed"), with(&|it| it.parents = three.clone())),
        ("no witness parents in round 2", Some("malformed"), Fields { round: 2, ..first.clone() }),
        ("witness parents that descend", Some("malformed"), with(&|it| it.parents = descending(&parents))),
        ("a witness parent twice", Some("malformed"), with(&|it| it.parents = vec![b1, b1])),
        ("sweeps that descend", Some("malformed"), with(&|it| it.sweeps = descending(&two))),
        ("a sweep twice", Some("malformed"), with(&|it| it.sweeps = vec![swept, swept])),
        ("a sweep that is a witness parent", Some("malformed"), with(&|it| it.sweeps = vec![b1])),
        (
            "parent 1 is swept",
            Some("malformed"),
            Fields {
                header_parents: [a1, swept],
                sweeps: {
                    let mut ids = vec![a1, swept];
                    ids.sort_unstable();
                    ids
                },
                ..first.clone()
            },
        ),
        ("the genesis is swept", Some("malformed"), with(&|it| it.sweeps = vec![genesis])),
        (
            "parent 2 is not the first reference that is not parent 1",
            Some("malformed"),
            with(&|it| it.header_parents = [a1, swept]),
        ),
        (
            "parent 2 where there is no reference",
            Some("malformed"),
            Fields { sweeps: vec![], header_parents: [genesis, swept], ..first.clone() },
        ),
        (
            "parent 2 is the genesis though there is a reference",
            Some("malformed"),
            Fields { header_parents: [genesis; 2], ..first },
        ),
        ("another content format", Some("malformed"), Fields { content_format: 60, ..right.clone() }),
        ("a byte behind the list", Some("malformed"), Fields { trailing: true, ..right.clone() }),
        ("another list", Some("digest"), Fields { other_list: true, ..right.clone() }),
        (
            "a sweep that is as old as the witness",
            Some("parents"),
            with(&|it| {
                it.round = 1;
                it.parents = vec![];
                it.sweeps = two.clone();
                it.header_parents = [genesis, swept];
                it.after_ms = other.timestamp().since(world.open.created());
            }),
        ),
    ];
    let rows = rows.into_iter().map(|(about, refused, fields)| {
        let plan =
            Plan::witness(world, "member-a", 1, fields.after_ms, fields.header_parents, fields.content());
        let bare = Plan { content_format: fields.content_format, ..plan }.make(world)?;
        let mut row = bare.json();
        row["about"] = about.into();
        row["refused"] = refused.into();
        Ok(row)
    });
    rows.collect::<Result<Vec<_>, Failure>>().map(Value::from)
}

/// What stands below the witnesses of [`shapes`]: two rounds of four members, of which D signs the first twice, B the second.
const BELOW: &str = "A1; B1; C1; D1; D1'; A2: A1 B1 C1 D1; B2: A1 B1 C1 D1; B2': A1 B1 C1 D1; C2: A1 B1 C1 D1; D2: A1 B1 C1 D1";

/// Whose witnesses a witness may build on.
pub(super) fn shapes() -> Value {
    let rows = [
        (false, "the first round", "A", 1, "", "genesis"),
        (false, "all of the round before", "A", 2, "A1 B1 C1 D1", "A1"),
        (false, "a quorum of the round before", "A", 2, "A1 B1 C1", "A1"),
        (false, "either of two twins", "A", 2, "A1 B1 D1'", "A1"),
        (false, "a twin of the second round", "A", 3, "A2 B2' C2 D2", "A2"),
        (false, "one that has left out the round before", "A", 3, "B2 C2 D2", "A1"),
        (false, "one that makes its first in round 3", "A", 3, "B2 C2 D2", "genesis"),
        (false, "a twin goes on from itself", "B", 3, "A2 B2' C2", "B2'"),
        (true, "witness parents in the first round", "A", 1, "B1", "genesis"),
        (true, "parent 1 of the same round", "A", 1, "", "A1"),
        (true, "fewer than a quorum", "A", 2, "A1 B1", "A1"),
        (true, "a quorum of witnesses, but not of authors", "A", 2, "A1 D1 D1'", "A1"),
        (true, "two of one author", "A", 2, "A1 B1 C1 D1 D1'", "A1"),
        (true, "one of them of an earlier round", "A", 3, "A2 B2 C1 D2", "A2"),
        (true, "all of them of an earlier round", "A", 3, "A1 B1 C1", "A1"),
        (true, "one of them is no witness", "A", 3, "A2 B2 C2 reading", "A2"),
        (true, "parent 1 is of the round before, and left out", "A", 3, "B2 C2 D2", "A2"),
        (true, "an own one of the round before that is not parent 1", "A", 3, "A2 B2 C2", "A1"),
        (true, "an own one of the round before, and parent 1 is the genesis", "A", 3, "A2 B2 C2", "genesis"),
        (true, "parent 1 is the other twin", "B", 3, "A2 B2 C2", "B2'"),
        (true, "parent 1 is another's", "A", 3, "B2 C2 D2", "B1"),
        (true, "parent 1 is of a later round", "A", 2, "B1 C1 D1", "A2"),
        (true, "parent 1 is no witness", "A", 3, "B2 C2 D2", "reading"),
    ];
    let rows = rows.map(|(is_refused, about, author, round, parents, parent_1)| {
        json!({"about": about, "author": author, "round": round, "witness_parents": parents,
               "parent_1": parent_1, "refused": is_refused})
    });
    json!({"members": 4, "below": BELOW, "rows": rows})
}
