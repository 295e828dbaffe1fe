//! How finality stands on this node, as API and metrics see it: what the replica said last, with what is on disk.
//!
//! Always true: no commit is told of that is not durable, nor a vote for one.

use std::sync::{Mutex, MutexGuard, PoisonError};
use weft_tangle::Position;
use weft_tangle::body::Vote;
use weft_tangle::finality::{Handed, Status};

/// What owner and writer said last; cheap to look at.
#[derive(Debug)]
pub struct FinalityView(Mutex<Said>);

#[derive(Debug)]
struct Said {
    status: Status,
    durable: Vote,
    /// Transactions that durable commits have delivered.
    finalised: u64,
    /// What was counted until now.
    totals: Totals,
    /// What the replica had counted when it was last asked.
    counted: Totals,
}

/// What was counted since the process started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Slots whose leader was passed by.
    pub skipped: u64,
    /// Witnesses that have a twin: another one of the same member and round. Each proves that its author lies.
    pub twins: u64,
}

impl Totals {
    fn of(status: &Status) -> Self {
        Self { skipped: status.skipped, twins: status.members.iter().map(|member| member.twins).sum() }
    }
}

impl FinalityView {
    /// What a replica says that goes on behind the newest stored commit. What it found in the store is no news.
    /// `stored` transactions are durable.
    pub(super) fn new(status: Status, stored: Position) -> Self {
        let (durable, counted) = (status.last, Totals::of(&status));
        let finalised = stored.0.saturating_sub(status.undelivered);
        Self(Mutex::new(Said { status, durable, finalised, totals: Totals::default(), counted }))
    }

    /// Goes on with another replica, which counts from nothing.
    pub(super) fn begin_again(&self, status: Status, stored: Position) {
        let mut said = self.lock();
        said.finalised = stored.0.saturating_sub(status.undelivered);
        said.counted = Totals::of(&status);
        said.durable = status.last;
        said.status = status;
    }

    /// Takes over what the replica says.
    pub(super) fn publish(&self, status: Status) {
        let mut said = self.lock();
        let (now, before) = (Totals::of(&status), said.counted);
        said.totals.skipped += now.skipped.saturating_sub(before.skipped);
        said.totals.twins += now.twins.saturating_sub(before.twins);
        said.counted = now;
        said.status = status;
    }

    /// A commit is on disk.
    pub(super) fn became_durable(&self, handed: &Handed) {
        let mut said = self.lock();
        said.durable = handed.delivered.vote();
        said.finalised += u64::from(handed.delivered.commit.count);
    }

    /// How finality stands, some tenths of a second ago; its newest commit is the newest durable one, of now.
    pub fn status(&self) -> Status {
        let said = self.lock();
        let mut status = said.status.clone();
        status.last = said.durable;
        status.certified = status.certified.min(said.durable.index);
        for member in &mut status.members {
            member.confirmed = member.confirmed.min(said.durable.index);
        }
        status
    }

    /// How many transactions durable commits have delivered, witnesses among them.
    pub fn finalised(&self) -> u64 {
        self.lock().finalised
    }

    /// The newest durable commit; [`Vote::NONE`] while there is none.
    pub fn last(&self) -> Vote {
        self.lock().durable
    }

    /// What was counted since the process started.
    pub fn totals(&self) -> Totals {
        self.lock().totals
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        // Figures alone stand here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CREATED, handed, network};
    use weft_tangle::Replica;

    fn status(index: u64, skipped: u64, twins: u64) -> Status {
        let replica = Replica::new(network("view"), Position(0));
        let mut status = replica.finality();
        let digest = handed(index, CREATED, &[]).delivered.digest;
        (status.last, status.certified, status.skipped) = (Vote { index, digest }, index, skipped);
        (status.members[0].twins, status.members[0].confirmed) = (twins, index);
        status
    }

    #[test]
    fn what_is_not_on_disk_is_not_told() {
        let view = FinalityView::new(status(0, 0, 0), Position(0));
        view.publish(status(3, 0, 0));
        let told = view.status();
        assert_eq!((told.last.index, told.certified, told.members[0].confirmed), (0, 0, 0));
        let second = handed(2, CREATED, &[]);
        view.became_durable(&second);
        let told = view.status();
        assert_eq!((told.last, told.certified, told.members[0].confirmed), (second.delivered.vote(), 2, 2));
        assert_eq!(view.last(), second.delivered.vote());
    }

    #[test]
    fn what_is_final_is_counted_on_from_what_was_found_on_disk() {
        let open = |undelivered| Status { undelivered, ..status(0, 0, 0) };
        let view = FinalityView::new(open(3), Position(10));
        assert_eq!(view.finalised(), 7);
        let handed = handed(1, CREATED, &[]);
        view.became_durable(&handed);
        assert_eq!(view.finalised(), 7 + u64::from(handed.delivered.commit.count));
        // A replica that goes on behind a disk that had failed may have lost what it told.
        view.begin_again(open(1), Position(9));
        assert_eq!(view.finalised(), 8);
    }

    #[test]
    fn replicas_count_on_and_not_again_what_they_found() {
        let view = FinalityView::new(status(0, 0, 4), Position(0));
        view.publish(status(0, 2, 5));
        view.publish(status(0, 3, 5));
        assert_eq!(view.totals(), Totals { skipped: 3, twins: 1 });
        view.begin_again(status(0, 0, 5), Position(0));
        view.publish(status(0, 1, 7));
        assert_eq!(view.totals(), Totals { skipped: 4, twins: 3 });
    }
}
