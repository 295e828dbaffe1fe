//! A client of a node's events, which takes every line that the server writes for one of its forms or fails.

use crate::support::Node;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines};
use std::time::Duration;
use weft_tangle::TxId;

/// A stream of events.
pub(super) struct Events(Lines<BufReader<ureq::BodyReader<'static>>>);

/// One of them.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Told {
    pub(super) name: String,
    pub(super) id: Option<String>,
    pub(super) data: Value,
}

impl Events {
    pub(super) fn open(node: &Node, query: &str) -> Self {
        Self::open_behind(node, query, None)
    }

    /// As a client that comes back does.
    pub(super) fn open_behind(node: &Node, query: &str, last: Option<&str>) -> Self {
        let request = ureq::get(format!("{}/api/v1/events?{query}", node.url));
        let request = last.into_iter().fold(request, |request, id| request.header("last-event-id", id));
        let answer = request.config().timeout_per_read(Some(Duration::from_secs(60))).build().call().unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self(BufReader::new(answer.into_body().into_with_config().limit(u64::MAX).reader()).lines())
    }

    pub(super) fn until(&mut self, what: &str, mut is_it: impl FnMut(&Told) -> bool) -> Told {
        self.find(|told| is_it(told)).unwrap_or_else(|| panic!("the stream ended before {what}"))
    }

    /// The next event about a transaction.
    pub(super) fn about(&mut self, name: &str, id: &TxId) -> Told {
        let id = id.to_string();
        self.until(&format!("{name} of {id}"), |told| told.name == name && told.data["id"] == id.as_str())
    }
}

impl Iterator for Events {
    type Item = Told;

    fn next(&mut self) -> Option<Told> {
        let mut fields = BTreeMap::new();
        loop {
            let line = self.0.next()?.unwrap();
            match line.split_once(": ") {
                Some((field, value)) => {
                    assert!(
                        fields.insert(field.to_owned(), value.to_owned()).is_none(),
                        "{line} stands twice"
                    );
                }
                None if line.is_empty() && fields.contains_key("event") => {
                    let data = serde_json::from_str(&fields["data"]).unwrap();
                    return Some(Told { name: fields["event"].clone(), id: fields.get("id").cloned(), data });
                }
                None => {
                    assert!(["", ":"].contains(&line.as_str()), "{line}");
                    fields.clear();
                }
            }
        }
    }
}
