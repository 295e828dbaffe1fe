//! Network files and their ids, and a ticket in both forms.

use super::made::Made;
use super::world::{CREATED, NOW, World};
use super::{Failure, hex};
use serde_json::{Value, json};
use weft_tangle::{Epoch, Kind, Network, to_text};

/// Each network as the fields of its file, its canonical form, its id.
pub(crate) fn networks(world: &World) -> Result<Value, Failure> {
    let rows = world.networks().map(|(label, network)| {
        let rules = network.rules();
        let (difficulty, enrolment_difficulty) = rules.base_difficulties();
        // One in full is enough: the ids of the others are its digests too.
        let canonical = (label == "open").then(|| hex(&network.canonical_form()));
        json!({
            "label": label,
            "name": network.name(),
            "created": "2026-01-01T00:00:00.000Z",
            "created_ms": CREATED.as_millis(),
            "open_enrolment": network.is_open(),
            "rules": {
                "epoch_ms": rules.epoch_ms(),
                "quota": rules.quota(),
                "difficulty": difficulty.bits(),
                "enrolment_difficulty": enrolment_difficulty.bits(),
            },
            "registrars": ["registrar-a", "registrar-b"],
            "committee": ["member-a", "member-b"],
            "canonical": canonical,
            "network": network.id().to_string(),
            "genesis": network.genesis().to_string(),
        })
    });
    Ok(json!({
        "about": "Network files; registrars and committee are names of keys.json. `open` is network.toml.",
        "networks": rows,
    }))
}

/// The network `open` as its file.
pub(crate) fn toml(world: &World) -> String {
    let network: &Network = &world.open;
    let rules = network.rules();
    let (difficulty, enrolment_difficulty) = rules.base_difficulties();
    let key = |name: &str| to_text(world.key(name).public_key().as_bytes());
    let mut text = format!(
        "# The network `open` of networks.json.\nname = \"{}\"\ncreated = \"2026-01-01T00:00:00.000Z\"\n\
         open_enrolment = {}\n\n[rules]\nepoch_ms = {}\nquota = {}\ndifficulty = {}\nenrolment_difficulty = {}\n",
        network.name(),
        network.is_open(),
        rules.epoch_ms(),
        rules.quota(),
        difficulty.bits(),
        enrolment_difficulty.bits(),
    );
    for name in ["registrar-a", "registrar-b"] {
        text += &format!("\n[[registrars]]\nkey = \"{}\"\n", key(name));
    }
    for (name, port) in [("member-a", 8471), ("member-b", 8472)] {
        text += &format!("\n[[committee]]\nkey = \"{}\"\naddress = \"192.0.2.1:{port}\"\n", key(name));
    }
    text
}

/// One ticket as JSON and in its compact form.
pub(crate) fn ticket(world: &World, valid: &[Made]) -> Value {
    let network = &world.open;
    let counter = 12;
    let difficulty = |kind| network.rules().difficulty(kind, counter, network.is_open());
    let last: Vec<_> = valid.iter().rev().take(2).map(|made| made.id).collect();
    let ticket = weft_tangle::replica::Ticket {
        time: NOW,
        epoch: network.rules().epoch(NOW),
        counter,
        difficulty: difficulty(Kind::Reading),
        enrolment_difficulty: difficulty(Kind::Enrol),
        parents: vec![[last[0], last[1]], [last[1], network.genesis()]],
    };
    let Epoch(epoch) = ticket.epoch;
    let parents: Vec<Value> =
        ticket.parents.iter().map(|pair| json!(pair.map(|parent| parent.to_string()))).collect();
    json!({
        "about": "One ticket in JSON and in its compact form.",
        "json": {
            "network": network.id().to_string(),
            "time": ticket.time.as_millis(),
            "epoch": epoch,
            "counter": ticket.counter,
            "difficulty": ticket.difficulty.bits(),
            "enrolment_difficulty": ticket.enrolment_difficulty.bits(),
            "parents": parents,
        },
        "binary": hex(&ticket.encode(network.id())),
    })
}
