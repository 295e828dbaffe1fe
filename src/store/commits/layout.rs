//! The tables of finality and their rows (`spec/11-storage.md`).
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `commits` | index (8) | the commit (124) |
//! | `delivered` | index (8), place (4) | positions of what it delivers, from that place on |
//! | `rulings` | a multiple of 800 (8) | 5 bytes for each position from there on: commit, witness, disputed, verdict |
//! | `witnesses` | round (8), member (1), position (8) | nothing |
//!
//! Always true: bytes that decode encode to the same bytes.

use super::Ruling;
use crate::store::layout::first_bytes;
use redb::{ReadOnlyTable, TableDefinition};
use weft_tangle::Position;
use weft_tangle::finality::{COMMIT_BYTES, Commit, FinalVerdict, Member, Members, Resume, Round};
use weft_tangle::limits::COMMITTEE;

/// Positions in a row of `rulings`: with key and page header they fill a page of 4 KiB, and a commit writes the page that it
/// changes whatever stands in it. In tests few, so that most commits change several.
pub(in crate::store) const ROW_POSITIONS: u64 = if cfg!(test) { 16 } else { 800 };

/// Positions in a row of `delivered`, but for the last of a commit. Whoever asks for a page decodes what stands before
/// it in the row.
pub(in crate::store) const PART_PLACES: usize = if cfg!(test) { 8 } else { 512 };

/// Bytes of one position in a row of `rulings`.
const RULING_BYTES: usize = 5;

/// Bytes of a row of `rulings`.
pub(super) const ROW_BYTES: usize = ROW_POSITIONS as usize * RULING_BYTES;

/// Bytes of the `resume` row of `meta`.
pub(in crate::store) const RESUME_BYTES: usize = 8 + 8 + 8 + COMMITTEE / 8;

/// The highest index that a ruling has room for: 20 commits a second make it in 108 years.
pub(super) const MOST_COMMITS: u64 = (1 << 36) - 1;

const WITNESS: u64 = 8;
const DISPUTED: u64 = 4;
const VERDICT: u64 = 3;

/// Bits below the index.
const INDEX_SHIFT: u32 = 4;

const _: () = {
    assert!(4 + 8 + 800 * RULING_BYTES <= 4_096, "a row and its key fit in a page");
    assert!(MOST_COMMITS << INDEX_SHIFT >> (8 * RULING_BYTES - 1) == 1, "an index, two flags and a verdict");
};

pub(in crate::store) const COMMITS: TableDefinition<'static, &'static [u8; 8], &'static [u8; COMMIT_BYTES]> =
    TableDefinition::new("commits");
pub(in crate::store) const DELIVERED: TableDefinition<'static, &'static [u8; 12], &'static [u8]> =
    TableDefinition::new("delivered");
pub(in crate::store) const RULINGS: TableDefinition<'static, &'static [u8; 8], &'static [u8; ROW_BYTES]> =
    TableDefinition::new("rulings");
pub(in crate::store) const WITNESSES: TableDefinition<'static, &'static WitnessKey, ()> =
    TableDefinition::new("witnesses");

/// The open table of rulings.
pub(in crate::store) type Rulings = ReadOnlyTable<&'static [u8; 8], &'static [u8; ROW_BYTES]>;

/// The open table of what was delivered.
pub(in crate::store) type Parts = ReadOnlyTable<&'static [u8; 12], &'static [u8]>;

/// In `meta`: where finality goes on behind the newest commit.
pub(super) const RESUME_KEY: &str = "resume";

/// In `meta`: all smaller positions are delivered.
pub(super) const SETTLED_KEY: &str = "settled";

pub(in crate::store) fn delivered_key(index: u64, place: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&index.to_be_bytes());
    key[8..].copy_from_slice(&place.to_be_bytes());
    key
}

/// Round, member and position of a witness.
pub(in crate::store) type WitnessKey = [u8; 17];

pub(in crate::store) fn witness_key(round: Round, author: Member, position: Position) -> WitnessKey {
    let mut key = [0; 17];
    key[..8].copy_from_slice(&round.get().to_be_bytes());
    key[8] = author.place() as u8;
    key[9..].copy_from_slice(&position.0.to_be_bytes());
    key
}

/// Round, author and position of a witness; nothing where there is no such round or member.
pub(in crate::store) fn decode_witness(key: &WitnessKey) -> Option<(Round, Member, Position)> {
    let round = Round::new(u64::from_be_bytes(first_bytes(key)))?;
    Some((round, Member::new(key[8].into())?, position_in(key)))
}

/// The position in a key of `witnesses`.
pub(super) fn position_in(key: &WitnessKey) -> Position {
    Position(u64::from_be_bytes(first_bytes(&key[9..])))
}

/// The row of `rulings` in which a position stands, and its place in bytes.
pub(super) fn place_of(position: Position) -> (u64, usize) {
    let within = position.0 % ROW_POSITIONS;
    (position.0 - within, within as usize * RULING_BYTES)
}

/// What is noted of a position.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(in crate::store) struct Noted {
    pub(in crate::store) is_witness: bool,
    pub(in crate::store) ruling: Option<Ruling>,
}

/// What a row of `rulings` notes of a position.
pub(in crate::store) fn noted_in(row: &[u8; ROW_BYTES], position: Position) -> Noted {
    Noted::decode(first_bytes(&row[place_of(position).1..]))
}

impl Noted {
    /// One number: the commit's index or 0, a bit for a witness, one for what is disputed, and the verdict's byte in two
    /// bits.
    pub(super) fn encode(self) -> [u8; RULING_BYTES] {
        let ruling = self.ruling.map_or(0, |ruling| {
            let disputed = if ruling.is_disputed { DISPUTED } else { 0 };
            (ruling.commit << INDEX_SHIFT) | disputed | u64::from(ruling.verdict.to_byte())
        });
        let witness = if self.is_witness { WITNESS } else { 0 };
        let [_, _, _, bytes @ ..] = (ruling | witness).to_be_bytes();
        bytes
    }

    fn decode(bytes: [u8; RULING_BYTES]) -> Self {
        let [a, b, c, d, e] = bytes;
        let number = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
        let (commit, is_disputed) = (number >> INDEX_SHIFT, number & DISPUTED != 0);
        let verdict = FinalVerdict::from_byte((number & VERDICT) as u8).filter(|_| commit > 0);
        let ruling = verdict.map(|verdict| Ruling { commit, verdict, is_disputed });
        Self { is_witness: number & WITNESS != 0, ruling }
    }
}

/// Positions as differences from the one before, the first from 0: twice the difference, or twice its amount less one
/// where it is negative, seven bits a byte, the lowest first. Most take a byte or two.
pub(in crate::store) fn encode_list(positions: impl Iterator<Item = Position>) -> Vec<u8> {
    let (mut bytes, mut before) = (Vec::new(), 0_i64);
    for position in positions {
        let difference = (position.0 as i64).wrapping_sub(before);
        before = position.0 as i64;
        let mut rest = ((difference << 1) ^ (difference >> 63)) as u64;
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }
    bytes
}

/// Reads such positions; nothing when a number has no end, or more than 64 bits.
pub(super) fn decode_list(bytes: &[u8]) -> Option<Vec<Position>> {
    let (mut positions, mut before) = (Vec::with_capacity(bytes.len().min(PART_PLACES)), 0_i64);
    let (mut number, mut shift) = (0_u64, 0_u32);
    for byte in bytes {
        let bits = u64::from(byte & 0x7F);
        number |= bits.checked_shl(shift).filter(|shifted| shifted >> shift == bits)?;
        shift += 7;
        if byte & 0x80 == 0 {
            before = before.wrapping_add((number >> 1) as i64 ^ -((number & 1) as i64));
            positions.push(Position(before as u64));
            (number, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(positions)
}

/// What must be known behind the newest commit beside itself.
pub(in crate::store) fn encode_resume(resume: &Resume) -> [u8; RESUME_BYTES] {
    let mut bytes = [0; RESUME_BYTES];
    bytes[..8].copy_from_slice(&resume.first.to_be_bytes());
    bytes[8..16].copy_from_slice(&resume.round.get().to_be_bytes());
    bytes[16..24].copy_from_slice(&resume.last_open.to_be_bytes());
    for member in resume.active.iter() {
        bytes[24 + member.place() / 8] |= 0x80 >> (member.place() % 8);
    }
    bytes
}

/// Reads it; nothing when it is not what was written.
pub(in crate::store) fn decode_resume(bytes: &[u8], commit: Commit) -> Option<Resume> {
    let bytes: &[u8; RESUME_BYTES] = bytes.try_into().ok()?;
    let number = |at: usize| u64::from_be_bytes(first_bytes(&bytes[at..]));
    let is_active = |member: &Member| bytes[24 + member.place() / 8] & (0x80 >> (member.place() % 8)) != 0;
    let active: Members = (0..COMMITTEE).filter_map(Member::new).filter(is_active).collect();
    Some(Resume { commit, first: number(0), round: Round::new(number(8))?, active, last_open: number(16) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dice;

    #[test]
    fn what_is_noted_is_the_number_of_the_page() {
        let ruling = Ruling { commit: 0x0102_0304, verdict: FinalVerdict::Disputed, is_disputed: true };
        let noted = Noted { is_witness: true, ruling: Some(ruling) };
        assert_eq!(noted.encode(), (0x0102_0304_u64 * 16 + 8 + 4 + 2).to_be_bytes()[3..]);
        assert_eq!(Noted { is_witness: true, ruling: None }.encode(), [0, 0, 0, 0, 8]);
        for commit in [1, 2, 9_999, MOST_COMMITS] {
            for byte in 0..16 {
                let verdict = FinalVerdict::from_byte(byte & 3).unwrap();
                let ruling = Ruling { commit, verdict, is_disputed: byte & 4 != 0 };
                let noted = Noted { is_witness: byte & 8 != 0, ruling: Some(ruling) };
                assert_eq!(Noted::decode(noted.encode()), noted);
            }
        }
        assert_eq!(Noted::decode([0; 5]), Noted::default());
    }

    #[test]
    fn a_list_is_what_it_was_made_of_and_mostly_a_byte_each() {
        let positions = [5_u64, 6, 4, 70, 6, 1_000_000, 999_999, 0, u64::MAX >> 1, 3].map(Position);
        let bytes = encode_list(positions.into_iter());
        assert_eq!(bytes[..5], [10, 2, 3, 0x84, 0x01]);
        assert_eq!(decode_list(&bytes).unwrap(), positions);
        assert!(decode_list(&bytes[..4]).is_none(), "a number without an end");
        assert!(decode_list(&[0x80; 9]).is_none() && decode_list(&[0xFF; 11]).is_none());
        let mut dice = Dice::new(1);
        let near: Vec<Position> = (1_000..1_512_u64).map(|at| Position(at + dice.below(40))).collect();
        assert!(encode_list(near.iter().copied()).len() < 600);
    }

    #[test]
    fn a_resume_is_what_it_was_made_of() {
        let commit = Commit {
            index: 7,
            previous: weft_tangle::Digest([1; 32]),
            leader: weft_tangle::TxId::from_bytes([2; 40]),
            time: weft_tangle::Timestamp::from_millis(3),
            root: weft_tangle::Digest([4; 32]),
            count: 5,
        };
        let active: Members = [0, 9, 127].into_iter().filter_map(Member::new).collect();
        let resume = Resume { commit, first: 6, round: Round::new(1 << 40).unwrap(), active, last_open: 5 };
        let bytes = encode_resume(&resume);
        assert_eq!(
            bytes[..24],
            [[0, 0, 0, 0, 0, 0, 0, 6], [0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 5]].concat()
        );
        assert_eq!((bytes[24], bytes[25], bytes[39]), (0x80, 0x40, 0x01));
        assert_eq!(decode_resume(&bytes, commit), Some(resume));
        assert_eq!(decode_resume(&bytes[1..], commit), None);
        assert_eq!(decode_resume(&[0; RESUME_BYTES], commit), None, "there is no round 0");
    }
}
