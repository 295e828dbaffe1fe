//! The sets of vectors, one file each.
//!
//! Everything here follows from the constants of [`world`]; nothing reads a clock or entropy.

mod basics;
mod door;
mod finality;
mod gossip;
mod invalid;
mod made;
mod network;
mod tailing;
mod valid;
mod world;

use serde_json::Value;
use std::error::Error;
use world::World;

/// What making the vectors may fail with.
pub(crate) type Failure = Box<dyn Error>;

/// Every file's name and text.
pub(crate) fn all() -> Result<Vec<(&'static str, String)>, Failure> {
    let world = World::new()?;
    let valid = valid::transactions(&world)?;
    let sets: [(&'static str, Value); 12] = [
        ("identifiers.json", basics::identifiers(&world)),
        ("hashing.json", basics::hashing(&world)),
        ("keys.json", basics::keys(&world)),
        ("headers.json", basics::headers(&valid)),
        ("pow.json", basics::pow(&world)?),
        ("networks.json", network::networks(&world)?),
        ("gossip.json", gossip::frames(&world, &valid)),
        ("finality.json", finality::finality(&world, &valid)?),
        ("tailing.json", tailing::exchanges(&valid)),
        ("ticket.json", network::ticket(&world, &valid)),
        ("transactions.json", valid::json(&world, &valid)),
        ("verdicts.json", invalid::verdicts(&world, &valid)?),
    ];
    let mut files = Vec::new();
    for (name, set) in sets {
        files.push((name, serde_json::to_string_pretty(&set)? + "\n"));
    }
    files.push(("door.json", serde_json::to_string_pretty(&door::steps(&world, &valid)?)? + "\n"));
    files.push(("network.toml", network::toml(&world)));
    Ok(files)
}

/// Bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
