//! What finality has to be handed after a start: what no commit has delivered, and the witnesses that still decide.
//!
//! Always true: how long it takes follows from what is not final, not from how much is stored: what lies before the
//! first undelivered position is not looked at, but for those witnesses.

use super::layout::{ROW_POSITIONS, WITNESSES, WitnessKey, noted_in, place_of, position_in};
use super::write::settled_before;
use crate::store::layout::{ARRIVALS, META, decode_arrival};
use crate::store::pack::PACKS;
use crate::store::run::Run;
use crate::store::{Kept, Reader, Store, StoreError};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use weft_tangle::finality::{Resume, Round};
use weft_tangle::{Position, TxId};

/// Takes a transaction, or that it is damaged, where it stands, and whether a commit has delivered it; says whether to go on.
type Visit<'a> = &'a mut dyn FnMut(Position, Result<Kept, StoreError>, bool) -> ControlFlow<()>;

impl Store {
    /// Visits what finality has to be handed after a start, behind the newest stored commit: every transaction that no
    /// commit has delivered, its body erased or not, and every witness of a round from [`Resume::first_round`] on, in the order of positions, each
    /// with whether it is delivered. Of one of which what finality needs is not what was written there is the id alone:
    /// finality must not go on without it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn restore_finality(
        &self,
        visit: &mut dyn FnMut(Position, Result<Kept, TxId>, bool),
    ) -> Result<(), StoreError> {
        let reader = self.reader()?;
        let first = reader.newest_commit()?.as_ref().map_or(Round::FIRST, Resume::first_round);
        let witnesses = reader.witnesses_from(first)?;
        let mut failed = Ok(());
        reader.visit_settling(0, witnesses, &mut |position, kept, is_delivered| {
            let kept = match kept {
                Ok(kept) => Ok(kept),
                Err(StoreError::Damaged { id, .. }) => Err(id),
                Err(error) => {
                    failed = Err(error);
                    return ControlFlow::Break(());
                }
            };
            visit(position, kept, is_delivered);
            ControlFlow::Continue(())
        })?;
        failed
    }
}

impl Reader {
    /// Visits the transactions from a position on that no commit has delivered, in their order, until `visit` says so.
    ///
    /// # Errors
    /// The store cannot be read; [`StoreError::Damaged`].
    pub fn undelivered_from(
        &self,
        from: Position,
        visit: &mut dyn FnMut(Position, Kept) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut failed = Ok(());
        self.visit_settling(from.0, BTreeSet::new(), &mut |position, kept, _| match kept {
            Ok(kept) => visit(position, kept),
            Err(error) => {
                failed = Err(error);
                ControlFlow::Break(())
            }
        })?;
        failed
    }

    /// Positions of the witnesses of a round and all later ones.
    pub(in crate::store) fn witnesses_from(&self, round: Round) -> Result<BTreeSet<u64>, StoreError> {
        let table = self.snapshot.open_table(WITNESSES)?;
        let mut first: WitnessKey = [0; 17];
        first[..8].copy_from_slice(&round.get().to_be_bytes());
        let rows = table.range::<&WitnessKey>(&first..)?;
        rows.map(|row| Ok(position_in(row?.0.value()).0)).collect()
    }

    /// Visits what is not delivered from a position on, and these witnesses whatever became of them, each once.
    fn visit_settling(
        &self,
        from: u64,
        witnesses: BTreeSet<u64>,
        visit: Visit<'_>,
    ) -> Result<(), StoreError> {
        let arrivals = self.snapshot.open_table(ARRIVALS)?;
        let packs = self.snapshot.open_table(PACKS)?;
        let mut run = Run::new(self, &packs);
        let mut take = |position: Position, is_delivered: bool| {
            let row = arrivals.get(&position.0.to_be_bytes())?.ok_or(StoreError::Torn(position))?;
            let (id, _) = decode_arrival(row.value());
            Ok::<_, StoreError>(visit(position, run.read_for_its_header(&id, position), is_delivered))
        };
        let first = from.max(settled_before(&self.snapshot.open_table(META)?)?);
        for position in witnesses.range(..first).copied().map(Position) {
            if take(position, self.noted_at(position)?.ruling.is_some())?.is_break() {
                return Ok(());
            }
        }
        let end = self.transactions()?;
        let mut at = first;
        while at < end {
            let (begin, _) = place_of(Position(at));
            let row = self.rulings()?.get(&begin.to_be_bytes())?;
            let row = row.as_ref().map(|row| row.value());
            let row_end = end.min(begin + ROW_POSITIONS);
            for position in (at..row_end).map(Position) {
                let is_delivered = row.is_some_and(|row| noted_in(row, position).ruling.is_some());
                let is_due = !is_delivered || witnesses.contains(&position.0);
                if is_due && take(position, is_delivered)?.is_break() {
                    return Ok(());
                }
            }
            at = row_end;
        }
        Ok(())
    }
}
