//! Members of the committee sign what their replicas propose, as in production: some time later, beside all else.

use super::happening::Happening;
use super::invariant::Invariant;
use super::net::Net;
use super::node::Known;
use super::trace::Note;
use crate::check_peer::Knowledge;
use crate::finality::Proposal;
use crate::replica::Event;
use crate::{Refusal, Screened, Verified};

impl Net {
    /// A replica wants a witness signed.
    pub(super) fn sign_later(&mut self, node: usize, proposal: Box<Proposal>) {
        let (life, pause) = (self.nodes[node].life, self.around(self.settings.check));
        self.later(pause, Happening::Signs { node: node as u32, life, proposal });
    }

    /// A member signs a witness and hands it to its replica.
    pub(super) fn sign_witness(&mut self, number: usize, proposal: &Proposal) {
        let Some(signed) = self.sign_as_it_likes(number, proposal) else { return };
        self.nodes[number].note(self.now, Note::Signed(signed));
        self.look_at_signed(number, signed);
        let (network, node) = (&*self.catalogue.network, &self.nodes[number]);
        let (known, transaction) = (Known::new(&self.catalogue, node), self.catalogue.get(signed).clone());
        let check = || -> Result<Verified, Refusal> {
            let device = transaction.header().issuer;
            let issuer = known.issuer(&transaction).expect("what is in memory can be read");
            let screened = Screened::check(network, transaction)?;
            let issuer = issuer.ok_or(Refusal::NotEnrolled(device))?;
            Verified::check_once(network, screened, &issuer, known.verdicts())
        };
        let checked = check();
        self.look_at_checks(number);
        match checked {
            Ok(transaction) => self.event(number, Event::Witness { transaction }),
            // A liar may have made one that not even itself believes.
            Err(refusal) if self.nodes[number].is_honest() => {
                self.violated(Invariant::Signed, number, |_| {
                    format!("its own witness is refused: {refusal}")
                });
            }
            Err(_) => {}
        }
    }
}
