//! The devices of a load that have nothing left to do but send, all in one thread that is woken for many answers at once:
//! a load shares the machine with the node that it measures, and a thread for each device costs both a change of threads
//! for every answer.
//!
//! Always true: a device sends nothing while it waits for an answer, and has one time at which something is due.

use super::connection::{ConnectionError, LAST_ANSWER, LOOK_EVERY};
use super::delivery::{After, Delivery, Verdicts};
use super::line::Line;
use super::worker::Worker;
use crate::sensor::Stop;
use crate::sensor::limits::{CONNECT_TIMEOUT, EXCHANGE_TIMEOUT};
use mio::{Events, Poll, Token};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::time::Instant;

/// Sends until no device has more to send, it is stopped, or the node is gone.
pub(super) fn run(workers: &mut [Worker<'_>], stop: &Stop, start: Instant) {
    if let Err(error) = try_run(workers, stop, start) {
        for worker in workers {
            worker.tally.last_error = Some(format!("cannot wait for answers: {error}"));
        }
    }
}

fn try_run(workers: &mut [Worker<'_>], stop: &Stop, start: Instant) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let registry = poll.registry().try_clone()?;
    let mut events = Events::with_capacity(workers.len());
    let mut round = Round { seats: Vec::new(), alarms: BTreeSet::new() };
    for (number, worker) in workers.iter_mut().enumerate() {
        let line = Line::new(worker.connection.target().clone(), Token(number), &registry);
        let line = line.over(worker.connection.release());
        round.seats.push(Seat { worker, line, start, doing: Doing::Nothing, alarm: None });
    }
    (0..round.seats.len()).for_each(|number| round.with(number, Seat::begin_next));
    let mut last = None;
    while let Some((next, _)) = round.alarms.first() {
        let wait = next.saturating_duration_since(Instant::now()).min(LOOK_EVERY);
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => events.clear(),
            polled => polled?,
        }
        events.iter().for_each(|event| round.with(event.token().0, Seat::hear));
        if stop.is_raised() {
            let last = *last.get_or_insert_with(|| Instant::now() + LAST_ANSWER);
            let is_over = Instant::now() >= last;
            (0..round.seats.len()).for_each(|number| round.with(number, |seat| seat.end(is_over)));
        }
        round.ring();
    }
    Ok(())
}

struct Round<'a, 'b> {
    seats: Vec<Seat<'a, 'b>>,
    /// What is due next, and of which seat.
    alarms: BTreeSet<(Instant, usize)>,
}

impl<'a, 'b> Round<'a, 'b> {
    fn with(&mut self, number: usize, work: impl FnOnce(&mut Seat<'a, 'b>)) {
        let seat = &mut self.seats[number];
        let before = seat.alarm;
        work(seat);
        if seat.alarm != before {
            before.inspect(|alarm| _ = self.alarms.remove(&(*alarm, number)));
            self.alarms.extend(seat.alarm.map(|alarm| (alarm, number)));
        }
    }

    /// What is due by now.
    fn ring(&mut self) {
        let now = Instant::now();
        while let Some((_, number)) = self.alarms.first().filter(|(alarm, _)| *alarm <= now) {
            self.with(*number, Seat::ring);
        }
    }
}

/// A device and its connection.
struct Seat<'a, 'b> {
    worker: &'a mut Worker<'b>,
    line: Line<'a>,
    start: Instant,
    doing: Doing,
    /// When something is due, unless nothing is done any more.
    alarm: Option<Instant>,
}

enum Doing {
    /// This is to be sent at the alarm.
    Resting(Delivery),
    /// This was sent, and is given up at the alarm.
    Waiting(Delivery),
    Nothing,
}

impl Seat<'_, '_> {
    fn begin_next(&mut self) {
        match self.worker.next(self.start) {
            Some(delivery) => self.send(delivery),
            None => self.alarm = None,
        }
    }

    fn send(&mut self, delivery: Delivery) {
        self.worker.tally.requests += 1;
        let as_batch = self.worker.batch > 1;
        match self.line.send(|target, out| delivery.write(as_batch, target, out)) {
            Ok(()) => self.wait(delivery),
            Err(error) => self.lost(delivery, &error.into()),
        }
    }

    fn wait(&mut self, delivery: Delivery) {
        let most = if self.line.is_connecting() { CONNECT_TIMEOUT } else { EXCHANGE_TIMEOUT };
        self.alarm = Some(Instant::now() + most);
        self.doing = Doing::Waiting(delivery);
    }

    /// The connection can be written to, read from, or is gone.
    fn hear(&mut self) {
        let delivery = match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Waiting(delivery) => delivery,
            other => {
                self.doing = other;
                return self.line.expect_nothing();
            }
        };
        let was_connecting = self.line.is_connecting();
        match self.line.go_on() {
            Ok(None) if was_connecting && !self.line.is_connecting() => self.wait(delivery),
            Ok(None) => self.doing = Doing::Waiting(delivery),
            Ok(Some(head)) => {
                let verdicts = delivery.read(self.worker.batch > 1, &self.line.answer(&head));
                self.conclude(delivery, verdicts);
            }
            Err(error) => self.lost(delivery, &error),
        }
    }

    fn ring(&mut self) {
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Resting(delivery) => self.send(delivery),
            Doing::Waiting(delivery) => match self.line.give_up() {
                Ok(()) => self.wait(delivery),
                Err(error) => self.lost(delivery, &error.into()),
            },
            Doing::Nothing => self.alarm = None,
        }
    }

    fn lost(&mut self, delivery: Delivery, error: &ConnectionError) {
        self.conclude(delivery, Err(format!("no answer: {error}")));
    }

    fn conclude(&mut self, mut delivery: Delivery, verdicts: Result<Verdicts, String>) {
        match self.worker.judge(&mut delivery, verdicts) {
            After::Next => self.begin_next(),
            After::Again(wait) => {
                self.alarm = Some(Instant::now() + wait);
                self.doing = Doing::Resting(delivery);
            }
            After::End => self.alarm = None,
        }
    }

    /// Sends nothing more, and waits for no more than what is on its way, if at all.
    fn end(&mut self, at_once: bool) {
        if at_once || !matches!(self.doing, Doing::Waiting(_)) {
            (self.doing, self.alarm) = (Doing::Nothing, None);
        }
    }
}

#[cfg(test)]
mod tests;
