//! Who waits for the owner's answers, by the tokens that it gave them.
//!
//! Always true: a job is answered once, when each of its transactions is.

use super::intake::{Answer, Fault};
use super::job::{Item, Request};
use bytes::Bytes;
use futures_channel::oneshot;
use std::collections::{BTreeMap, HashMap};
use weft_tangle::Verified;
use weft_tangle::replica::{Ticket, Token};

/// Who waits for which token.
#[derive(Default)]
pub(super) struct Waiting {
    next: u64,
    /// By the token of a job's first transaction; the others have those that follow.
    jobs: BTreeMap<Token, Answers>,
    pub(super) tickets: HashMap<Token, oneshot::Sender<Result<Ticket, Fault>>>,
}

/// The answers to one job, in the order of its transactions.
struct Answers {
    /// None where there is none yet.
    answers: Vec<Option<Answer>>,
    missing: usize,
    receiver: oneshot::Sender<Vec<Answer>>,
}

impl Waiting {
    /// A token for something that is not a job.
    pub(super) fn token(&mut self) -> Token {
        self.next += 1;
        Token(self.next - 1)
    }

    /// Remembers who is to be answered, and gives what is to be attached, in its order.
    pub(super) fn take_in(&mut self, request: Request) -> Vec<(Token, Box<Verified>, Bytes)> {
        let first = self.next;
        self.next += request.items.len() as u64;
        let mut attach = Vec::with_capacity(request.items.len());
        let answers = (first..).zip(request.items).map(|(token, item)| match item {
            Item::Answered(answer) => Some(answer),
            Item::Attach(transaction, wire) => {
                attach.push((Token(token), transaction, wire));
                None
            }
        });
        let answers = Answers { answers: answers.collect(), missing: 0, receiver: request.answers };
        let answers = Answers { missing: attach.len(), ..answers };
        match answers.missing {
            0 => answers.give(&Fault::Internal),
            _ => drop(self.jobs.insert(Token(first), answers)),
        }
        attach
    }

    /// Answers everybody, with `fault` where there is no answer yet.
    pub(super) fn refuse(&mut self, fault: &Fault) {
        std::mem::take(&mut self.jobs).into_values().for_each(|job| job.give(fault));
        for (_, answer) in self.tickets.drain() {
            let _left = answer.send(Err(fault.clone()));
        }
    }

    /// Notes the answer to one transaction. The last one of a job answers it.
    pub(super) fn answer(&mut self, token: Token, answer: Answer) {
        let Some((&first, job)) = self.jobs.range_mut(..=token).next_back() else { return };
        let Some(place) = job.answers.get_mut((token.0 - first.0) as usize) else { return };
        job.missing -= usize::from(place.replace(answer).is_none());
        if job.missing == 0 {
            self.jobs.remove(&first).into_iter().for_each(|job| job.give(&Fault::Internal));
        }
    }
}

impl Answers {
    /// Answers, with `fault` where an answer is missing.
    fn give(self, fault: &Fault) {
        let answers = self.answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(fault.clone())));
        // A client that has left does not want to know.
        let _left = self.receiver.send(answers.collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Device, Ledger, network};
    use weft_tangle::replica::Taken;

    #[test]
    fn a_job_is_answered_once_in_its_order_when_the_last_of_it_is() {
        let mut ledger = Ledger::new(&network("waiting"), 1);
        let device = Device::new(1);
        let verified: Vec<_> = [ledger.enrol(&device, 0), ledger.read(&device, 1)]
            .map(|attached| attached.verified().clone())
            .into();
        let taken: Vec<Answer> = verified
            .iter()
            .map(|verified| Ok(Taken { id: verified.id(), is_new: true, disputed: false }))
            .collect();
        let mut waiting = Waiting::default();
        let mut job = |items: Vec<Item>| {
            let (answers, receiver) = oneshot::channel();
            (waiting.take_in(Request { items, answers }), receiver)
        };
        let attach = |index: usize| Item::Attach(Box::new(verified[index].clone()), Bytes::new());
        let refused = || Item::Answered(Err(Fault::Overloaded));

        let (nothing, mut answered) = job(vec![refused(), refused()]);
        assert!(nothing.is_empty());
        assert_eq!(
            answered.try_recv(),
            Ok(Some(vec![Err(Fault::Overloaded); 2])),
            "there is nothing to wait for"
        );

        let (first, mut first_answers) = job(vec![attach(0), refused(), attach(1)]);
        let (second, mut second_answers) = job(vec![attach(1)]);
        let ids = |attach: &[(Token, Box<Verified>, Bytes)]| {
            attach.iter().map(|(_, one, _)| one.id()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&first), [verified[0].id(), verified[1].id()]);
        assert_eq!(ids(&second), [verified[1].id()]);

        waiting.answer(first[1].0, taken[1].clone());
        assert_eq!(first_answers.try_recv(), Ok(None), "one is still missing");
        waiting.answer(second[0].0, taken[1].clone());
        assert_eq!(second_answers.try_recv(), Ok(Some(vec![taken[1].clone()])), "jobs pass each other");
        waiting.answer(first[0].0, taken[0].clone());
        let whole = vec![taken[0].clone(), Err(Fault::Overloaded), taken[1].clone()];
        assert_eq!(first_answers.try_recv(), Ok(Some(whole)));
        assert!(waiting.jobs.is_empty());
    }
}
