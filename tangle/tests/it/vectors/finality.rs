//! Witnesses: every field of their bodies, and that they pass all checks that need no knowledge. Commits: their bytes
//! and digests.

use super::{array, bytes, committed, keys, networks, number, rows, text};
use serde_json::Value;
use weft_tangle::body::Witness;
use weft_tangle::finality::{Commit, FinalVerdict};
use weft_tangle::signing::VerifyingKey;
use weft_tangle::{Kind, Transaction, blake2s};

#[test]
fn every_value_of_the_witnesses() {
    let (networks, keys) = (networks(), keys());
    let network = &networks["open"];
    for row in rows(&committed("finality.json"), "witnesses") {
        let body = [bytes(row, "salt"), bytes(row, "content")].concat();
        let wire =
            [bytes(row, "header"), bytes(row, "signature"), bytes(row, "nonce"), body.clone()].concat();
        let transaction = Transaction::decode(network, &wire).unwrap();
        assert_eq!(transaction.id().to_string(), text(row, "id"));
        assert_eq!(transaction.header().kind, Kind::Witness);
        assert_eq!(transaction.header().body_digest.0, blake2s(&[&body[..96]]));
        let key = VerifyingKey::parse(&keys[text(row, "key")]).unwrap();
        key.verify(&transaction.signed_message(network.id()), transaction.signature()).unwrap();
        let witness = Witness::decode(transaction.content()).unwrap();
        witness.check_header(transaction.header(), network).unwrap();
        let fields = &row["witness"];
        assert_eq!(witness.head().round.get(), number(fields, "round"));
        assert_eq!(witness.head().vote.index, number(&fields["vote"], "index"));
        assert_eq!(witness.head().vote.digest.0, array(&fields["vote"], "digest"));
        assert_eq!(witness.head().references.0, array(fields, "references"));
        for (member, ids) in [("witness_parents", witness.parents()), ("sweeps", witness.sweeps())] {
            let ids: Vec<Value> = ids.iter().map(|id| id.to_string().into()).collect();
            assert_eq!(Value::from(ids), fields[member]);
        }
    }
}

#[test]
fn commits_are_chained_and_have_every_verdict_but_those_of_twins() {
    let network = &networks()["open"];
    let mut previous = [0; 32];
    let mut verdicts = Vec::new();
    for row in rows(&committed("finality.json"), "commits") {
        let commit = Commit::decode(&array(row, "bytes")).unwrap();
        assert_eq!((commit.previous.0, commit.index), (previous, number(row, "index")));
        assert_eq!(commit.leader.to_string(), text(row, "leader"));
        assert_eq!(commit.time.as_millis(), number(row, "time"));
        assert_eq!(commit.root.0, array(row, "root"));
        assert_eq!(rows(row, "delivered").len(), commit.count as usize);
        previous = commit.digest(network.id()).0;
        assert_eq!(previous, array(row, "digest"));
        let bytes = rows(row, "delivered").iter().filter_map(|leaf| u8::try_from(leaf[1].as_u64()?).ok());
        verdicts.extend(bytes.filter_map(FinalVerdict::from_byte));
    }
    assert!(verdicts.contains(&FinalVerdict::Revoked) && verdicts.contains(&FinalVerdict::Counts));
}
