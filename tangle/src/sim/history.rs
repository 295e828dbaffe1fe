//! A disk as a replica reads it: what is durable, and nothing else.

use super::catalogue::{Catalogue, Number};
use super::disk::Disk;
use crate::finality::{Entry, FinalVerdict, Outcome, Round};
use crate::{DeviceId, Digest, History, HistoryError, Kind, Standing, Timestamp, TxId};
use std::ops::{ControlFlow, Range};

/// What is durable on one disk.
pub(super) struct View<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) disk: &'a Disk,
}

impl View<'_> {
    fn stored(&self, id: &TxId) -> Option<Number> {
        self.catalogue.number(id).filter(|number| self.disk.has_durable(*number))
    }
}

impl History for View<'_> {
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError> {
        Ok(self.stored(id).is_some())
    }

    fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        let stored =
            self.catalogue.issued(issuer, range).filter(|(_, number)| self.disk.has_durable(*number));
        stored.for_each(|(id, number)| visit(id, self.catalogue.get(number).header().counter));
        Ok(())
    }

    /// As a store does, which lists those alone that share a counter.
    fn same_counter(
        &self,
        issuer: &DeviceId,
        epoch: Range<Timestamp>,
        counter: u32,
        visit: &mut dyn FnMut(TxId) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        let mut same = Vec::new();
        self.issued(issuer, epoch, &mut |id, other| same.extend((other == counter).then_some(id)))?;
        let _stopped = same.iter().filter(|_| same.len() > 1).try_for_each(|id| visit(*id));
        Ok(())
    }

    fn standings(&self, device: &DeviceId) -> Result<Vec<Standing>, HistoryError> {
        let all = self.catalogue.enrolments(device).iter();
        let stored = all.filter(|(number, _)| self.disk.has_durable(*number));
        Ok(stored.flat_map(|(_, issuer)| issuer.standings().to_vec()).collect())
    }

    fn log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        let durable = self.disk.durable();
        let end = positions.end.min(durable.len() as u64) as usize;
        let begin = (positions.start as usize).min(end);
        durable[begin..end].iter().for_each(|number| visit(self.catalogue.id(*number)));
        Ok(())
    }

    fn is_witness(&self, id: &TxId) -> Result<Option<bool>, HistoryError> {
        Ok(self.stored(id).map(|number| self.catalogue.get(number).header().kind == Kind::Witness))
    }

    fn entry(&self, id: &TxId) -> Result<Option<Entry>, HistoryError> {
        let genesis = self.catalogue.network.genesis();
        Ok(self.stored(id).map(|number| Entry::of(self.catalogue.get(number), genesis)))
    }

    fn witnesses(
        &self,
        author: &DeviceId,
        round: Round,
        visit: &mut dyn FnMut(TxId),
    ) -> Result<(), HistoryError> {
        let Some(author) = self.catalogue.committee().member(author) else { return Ok(()) };
        let all = self.catalogue.of_round(round, author).iter();
        let stored = all.filter(|number| self.disk.has_durable(**number));
        stored.for_each(|number| visit(self.catalogue.id(*number)));
        Ok(())
    }

    fn outcome(&self, id: &TxId) -> Result<Option<Outcome>, HistoryError> {
        Ok(self.stored(id).and_then(|number| self.disk.outcome(number)))
    }

    fn delivered(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        let is_delivered = |number: Number| {
            let outcome = self.disk.outcome(number);
            outcome.is_some_and(|outcome| outcome.verdict != FinalVerdict::Revoked)
        };
        let all = self.catalogue.issued(issuer, range).filter(|(_, number)| is_delivered(*number));
        all.for_each(|(id, number)| visit(id, self.catalogue.get(number).header().counter));
        Ok(())
    }

    fn is_revoked(&self, device: &DeviceId) -> Result<bool, HistoryError> {
        let outcomes = self.catalogue.revocations(device).iter().map(|number| self.disk.outcome(*number));
        Ok(outcomes.flatten().any(|outcome| outcome.verdict == FinalVerdict::Counts))
    }

    fn commit_digest(&self, index: u64) -> Result<Option<Digest>, HistoryError> {
        let place = index.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        Ok(place
            .and_then(|place| self.disk.durable_commits().nth(place))
            .map(|handed| handed.delivered.digest))
    }
}
