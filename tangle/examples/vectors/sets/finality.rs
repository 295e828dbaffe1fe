//! Witnesses of two rounds with what stands in their bodies.

use super::made::{Made, Plan};
use super::world::World;
use super::{Failure, hex};
use serde_json::{Value, json};
use weft_tangle::body::{Vote, Witness};
use weft_tangle::finality::Round;
use weft_tangle::{TxId, content_format};

/// One round of both members, then a witness of the second round that sweeps the last of the valid transactions.
fn witnesses(world: &World, valid: &[Made]) -> Result<Vec<(Made, Witness)>, Failure> {
    let swept = valid.last().ok_or("there are valid transactions")?.id;
    let witness = |name, holder, round: u64, after_ms, previous, parents: Vec<TxId>, sweeps: Vec<TxId>| {
        let round = Round::new(round).ok_or("there is no round 0")?;
        let witness = Witness::new(round, Vote::NONE, parents, sweeps)?;
        let plan = Plan {
            holder,
            kind: 3,
            content_format: content_format::WEFT,
            counter: u32::try_from(round.get() - 1)?,
            after_ms,
            content: witness.encode(),
            ..Plan::new(world, name, witness.header_parents(previous, world.open.genesis()))
        };
        Ok::<_, Failure>((plan.make(world)?, witness))
    };
    let first = witness("witness-a1", "member-a", 1, 40_000, None, vec![], vec![])?;
    let second = witness("witness-b1", "member-b", 1, 40_010, None, vec![], vec![])?;
    let parents = vec![first.0.id, second.0.id];
    let third = witness("witness", "member-a", 2, 40_050, Some(first.0.id), parents, vec![swept])?;
    Ok(vec![first, second, third])
}

/// The file.
pub(crate) fn finality(world: &World, valid: &[Made]) -> Result<Value, Failure> {
    let rows: Vec<Value> = witnesses(world, valid)?
        .iter()
        .map(|(made, witness)| {
            let ids = |ids: &[TxId]| ids.iter().map(TxId::to_string).collect::<Vec<_>>();
            let head = witness.head();
            let mut row = made.json(&world.open);
            row.insert(
                "witness".into(),
                json!({
                    "round": head.round.get(),
                    "vote": {"index": head.vote.index, "digest": hex(&head.vote.digest.0)},
                    "references": hex(&head.references.0),
                    "witness_parents": ids(witness.parents()),
                    "witness_parents_hex": hexes(witness.parents()),
                    "sweeps": ids(witness.sweeps()),
                    "sweeps_hex": hexes(witness.sweeps()),
                }),
            );
            row.into()
        })
        .collect();
    Ok(json!({
        "about": "Witnesses of the committee of the network `open`, in an order in which they attach after those of \
                  transactions.json.",
        "witnesses": rows,
    }))
}

fn hexes(ids: &[TxId]) -> Vec<String> {
    ids.iter().map(|id| hex(id.as_bytes())).collect()
}
