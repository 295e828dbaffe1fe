//! The part of a check that concerns what is final: the chain of commits, and that lists, rulings and roots agree.

use super::place::arrival;
use super::report::{Fault, Report, Tally};
use crate::store::commits::{
    COMMITS, DELIVERED, PART_PLACES, ROW_POSITIONS, RULINGS, WITNESSES, decode_witness, noted_in,
    settled_before, witness_key,
};
use crate::store::layout::META;
use crate::store::{Kept, Reader, StoreError};
use redb::{ReadableTable, ReadableTableMetadata};
use weft_tangle::body::{Vote, WitnessHead};
use weft_tangle::finality::{COMMIT_BYTES, Commit, Committee, leaf, merkle_root};
use weft_tangle::{Kind, Network, Position, TxId};

/// Pieces of work: stretches of the chain, the list of witnesses, what is noted of positions.
pub(super) const FINAL_UNITS: u64 = STRETCHES + 2;

const STRETCHES: u64 = 64;

/// Does one piece of work.
pub(super) fn check_final(
    reader: &Reader,
    network: &Network,
    unit: u64,
    stop: &dyn Fn() -> bool,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    match unit.checked_sub(STRETCHES) {
        None => {}
        Some(0) => return check_witnesses(reader, network, tally),
        Some(_) => return check_rulings(reader, tally),
    }
    let newest = reader.newest_index()?;
    let bound = |unit: u64| 1 + (u128::from(newest) * u128::from(unit) / u128::from(STRETCHES)) as u64;
    for index in bound(unit)..bound(unit + 1) {
        match check_commit(reader, network, index)? {
            Ok(count) => tally.listed += count,
            Err(problem) => tally.find(of_commit(index, &problem)),
        }
        if stop() {
            break;
        }
    }
    Ok(())
}

/// Checks one commit and what it delivers; how many that are, or the first thing that is wrong.
fn check_commit(reader: &Reader, network: &Network, index: u64) -> Result<Result<u64, String>, StoreError> {
    let commits = reader.snapshot.open_table(COMMITS)?;
    let read = |index: u64| -> Result<Option<Commit>, StoreError> {
        let row = commits.get(&index.to_be_bytes())?;
        Ok(row.and_then(|row| decode(row.value())))
    };
    let Some(commit) = read(index)?.filter(|commit| commit.index == index) else {
        return Ok(Err("it is missing, or no commit stands in its place".into()));
    };
    let before = match index {
        1 => Vote::NONE.digest,
        _ => match read(index - 1)? {
            Some(before) => before.digest(network.id()),
            None => return Ok(Err("the one before it is missing".into())),
        },
    };
    if commit.previous != before {
        return Ok(Err("it does not name the digest of the one before".into()));
    }
    let places = match reader.settled(commit) {
        Ok(settled) => settled.delivered,
        Err(StoreError::TornCommit(_)) => return Ok(Err("the list of what it delivers is none".into())),
        Err(StoreError::Torn(Position(at))) => {
            return Ok(Err(format!("it delivers position {at}, which is noted as not delivered")));
        }
        Err(error) => return Err(error),
    };
    if places.len() as u64 != u64::from(commit.count) {
        return Ok(Err(format!(
            "it delivers {} transactions, and {} are listed",
            commit.count,
            places.len()
        )));
    }
    let mut leaves = Vec::with_capacity(places.len());
    let mut last: Option<TxId> = None;
    for (position, verdict, _) in &places {
        let Some((id, _)) = arrival(reader, position.0)? else {
            return Ok(Err(format!("it delivers position {}, where nothing stands", position.0)));
        };
        let by = reader.noted_at(*position)?.ruling.map_or(0, |ruling| ruling.commit);
        if by != index {
            return Ok(Err(format!("it delivers {id}, which is noted as delivered by commit {by}")));
        }
        if last.is_some_and(|last| last >= id) {
            return Ok(Err(format!("it delivers {id} out of order")));
        }
        last = Some(id);
        leaves.push(leaf(&id, *verdict));
    }
    if merkle_root(leaves.into_iter()) != commit.root {
        return Ok(Err("its Merkle root is not that of what it delivers".into()));
    }
    Ok(Ok(u64::from(commit.count)))
}

fn decode(row: &[u8; COMMIT_BYTES]) -> Option<Commit> {
    Commit::decode(row).ok()
}

/// Each row names a witness of this round and author.
fn check_witnesses(reader: &Reader, network: &Network, tally: &mut Tally) -> Result<(), StoreError> {
    let committee = Committee::of(network);
    for row in reader.snapshot.open_table(WITNESSES)?.iter()? {
        let Some((round, author, position)) = decode_witness(row?.0.value()) else {
            tally.find(Fault::of_table("witnesses", None, None, "a row names no round or no member".into()));
            continue;
        };
        let found = arrival(reader, position.0)?.map(|(id, _)| id);
        let kept = match found.map(|id| reader.kept(&id)).transpose() {
            // Its damage was found at its position.
            Err(StoreError::Damaged { .. }) => continue,
            kept => kept?.flatten(),
        };
        let is_it = kept.is_some_and(|(kept, _)| {
            round_of(&kept) == Some(round.get()) && committee.member(&kept.header().issuer) == Some(author)
        });
        if !is_it {
            let problem = format!("it is no witness of round {} by member {}", round.get(), author.place());
            tally.find(Fault::of_table("witnesses", found, Some(position), problem));
        }
    }
    Ok(())
}

fn round_of(kept: &Kept) -> Option<u64> {
    let Kept::Whole(whole) = kept else { return None };
    let head = whole.content().first_chunk().filter(|_| whole.header().kind == Kind::Witness)?;
    WitnessHead::decode(head).ok().map(|head| head.round.get())
}

/// What is noted of a position fits the transaction there, as far as that can be read.
pub(super) fn check_noted(
    reader: &Reader,
    network: &Network,
    position: Position,
    kept: &Kept,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let (id, header) = (kept.id(), kept.header());
    let is_witness = header.kind == Kind::Witness;
    if reader.noted_at(position)?.is_witness != is_witness {
        let problem = format!("it is noted as {}", if is_witness { "no witness" } else { "a witness" });
        tally.find(Fault::of_table("rulings", Some(id), Some(position), problem));
    }
    let author = Committee::of(network).member(&header.issuer);
    if let (Some(round), Some(author)) = (round_of(kept).and_then(weft_tangle::finality::Round::new), author)
    {
        tally.witnesses += 1;
        let key = witness_key(round, author, position);
        if reader.snapshot.open_table(WITNESSES)?.get(&key)?.is_none() {
            tally.find(Fault::of_table("witnesses", Some(id), Some(position), "it is not listed".into()));
        }
    }
    Ok(())
}

/// What is noted of every position: each delivery is by a stored commit, and how many there are.
fn check_rulings(reader: &Reader, tally: &mut Tally) -> Result<(), StoreError> {
    let (newest, total) = (reader.newest_index()?, reader.transactions()?);
    let mut open = None;
    let mut expected = 0;
    for row in reader.snapshot.open_table(RULINGS)?.iter()? {
        let (first, row) = row?;
        let first = u64::from_be_bytes(*first.value());
        if first > expected {
            open = open.or(Some(expected));
        }
        expected = first + ROW_POSITIONS;
        for position in first..expected {
            let noted = noted_in(row.value(), Position(position));
            match noted.ruling {
                None => open = open.or(Some(position)),
                Some(ruling) => {
                    tally.delivered += 1;
                    if ruling.commit > newest || position >= total {
                        let problem =
                            format!("it is noted as delivered by commit {}, which is not so", ruling.commit);
                        tally.find(Fault::of_table("rulings", None, Some(Position(position)), problem));
                    }
                }
            }
        }
    }
    tally.open_from = Some(open.unwrap_or(expected).min(total));
    Ok(())
}

/// What was counted in all pieces of work.
#[derive(Default)]
pub(super) struct Totals {
    delivered: u64,
    listed: u64,
    open_from: Option<u64>,
}

impl Totals {
    pub(super) fn add(&mut self, tally: &Tally) {
        self.delivered += tally.delivered;
        self.listed += tally.listed;
        self.open_from = self.open_from.or(tally.open_from);
    }
}

/// What the tables say of themselves, once every row was looked at.
pub(super) fn check_totals(reader: &Reader, totals: &Totals, report: &mut Report) -> Result<(), StoreError> {
    let newest = reader.newest_index()?;
    report.delivered = totals.delivered;
    report.commits = reader.snapshot.open_table(COMMITS)?.len()?;
    if let Err(StoreError::TornCommit(index)) = reader.newest_commit() {
        report.find(of_commit(index, "where finality goes on behind it is not known"));
    }
    let settled = settled_before(&reader.snapshot.open_table(META)?)?;
    if totals.open_from.is_none_or(|open| open < settled) {
        let problem = format!("all positions before {settled} are noted as delivered, and are not");
        report.find(Fault::of_table("meta", None, Some(Position(settled)), problem));
    }
    // Where a commit is wrong, what it lists is not counted.
    if report.faults_in_all() > 0 {
        return Ok(());
    }
    let mut parts = 0;
    for row in reader.snapshot.open_table(COMMITS)?.iter()? {
        let count = decode(row?.1.value()).map_or(0, |commit| commit.count as usize);
        parts += count.div_ceil(PART_PLACES) as u64;
    }
    let lengths = [
        ("commits", report.commits, newest),
        ("rulings", totals.delivered, totals.listed),
        ("delivered", reader.snapshot.open_table(DELIVERED)?.len()?, parts),
        ("witnesses", reader.snapshot.open_table(WITNESSES)?.len()?, report.witnesses),
    ];
    for (table, found, counted) in lengths {
        if found != counted {
            let problem = format!("it has {found} rows where {counted} are named");
            report.find(Fault::of_table(table, None, None, problem));
        }
    }
    Ok(())
}

fn of_commit(index: u64, problem: &str) -> Fault {
    Fault::of_table("commits", None, None, format!("commit {index}: {problem}"))
}
