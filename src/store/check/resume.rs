//! The part of a check that concerns where finality goes on behind the newest commit.
//!
//! Always true: each field of `resume` is compared with what commits, lists and witnesses give. It has no check of its own,
//! and a node that goes on at another place stands still, or parts from the others.

use super::report::{Fault, Report};
use crate::store::{Kept, Reader, StoreError};
use std::collections::BTreeSet;
use weft_tangle::body::Witness;
use weft_tangle::finality::{Commit, Committee, Member, Members, Resume, Rotation, Round};
use weft_tangle::limits::{ACTIVE_ROUNDS, ROTATION_COMMITS};
use weft_tangle::{Network, TxId};

/// Compares `resume` with what is stored. What is damaged, or torn, was found at its place, and says nothing here.
pub(super) fn check_resume(
    reader: &Reader,
    network: &Network,
    report: &mut Report,
) -> Result<(), StoreError> {
    let result = compare(reader, network, report);
    match result {
        Err(StoreError::Damaged { .. } | StoreError::Torn(_) | StoreError::TornCommit(_)) => Ok(()),
        result => result,
    }
}

fn compare(reader: &Reader, network: &Network, report: &mut Report) -> Result<(), StoreError> {
    let Some(resume) = reader.newest_commit()? else { return Ok(()) };
    let Resume { commit, first, round, active, last_open } = resume;
    let Some((_, led, _)) = witness(reader, network, &commit.leader)? else {
        let problem = format!("commit {}: its leader is no witness that is stored", commit.index);
        report.find(Fault::of_table("commits", Some(commit.leader), None, problem));
        return Ok(());
    };
    let given = first_of(reader, commit)?;
    let names = |members: Members| format!("{:?}", members.iter().map(Member::place).collect::<Vec<_>>());
    let fields = [
        ("the round of the leader", round.get().to_string(), led.get().to_string()),
        ("the first commit of the leader", first.to_string(), given.to_string()),
        (
            "the newest commit of more than witnesses",
            last_open.to_string(),
            newest_open(reader, commit)?.to_string(),
        ),
        ("the list of active members", names(active), names(active_behind(reader, network, given)?)),
    ];
    for (field, found, follows) in fields {
        if found != follows {
            let problem =
                format!("in `resume` {field} is {found}, where {follows} follows from what is stored");
            report.find(Fault::of_table("meta", None, None, problem));
        }
    }
    Ok(())
}

fn stored(reader: &Reader, index: u64) -> Result<Commit, StoreError> {
    Ok(reader.commit(index)?.ok_or(StoreError::TornCommit(index))?.commit)
}

/// The first commit of the leader that has given this one.
fn first_of(reader: &Reader, commit: Commit) -> Result<u64, StoreError> {
    let mut first = commit.index;
    while first > 1 && stored(reader, first - 1)?.leader == commit.leader {
        first -= 1;
    }
    Ok(first)
}

/// The newest commit up to this one that has delivered something that is no witness; 0 for none.
fn newest_open(reader: &Reader, newest: Commit) -> Result<u64, StoreError> {
    for index in (1..=newest.index).rev() {
        let mut notes = reader.notes()?;
        for (position, ..) in reader.settled(stored(reader, index)?)?.delivered {
            if !notes.at(position)?.is_witness {
                return Ok(index);
            }
        }
    }
    Ok(0)
}

/// Who leads by turns for the slot whose leader's first commit is this one: it follows from the leader of the newest commit
/// before, of those with an index that is divisible by [`ROTATION_COMMITS`].
fn active_behind(reader: &Reader, network: &Network, first: u64) -> Result<Members, StoreError> {
    let size = Committee::of(network).size();
    let index = (first - 1) / ROTATION_COMMITS * ROTATION_COMMITS;
    if index == 0 {
        return Ok(Members::all(size));
    }
    let leader = stored(reader, index)?.leader;
    Ok(Rotation::among(size, seen(reader, network, leader)?).active())
}

/// The authors of the witnesses of the last rounds in a leader's history. A round has at most some witnesses of each member,
/// so they are few.
fn seen(reader: &Reader, network: &Network, leader: TxId) -> Result<Members, StoreError> {
    let mut authors = Members::NONE;
    let Some((_, last, _)) = witness(reader, network, &leader)? else { return Ok(authors) };
    let from = last.back_to_first(ACTIVE_ROUNDS - 1);
    let (mut known, mut left) = (BTreeSet::from([leader]), vec![leader]);
    while let Some(id) = left.pop() {
        let Some((author, round, before)) = witness(reader, network, &id)? else { continue };
        if round >= from {
            authors.insert(author);
            left.extend(before.into_iter().filter(|id| known.insert(*id)));
        }
    }
    Ok(authors)
}

/// Author and round of a stored witness, and its witness parents with its parent 1; nothing where it is none.
fn witness(
    reader: &Reader,
    network: &Network,
    id: &TxId,
) -> Result<Option<(Member, Round, Vec<TxId>)>, StoreError> {
    let Some((Kept::Whole(whole), _)) = reader.kept(id)? else { return Ok(None) };
    let known = Committee::of(network).known(&whole);
    let (Some(known), Ok(witness)) = (known, Witness::decode(whole.content())) else { return Ok(None) };
    let mut before = witness.parents().to_vec();
    before.push(whole.header().parents[0]);
    Ok(Some((known.author, known.round, before)))
}
