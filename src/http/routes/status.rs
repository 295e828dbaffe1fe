//! What became of a transaction, in the words of the API (`spec/09-http.md`).
//!
//! Always true: what is final is told from the commits on disk alone, so that all nodes say the same of it.

use crate::store::{Reader, Ruling, StoreError};
use serde_json::{Value, json};
use weft_tangle::body::Vote;
use weft_tangle::finality::FinalVerdict;
use weft_tangle::{Header, TxId, to_text};

/// The status of a transaction that is stored here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Status {
    /// `attached`, `disputed`, `final`, `conflict` or `revoked`.
    pub(super) word: &'static str,
    /// The commit that has delivered it.
    pub(super) commit: Option<Vote>,
}

impl Status {
    /// Of something that no commit has delivered.
    pub(super) const fn open(is_disputed: bool) -> Self {
        Self { word: if is_disputed { "disputed" } else { ATTACHED }, commit: None }
    }

    /// As the store has it now, whether its body is still there or not.
    pub(super) fn read(reader: &Reader, id: &TxId, header: &Header) -> Result<Self, StoreError> {
        let Some(ruling) = reader.outcome(id)? else {
            return Ok(Self::open(reader.is_disputed(id, header)?));
        };
        let digest = reader.commit_digest(ruling.commit)?;
        let commit = digest.map(|digest| Vote { index: ruling.commit, digest });
        Ok(Self { word: word(&ruling), commit })
    }

    /// The commit in JSON, or null.
    pub(super) fn commit_json(&self) -> Value {
        commit_json(self.commit)
    }
}

/// The status of what is durable here, and no more.
pub(super) const ATTACHED: &str = "attached";

/// A commit's index and digest, or null.
pub(super) fn commit_json(commit: Option<Vote>) -> Value {
    commit.map_or(Value::Null, |vote| json!({ "index": vote.index, "digest": to_text(&vote.digest.0) }))
}

/// The status of what is final. That another one disputes it later makes no difference to what has no effect anyway.
const fn word(ruling: &Ruling) -> &'static str {
    match ruling.verdict {
        FinalVerdict::Counts if ruling.is_disputed => status_of(FinalVerdict::Disputed),
        verdict => status_of(verdict),
    }
}

/// The status of what a commit has delivered with this verdict, while no later commit disputes it.
pub(super) const fn status_of(verdict: FinalVerdict) -> &'static str {
    match verdict {
        FinalVerdict::Counts => "final",
        FinalVerdict::Conflict => "conflict",
        FinalVerdict::Disputed => "disputed",
        FinalVerdict::Revoked => "revoked",
    }
}

/// The verdict's own word, as in a leaf.
pub(super) const fn verdict_name(verdict: FinalVerdict) -> &'static str {
    match verdict {
        FinalVerdict::Counts => "counts",
        FinalVerdict::Conflict => "conflict",
        FinalVerdict::Disputed => "disputed",
        FinalVerdict::Revoked => "revoked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_commit_disputes_only_what_stood() {
        let word = |verdict, is_disputed| word(&Ruling { commit: 1, verdict, is_disputed });
        for (verdict, alone, disputed) in [
            (FinalVerdict::Counts, "final", "disputed"),
            (FinalVerdict::Conflict, "conflict", "conflict"),
            (FinalVerdict::Disputed, "disputed", "disputed"),
            (FinalVerdict::Revoked, "revoked", "revoked"),
        ] {
            assert_eq!((word(verdict, false), word(verdict, true)), (alone, disputed));
        }
    }
}
