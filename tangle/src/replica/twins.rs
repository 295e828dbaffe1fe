//! How many witnesses of one author and round are taken (`spec/17-finality.md`): two prove that it lies, and more prove
//! nothing.
//!
//! With S(w) saying that two others of w's author and round are attached, w is taken if it is not S(w), or called for:
//! - v calls for w if v waits, references w, and is called for itself, or is by another author and not S(v).
//!
//! An honest member makes one witness a round, so what it has made is never S and calls for all that it references, by
//! whatever way through witnesses that wait: what is attached at one honest member is taken wherever that one's next
//! witness is. A member that lies alone calls for nothing of its own, so of each of its rounds no more is taken anywhere
//! than honest members have taken by themselves, two each. It decides nothing but what is held.

use super::{Attached, History, HistoryError, Replica};
use crate::finality::Known;
use crate::limits::WITNESSES_PER_ROUND;
use crate::planted::{self, Planted};
use crate::{Kind, Refusal, TxId};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Replica {
    /// Why a witness that is not attached is not to be taken: it is one too many, and nothing calls for it.
    pub(super) fn judge_twins(
        &self,
        id: &TxId,
        known: Known,
        history: &dyn History,
    ) -> Result<Option<Refusal>, HistoryError> {
        let Some(first) = self.surplus_to(known, history)? else { return Ok(None) };
        let is_wanted = planted::is(Planted::OwnTwins) && self.pending.wants(id);
        let is_called = is_wanted || self.is_called_for(id, known, history)?;
        Ok((!is_called).then_some(Refusal::Twins { round: known.round, first }))
    }

    /// Whether something that waits calls for it. Where nothing does, all that was looked at is dropped with it
    /// ([`Replica::forsake`]), so looking costs no more than what waits has cost to send.
    fn is_called_for(&self, id: &TxId, known: Known, history: &dyn History) -> Result<bool, HistoryError> {
        let mut open = vec![(*id, known)];
        let mut seen = BTreeSet::new();
        while let Some((id, known)) = open.pop() {
            for (transaction, _) in self.pending.wanting(&id) {
                // Nothing but a witness may reference one.
                let Some(caller) = self.finality.committee().known(transaction) else { continue };
                if !seen.insert(transaction.id()) {
                    continue;
                }
                if caller.author != known.author && self.surplus_to(caller, history)?.is_none() {
                    return Ok(true);
                }
                open.push((transaction.id(), caller));
            }
        }
        Ok(false)
    }

    /// One of the attached witnesses of an author and round, if there are so many that another one is one too many.
    fn surplus_to(&self, known: Known, history: &dyn History) -> Result<Option<TxId>, HistoryError> {
        let mut twins: Vec<TxId> = Vec::new();
        if known.round >= self.finality.first_round() {
            twins.extend(self.finality.witnesses_of(known).take(WITNESSES_PER_ROUND));
        } else if let Some(author) = self.finality.committee().device(known.author) {
            history.witnesses(author, known.round, &mut |twin| {
                if twins.len() < WITNESSES_PER_ROUND {
                    twins.push(twin);
                }
            })?;
            // What has just been stored may still be in flight as well.
            let is_witness =
                |attached: &&Arc<Attached>| attached.transaction().header().kind == Kind::Witness;
            for attached in self.flight.iter().filter(is_witness) {
                if self.finality.committee().known(attached.transaction()) == Some(known)
                    && !twins.contains(&attached.id())
                {
                    twins.push(attached.id());
                }
            }
        }
        Ok(twins.first().copied().filter(|_| twins.len() >= WITNESSES_PER_ROUND))
    }
}
