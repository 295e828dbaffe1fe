//! What the replica reads of what has left its memory.

use super::Reader;
use crate::store::layout::{ARRIVALS, decode_arrival};
use crate::store::{Kept, Ruling, StoreError};
use std::ops::Range;
use weft_tangle::body::Enrolment;
use weft_tangle::finality::{Entry, Outcome, Round};
use weft_tangle::{DeviceId, Digest, History, HistoryError, Standing, Timestamp, TxId};

impl Reader {
    fn visit_log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), StoreError> {
        let keys = positions.start.to_be_bytes()..positions.end.max(positions.start).to_be_bytes();
        let table = self.snapshot.open_table(ARRIVALS)?;
        for row in table.range::<&_>(&keys.start..&keys.end)? {
            visit(decode_arrival(row?.1.value()).0);
        }
        Ok(())
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

    fn standings(&self, device: &DeviceId) -> Result<Vec<Standing>, HistoryError> {
        Ok(self.legible_enrolments(device)?.iter().map(Enrolment::standing).collect())
    }

    fn log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        Ok(self.visit_log(positions, visit)?)
    }

    fn is_witness(&self, id: &TxId) -> Result<Option<bool>, HistoryError> {
        Ok(self.is_stored_witness(id)?)
    }

    fn entry(&self, id: &TxId) -> Result<Option<Entry>, HistoryError> {
        let genesis = self.network.genesis();
        Ok(self.kept(id)?.map(|(kept, _)| match kept {
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
