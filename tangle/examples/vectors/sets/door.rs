//! A sequence at the door of a node that begins empty: duplicates, equivocations, parents.

use super::invalid::named;
use super::made::{Made, Plan};
use super::world::{CREATED, NOW, World};
use super::{Failure, hex};
use serde_json::{Value, json};
use weft_tangle::body::{Reason, Revocation};
use weft_tangle::{TxId, content_format};

const TWO_DAYS_MS: u64 = 2 * 86_400_000;

/// The file.
pub(crate) fn steps(world: &World, valid: &[Made]) -> Result<Value, Failure> {
    let now = NOW.as_millis();
    let mut steps: Vec<Value> = valid
        .iter()
        .map(|made| step(made.name, now, None, 201, "attached", json!({"transaction": made.name})))
        .collect();
    let again = |name: &str| json!({"transaction": name});
    steps.push(step("a duplicate", now, None, 200, "attached", again("reading-json")));

    let parents = named(valid, "reading-json").header.parents;
    let variant = |name, value: u8| {
        let content = format!(r#"[{{"n":"urn:dev:mac:0024befffe804ff1:hr","u":"beat/min","v":{value}}}]"#);
        Plan {
            counter: 1,
            after_ms: 10_500,
            content: content.into_bytes(),
            ..Plan::new(world, name, parents)
        }
    };
    let mut add = |name: &str, plan: Plan<'_>, now: u64, refused: Option<&str>, status: u16, after: &str| {
        let made = plan.make(world)?;
        steps.push(step(name, now, refused, status, after, json!({"wire": hex(&made.wire())})));
        Ok::<_, Failure>(())
    };
    add(
        "a second reading with the counter of `reading-json`",
        variant("v2", 73),
        now,
        None,
        201,
        "disputed",
    )?;
    let third = variant("v3", 74);
    add("a third one", third, now, Some("equivocation"), 409, "")?;
    let content = Revocation { device: world.id("sensor"), reason: Reason::Compromised }.encode();
    let revocation = Plan {
        kind: 6,
        content_format: content_format::WEFT,
        counter: 5,
        content,
        ..Plan::new(world, "rv", parents)
    };
    add(
        "a second revocation with the counter of `revoke-itself`",
        revocation,
        now,
        Some("equivocation"),
        409,
        "",
    )?;

    let plan = |name, counter, parents| Plan { counter, ..Plan::new(world, name, parents) };
    let nowhere = [TxId::first_at(CREATED.plus(5)), parents[0]];
    add("a parent that is not here", plan("np", 8, nowhere), now, Some("parents"), 422, "")?;

    let late = |name, counter, parents| Plan { after_ms: TWO_DAYS_MS, ..plan(name, counter, parents) };
    let later = CREATED.plus(TWO_DAYS_MS).as_millis();
    let tip = [named(valid, "revoke-itself").id, world.open.genesis()];
    add("parents of two days ago that are no tips", late("op", 0, parents), later, Some("parents"), 422, "")?;
    add("a tip of two days ago and the genesis", late("ot", 0, tip), later, None, 201, "attached")?;
    Ok(json!({
        "about": "Sent in this order to a node of the network `open` that begins empty and has handed out no ticket. \
                  `transaction` names one of transactions.json. `after` is the `status` of the transaction afterwards.",
        "steps": steps,
    }))
}

fn step(name: &str, now: u64, refused: Option<&str>, status: u16, after: &str, what: Value) -> Value {
    let mut step = json!({"name": name, "now": now, "refused": refused, "status": status});
    if let (Some(step), Value::Object(what)) = (step.as_object_mut(), what) {
        step.extend(what);
        if !after.is_empty() {
            step.insert("after".into(), after.into());
        }
    }
    step
}
