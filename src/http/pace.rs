//! The deadlines of one connection, as a state machine without timers or I/O of its own.
//!
//! The stream, the request body and the answer record what happens; the connection asks for the next deadline
//! and what follows when it passes. In every phase but a streaming answer a deadline runs, and whenever bytes
//! wait to be read by the client another one runs beside it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::bounds::ServerLimits;
use super::stats::Cut;

/// What the connection does about a deadline that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expired {
    /// Not yet, or the request itself is told: poll the connection again.
    Poll(Option<Cut>),
    /// End the connection after a 408: part of a head has come.
    Tell(Cut),
    /// End the connection.
    End(Cut),
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// A head is awaited on a new connection, or one has begun.
    Head { by: Instant, begun: bool },
    /// Between requests.
    Idle { by: Instant },
    /// The handler has the request. It reads the body, if it wants it, before all else: a body that it leaves
    /// unread counts as late.
    Busy { answer_by: Instant, overdue: bool, body: Option<Body> },
    /// The answer's body is being produced.
    Answering,
}

/// A request body that has not arrived as a whole.
#[derive(Debug, Clone, Copy)]
struct Body {
    whole_by: Instant,
    next_by: Instant,
    overdue: bool,
}

/// Bytes that the kernel did not take because the client does not read.
#[derive(Debug, Clone, Copy)]
struct Backlog {
    by: Instant,
    moved: usize,
}

struct State {
    phase: Phase,
    backlog: Option<Backlog>,
    /// Whether a piece of the answer waits for its turn to be handed over.
    more: bool,
    ended: bool,
}

/// Shared by the parts of one connection, which all run in one task: the lock is never contended.
#[derive(Clone)]
pub(super) struct Pace {
    limits: Arc<ServerLimits>,
    state: Arc<Mutex<State>>,
}

impl Pace {
    pub(super) fn new(limits: Arc<ServerLimits>, now: Instant) -> Self {
        let phase = Phase::Head { by: now + limits.head_timeout, begun: false };
        Self {
            state: Arc::new(Mutex::new(State { phase, backlog: None, more: false, ended: false })),
            limits,
        }
    }

    /// Bytes came, or none when the client ended its side.
    pub(super) fn read(&self, bytes: usize, now: Instant) {
        let mut state = self.lock();
        state.ended |= bytes == 0;
        match &mut state.phase {
            Phase::Head { begun, .. } => *begun |= bytes > 0,
            Phase::Idle { .. } if bytes > 0 => {
                state.phase = Phase::Head { by: now + self.limits.head_timeout, begun: true };
            }
            _ => (),
        }
    }

    /// A request's head is whole; `body` says whether a body follows.
    pub(super) fn requested(&self, body: bool, now: Instant) {
        let body = body.then(|| Body {
            whole_by: now + self.limits.body_timeout,
            next_by: now + self.limits.body_stall,
            overdue: false,
        });
        self.lock().phase = Phase::Busy { answer_by: now + self.limits.answer_timeout, overdue: false, body };
    }

    /// A part of the body came.
    pub(super) fn body_moved(&self, now: Instant) {
        if let Phase::Busy { body: Some(body), .. } = &mut self.lock().phase {
            body.next_by = now + self.limits.body_stall;
        }
    }

    /// The body is whole, or nobody wants it any more.
    pub(super) fn body_done(&self) {
        if let Phase::Busy { body, .. } = &mut self.lock().phase {
            *body = None;
        }
    }

    /// Whether a part of the body has not arrived.
    pub(super) fn body_unfinished(&self) -> bool {
        matches!(&self.lock().phase, Phase::Busy { body: Some(_), .. })
    }

    /// Whether the body's deadline has passed.
    pub(super) fn body_overdue(&self) -> bool {
        matches!(&self.lock().phase, Phase::Busy { body: Some(Body { overdue: true, .. }), .. })
    }

    /// Whether the handler's deadline has passed.
    pub(super) fn answer_overdue(&self) -> bool {
        matches!(&self.lock().phase, Phase::Busy { overdue: true, .. })
    }

    /// The handler answered.
    pub(super) fn answered(&self) {
        self.lock().phase = Phase::Answering;
    }

    /// A piece of the answer's body has been handed over; `more` says whether another is there already.
    pub(super) fn answer_moved(&self, more: bool) {
        self.lock().more = more;
    }

    /// The answer's body has been handed over as a whole.
    pub(super) fn answer_done(&self, now: Instant) {
        let mut state = self.lock();
        state.more = false;
        if matches!(state.phase, Phase::Answering) {
            state.phase = Phase::Idle { by: now + self.limits.idle_timeout };
        }
    }

    /// The kernel took no more bytes.
    pub(super) fn write_blocked(&self, now: Instant) {
        let by = now + self.limits.write_stall;
        self.lock().backlog.get_or_insert(Backlog { by, moved: 0 });
    }

    /// The kernel took `bytes`.
    pub(super) fn wrote(&self, bytes: usize, now: Instant) {
        let mut state = self.lock();
        if let Some(backlog) = &mut state.backlog {
            backlog.moved = backlog.moved.saturating_add(bytes);
            if backlog.moved >= self.limits.write_progress {
                *backlog = Backlog { by: now + self.limits.write_stall, moved: 0 };
            }
        }
    }

    /// The kernel took all that was handed over.
    pub(super) fn flushed(&self) {
        let mut state = self.lock();
        if !state.more {
            state.backlog = None;
        }
    }

    /// Whether the client ended its side.
    pub(super) fn client_ended(&self) -> bool {
        self.lock().ended
    }

    /// The earliest deadline that runs.
    pub(super) fn next(&self) -> Option<Instant> {
        let state = self.lock();
        let phase = match &state.phase {
            Phase::Head { by, .. } | Phase::Idle { by } => Some(*by),
            Phase::Busy { answer_by, body: Some(body), .. } if !body.overdue => {
                Some(body.whole_by.min(body.next_by).min(*answer_by))
            }
            Phase::Busy { answer_by, .. } => Some(*answer_by),
            Phase::Answering => None,
        };
        phase.into_iter().chain(state.backlog.map(|backlog| backlog.by)).min()
    }

    /// Acts on what has passed at `now`.
    pub(super) fn expire(&self, now: Instant) -> Expired {
        let mut state = self.lock();
        if state.backlog.is_some_and(|backlog| backlog.by <= now) {
            return Expired::End(Cut::Write);
        }
        match &mut state.phase {
            Phase::Head { by, begun: true } if *by <= now => Expired::Tell(Cut::Head),
            Phase::Head { by, begun: false } if *by <= now => Expired::End(Cut::Head),
            Phase::Idle { by } if *by <= now => Expired::End(Cut::Idle),
            Phase::Busy { answer_by, overdue, .. } if *answer_by <= now => {
                // The gate answers as soon as it is polled; were it not, the connection still ends.
                if std::mem::replace(overdue, true) {
                    return Expired::End(Cut::Answer);
                }
                Expired::Poll(Some(Cut::Answer))
            }
            Phase::Busy { body: Some(body), .. }
                if !body.overdue && body.whole_by.min(body.next_by) <= now =>
            {
                body.overdue = true;
                Expired::Poll(Some(Cut::Body))
            }
            _ => Expired::Poll(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
