//! Events as the text that a stream is made of (`spec/09-http.md`).
//!
//! Always true: an event is one piece of text that ends with an empty line, its data is one line of JSON, and what follows
//! from commits alone, and so can be told again, has an id.

use super::Place;
use crate::http::routes::status::status_of;
use std::fmt::{self, Write};
use weft_tangle::body::Vote;
use weft_tangle::finality::FinalVerdict;
use weft_tangle::{DeviceId, Kind, Position, TxId, to_text};

/// The names of events that clients choose among.
pub(super) const EVENTS: [&str; 5] = ["attached", "final", "disputed", "commit", "peer"];

/// The media type of a stream.
pub(super) const MEDIA_TYPE: &str = "text/event-stream";

/// How a stream begins, behind an id: a client that loses it comes back after so many milliseconds.
pub(super) const BEGINNING: &str = "retry: 2000\n\n";

/// What shows that the other side is there.
pub(super) const COMMENT: &str = ":\n\n";

/// Something that has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// A transaction is durable.
    Attached { id: TxId, kind: Kind, issuer: DeviceId, position: Position },
    /// A commit has delivered it.
    Final {
        id: TxId,
        /// Nothing when it cannot be read here any more.
        of: Option<(Kind, DeviceId)>,
        verdict: FinalVerdict,
        place: Place,
    },
    /// Another one has its counter.
    Disputed { id: TxId, kind: Kind, issuer: DeviceId },
    /// A commit was made, and what it delivers is told.
    Commit { commit: Vote, count: u32 },
    /// A fog node's connection.
    Peer { device: DeviceId, state: &'static str },
}

/// Why a stream ends by the node's side, which it says last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Farewell {
    /// The client did not read, and so many events were dropped.
    Missed(u64),
    /// The node stops.
    Stopping,
    /// The node cannot read its disk, or could not write to it: what was not told is to be read from there.
    Storage,
}

impl Event {
    /// Its name.
    pub(super) fn name(&self) -> &'static str {
        let [attached, finality, disputed, commit, peer] = EVENTS;
        match self {
            Self::Attached { .. } => attached,
            Self::Final { .. } => finality,
            Self::Disputed { .. } => disputed,
            Self::Commit { .. } => commit,
            Self::Peer { .. } => peer,
        }
    }

    /// Where it stands in the order of all, if it has a place there. A commit stands behind all that it delivers.
    pub(super) fn place(&self) -> Option<Place> {
        match self {
            Self::Final { place, .. } => Some(*place),
            Self::Commit { commit, count } => Some(Place { commit: commit.index, at: *count }),
            Self::Attached { .. } | Self::Disputed { .. } | Self::Peer { .. } => None,
        }
    }

    /// Adds its text. What stands in quotes are ids and names, which need no escaping.
    pub(super) fn write(&self, out: &mut String) {
        // A string takes whatever is written to it.
        let _ = self.write_to(out);
    }

    fn write_to(&self, out: &mut String) -> fmt::Result {
        if let Some(place) = self.place() {
            writeln!(out, "id: {place}")?;
        }
        write!(out, "event: {}\ndata: ", self.name())?;
        match self {
            Self::Attached { id, kind, issuer, position } => {
                let kind = kind.name();
                write!(
                    out,
                    r#"{{"id":"{id}","kind":"{kind}","issuer":"{issuer}","position":{}}}"#,
                    position.0
                )?;
            }
            Self::Final { id, of, verdict, place } => {
                write!(out, r#"{{"id":"{id}","#)?;
                match of {
                    Some((kind, issuer)) => write!(out, r#""kind":"{}","issuer":"{issuer}""#, kind.name())?,
                    None => out.write_str(r#""kind":null,"issuer":null"#)?,
                }
                let (status, index, place) = (status_of(*verdict), place.commit, place.at);
                write!(out, r#","status":"{status}","index":{index},"place":{place}}}"#)?;
            }
            Self::Disputed { id, kind, issuer } => {
                write!(out, r#"{{"id":"{id}","kind":"{}","issuer":"{issuer}"}}"#, kind.name())?;
            }
            Self::Commit { commit, count } => {
                let (index, digest) = (commit.index, to_text(&commit.digest.0));
                write!(out, r#"{{"index":{index},"digest":"{digest}","count":{count}}}"#)?;
            }
            Self::Peer { device, state } => write!(out, r#"{{"device":"{device}","state":"{state}"}}"#)?,
        }
        out.write_str("\n\n")
    }
}

impl Farewell {
    /// Its text.
    pub(super) fn text(self) -> String {
        match self {
            Self::Missed(events) => format!("event: missed\ndata: {{\"events\":{events}}}\n\n"),
            Self::Stopping => "event: ended\ndata: {\"reason\":\"stopping\"}\n\n".into(),
            Self::Storage => "event: ended\ndata: {\"reason\":\"storage\"}\n\n".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use weft_tangle::Digest;

    /// Name, id and data of a text that is one event.
    fn parsed(event: &Event) -> (String, Option<String>, Value) {
        let mut text = String::new();
        event.write(&mut text);
        let body = text.strip_suffix("\n\n").unwrap();
        let field = |name: &str| {
            let prefix = format!("{name}: ");
            let mut found = body.lines().filter_map(|line| line.strip_prefix(&prefix));
            let first = found.next().map(str::to_owned);
            assert_eq!(found.next(), None, "{name} stands once in {text}");
            first
        };
        assert!(body.lines().count() <= 3, "{text}");
        (field("event").unwrap(), field("id"), serde_json::from_str(&field("data").unwrap()).unwrap())
    }

    #[test]
    fn every_event_is_one_line_of_json_with_a_name() {
        let id = TxId::from_bytes([1; 40]);
        let issuer = DeviceId::from_bytes([2; 32]);
        let (kind, position) = (Kind::Reading, Position(7));
        let attached = Event::Attached { id, kind, issuer, position };
        let data =
            json!({"id": id.to_string(), "kind": "reading", "issuer": issuer.to_string(), "position": 7});
        assert_eq!(parsed(&attached), ("attached".into(), None, data));
        let disputed = Event::Disputed { id, kind, issuer };
        let data = json!({"id": id.to_string(), "kind": "reading", "issuer": issuer.to_string()});
        assert_eq!(parsed(&disputed), ("disputed".into(), None, data));
        let peer = Event::Peer { device: issuer, state: "gone" };
        assert_eq!(
            parsed(&peer),
            ("peer".into(), None, json!({"device": issuer.to_string(), "state": "gone"}))
        );
    }

    #[test]
    fn a_commit_stands_behind_what_it_delivers() {
        let commit = Event::Commit { commit: Vote { index: 17, digest: Digest([3; 32]) }, count: 4 };
        let data = json!({"index": 17, "digest": to_text(&[3; 32]), "count": 4});
        assert_eq!(parsed(&commit), ("commit".into(), Some("17-4".into()), data));
        assert!(commit.place() > Some(Place { commit: 17, at: 3 }));
        assert!(commit.place() < Some(Place { commit: 18, at: 0 }));
    }

    #[test]
    fn a_final_event_has_its_place_as_its_id() {
        let id = TxId::from_bytes([1; 40]);
        let issuer = DeviceId::from_bytes([2; 32]);
        let place = Place { commit: 17, at: 3 };
        for (verdict, status) in [
            (FinalVerdict::Counts, "final"),
            (FinalVerdict::Conflict, "conflict"),
            (FinalVerdict::Disputed, "disputed"),
            (FinalVerdict::Revoked, "revoked"),
        ] {
            for of in [Some((Kind::Anchor, issuer)), None] {
                let data = json!({
                    "id": id.to_string(),
                    "kind": of.map(|(kind, _)| kind.name()),
                    "issuer": of.map(|(_, issuer)| issuer.to_string()),
                    "status": status,
                    "index": 17,
                    "place": 3,
                });
                let event = Event::Final { id, of, verdict, place };
                assert_eq!(parsed(&event), ("final".into(), Some("17-3".into()), data));
            }
        }
    }
}
