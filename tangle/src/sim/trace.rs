//! What has happened, as a number that two runs of one seed share, and in words for a person.

use super::Micros;
use super::catalogue::{Catalogue, Number};
use super::random::mix;
use crate::TxId;
use crate::gossip::{Class, Reason};
use std::collections::VecDeque;
use std::fmt::Write;

/// Happenings of each node that are remembered.
const NOTES: usize = 16;

/// The sum of all that has happened, in its order.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Trace(u64);

impl Trace {
    pub(super) fn add(&mut self, words: &[u64]) {
        self.0 = words.iter().fold(self.0, |sum, word| mix(sum.rotate_left(23) ^ word));
    }

    pub(super) fn value(self) -> u64 {
        self.0
    }
}

/// What two byte strings that differ hardly ever have in common.
pub(super) fn print(bytes: &[u8]) -> u64 {
    let word = |chunk: &[u8]| chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    bytes.chunks(8).fold(bytes.len() as u64, |sum, chunk| mix(sum.rotate_left(23) ^ word(chunk)))
}

/// The same of an id, whose end is a digest.
pub(super) fn print_of(id: &TxId) -> u64 {
    id.as_bytes().last_chunk().copied().map_or(0, u64::from_be_bytes)
}

/// Something that a node did or that happened to it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Note {
    Connected(usize),
    Lost(usize),
    SentAway(usize, Reason),
    Heard(usize, &'static str),
    Pushed(usize, Number),
    Delivered(usize, Number),
    Repeated(usize, Number),
    Refused(usize, &'static str),
    Asked(u32),
    Submitted(u32, Number),
    Rejected(u32, &'static str),
    Attached(Number),
    Acknowledged(u32, Number),
    Committed(usize),
    Finalised(u64),
    Signed(Number),
    Crashed(bool),
    Restored(usize),
    Restarted,
    ClockSet(i64),
    Raw(usize, Class),
}

/// The last happenings of one node.
#[derive(Default, Debug)]
pub(super) struct Notes(VecDeque<(Micros, Note)>);

impl Notes {
    pub(super) fn push(&mut self, at: Micros, note: Note) {
        if self.0.len() >= NOTES {
            self.0.pop_front();
        }
        self.0.push_back((at, note));
    }

    /// A line for each.
    pub(super) fn in_words(&self, catalogue: &Catalogue) -> Vec<String> {
        self.0.iter().map(|(at, note)| format!("{} {}", seconds(*at), words(note, catalogue))).collect()
    }
}

/// A time as people read it.
pub(super) fn seconds(at: Micros) -> String {
    format!("{:>4}.{:06} s", at / 1_000_000, at % 1_000_000)
}

/// A transaction as people tell it from others.
pub(super) fn name(number: Number, catalogue: &Catalogue) -> String {
    let mut text = catalogue.id(number).to_string();
    text.replace_range(..text.len() - 8, "");
    let _infallible = write!(text, " (#{number})");
    text
}

fn words(note: &Note, catalogue: &Catalogue) -> String {
    let named = |number: &Number| name(*number, catalogue);
    match note {
        Note::Connected(peer) => format!("is connected with node {peer}"),
        Note::Lost(peer) => format!("has lost node {peer}"),
        Note::SentAway(peer, reason) => format!("sends node {peer} away: {reason:?}"),
        Note::Heard(peer, what) => format!("hears `{what}` of node {peer}"),
        Note::Pushed(peer, number) => format!("is pushed {} by node {peer}", named(number)),
        Note::Delivered(peer, number) => format!("is sent {} by node {peer}", named(number)),
        Note::Repeated(peer, number) => format!("has {} already, which node {peer} sent", named(number)),
        Note::Refused(peer, why) => format!("refuses what node {peer} sent: {why}"),
        Note::Asked(sensor) => format!("gives sensor {sensor} a ticket"),
        Note::Submitted(sensor, number) => format!("is handed {} by sensor {sensor}", named(number)),
        Note::Rejected(sensor, why) => format!("refuses what sensor {sensor} handed in: {why}"),
        Note::Attached(number) => format!("attaches {}", named(number)),
        Note::Acknowledged(sensor, number) => {
            format!("tells sensor {sensor} that {} is taken", named(number))
        }
        Note::Committed(count) => format!("has written {count} more"),
        Note::Finalised(commit) => format!("makes commit {commit}"),
        Note::Signed(number) => match catalogue.witness(*number) {
            Some(witness) => format!("signs {}, its witness of {:?}", named(number), witness.round),
            None => format!("signs {}", named(number)),
        },
        Note::Crashed(true) => "crashes, just after a commit".into(),
        Note::Crashed(false) => "crashes; what was not written is gone".into(),
        Note::Restored(lost) => format!("is restored from a backup that lacks {lost}"),
        Note::Restarted => "starts again".into(),
        Note::ClockSet(offset) => format!("has a clock that is {offset} ms ahead"),
        Note::Raw(peer, class) => format!("receives a frame made up by node {peer} on the {class:?} stream"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_a_sum_of_its_own() {
        let sum = |words: &[u64]| {
            let mut trace = Trace::default();
            trace.add(words);
            trace.value()
        };
        assert_ne!(sum(&[1, 2]), sum(&[2, 1]));
        assert_eq!(sum(&[1, 2]), sum(&[1, 2]));
    }
}
