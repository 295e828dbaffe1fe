//! What listeners are told of a batch that is on disk.

use super::bus::{Bus, Happening, What};
use super::owner::Batch;
use crate::store::{Reader, Store, StoreError};
use std::sync::Arc;
use weft_tangle::finality::{FinalVerdict, Handed, Judged};
use weft_tangle::{Attached, DeviceId, Kind, TxId};

/// Tells what a batch has brought. What nobody wants to hear is not put together.
pub(super) fn tell(bus: &Bus, store: &Store, batch: &Batch) {
    if bus.wants(&[What::Attached, What::Disputed]) {
        bus.tell(batch.transactions.iter().flat_map(|attached| of_attached(attached, store)).collect());
    }
    if !bus.wants(&[What::Final, What::Disputed, What::Commit]) {
        return;
    }
    for handed in &batch.commits {
        let earlier = store.shared_reader().and_then(|reader| of_earlier(handed, &reader));
        let earlier = earlier.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot read what is disputed from now on; nobody is told of it");
            Vec::new()
        });
        let commit = &handed.delivered.commit;
        let made = Happening::Commit {
            index: commit.index,
            digest: handed.delivered.digest,
            transactions: commit.count,
        };
        let delivered = (0..).zip(&handed.delivered.transactions);
        let delivered = delivered.flat_map(|(place, judged)| of_judged(judged, commit.index, place));
        // Whoever has heard a place of this commit has heard what it disputes of earlier ones.
        bus.tell(earlier.into_iter().chain(delivered).chain([made]).collect());
    }
}

fn disputed(id: TxId, kind: Kind, issuer: DeviceId, commit: Option<u64>) -> Happening {
    Happening::Disputed { id, kind, issuer, commit }
}

fn of_attached(attached: &Attached, store: &Store) -> impl Iterator<Item = Happening> + use<> {
    let (id, position, header) = (attached.id(), attached.position(), attached.transaction().header());
    let (kind, issuer) = (header.kind, header.issuer);
    let is_disputed = attached.twin().is_some() && !kind.is_control();
    let taken = Happening::Attached { id, kind, issuer, position };
    let twin = attached.twin().and_then(|twin| {
        open_twin(&twin, store).unwrap_or_else(|error| {
            tracing::warn!(%error, %twin, "cannot read what is disputed from now on; nobody is told of it");
            None
        })
    });
    [taken].into_iter().chain(is_disputed.then(|| disputed(id, kind, issuer, None))).chain(twin)
}

/// That the one with the same counter is disputed too, while no commit says what it is worth. Such are rare, so it is read.
fn open_twin(twin: &TxId, store: &Store) -> Result<Option<Happening>, StoreError> {
    let reader = store.shared_reader()?;
    let Some((kept, _)) = reader.kept(twin)? else { return Ok(None) };
    let header = kept.header();
    let is_open = !header.kind.is_control() && reader.outcome(twin)?.is_none();
    Ok(is_open.then(|| disputed(*twin, header.kind, header.issuer, None)))
}

fn of_judged(judged: &Judged, commit: u64, place: u32) -> impl Iterator<Item = Happening> + use<> {
    let Judged { id, kind, issuer, verdict, .. } = *judged;
    let is_disputed = verdict == FinalVerdict::Disputed;
    let delivered = Happening::Final { id, kind, issuer, verdict, commit, place };
    // Before its place, behind which a client may come back.
    is_disputed.then(|| disputed(id, kind, issuer, Some(commit))).into_iter().chain([delivered])
}

/// Those of earlier commits that do not count alone any more. They are rare, so they are read.
fn of_earlier(handed: &Handed, reader: &Arc<Reader>) -> Result<Vec<Happening>, StoreError> {
    let index = handed.delivered.commit.index;
    let mut happenings = Vec::new();
    for id in &handed.delivered.also_disputed {
        if let Some((kept, _)) = reader.kept(id)? {
            let header = kept.header();
            happenings.push(disputed(*id, header.kind, header.issuer, Some(index)));
        }
    }
    Ok(happenings)
}
