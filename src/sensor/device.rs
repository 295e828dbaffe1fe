//! Making transactions: time, counter, parents, signature and work of one device in one network.
//!
//! Always true: each pair of a ticket serves once, each counter once, and a transaction is later than both parents.
//! Nothing here reads a clock or speaks to a node; the system's time is an argument.

use super::Stop;
use super::client::Ticket;
use super::limits::{CLOCK_TOLERANCE_MS, COUNTER_JUMP, PAIRS_AGE_MS, PAIRS_KEPT, WORK_BITS};
use super::state::{State, StateError};
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use weft_pow::{Difficulty, search_on_threads};
use weft_tangle::limits::AHEAD_MS;
use weft_tangle::signing::SigningKey;
use weft_tangle::{DeviceId, Draft, Epoch, Kind, Malformed, NetworkId, Rules, Timestamp, TxId};

/// What a network asks of all its devices.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The network.
    pub network: NetworkId,
    /// Its rules.
    pub rules: Rules,
    /// Whether enrolment is open, which makes enrolments dearer.
    pub open_enrolment: bool,
}

/// A device in one network.
pub struct Device<'a> {
    key: &'a SigningKey,
    id: DeviceId,
    state: State,
    terms: Terms,
    bundle: Option<Bundle>,
    /// Milliseconds from the system's clock to the one that the node's tickets show.
    offset_ms: i64,
    last: Option<Timestamp>,
}

/// What is left of a ticket.
struct Bundle {
    pairs: VecDeque<[TxId; 2]>,
    taken_at: Timestamp,
    epoch: Epoch,
    counter: u32,
    difficulty: Difficulty,
    enrolment_difficulty: Difficulty,
}

/// What a transaction is to say.
#[derive(Clone, Copy, Debug)]
pub struct Content<'c> {
    /// Its kind.
    pub kind: Kind,
    /// CoAP Content-Format of the bytes.
    pub format: u16,
    /// The bytes.
    pub bytes: &'c [u8],
    /// Fresh random bytes, used for nothing else.
    pub salt: [u8; 16],
}

/// A transaction, ready to be handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its id.
    pub id: TxId,
    /// Its wire form.
    pub wire: Vec<u8>,
    /// Its counter.
    pub counter: u32,
}

/// Why no transaction could be made.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// No parents are left.
    #[error("no parents are left; ask for a ticket first")]
    NoTicket,
    /// The ticket is another network's.
    #[error("the node's ticket is for network {found}, not {expected}; it has changed networks: start again")]
    OtherNetwork {
        /// The network that this device was set up for.
        expected: NetworkId,
        /// The ticket's.
        found: NetworkId,
    },
    /// Parents lie in the future.
    #[error(
        "the node hands out parents {ahead_ms} ms ahead of its own clock; its clock is wrong: use another node"
    )]
    ParentsAhead {
        /// Milliseconds ahead.
        ahead_ms: u64,
    },
    /// What was used before is not known; from this time on it is.
    #[error("the counters used before {until:?} are not known; wait until then")]
    Wait {
        /// When the next known epoch begins, by the corrected clock.
        until: Timestamp,
        /// Milliseconds from now.
        milliseconds: u64,
    },
    /// No counter.
    #[error(transparent)]
    State(StateError),
    /// The content cannot be a body.
    #[error(transparent)]
    Content(#[from] Malformed),
    /// The node asks for too much.
    #[error(
        "the node asks for {bits} bits of work, at most {WORK_BITS} are done; send less, or use another node"
    )]
    Work {
        /// Zero bits asked for.
        bits: u8,
    },
    /// Stopped while it searched.
    #[error("stopped")]
    Stopped,
}

impl<'a> Device<'a> {
    /// The device that holds `key` and `state`, in a network.
    pub fn new(key: &'a SigningKey, state: State, terms: Terms) -> Self {
        let id = DeviceId::of(key.public_key());
        Self { key, id, state, terms, bundle: None, offset_ms: 0, last: None }
    }

    /// The device's id.
    pub fn id(&self) -> DeviceId {
        self.id
    }

    /// The network and its rules.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The state, to be closed.
    pub fn into_state(self) -> State {
        self.state
    }

    /// The time by the corrected clock.
    pub fn time(&self, system: Timestamp) -> Timestamp {
        match self.offset_ms.unsigned_abs() {
            ahead if self.offset_ms >= 0 => system.plus(ahead),
            behind => system.minus(behind),
        }
    }

    /// Whether a ticket is needed before the next transaction: none is left, or what is left is too old.
    pub fn needs_ticket(&self, system: Timestamp) -> bool {
        self.bundle.as_ref().is_none_or(|bundle| {
            let stale = system.since(bundle.taken_at) > PAIRS_AGE_MS || system < bundle.taken_at;
            bundle.pairs.is_empty() || stale
        })
    }

    /// Lets the next transaction approve a pair of the device's own choosing, for one that chains what it makes.
    ///
    /// # Errors
    /// [`DeviceError::NoTicket`] when there never was one, which would have told of the network's time and difficulty.
    pub fn put_pair(&mut self, pair: [TxId; 2]) -> Result<(), DeviceError> {
        let bundle = self.bundle.as_mut().ok_or(DeviceError::NoTicket)?;
        bundle.pairs.truncate(PAIRS_KEPT - 1);
        bundle.pairs.push_front(pair);
        Ok(())
    }

    /// Gives up what is left of the ticket.
    pub fn drop_ticket(&mut self) {
        self.bundle = None;
    }

    /// Takes a ticket. Returns by how many milliseconds the clock was set forward (or back), if it was off by more
    /// than the door tolerates; a clock that is off by less is left alone, for the way of the ticket takes time too.
    ///
    /// # Errors
    /// [`DeviceError::OtherNetwork`], [`DeviceError::Work`].
    pub fn take_ticket(&mut self, ticket: &Ticket, system: Timestamp) -> Result<Option<i64>, DeviceError> {
        if ticket.network != self.terms.network {
            return Err(DeviceError::OtherNetwork { expected: self.terms.network, found: ticket.network });
        }
        let bits =
            |bits| Difficulty::new(bits).filter(|_| bits <= WORK_BITS).ok_or(DeviceError::Work { bits });
        self.bundle = Some(Bundle {
            pairs: ticket.parents.iter().take(PAIRS_KEPT).copied().collect(),
            taken_at: system,
            epoch: Epoch(ticket.epoch),
            counter: ticket.counter,
            difficulty: bits(ticket.difficulty)?,
            enrolment_difficulty: bits(ticket.enrolment_difficulty)?,
        });
        Ok(self.correct_clock(Timestamp::from_millis(ticket.time), system))
    }

    /// Makes a transaction, with the next counter, the next pair of parents, and the work done on `threads` threads.
    ///
    /// # Errors
    /// All but [`DeviceError::OtherNetwork`]. Counter and pair are spent also when the work is not finished.
    pub fn make(
        &mut self,
        content: Content<'_>,
        system: Timestamp,
        threads: NonZeroUsize,
        stop: &Stop,
    ) -> Result<Made, DeviceError> {
        let now = self.time(system);
        let bundle = self.bundle.as_mut().ok_or(DeviceError::NoTicket)?;
        let parents = *bundle.pairs.front().ok_or(DeviceError::NoTicket)?;
        let timestamp = timestamp(parents, now, self.last)?;
        let epoch = self.terms.rules.epoch(timestamp);
        let own = self.state.next(&self.terms.network, epoch);
        let theirs = if bundle.epoch == epoch { bundle.counter } else { 0 };
        // A state that was restored from a copy catches up with what the node has seen. A jump that no copy explains
        // is not followed: whoever could make a device do so could make all its work dear.
        let at_least = if theirs.saturating_sub(own) <= COUNTER_JUMP { theirs } else { 0 };
        let counter = self.state.take(&self.terms.network, epoch, at_least).map_err(|error| match error {
            StateError::Closed { opens, .. } => {
                let until = self.terms.rules.span(opens).start;
                DeviceError::Wait { until, milliseconds: until.since(now) }
            }
            other => DeviceError::State(other),
        })?;
        bundle.pairs.pop_front();
        self.last = Some(timestamp);
        let asked = match content.kind {
            Kind::Enrol => bundle.enrolment_difficulty,
            _ => bundle.difficulty,
        };
        let ruled = self.terms.rules.difficulty(content.kind, counter, self.terms.open_enrolment);
        let difficulty = asked.max(ruled);
        if difficulty.bits() > WORK_BITS {
            return Err(DeviceError::Work { bits: difficulty.bits() });
        }
        let draft = Draft {
            kind: content.kind,
            content_format: content.format,
            counter,
            timestamp,
            parents,
            salt: content.salt,
            content: content.bytes,
        };
        let signed = draft.sign(&self.terms.network, self.key)?;
        let nonce =
            search_on_threads(signed.seed(), difficulty, threads, stop.flag()).ok_or(DeviceError::Stopped)?;
        Ok(Made { id: signed.id(), wire: signed.with_nonce(nonce), counter })
    }

    fn correct_clock(&mut self, node: Timestamp, system: Timestamp) -> Option<i64> {
        let now = self.time(system);
        if node.since(now).max(now.since(node)) <= CLOCK_TOLERANCE_MS {
            return None;
        }
        let apart = |from: Timestamp, to: Timestamp| i64::try_from(to.since(from)).unwrap_or(i64::MAX);
        let by = if node > now { apart(now, node) } else { -apart(node, now) };
        self.offset_ms = if node > system { apart(system, node) } else { -apart(node, system) };
        Some(by)
    }
}

/// Now, but later than both parents, and than the device's own last transaction unless its clock was set back since.
fn timestamp(parents: [TxId; 2], now: Timestamp, last: Option<Timestamp>) -> Result<Timestamp, DeviceError> {
    let [first, second] = parents.map(|parent| parent.timestamp().plus(1));
    let after_parents = first.max(second);
    let ahead_ms = after_parents.since(now);
    if ahead_ms > AHEAD_MS {
        return Err(DeviceError::ParentsAhead { ahead_ms });
    }
    let after_last = last.map(|last| last.plus(1)).filter(|after| after.since(now) <= AHEAD_MS);
    Ok(now.max(after_parents).max(after_last.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
