//! What a client wants to be told, from the query and the header that it came with.

use super::place::{NoPlace, Place};
use super::text::{EVENTS, Event};
use crate::http::problem::{Kind as Kinds, Problem};
use crate::http::query::Query;
use std::collections::BTreeSet;
use weft_tangle::{DeviceId, Kind};

/// The parameters of the call.
pub(super) const PARAMETERS: &[&str] = &["kind", "of", "device", "after"];

/// What a client wants to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wish {
    /// Names of events.
    events: BTreeSet<&'static str>,
    /// Names of kinds of transactions.
    of: BTreeSet<&'static str>,
    /// The only issuer.
    pub(super) device: Option<DeviceId>,
    /// The last final event that the client has, when it goes on behind one.
    pub(super) after: Option<Place>,
}

impl Wish {
    /// The wish of a request. The header that a client comes back with says more than the address it began with.
    pub(super) fn of(query: &Query, last_event: Option<&str>) -> Result<Self, Problem> {
        let names: BTreeSet<&'static str> =
            (0..=u8::MAX).filter_map(|byte| Kind::from_byte(byte).ok()).map(Kind::name).collect();
        let all_but_witnesses =
            || names.iter().copied().filter(|name| *name != Kind::Witness.name()).collect();
        let last = last_event.map(|text| {
            text.trim().parse().map_err(|must: NoPlace| {
                Problem::new(Kinds::BadRequest, format!("The header `Last-Event-ID` cannot be used: {must}."))
            })
        });
        let after = last.transpose()?.or(query.parsed("after")?);
        let events: BTreeSet<&'static str> =
            query.read("kind", |text| among(text, EVENTS))?.unwrap_or_else(|| EVENTS.into_iter().collect());
        let wish = Self {
            events,
            of: query
                .read("of", |text| among(text, names.iter().copied()))?
                .unwrap_or_else(all_but_witnesses),
            device: query.parsed("device")?,
            after: None,
        };
        // Of what follows from no commit nothing can be told again.
        Ok(Self { after: after.filter(|_| wish.follows_commits()), ..wish })
    }

    /// Whether something is wanted that follows from commits, and so can be told again.
    pub(super) fn follows_commits(&self) -> bool {
        ["final", "disputed", "commit"].iter().any(|name| self.has(name))
    }

    /// Whether the client wants events of this name at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.events.contains(name)
    }

    /// Whether the client wants this event.
    pub(super) fn wants(&self, event: &Event) -> bool {
        let suits = |kind: Kind, issuer: &DeviceId| {
            self.of.contains(kind.name()) && self.device.is_none_or(|device| device == *issuer)
        };
        self.has(event.name())
            && match event {
                Event::Attached { kind, issuer, .. } | Event::Disputed { kind, issuer, .. } => {
                    suits(*kind, issuer)
                }
                // What cannot be read any more could be of any kind.
                Event::Final { of, .. } => of.is_none_or(|(kind, issuer)| suits(kind, &issuer)),
                Event::Commit { .. } | Event::Peer { .. } => true,
            }
    }
}

/// The names in a list, all of which are known.
fn among(
    text: &str,
    known: impl IntoIterator<Item = &'static str> + Clone,
) -> Result<BTreeSet<&'static str>, String> {
    let one = |name: &str| known.clone().into_iter().find(|known| *known == name.trim());
    let found: Option<BTreeSet<_>> = text.split(',').map(one).collect();
    found.ok_or_else(|| {
        let known: Vec<_> = known.into_iter().collect();
        format!("it must be one or more of {}, separated by commas", known.join(", "))
    })
}
