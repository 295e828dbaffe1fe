//! `weft events`: what happens at a node, as it happens.

use super::api::{Api, stop_on_signals};
use super::{Failure, Output, message};
use crate::sensor::client::Event;
use crate::sensor::follow::{Heard, follow};
use clap::Args;
use serde_json::{Value, json};
use weft_tangle::DeviceId;

/// `weft events`.
#[derive(Args, Debug)]
pub(super) struct Events {
    /// Only these kinds of events: attached, final, disputed, commit, peer
    #[arg(long, value_name = "KIND,...")]
    kind: Option<String>,
    /// Only of these kinds of transactions: reading, enrol, ... [default: all but witness]
    #[arg(long, value_name = "KIND,...")]
    of: Option<String>,
    /// Only of this device's transactions
    #[arg(long, value_name = "ID")]
    device: Option<DeviceId>,
    /// Go on behind this event, such as 17-3; 0-0: from the very first commit
    #[arg(long, value_name = "EVENT")]
    after: Option<String>,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

impl Events {
    pub(super) fn run(self) -> Result<(), Failure> {
        let query = self.query()?;
        let stop = stop_on_signals()?;
        let mut client = self.api.client(stop.clone())?;
        let mut written = Ok(());
        follow(&mut client, &query, self.after.clone(), &stop, |heard| match heard {
            Heard::Open => {}
            Heard::Event(event) => {
                written = self.output.text(&self.line(&event));
                if written.is_err() {
                    // Whoever reads has read enough.
                    stop.raise();
                }
            }
            Heard::Lost(reason) => message(&format!("weft: the stream was lost ({reason}); opening it anew")),
        })?;
        written
    }

    /// What the node is asked for.
    fn query(&self) -> Result<String, Failure> {
        let device = self.device.as_ref().map(DeviceId::to_string);
        let given =
            [("kind", self.kind.as_deref()), ("of", self.of.as_deref()), ("device", device.as_deref())];
        let mut query = Vec::new();
        for (name, value) in given.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            // A name that has other characters is none; the node would say so if it could be asked.
            if !value.chars().all(|c| c.is_ascii_alphanumeric() || "-,".contains(c)) {
                return Err(Failure::Names {
                    flag: name,
                    value: value.chars().filter(|c| !c.is_control()).collect(),
                });
            }
            query.push(format!("{name}={value}"));
        }
        Ok(query.join("&"))
    }

    fn line(&self, event: &Event) -> String {
        let data: Value = serde_json::from_str(&event.data).unwrap_or(Value::Null);
        if self.output.json {
            return format!("{}\n", json!({ "event": event.name, "id": event.id, "data": data }));
        }
        let mut words = vec![format!("{:8}", event.name)];
        for name in
            ["id", "kind", "issuer", "device", "index", "count", "status", "state", "events", "reason"]
        {
            match &data[name] {
                Value::Null => {}
                Value::String(text) => words.push(text.clone()),
                number => words.push(format!("{name} {number}")),
            }
        }
        let line = words.join("  ");
        format!("{}\n", line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>())
    }
}
