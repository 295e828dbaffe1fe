//! The first part of a check: each position, its row, and the transaction in it.

use super::finality::check_noted;
use super::place::{arrival, is_listed, issued};
use super::report::{Fault, Tally};
use crate::limits::CHECK_ISSUERS;
use crate::store::layout::{ENROLMENTS, ParentTag, REVOCATIONS};
use crate::store::pack::{self, PACKS};
use crate::store::{Kept, Reader, StoreError};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use weft_tangle::body::Revocation;
use weft_tangle::{DeviceId, Issuer, Kind, Network, Position, Refusal, Screened, Standing, TxId, Verified};

/// What one thread checks positions with.
pub(super) struct Rows<'a> {
    reader: &'a Reader,
    network: &'a Network,
    issuers: HashMap<DeviceId, Option<Arc<Issuer>>>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(reader: &'a Reader, network: &'a Network) -> Self {
        Self { reader, network, issuers: HashMap::new() }
    }

    /// Checks a range of positions.
    pub(super) fn check(&mut self, range: Range<u64>) -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        let packs = self.reader.snapshot.open_table(PACKS)?;
        let mut position = range.start;
        while position < range.end {
            let Some((first, row)) = pack::row_of(&packs, Position(position))? else {
                self.check_without_row(position, "it lies in no row", &mut tally)?;
                position += 1;
                continue;
            };
            let row = row.value();
            tally.rows += u64::from(range.contains(&first.0));
            let entries = pack::entries(row);
            let count =
                entries.as_ref().map_or(u64::from(row.get(1).copied().unwrap_or(0)), |all| all.len() as u64);
            let state = row.first().copied().unwrap_or(u8::MAX);
            if first.0 == position && state > pack::FULL {
                let problem = format!("a row is in state {state}, which is neither open nor full");
                tally.find(Fault::of_table("packs", None, Some(first), problem));
            }
            // A row that ends before this position leaves a gap; one position a step finds the next row again.
            let end = (first.0 + count).clamp(position + 1, range.end.max(position + 1));
            for at in position..end {
                let slot = at - first.0;
                match &entries {
                    None => {
                        self.check_without_row(at, "the lengths in its row do not add up", &mut tally)?;
                    }
                    Some(entries) => match entries.get(slot as usize) {
                        Some(entry) => self.check_entry(at, *entry, &mut tally)?,
                        None => self.check_without_row(at, "its row ends before it", &mut tally)?,
                    },
                }
            }
            position = end;
        }
        Ok(tally)
    }

    /// A position whose transaction cannot be found: the arrival log says whose it is.
    fn check_without_row(&self, position: u64, problem: &str, tally: &mut Tally) -> Result<(), StoreError> {
        tally.transactions += 1;
        tally.find(match arrival(self.reader, position)? {
            Some((id, _)) => Fault::of_transaction(id, position, problem.into()),
            None => no_arrival(position),
        });
        Ok(())
    }

    fn check_entry(
        &mut self,
        position: u64,
        entry: pack::Entry<'_>,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        tally.transactions += 1;
        tally.bytes += entry.wire.len() as u64;
        let Some((id, parents)) = arrival(self.reader, position)? else {
            tally.find(no_arrival(position));
            return Ok(());
        };
        match self.reader.position(&id)? {
            Some(Position(there)) if there == position => {}
            other => {
                let problem = match other {
                    None => "it has no row".to_owned(),
                    Some(Position(there)) => format!("it names position {there}, where another one stands"),
                };
                tally.find(Fault::of_table("transactions", Some(id), Some(Position(position)), problem));
            }
        }
        let kept = match pack::decode_entry(self.network, &id, Position(position), entry) {
            Ok(kept) => kept,
            Err(StoreError::Damaged { cause, .. }) => {
                tally.find(Fault::of_transaction(id, position, cause));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.check_parents(id, position, kept.header().parents, tally)?;
        if ParentTag::of_both(kept.header().parents) != parents {
            let problem = "its parents are not those in its header".into();
            tally.find(Fault::of_table("arrivals", Some(id), Some(Position(position)), problem));
        }
        self.check_lists(position, &kept, tally)?;
        check_noted(self.reader, self.network, Position(position), &kept, tally)?;
        tally.erased += u64::from(matches!(kept, Kept::Erased(_)));
        if let Err(refusal) = self.verify(&kept)? {
            tally.find(Fault::of_transaction(id, position, refusal));
        }
        Ok(())
    }

    fn check_parents(
        &self,
        id: TxId,
        position: u64,
        parents: [TxId; 2],
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        for parent in parents.iter().filter(|parent| **parent != self.network.genesis()) {
            let problem = match self.reader.position(parent)? {
                Some(Position(before)) if before < position => continue,
                Some(Position(behind)) => {
                    format!("its parent {parent} comes behind it, at position {behind}")
                }
                None => format!("its parent {parent} is not stored"),
            };
            tally.find(Fault::of_table("arrivals", Some(id), Some(Position(position)), problem));
        }
        Ok(())
    }

    /// The tables that list transactions by device.
    fn check_lists(&self, position: u64, kept: &Kept, tally: &mut Tally) -> Result<(), StoreError> {
        let (id, header) = (kept.id(), kept.header());
        let mut find = |table, problem: String| {
            tally.find(Fault::of_table(table, Some(id), Some(Position(position)), problem));
        };
        let listed = issued(self.reader, &header.issuer, &id)?;
        if listed != Some((header.counter, header.kind.to_byte())) {
            let problem = match listed {
                None => "it is not listed".to_owned(),
                Some((counter, kind)) => format!("it is listed with counter {counter} and kind {kind}"),
            };
            find("issued", problem);
        }
        if header.kind == Kind::Enrol && !is_listed(self.reader, ENROLMENTS, &header.issuer, &id)? {
            find("enrolments", "it is not listed".into());
        }
        if let (Kind::RevokeDevice, Kept::Whole(transaction)) = (header.kind, kept)
            && let Ok(revocation) = Revocation::decode(transaction.content())
            && !is_listed(self.reader, REVOCATIONS, &revocation.device, &id)?
        {
            find("revocations", format!("it is not listed under {}", revocation.device));
        }
        tally.enrolments += u64::from(header.kind == Kind::Enrol);
        tally.revocations += u64::from(header.kind == Kind::RevokeDevice);
        Ok(())
    }

    /// Work, standing and signature; what is wrong with them in words.
    fn verify(&mut self, kept: &Kept) -> Result<Result<(), String>, StoreError> {
        let header = kept.header();
        let verified = match kept {
            Kept::Whole(transaction) if header.kind == Kind::Enrol => {
                let screened = Screened::check(self.network, transaction.clone());
                screened.and_then(|screened| Verified::check_enrolment(self.network, screened).map(drop))
            }
            kept => {
                let Some(issuer) = self.issuer(&header.issuer)? else {
                    return Ok(Err(Refusal::NotEnrolled(header.issuer).to_string()));
                };
                match kept {
                    Kept::Whole(transaction) => Screened::check(self.network, transaction.clone())
                        .and_then(|screened| Verified::check(self.network, screened, &issuer).map(drop)),
                    Kept::Erased(remains) => remains.check(self.network, &issuer),
                }
            }
        };
        Ok(verified.map_err(|refusal| refusal.to_string()))
    }

    /// Who issued, with every ground on which it may: any one suffices, however old.
    fn issuer(&mut self, device: &DeviceId) -> Result<Option<Arc<Issuer>>, StoreError> {
        if let Some(known) = self.issuers.get(device) {
            return Ok(known.clone());
        }
        let named = self.network.standing(device);
        let mut key = named.as_ref().map(|(key, _)| (*key).clone());
        let mut standings: Vec<Standing> = named.into_iter().map(|(_, standing)| standing).collect();
        for enrolment in self.reader.legible_enrolments(device)? {
            standings.push(enrolment.standing());
            key = Some(enrolment.public_key);
        }
        let issuer = key.and_then(|key| Issuer::new(&key, standings).ok()).map(Arc::new);
        if self.issuers.len() >= CHECK_ISSUERS {
            self.issuers.clear();
        }
        self.issuers.insert(*device, issuer.clone());
        Ok(issuer)
    }
}

fn no_arrival(position: u64) -> Fault {
    let problem = "there is no row at this position".into();
    Fault::of_table("arrivals", None, Some(Position(position)), problem)
}
