//! Whether the node can take transactions, and if not, why: read by `/readyz`, the door and the metrics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use weft_tangle::TxId;
use weft_tangle::finality::Divergence;

/// The node's own view of its state.
#[derive(Debug, Default)]
pub struct Health {
    read_only: Mutex<Option<ReadOnly>>,
    /// Why nothing is finalised any more.
    diverged: OnceLock<String>,
    /// What is damaged and finality cannot do without.
    illegible: Mutex<Option<TxId>>,
    /// What no peer has whole and the node waits for.
    awaited: Mutex<Option<TxId>>,
    stopping: AtomicBool,
}

/// Why nothing is written.
#[derive(Clone, Debug)]
struct ReadOnly {
    reason: String,
    /// Whether only a restart ends it.
    for_good: bool,
}

impl Health {
    /// From now on nothing is written, for this reason, until [`Health::turn_writable`]. The first reason stays.
    pub fn turn_read_only(&self, reason: String) {
        let mut state = self.lock();
        if state.is_none() {
            tracing::error!(reason, "the node is read-only, until it can write again");
            *state = Some(ReadOnly { reason, for_good: false });
        }
    }

    /// From now on nothing is written until a restart, for this reason. It takes the place of one that may pass.
    pub fn turn_read_only_for_good(&self, reason: String) {
        let mut state = self.lock();
        if state.as_ref().is_none_or(|state| !state.for_good) {
            tracing::error!(reason, "the node is read-only until it is restarted");
            *state = Some(ReadOnly { reason, for_good: true });
        }
    }

    /// Still nothing is written, now for this reason, unless only a restart ends it.
    pub fn stay_read_only(&self, reason: String) {
        if let Some(state) = self.lock().as_mut().filter(|state| !state.for_good) {
            state.reason = reason;
        }
    }

    /// The node writes again. False when only a restart lets it.
    pub fn turn_writable(&self) -> bool {
        let mut state = self.lock();
        match &*state {
            Some(ReadOnly { for_good: true, .. }) => return false,
            // As loud as what it ends, or whoever reads the log takes the node for read-only still.
            Some(ReadOnly { reason, .. }) => {
                tracing::warn!(reason, "the node writes again, which it could not")
            }
            None => {}
        }
        *state = None;
        true
    }

    /// From now on nothing is finalised, for chains of commits have parted; all else goes on. Only a person can end that.
    pub fn stop_finalising(&self, divergence: &Divergence) {
        if self.diverged.get().is_some() {
            return;
        }
        let reason = words(divergence);
        tracing::error!(
            reason,
            "finality has stopped, and nothing else; look into what the members have signed"
        );
        let _first = self.diverged.set(reason);
    }

    /// Whether finality stands still because what is stored of a transaction is damaged, as of now.
    pub fn set_illegible(&self, id: Option<TxId>) {
        let mut illegible = self.illegible.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = id.filter(|_| *illegible != id) {
            tracing::error!(%id, "finality stands still, and nothing else, for it needs a transaction that is damaged here");
        }
        *illegible = id;
    }

    /// What the node waits for because no peer has its body, as of now.
    pub fn set_awaited(&self, id: Option<TxId>) {
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        // Of many each would be the oldest in its turn.
        if let Some(id) = id.filter(|_| awaited.is_none()) {
            tracing::warn!(%id, "the node waits for the body of a transaction, which no peer has");
        }
        *awaited = id;
    }

    /// What an operator should see to although the node takes transactions.
    pub fn warnings(&self) -> Vec<String> {
        let awaited = *self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        let words = |id| {
            format!(
                "the node waits for the body of {id}, which no peer has: what descends from it is not attached here. Mend a peer \
                 on which it is damaged; if it was erased, link this node with more members of the committee"
            )
        };
        awaited.map(words).into_iter().collect()
    }

    /// Why nothing is finalised any more, if so.
    pub fn diverged(&self) -> Option<&str> {
        self.diverged.get().map(String::as_str)
    }

    /// From now on new requests are sent away.
    pub fn begin_to_stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Why nothing is written, if so.
    pub fn read_only(&self) -> Option<String> {
        self.lock().as_ref().map(|state| state.reason.clone())
    }

    /// Whether only a restart lets the node write again.
    pub fn is_read_only_for_good(&self) -> bool {
        self.lock().as_ref().is_some_and(|state| state.for_good)
    }

    /// Whether the node is about to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// What keeps the node from taking transactions or from finalising them, in words; empty when it is ready.
    pub fn reasons(&self) -> Vec<String> {
        let stopping = self.is_stopping().then(|| "the node is stopping".to_owned());
        let read_only = self.read_only().map(|cause| format!("the node is read-only: {cause}"));
        let diverged = self.diverged().map(|reason| {
            format!(
                "nothing becomes final here any more: {reason}; compare this node's commits with those of others. If it alone \
                 differs, keep its database for whoever looks into it and start it anew with an empty one, or a backup from before; \
                 else more members lie, or run twice, than the network bears"
            )
        });
        let illegible = *self.illegible.lock().unwrap_or_else(PoisonError::into_inner);
        let illegible = illegible.map(|id| {
            format!(
                "nothing becomes final here: what is stored of {id} is damaged, and what is final follows from it; readings are \
                 taken all the same. Check the disk, let the other nodes take what is new here, and start this one with \
                 its newest backup, or with an empty database where others have all of it"
            )
        });
        stopping.into_iter().chain(read_only).chain(diverged).chain(illegible).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Option<ReadOnly>> {
        // Every change is one assignment, so a panic elsewhere has spoilt nothing.
        self.read_only.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn words(divergence: &Divergence) -> String {
    match divergence {
        Divergence::Contradicted { index, members } => format!(
            "{} members of the committee, a quorum, say otherwise than this node of commit {index} or one behind it",
            members.len()
        ),
        Divergence::Twofold { index, digests: [one, other] } => {
            let [one, other] = [one, other].map(|digest| weft_tangle::to_text(&digest.0));
            format!("a quorum has voted for each of two commits {index}: {one} and {other}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_tangle::Digest;
    use weft_tangle::finality::{Member, Members};

    #[test]
    fn a_node_whose_chain_has_parted_says_so_once_and_for_good() {
        let health = Health::default();
        let members: Members = [0, 2, 3].into_iter().filter_map(Member::new).collect();
        health.stop_finalising(&Divergence::Contradicted { index: 7, members });
        health
            .stop_finalising(&Divergence::Twofold { index: 8, digests: [Digest([1; 32]), Digest([2; 32])] });
        let [reason] = &health.reasons()[..] else { panic!("{:?}", health.reasons()) };
        assert!(reason.contains("3 members") && reason.contains("commit 7"), "{reason}");
        assert!(reason.contains("start it anew"), "it says what to do: {reason}");
        health.turn_read_only("the disk is full".into());
        assert!(
            health.turn_writable() && health.diverged().is_some(),
            "a disk that works again mends no chain"
        );
    }

    #[test]
    fn the_first_reason_stays_until_the_node_writes_again() {
        let health = Health::default();
        health.stay_read_only("nothing is wrong".into());
        assert!(health.reasons().is_empty());
        health.turn_read_only("the disk is full".into());
        health.turn_read_only("a commit failed".into());
        assert_eq!(health.read_only().as_deref(), Some("the disk is full"));
        health.stay_read_only("7 bytes are free".into());
        assert_eq!(health.reasons(), ["the node is read-only: 7 bytes are free"]);
        assert!(health.turn_writable() && health.reasons().is_empty());
    }

    #[test]
    fn what_finality_cannot_do_without_is_named_as_long_as_it_lacks() {
        let health = Health::default();
        let id = TxId::from_bytes([7; TxId::BYTES]);
        health.set_illegible(Some(id));
        let [reason] = &health.reasons()[..] else { panic!("{:?}", health.reasons()) };
        assert!(reason.contains(&id.to_string()) && reason.contains("readings are taken"), "{reason}");
        health.set_illegible(None);
        assert!(health.reasons().is_empty());
    }

    #[test]
    fn what_is_waited_for_in_vain_is_a_warning_as_long_as_it_is() {
        let health = Health::default();
        let id = TxId::from_bytes([7; TxId::BYTES]);
        health.set_awaited(Some(id));
        let [warning] = &health.warnings()[..] else { panic!("{:?}", health.warnings()) };
        assert!(warning.contains(&format!("waits for the body of {id}")), "{warning}");
        assert!(health.reasons().is_empty(), "it takes transactions");
        health.set_awaited(None);
        assert!(health.warnings().is_empty());
    }

    #[test]
    fn what_only_a_restart_mends_is_not_left() {
        let health = Health::default();
        health.turn_read_only("the disk is full".into());
        health.turn_read_only_for_good("a thread panicked".into());
        health.stay_read_only("the disk is full".into());
        assert!(!health.turn_writable() && health.is_read_only_for_good());
        assert_eq!(health.read_only().as_deref(), Some("a thread panicked"));
    }
}
