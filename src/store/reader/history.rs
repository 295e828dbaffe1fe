//! What the replica reads of what has left its memory.

use super::Reader;
use crate::store::layout::{
    ARRIVALS, EQUIVOCATIONS, ID_BOUNDS, decode_arrival, decode_issued, device_key, equivocation_key, id_of,
};
use crate::store::pack::PACKS;
use crate::store::run::Run;
use crate::store::{Kept, Ruling, StoreError};
use std::ops::{ControlFlow, Range};
use weft_tangle::body::Enrolment;
use weft_tangle::finality::{Entry, Outcome, Round};
use weft_tangle::{DeviceId, Digest, History, HistoryError, Kind, Standing, Timestamp, TxId};

impl Reader {
    pub(in crate::store) fn visit_log(
        &self,
        positions: Range<u64>,
        visit: &mut dyn FnMut(TxId),
    ) -> Result<(), StoreError> {
        let keys = positions.start.to_be_bytes()..positions.end.max(positions.start).to_be_bytes();
        let table = self.snapshot.open_table(ARRIVALS)?;
        for row in table.range::<&_>(&keys.start..&keys.end)? {
            visit(decode_arrival(row?.1.value()).0);
        }
        Ok(())
    }

    /// What is stored under this id, for finality ([`Run::read_for_its_header`]).
    fn kept_for_its_header(&self, id: &TxId) -> Result<Option<Kept>, StoreError> {
        let Some(position) = self.position(id)? else { return Ok(None) };
        let packs = self.snapshot.open_table(PACKS)?;
        Run::new(self, &packs).read_for_its_header(id, position).map(Some)
    }

    /// Visits the stored transactions of an issuer with this counter in the epoch of a time, where there are several.
    fn visit_same_counter(
        &self,
        issuer: &DeviceId,
        time: Timestamp,
        counter: u32,
        visit: &mut dyn FnMut(TxId) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let epoch = self.network.rules().epoch(time);
        let [first, last] = ID_BOUNDS.map(|id| equivocation_key(issuer, epoch, counter, &id));
        for row in self.snapshot.open_table(EQUIVOCATIONS)?.range::<&_>(&first..=&last)? {
            if visit(id_of(row?.0.value())).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The kind of an issuer's transaction as its row of `issued` has it, which is there when that of its counter is.
    fn kind_issued(&self, issuer: &DeviceId, id: &TxId) -> Result<Option<Kind>, StoreError> {
        let first = device_key(issuer, id);
        let mut end = first;
        for byte in end.iter_mut().rev() {
            let carries;
            (*byte, carries) = byte.overflowing_add(1);
            if !carries {
                break;
            }
        }
        let row = self.issued_rows(&(first..end))?.next().transpose()?;
        Ok(row.and_then(|(_, row)| Kind::from_byte(decode_issued(&row).1).ok()))
    }
}

impl History for Reader {
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError> {
        Ok(self.position(id)?.is_some())
    }

    fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        Ok(self.visit_issued(issuer, &range, visit)?)
    }

    fn same_counter(
        &self,
        issuer: &DeviceId,
        epoch: Range<Timestamp>,
        counter: u32,
        visit: &mut dyn FnMut(TxId) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        Ok(self.visit_same_counter(issuer, epoch.start, counter, visit)?)
    }

    fn kind(&self, issuer: &DeviceId, id: &TxId) -> Result<Option<Kind>, HistoryError> {
        Ok(self.kind_issued(issuer, id)?)
    }

    fn standings(&self, device: &DeviceId) -> Result<Vec<Standing>, HistoryError> {
        Ok(self.legible_enrolments(device)?.iter().map(Enrolment::standing).collect())
    }

    fn log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        Ok(self.visit_log(positions, visit)?)
    }

    fn position(&self, id: &TxId) -> Result<Option<u64>, HistoryError> {
        Ok(Reader::position(self, id)?.map(|position| position.0))
    }

    fn is_witness(&self, id: &TxId) -> Result<Option<bool>, HistoryError> {
        Ok(self.is_stored_witness(id)?)
    }

    fn entry(&self, id: &TxId) -> Result<Option<Entry>, HistoryError> {
        let genesis = self.network.genesis();
        Ok(self.kept_for_its_header(id)?.map(|kept| match kept {
            Kept::Whole(transaction) => Entry::of(&transaction, genesis),
            Kept::Erased(remains) => Entry::of_remains(&remains, genesis),
        }))
    }

    fn witnesses(
        &self,
        author: &DeviceId,
        round: Round,
        visit: &mut dyn FnMut(TxId),
    ) -> Result<(), HistoryError> {
        Ok(self.visit_witnesses(author, round, visit)?)
    }

    fn outcome(&self, id: &TxId) -> Result<Option<Outcome>, HistoryError> {
        let ruling = Reader::outcome(self, id)?;
        Ok(ruling.map(|Ruling { commit, verdict, .. }| Outcome { commit, verdict }))
    }

    fn delivered(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        Ok(self.visit_delivered(issuer, &range, visit)?)
    }

    fn is_revoked(&self, device: &DeviceId) -> Result<bool, HistoryError> {
        Ok(self.has_counting_revocation(device)?)
    }

    fn commit_digest(&self, index: u64) -> Result<Option<Digest>, HistoryError> {
        Ok(Reader::commit_digest(self, index)?)
    }
}
