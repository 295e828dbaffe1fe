//! A planned fault as it stands in a scenario file.

use super::fields::Plain;
use super::raw::DAY_S;
use serde::{Deserialize, Serialize};
use weft_tangle::sim::{Fault, Planned};

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFault {
    at_s: Plain,
    #[serde(default)]
    for_s: Plain,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    back: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    b: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    side: Option<Vec<usize>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ahead_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit_ms: Option<Plain>,
}

impl RawFault {
    pub(super) fn lower(&self) -> Result<Planned, String> {
        let micros = |name: &str, Plain(seconds): Plain| match seconds {
            seconds if (0.0..=DAY_S as f64).contains(&seconds) => Ok((seconds * 1e6).round() as u64),
            _ => Err(format!("`{name}` must be 0 to {DAY_S}, not {seconds}")),
        };
        let kind = self.kind.as_str();
        let needs = |name: &str| format!("a {kind} needs `{name}`");
        let node = || self.node.ok_or_else(|| needs("node"));
        let pair = || match (self.a, self.b) {
            (Some(a), Some(b)) if a != b => Ok((a, b)),
            _ => Err(format!("a {kind} needs two nodes, `a` and `b`")),
        };
        let fault = match kind {
            "crash" => Fault::Crash { node: node()? },
            "restore" => Fault::Restore { node: node()?, back: self.back.unwrap_or(0) },
            "cut" => pair().map(|(a, b)| Fault::Cut { a, b })?,
            "drop" => pair().map(|(a, b)| Fault::Drop { a, b })?,
            "split" => Fault::Split { side: self.side.clone().ok_or_else(|| needs("side"))? },
            "clock" => {
                Fault::Clock { node: node()?, ahead_ms: self.ahead_ms.ok_or_else(|| needs("ahead_ms"))? }
            }
            "slow" => {
                let Plain(commit) = self.commit_ms.ok_or_else(|| needs("commit_ms"))?;
                Fault::Slow { node: node()?, commit: micros("commit_ms", Plain(commit / 1e3))? }
            }
            _ => {
                return Err(format!(
                    "`kind` must be one of crash, restore, cut, drop, split, clock, slow, not {kind:?}"
                ));
            }
        };
        Ok(Planned { at: micros("at_s", self.at_s)?, lasting: micros("for_s", self.for_s)?, fault })
    }

    /// The fault as it is written.
    pub(super) fn of(planned: &Planned) -> Self {
        let seconds = |micros: u64| Plain(micros as f64 / 1e6);
        let raw = Self {
            at_s: seconds(planned.at),
            for_s: seconds(planned.lasting),
            kind: planned.fault.name().to_owned(),
            ..Self::default()
        };
        match planned.fault.clone() {
            Fault::Crash { node } => Self { node: Some(node), ..raw },
            Fault::Restore { node, back } => Self { node: Some(node), back: Some(back), ..raw },
            Fault::Cut { a, b } | Fault::Drop { a, b } => Self { a: Some(a), b: Some(b), ..raw },
            Fault::Split { side } => Self { side: Some(side), ..raw },
            Fault::Clock { node, ahead_ms } => Self { node: Some(node), ahead_ms: Some(ahead_ms), ..raw },
            Fault::Slow { node, commit } => {
                Self { node: Some(node), commit_ms: Some(Plain(commit as f64 / 1e3)), ..raw }
            }
        }
    }
}
