//! Jobs whose transactions have been read and not yet checked, so that what many of them need can be made of all at once.

use super::checker::unharmed;
use super::intake::{Answer, Fault};
use super::peering::Share;
use bytes::Bytes;
use futures_channel::oneshot;
use weft_tangle::check_peer::{Sent, Way};
use weft_tangle::{Screened, Transaction};

/// A job whose transactions have been read.
pub(super) enum Opened {
    /// A client's.
    Door(OpenedDoorJob),
    /// A peer's.
    Peer(OpenedPeerJob),
}

/// A client's job: what each of its transactions is, beside its bytes.
pub(super) struct OpenedDoorJob {
    pub(super) items: Vec<(Result<Transaction, Fault>, Bytes)>,
    pub(super) answers: oneshot::Sender<Vec<Answer>>,
}

/// A peer's job.
pub(super) struct OpenedPeerJob {
    pub(super) way: Way,
    pub(super) work: OpenedWork,
    pub(super) share: Share,
}

/// What a peer's job is of.
pub(super) enum OpenedWork {
    /// All is to be checked of each of these.
    Sent(Vec<Sent>),
    /// Issuer and signature.
    Again(Box<Screened>),
}

impl Opened {
    fn transactions(&self) -> Vec<&Transaction> {
        match self {
            Self::Door(job) => {
                job.items.iter().filter_map(|(transaction, _)| transaction.as_ref().ok()).collect()
            }
            Self::Peer(OpenedPeerJob { work: OpenedWork::Sent(all), .. }) => {
                all.iter().filter_map(Sent::transaction).collect()
            }
            Self::Peer(_) => Vec::new(),
        }
    }
}

/// Makes the seeds of all that these jobs are of. Each that is not made here is made by its own check.
pub(super) fn make_seeds<'a>(jobs: impl Iterator<Item = &'a Opened>) {
    let all = jobs.flat_map(Opened::transactions);
    // It has been told in the log.
    let _harmed = unharmed(|| {
        weft_tangle::make_seeds(all);
        Ok(())
    });
}
