//! Waiting until a transaction is final.

use super::limits::FINAL_LOOK;
use super::{Client, ClientError, Stop};
use serde::Deserialize;
use serde_json::Value;
use std::time::{Duration, Instant};
use weft_tangle::TxId;

/// What a node says of a transaction.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Became {
    /// `attached`, `final`, `disputed`, `conflict` or `revoked`.
    pub status: String,
    /// The index of the commit that has delivered it; none while it is not final.
    #[serde(deserialize_with = "index")]
    pub commit: Option<u64>,
}

/// Asks until the transaction is final, at most for `time`, and gives the last answer.
///
/// # Errors
/// The node does not know it, cannot be asked, or `stop` was raised.
pub fn wait(client: &Client, id: &TxId, time: Duration, stop: &Stop) -> Result<Became, ClientError> {
    let begun = Instant::now();
    loop {
        let said = client.transaction(id)?;
        let became: Became = serde_json::from_value(Value::Object(said)).map_err(|error| {
            ClientError::Garbage { url: client.url().into(), problem: format!("the status of {id}: {error}") }
        })?;
        if became.commit.is_some() || begun.elapsed() >= time {
            return Ok(became);
        }
        if !stop.sleep(FINAL_LOOK) {
            return Err(ClientError::Stopped);
        }
    }
}

fn index<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Commit {
        index: u64,
    }
    Ok(Option::<Commit>::deserialize(from)?.map(|commit| commit.index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensor::Patience;
    use crate::sensor::client::scripted::{in_turn, json, serve};

    #[test]
    fn it_asks_until_there_is_a_commit_or_the_time_is_up() {
        let answer = |status: &str, commit: &str| {
            json("200 OK", "", &format!(r#"{{"status":"{status}","commit":{commit},"id":"x"}}"#))
        };
        let id = TxId::from_bytes([1; 40]);
        let asked = |answers, time| {
            let (url, _seen) = serve(in_turn(answers));
            let stop = Stop::default();
            wait(&Client::new(&url, Patience::INTERACTIVE, stop.clone()).unwrap(), &id, time, &stop)
        };
        let became = |status: &str, commit| Became { status: status.into(), commit };
        let commit = r#"{"index":17,"digest":"y"}"#;
        let answers =
            vec![answer("attached", "null"), answer("disputed", "null"), answer("disputed", commit)];
        assert_eq!(asked(answers, Duration::from_secs(60)).unwrap(), became("disputed", Some(17)));
        assert_eq!(
            asked(vec![answer("attached", "null")], Duration::ZERO).unwrap(),
            became("attached", None)
        );
        let odd = vec![json("200 OK", "", r#"{"status":1}"#)];
        assert!(matches!(asked(odd, Duration::ZERO), Err(ClientError::Garbage { .. })));
    }
}
