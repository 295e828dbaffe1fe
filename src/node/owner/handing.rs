//! What the owner hands the replica, and what it does about what that wants done.

use super::parts::{TicketRequest, Waits};
use super::{Owner, now};
use crate::metrics::Stage;
use crate::node::intake::Fault;
use crate::node::job::{Checked, PeerRequest};
use crate::node::peering::{PeerEvent, Post};
use crate::node::signer::Signed;
use std::time::Instant;
use weft_tangle::HistoryError;
use weft_tangle::replica::{Effect, Event, Source};

impl Owner {
    pub(super) fn take_in(&mut self, checked: Checked) -> Result<(), HistoryError> {
        self.around.room.give(checked.len());
        match checked {
            Checked::Door(request) => {
                let waits = self.waiting.take_in(request).into_iter();
                self.backlog.extend(waits.map(|(token, verified, wire)| Waits::Door(token, verified, wire)));
            }
            Checked::Peer(PeerRequest { source, events, share }) => {
                let waits =
                    events.into_iter().map(|event| Waits::Peer(source, Box::new(event), share.clone()));
                self.backlog.extend(waits);
            }
        }
        self.attach_backlog()
    }

    /// Whether a job is a client's, or of a peer of which the replica was told.
    pub(super) fn knows_whose(&self, checked: &Checked) -> bool {
        match checked {
            Checked::Door(_) => true,
            Checked::Peer(request) => {
                self.around.post.as_ref().is_some_and(|post| post.hears(request.source))
            }
        }
    }

    pub(super) fn attach_backlog(&mut self) -> Result<(), HistoryError> {
        while self.replica.has_room()
            && let Some(next) = self.backlog.pop_front()
        {
            match next {
                Waits::Door(token, transaction, _wire) => {
                    let (transaction, token) = (*transaction, Some(token));
                    self.handle(Event::Received { transaction, source: Source::Door, token })?;
                    self.company.is_awaited();
                }
                Waits::Peer(source, event, _share) => {
                    if self.around.post.as_ref().is_some_and(|post| post.hears(source)) {
                        self.handle(*event)?;
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn peer_said(&mut self, event: PeerEvent) -> Result<(), HistoryError> {
        let event = self.around.post.as_mut().and_then(|post| post.event(event));
        event.map_or(Ok(()), |event| self.handle(event))
    }

    pub(super) fn tell_what_post_said(&mut self) -> Result<(), HistoryError> {
        let said = self.around.post.as_mut().map(Post::take_said).unwrap_or_default();
        said.into_iter().try_for_each(|event| self.handle(event))
    }

    /// Lets the replica ask peers for what is known to be damaged in the store.
    pub(super) fn tell_of_damage(&mut self) -> Result<(), HistoryError> {
        let damage = self.around.store.damage();
        if self.around.post.is_none() || std::mem::replace(&mut self.damage, damage) == damage {
            return Ok(());
        }
        self.handle(Event::Damaged { ids: self.around.store.damaged() })
    }

    /// An own witness is signed. Others get it once it is on disk, so it does not wait for company there.
    ///
    /// # Errors
    /// It is not, and the replica will not ask again: a new one has to.
    pub(super) fn witness(&mut self, signed: Signed) -> Result<(), HistoryError> {
        let transaction = signed.map_err(|error| HistoryError::Unread(error.to_string()))?;
        self.around.metrics.count_own_witness(transaction.transaction().wire().len());
        self.handle(Event::Witness { transaction })?;
        self.company.is_awaited();
        Ok(())
    }

    pub(super) fn ticket(
        &mut self,
        TicketRequest { device, count, answer }: TicketRequest,
    ) -> Result<(), HistoryError> {
        let mut entropy = [0; 32];
        if let Err(error) = getrandom::fill(&mut entropy) {
            tracing::error!(%error, "the system gives no entropy");
            let _left = answer.send(Err(Fault::Internal));
            return Ok(());
        }
        let token = self.waiting.token();
        self.waiting.tickets.insert(token, answer);
        self.handle(Event::Ticket { device, count, entropy, token })
    }

    pub(super) fn handle(&mut self, event: Event) -> Result<(), HistoryError> {
        let effects = self.replica.handle(event, now(), &self.around.store.latest())?;
        for effect in effects {
            match effect {
                Effect::Persist(attached) => {
                    self.around.metrics.note(Stage::Attached, std::iter::once(attached.id()));
                    self.outgoing.push(attached);
                }
                Effect::Commit(handed) => self.outgoing.push_commit(handed),
                Effect::Witness(proposal) => {
                    // One at a time is asked for, and who is asked for one has a signer, whose end is noticed elsewhere.
                    let full =
                        self.around.signer.as_ref().is_none_or(|signer| signer.try_send(proposal).is_err());
                    if full {
                        tracing::error!("a witness was asked for and nobody is there to sign it");
                    }
                }
                Effect::Answer(token, answer) => {
                    if let Ok(taken) = &answer
                        && taken.is_new
                    {
                        self.awaited.answered(taken.id, Instant::now());
                    }
                    self.waiting.answer(token, answer.map_err(Fault::Refused));
                }
                Effect::Ticket(token, ticket) => {
                    // Clients that have left meanwhile do not want to know.
                    let sender = self.waiting.tickets.remove(&token);
                    let _left = sender.map(|sender| sender.send(Ok(ticket)));
                }
                // Without a way to the peers none is ever connected.
                effect => {
                    if let Some(post) = &mut self.around.post {
                        post.act(effect);
                    }
                }
            }
        }
        Ok(())
    }
}
