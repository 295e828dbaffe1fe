//! What tests of finality need: graphs of witnesses drawn by hand.

use super::{Member, Round, Window};
use crate::{Timestamp, TxId, blake2s};
use std::collections::BTreeMap;

/// A witness drawn for a test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Drawn {
    pub(super) id: TxId,
    pub(super) author: Member,
    pub(super) round: Round,
    pub(super) parents: Vec<TxId>,
    pub(super) previous: Option<TxId>,
}

pub(super) fn member(place: usize) -> Member {
    Member::new(place).unwrap()
}

pub(super) fn round(number: u64) -> Round {
    Round::new(number).unwrap()
}

/// An id that sorts by round.
pub(super) fn id(round: Round, name: &str) -> TxId {
    TxId::from_parts(Timestamp::from_millis(1_000 * round.get()), &blake2s(&[name.as_bytes()]))
}

/// Witnesses by name, drawn as `"A1; B1; B1'; A2: A1 B1"`: author, round and strokes for twins, then witness parents.
/// Parent 1 is the own one among these, else the newest own one drawn before.
pub(super) fn draw(text: &str) -> (Vec<Drawn>, BTreeMap<String, TxId>) {
    let mut names = BTreeMap::new();
    let mut drawn: Vec<Drawn> = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, parents) = part.split_once(':').unwrap_or((part, ""));
        let author = member(usize::from(name.as_bytes()[0] - b'A'));
        let number = name[1..].trim_end_matches('\'').parse().unwrap();
        let parents: Vec<TxId> = parents.split_whitespace().map(|parent| names[parent]).collect();
        let own = |drawn: &&Drawn| drawn.author == author && drawn.round < round(number);
        let among = drawn.iter().filter(own).find(|drawn| parents.contains(&drawn.id));
        let previous = among.or_else(|| drawn.iter().rev().find(own)).map(|drawn| drawn.id);
        let id = id(round(number), name);
        names.insert(name.to_string(), id);
        drawn.push(Drawn { id, author, round: round(number), parents, previous });
    }
    (drawn, names)
}

pub(super) fn insert(window: &mut Window, drawn: &Drawn) -> Option<super::Place> {
    window.insert(drawn.id, drawn.author, drawn.round, &drawn.parents, drawn.previous)
}
