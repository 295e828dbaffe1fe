//! `weft peers`: how a node stands with the other fog nodes.

use super::api::{Api, stop_on_signals};
use super::{Failure, Output, output};
use crate::sensor::client::FinalityInfo;
use clap::Args;
use serde_json::{Map, Value};

/// The columns for people: heading, where the value stands.
const COLUMNS: [(&str, &str); 9] = [
    ("DEVICE", "/device"),
    ("STATE", "/state"),
    ("LINK", "/gossip/link"),
    ("ADDRESS", "/address"),
    ("LAG", "/gossip/lag"),
    ("BEHIND", "/gossip/behind"),
    ("SENT", "/sent_bytes"),
    ("RECEIVED", "/received_bytes"),
    ("LAST", "/last"),
];

/// `weft peers`.
#[derive(Args, Debug)]
pub(super) struct Peers {
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

impl Peers {
    pub(super) fn run(self) -> Result<(), Failure> {
        let client = self.api.client(stop_on_signals()?)?;
        let peers = client.peers()?;
        if self.output.json {
            let lines: String = peers.iter().map(|peer| format!("{}\n", Value::from(peer.clone()))).collect();
            return self.output.text(&lines);
        }
        let finality = finality_line(&client.finality()?);
        let peers = match peers.is_empty() {
            true => "this node knows of no other fog node\n".to_owned(),
            false => table(peers),
        };
        self.output.text(&(peers + &finality))
    }
}

/// How far the node has come, in a line, and in another one what is wrong with that.
fn finality_line(finality: &FinalityInfo) -> String {
    let FinalityInfo { transactions, finalised, open, commit, certified, members, diverged } = finality;
    let commit = match commit {
        Some(commit) => format!("commit {}, {certified} certified", commit.index),
        None => "no commit yet".into(),
    };
    let rounds: Vec<_> =
        members.iter().map(|member| member.round.map_or("-".into(), |round| round.to_string())).collect();
    let mut line = format!(
        "final: {finalised} of {transactions} transactions, {open} wait; {commit}; members at rounds {}\n",
        rounds.join(" ")
    );
    if let Some(reason) = diverged {
        line.push_str(&format!("not final any more: {}\n", shown(reason)));
    }
    line
}

/// Foreign words without what could steer a terminal.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A line a peer, as wide as what stands in it.
fn table(peers: Vec<Map<String, Value>>) -> String {
    let mut rows = vec![COLUMNS.map(|(heading, _)| heading.to_owned()).to_vec()];
    for peer in peers.into_iter().map(Value::from) {
        rows.push(COLUMNS.map(|(_, place)| cell(&peer, place)).to_vec());
    }
    output::table(rows)
}

/// A value as a person reads it, without what could steer a terminal. A peer that does not answer has no address in use:
/// where it is looked for stands there.
fn cell(peer: &Value, place: &str) -> String {
    let value = peer.pointer(place).or_else(|| peer.pointer("/addresses/0").filter(|_| place == "/address"));
    let text = match value {
        None | Some(Value::Null) => "-".into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    shown(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let peer = |value: Value| value.as_object().unwrap().clone();
        let one = json!({"device": "abc", "state": "connected", "address": "127.0.0.1:1", "addresses": ["x:1"],
            "gossip": {"link": "eager", "lag": 3, "behind": 0}, "sent_bytes": 5, "received_bytes": 6, "last": null});
        let other =
            json!({"device": "a\u{1b}", "state": "waiting", "addresses": ["ward:8471"], "last": "silent"});
        let shown = table(vec![peer(one), peer(other)]);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines,
            [
                "DEVICE  STATE      LINK   ADDRESS      LAG  BEHIND  SENT  RECEIVED  LAST",
                "abc     connected  eager  127.0.0.1:1  3    0       5     6         -",
                "a       waiting    -      ward:8471    -    -       -     -         silent",
            ]
        );
    }
}
