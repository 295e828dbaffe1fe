//! The checks that need a processor, on a pool: everything from bytes to [`Verified`], cheapest first.
//!
//! The transactions of one job are checked by one thread in their order and handed on together, in that order; jobs pass
//! each other.

use super::directory::Directory;
use super::fair::Receiver;
use super::intake::Fault;
use super::job::{Checked, DoorJob, Item, Job, PeerJob, Request};
use super::opened::{Opened, OpenedDoorJob, make_seeds};
use super::progress::Progress;
use super::room::Room;
use super::verdicts::SharedVerdicts;
use crate::bell::Sender;
use crate::content::{self, ContentError};
use crate::limits::CHECKED_TOGETHER;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use weft_tangle::check::{check_door, check_enrolment_cheaply};
use weft_tangle::replica::Taken;
use weft_tangle::{Kind, Network, Refusal, Screened, Transaction, Verified};

/// What a checker needs; one a thread.
pub(super) struct Checker {
    pub(super) network: Arc<Network>,
    pub(super) store: Arc<Store>,
    pub(super) directory: Arc<Directory>,
    pub(super) verdicts: Arc<SharedVerdicts>,
    pub(super) owner: Sender<Checked>,
    pub(super) progress: Arc<Progress>,
    pub(super) room: Arc<Room>,
    /// How many checkers there are, this one included.
    pub(super) checkers: usize,
}

enum Outcome {
    Verified(Box<Verified>),
    Known(Taken),
}

impl Checker {
    /// Checks jobs until there can be no more. Of those that wait it takes its share at once, so that their hashes go side
    /// by side, and hands them on together, for each time that it wakes the owner costs both of them more than a check of a
    /// cheap rule.
    pub(super) fn run(&self, jobs: &Receiver<Job>) {
        let (mut opened, mut checked) = (Vec::with_capacity(CHECKED_TOGETHER), Vec::new());
        while let Some(first) = jobs.pop() {
            let share = jobs.len() / self.checkers;
            let mut transactions = 0;
            for job in std::iter::once(first).chain(std::iter::from_fn(|| jobs.try_pop()).take(share)) {
                let length = job.len();
                opened.push((length, self.open(job)));
                transactions += length;
                if transactions >= CHECKED_TOGETHER {
                    break;
                }
            }
            make_seeds(opened.iter().map(|(_, job)| job));
            for (length, job) in opened.drain(..) {
                // What was before a long job in the fair queue does not wait until that is checked.
                if length > CHECKED_TOGETHER {
                    self.hand_on(&mut checked);
                }
                checked.push((length, self.check_opened(job)));
            }
            self.hand_on(&mut checked);
        }
    }

    /// Checks what a peer has sent, for who would else hand it in only to wake one that has nothing to do.
    pub(super) fn check_at_once(&self, job: PeerJob) {
        let transactions = job.len();
        self.progress.submit(transactions);
        self.hand_on_one(transactions, Checked::Peer(self.check_peers(self.open_peers(job))));
    }

    fn open(&self, job: Job) -> Opened {
        match job {
            Job::Door(job) => Opened::Door(self.open_job(job)),
            Job::Peer(job) => Opened::Peer(self.open_peers(job)),
        }
    }

    fn check_opened(&self, job: Opened) -> Checked {
        match job {
            Opened::Door(job) => Checked::Door(self.check_job(job)),
            Opened::Peer(job) => Checked::Peer(self.check_peers(job)),
        }
    }

    /// Whether nothing that was checked waits for the owner.
    pub(super) fn is_free(&self) -> bool {
        self.room.is_free()
    }

    fn open_job(&self, DoorJob { items, answers }: DoorJob) -> OpenedDoorJob {
        let open = |wire: Bytes| {
            let transaction = unharmed(|| Ok(Transaction::decode(&self.network, &wire)?));
            (transaction, wire)
        };
        OpenedDoorJob { items: items.into_iter().map(open).collect(), answers }
    }

    fn check_job(&self, OpenedDoorJob { items, answers }: OpenedDoorJob) -> Request {
        let check = |(transaction, wire): (Result<Transaction, Fault>, Bytes)| match transaction
            .and_then(|transaction| unharmed(|| self.check(transaction)))
        {
            Ok(Outcome::Verified(transaction)) => Item::Attach(transaction, wire),
            Ok(Outcome::Known(taken)) => Item::Answered(Ok(taken)),
            Err(fault) => Item::Answered(Err(fault)),
        };
        Request { items: items.into_iter().map(check).collect(), answers }
    }

    /// Hands on jobs that are checked, each beside how many transactions it was of.
    fn hand_on(&self, checked: &mut Vec<(usize, Checked)>) {
        checked.drain(..).for_each(|(transactions, job)| self.hand_on_one(transactions, job));
    }

    fn hand_on_one(&self, transactions: usize, checked: Checked) {
        self.progress.finish(transactions);
        let request = match checked {
            // The owner learns of a job that leaves nothing to attach only when it waits for it.
            Checked::Door(request) if !request.leaves_something() && !self.progress.is_awaited() => request,
            checked => {
                self.room.take(checked.len());
                // The owner ends only when nobody waits for answers any more.
                let _gone = self.owner.send(checked);
                return;
            }
        };
        let answered = request.items.into_iter().filter_map(|item| match item {
            Item::Answered(answer) => Some(answer),
            Item::Attach(..) => None,
        });
        // A client that has left does not want to know.
        let _left = request.answers.send(answered.collect());
    }

    fn check(&self, transaction: Transaction) -> Result<Outcome, Fault> {
        let header = transaction.header();
        let id = transaction.id();
        if self.store.contains(&id).map_err(|error| Fault::Storage(error.to_string()))? {
            if self.store.is_damaged(&id) {
                self.heal(transaction)?;
            }
            return Ok(Outcome::Known(Taken { id, is_new: false, disputed: false }));
        }
        check_door(header, super::now())?;
        let verified = if header.kind == Kind::Enrol {
            check_enrolment_cheaply(&self.network, &transaction)?;
            let screened = Screened::check(&self.network, transaction)?;
            Verified::check_enrolment_once(&self.network, screened, &*self.verdicts)?
        } else {
            let issuer = self.directory.find(&header.issuer, &self.store).map_err(storage)?;
            let issuer = issuer.ok_or(Refusal::NotEnrolled(header.issuer))?;
            issuer.permits(&transaction)?;
            let screened = Screened::check(&self.network, transaction)?;
            Verified::check_once(&self.network, screened, &issuer, &*self.verdicts)?
        };
        // Last, for parsing what nobody has signed would be work for nothing.
        check_content(verified.transaction())?;
        Ok(Outcome::Verified(Box::new(verified)))
    }
}

#[cfg(test)]
impl Checker {
    /// The only one of a store, which tells `owner` what it has checked.
    pub(super) fn of(
        network: &Arc<Network>,
        store: &Arc<Store>,
        directory: &Arc<Directory>,
        owner: Sender<Checked>,
    ) -> Self {
        let metrics = crate::metrics::Metrics::new("test").unwrap();
        Self {
            network: Arc::clone(network),
            store: Arc::clone(store),
            directory: Arc::clone(directory),
            verdicts: Arc::new(SharedVerdicts::new(metrics)),
            owner,
            progress: Arc::default(),
            room: Room::new(crate::limits::OWNER_WAITING),
            checkers: 1,
        }
    }
}

/// A check that panics costs its own transaction and no other: whoever finds such a one sends it again and again.
pub(super) fn unharmed<T>(check: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    // What a check changes outside itself, the directory, the verdicts and the figures, is whole at every step.
    catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|_| {
        tracing::error!("the check of a transaction panicked");
        Err(Fault::Internal)
    })
}

/// What a reading contains is checked at the door only, where a client can be told; replicas carry it as it is.
fn check_content(transaction: &Transaction) -> Result<(), Fault> {
    if transaction.header().kind != Kind::Reading {
        return Ok(());
    }
    match content::check(transaction.header().content_format, transaction.content()) {
        Ok(()) => Ok(()),
        Err(error @ ContentError::Unsupported { .. }) => Err(Fault::UnsupportedContent(error.to_string())),
        Err(error) => Err(Fault::Content(error.to_string())),
    }
}

pub(super) fn storage(error: StoreError) -> Fault {
    match error {
        // It concerns the devices that are named in that row, and hinders no other.
        StoreError::Damaged { .. } => Fault::Damaged(error.to_string()),
        error => Fault::Storage(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
