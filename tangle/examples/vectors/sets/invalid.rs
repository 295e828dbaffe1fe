//! Transactions and what the door answers to each, whatever was attached before: one fault in each.

use super::made::{Made, Plan};
use super::valid::enrolment;
use super::world::{CREATED, NOW, VALID_UNTIL, World};
use super::{Failure, hex};
use serde_json::{Value, json};
use weft_tangle::body::{Address, Reason, Revocation, Vote, Witness};
use weft_tangle::finality::Round;
use weft_tangle::{Role, content_format};

/// The file.
pub(crate) fn verdicts(world: &World, valid: &[Made]) -> Result<Value, Failure> {
    let mut rows = edited(valid);
    rows.extend(complete(world, valid)?);
    Ok(json!({
        "about": "What the door answers when nothing but the enrolments of transactions.json is attached. A row has \
                  `wire`, or `base` (a name in transactions.json) with `keep` (bytes), `edits` and `append` applied in \
                  this order. `refused` is the slug of the problem type, null when the checks of this page pass.",
        "rows": rows,
    }))
}

/// A valid transaction with other bytes in places that are checked before the signature is.
fn edited(valid: &[Made]) -> Vec<Value> {
    let mut rows = Vec::new();
    let reading = named(valid, "reading-json");
    let at = reading.timestamp();
    let mut row = |name: &str, refused: Option<(&str, u16)>, now: u64, change: Value| {
        let mut row = json!({
            "name": name, "network": "open", "now": now, "base": "reading-json",
            "refused": refused.map(|r| r.0), "status": refused.map_or(201, |r| r.1),
        });
        if let (Some(row), Value::Object(change)) = (row.as_object_mut(), change) {
            row.extend(change);
        }
        rows.push(row);
    };
    let now = NOW.as_millis();
    let edit = |at: usize, bytes: &[u8]| json!({"edits": [{"at": at, "bytes": hex(bytes)}]});
    let malformed = Some(("malformed", 400));
    row("empty", malformed, now, json!({"keep": 0}));
    row("truncated in the header", malformed, now, json!({"keep": 159}));
    row("truncated in the salt", malformed, now, json!({"keep": 2603}));
    row("oversized", malformed, now, json!({"keep": 2588, "append": {"byte": "00", "times": 16_385}}));
    row("trailing byte", Some(("digest", 422)), now, json!({"append": {"byte": "00", "times": 1}}));
    row("wrong version", malformed, now, edit(0, &[2]));
    for kind in [0, 12, 127] {
        row(&format!("reserved kind {kind}"), malformed, now, edit(1, &[kind]));
    }
    for kind in [9, 11] {
        row(&format!("kind {kind} at the door"), Some(("kind-not-at-door", 422)), now, edit(1, &[kind]));
    }
    row("kind 3 with the body of another", Some(("digest", 422)), now, edit(1, &[3]));
    for kind in [4, 5, 8, 10] {
        row(&format!("kind {kind} not yet"), Some(("kind-not-yet", 422)), now, edit(1, &[kind]));
    }
    let first_parent = reading.header.parents[0];
    row("equal parents", Some(("parents", 422)), now, edit(88, first_parent.as_bytes()));
    row("parent as old as its child", Some(("parents", 422)), now, edit(48, &at.as_millis().to_be_bytes()));
    row(
        "parent newer than its child",
        Some(("parents", 422)),
        now,
        edit(88, &at.plus(1).as_millis().to_be_bytes()),
    );
    row("bad digest", Some(("digest", 422)), now, edit(128, &[0; 32]));
    row("body of another", Some(("digest", 422)), now, edit(2604, b"{"));
    let late = Some(("timestamp", 422));
    row("10 s ahead", None, at.minus(10_000).as_millis(), json!({}));
    row("more than 10 s ahead", late, at.minus(10_001).as_millis(), json!({}));
    row("24 h behind", None, at.plus(86_400_000).as_millis(), json!({}));
    row("more than 24 h behind", late, at.plus(86_400_001).as_millis(), json!({}));
    rows
}

/// Transactions that are signed and worked for as they stand, but for the one fault that each has.
fn complete(world: &World, valid: &[Made]) -> Result<Vec<Value>, Failure> {
    let parents = [named(valid, "enrol-fog").id, world.open.genesis()];
    let own = content_format::WEFT;
    let reading = |name| Plan { counter: 7, ..Plan::new(world, name, parents) };
    let expired = VALID_UNTIL.since(CREATED);
    let mut rows = vec![
        row("unknown issuer", ("not-enrolled", 401), Plan { holder: "stranger", ..reading("u") }, world)?,
        row("expired enrolment", ("not-enrolled", 401), Plan { after_ms: expired, ..reading("x") }, world)?,
        row(
            "reading of a practitioner",
            ("role", 403),
            Plan { holder: "practitioner", ..reading("p") },
            world,
        )?,
        row("reading of a registrar", ("role", 403), Plan { holder: "registrar-b", ..reading("r") }, world)?,
        row("one bit of work too few", ("pow", 422), Plan { idle_bits: 1, ..reading("w") }, world)?,
        row(
            "work without escalation",
            ("pow", 422),
            Plan { counter: 35, idle_bits: 2, ..reading("e") },
            world,
        )?,
        row("bad signature", ("signature", 422), Plan { spoil_signature: true, ..reading("s") }, world)?,
        row(
            "signature of another network",
            ("signature", 422),
            Plan { signed_for: &world.other, ..reading("n") },
            world,
        )?,
        row("not SenML", ("content", 422), Plan { content: b"{}".to_vec(), ..reading("c") }, world)?,
        row("empty content", ("content", 422), Plan { content: Vec::new(), ..reading("m") }, world)?,
        row(
            "unknown content format",
            ("unsupported-media-type", 415),
            Plan { content_format: 0, ..reading("f") },
            world,
        )?,
    ];

    for (name, refused, content) in [
        ("SenML of version 5", None, r#"[{"bver":5,"n":"a","v":1}]"#),
        (
            "SenML of version 5 in both records that say so",
            None,
            r#"[{"bver":5,"n":"a","v":1},{"bver":5,"n":"a","v":1}]"#,
        ),
        ("SenML of version 11", Some(("content", 422)), r#"[{"bver":11,"n":"a","v":1}]"#),
        ("SenML of version 0", Some(("content", 422)), r#"[{"bver":0,"n":"a","v":1}]"#),
        (
            "SenML of version 9 behind a record without one",
            Some(("content", 422)),
            r#"[{"n":"a","v":1},{"bver":9,"n":"a","v":1}]"#,
        ),
    ] {
        rows.push(answered(name, refused, Plan { content: content.into(), ..reading("v") }, world)?);
    }

    let control = |name, holder, kind, content: Vec<u8>| Plan {
        holder,
        kind,
        content_format: own,
        content,
        ..reading(name)
    };
    let revocation = |device: &str| Revocation { device: world.id(device), reason: Reason::Lost }.encode();
    let anchor = named(valid, "anchor").content();
    let with = |content: &[u8], at: usize, byte: u8| {
        let mut content = content.to_vec();
        content[at] = byte;
        content
    };
    let witness =
        Witness::new(Round::FIRST, Vote::NONE, vec![], vec![named(valid, "enrol-fog").id])?.encode();
    let last = witness.len() - 1;
    let malformed = ("malformed", 400);
    let bad_reason = with(&revocation("patient"), 32, 4);
    let plans = [
        ("kind 3 at the door", ("kind-not-at-door", 422), control("wd", "member-a", 3, witness.clone())),
        ("witness with another list", ("digest", 422), control("wl", "member-a", 3, with(&witness, last, 0))),
        ("witness cut short", ("digest", 422), control("ws", "member-a", 3, witness[..79].to_vec())),
        ("revocation of another by a sensor", ("role", 403), control("ra", "sensor", 6, revocation("fog"))),
        ("revocation for no known reason", malformed, control("rr", "registrar-a", 6, bad_reason)),
        ("anchor by a fog node", ("role", 403), control("af", "fog", 7, anchor.to_vec())),
        ("anchor of no media type", malformed, control("am", "practitioner", 7, with(anchor, 52, b'-'))),
        ("anchor cut short", malformed, control("ac", "practitioner", 7, anchor[..57].to_vec())),
        ("anchor with a trailing byte", malformed, control("at", "practitioner", 7, [anchor, &[0]].concat())),
        (
            "anchor in another content format",
            malformed,
            Plan { content_format: 60, ..control("ao", "practitioner", 7, anchor.to_vec()) },
        ),
    ];
    for (name, refused, plan) in plans {
        rows.push(row(name, refused, plan, world)?);
    }

    let introduce = |name, holder, content| Plan { counter: 0, ..control(name, holder, 1, content) };
    let stranger = |role| enrolment(world, "stranger", role);
    let admitted = |by: &str| stranger(Role::Researcher).admitted_by(world.open.id(), world.key(by));
    let for_another = stranger(Role::Researcher).admitted_by(world.other.id(), world.key("registrar-a"));
    let plans = [
        ("self-enrolment as fog", ("role", 403), stranger(Role::Fog).encode()),
        ("unknown registrar", ("role", 403), admitted("member-a").encode()),
        ("registrar's signature for another network", ("signature", 422), for_another.encode()),
        ("enrolment of a foreign key", malformed, enrolment(world, "patient", Role::Patient).encode()),
        ("role out of range", malformed, with(&stranger(Role::Sensor).encode(), 0, 7)),
        ("validity that ends before it begins", malformed, {
            let mut enrolment = stranger(Role::Sensor);
            enrolment.valid_until = enrolment.valid_from;
            enrolment.encode()
        }),
        ("sensor with an address", malformed, {
            let mut enrolment = stranger(Role::Sensor);
            enrolment.address = Some(Address::new(b"192.0.2.9:1")?);
            enrolment.encode()
        }),
        ("KEM key of a wrong length", malformed, with(&stranger(Role::Sensor).encode(), 1362, 1)),
    ];
    for (name, refused, content) in plans {
        rows.push(row(name, refused, introduce(name, "stranger", content), world)?);
    }
    let genesis = world.closed.genesis();
    let closed = Plan {
        network: &world.closed,
        signed_for: &world.closed,
        parents: [genesis; 2],
        ..introduce("closed", "stranger", stranger(Role::Sensor).encode())
    };
    rows.push(row("self-enrolment where enrolment is closed", ("role", 403), closed, world)?);
    Ok(rows)
}

fn row(name: &str, refused: (&str, u16), plan: Plan<'_>, world: &World) -> Result<Value, Failure> {
    answered(name, Some(refused), plan, world)
}

fn answered(
    name: &str,
    refused: Option<(&str, u16)>,
    plan: Plan<'_>,
    world: &World,
) -> Result<Value, Failure> {
    let network = world.networks().into_iter().find(|(_, network)| network.id() == plan.network.id());
    let label = network.map(|(label, _)| label);
    let made = plan.make(world)?;
    Ok(json!({
        "name": name,
        "network": label,
        "now": NOW.max(made.timestamp()).as_millis(),
        "refused": refused.map(|refused| refused.0),
        "status": refused.map_or(201, |refused| refused.1),
        "wire": hex(&made.wire()),
    }))
}

/// A transaction of `transactions.json`.
pub(crate) fn named<'a>(valid: &'a [Made], name: &str) -> &'a Made {
    valid.iter().find(|made| made.name == name).expect("the vectors name only transactions that they make")
}
