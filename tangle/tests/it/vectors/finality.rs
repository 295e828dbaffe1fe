//! Witnesses: every field of their bodies, those that are refused, and whose witnesses they may build on. Commits: their
//! bytes and digests; which votes certify them, and which paths prove a leaf. That the chains and verdicts are those of the
//! crate is shown by making them again.

use super::{array, bytes, committed, keys, networks, number, rows, text};
use serde_json::Value;
use std::collections::BTreeMap;
use weft_tangle::body::{Vote, Witness};
use weft_tangle::finality::{
    Commit, FinalVerdict, Known, LEAF_BYTES, Member, Round, Shape, Votes, merkle_root, path, root_of,
};
use weft_tangle::signing::VerifyingKey;
use weft_tangle::{
    CommitteeSize, Digest, Kind, Network, Refusal, Transaction, TxId, blake2s, content_format,
};

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

/// Checks that commits are chained; the verdicts in their leaves, where these are listed.
fn check_chain(network: &Network, commits: &[Value]) -> Vec<FinalVerdict> {
    let mut previous = [0; 32];
    let mut verdicts = Vec::new();
    for (row, index) in commits.iter().zip(1..) {
        let commit = Commit::decode(&array(row, "bytes")).unwrap();
        assert_eq!((commit.previous.0, commit.index), (previous, index));
        previous = commit.digest(network.id()).0;
        assert_eq!(previous, array(row, "digest"));
        let Some(delivered) = row["delivered"].as_array() else { continue };
        assert_eq!(delivered.len(), commit.count as usize);
        let leaves = delivered.iter().map(|leaf| {
            let verdict = FinalVerdict::from_byte(u8::try_from(leaf[1].as_u64().unwrap()).unwrap()).unwrap();
            (leaf[0].as_str().unwrap().parse::<TxId>().unwrap(), verdict)
        });
        let root = merkle_root(leaves.clone().map(|(id, verdict)| weft_tangle::finality::leaf(&id, verdict)));
        assert_eq!(root, commit.root);
        verdicts.extend(leaves.map(|(_, verdict)| verdict));
    }
    verdicts
}

#[test]
fn commits_are_chained_and_have_every_verdict() {
    let network = &networks()["open"];
    let set = committed("finality.json");
    for row in rows(&set, "commits") {
        let commit = Commit::decode(&array(row, "bytes")).unwrap();
        assert_eq!(commit.index, number(row, "index"));
        assert_eq!(commit.leader.to_string(), text(row, "leader"));
        assert_eq!(commit.time.as_millis(), number(row, "time"));
        assert_eq!(commit.root.0, array(row, "root"));
    }
    check_chain(network, rows(&set, "commits"));
    let verdicts = check_chain(network, rows(&set["verdicts"], "commits"));
    for verdict in
        [FinalVerdict::Counts, FinalVerdict::Conflict, FinalVerdict::Disputed, FinalVerdict::Revoked]
    {
        assert!(verdicts.contains(&verdict), "{verdict:?}");
    }
    check_chain(network, rows(&set["split"], "commits"));
}

/// The checks of page 04 of a witness without a signature.
fn check_bare(network: &Network, row: &Value) -> Result<(), Refusal> {
    let unsigned = [0; 2_420 + 8 + 16];
    let wire = [&bytes(row, "header")[..], &unsigned, &bytes(row, "content")].concat();
    let transaction = Transaction::decode(network, &wire)?;
    if transaction.header().content_format != content_format::WEFT {
        let problem = "is another";
        return Err(weft_tangle::Malformed::Field { field: "content format", problem }.into());
    }
    Witness::decode(transaction.content())?.check_header(transaction.header(), network)
}

#[test]
fn witnesses_are_refused_as_they_say() {
    let networks = networks();
    for row in rows(&committed("finality.json"), "refusals") {
        let found = check_bare(&networks["open"], row);
        assert_eq!(found.err().map(|refusal| refusal.reason()), row["refused"].as_str(), "{}", row["about"]);
    }
}

#[test]
fn witnesses_build_on_whom_they_may() {
    let set = committed("finality.json");
    let shapes = &set["shapes"];
    let size = CommitteeSize::new(usize::try_from(number(shapes, "members")).unwrap()).unwrap();
    let author = |name: &str| Member::new(usize::from(name.as_bytes()[0] - b'A')).unwrap();
    let id = |name: &str| {
        let mut id = [0; TxId::BYTES];
        id[8..8 + name.len()].copy_from_slice(name.as_bytes());
        TxId::from_bytes(id)
    };
    let below: BTreeMap<TxId, Known> = text(shapes, "below")
        .split(';')
        .map(|part| part.split(':').next().unwrap().trim())
        .map(|name| {
            let round = Round::new(name[1..].trim_end_matches('\'').parse().unwrap()).unwrap();
            (id(name), Known { author: author(name), round })
        })
        .collect();
    for row in rows(shapes, "rows") {
        let parents: Vec<TxId> = text(row, "witness_parents").split_whitespace().map(id).collect();
        let shape = Shape {
            author: author(text(row, "author")),
            round: Round::new(number(row, "round")).unwrap(),
            parents: &parents,
            previous: Some(text(row, "parent_1")).filter(|name| *name != "genesis").map(id),
        };
        let found = shape.check(size, &|id| below.get(id).copied());
        assert_eq!(Some(found.is_err()), row["refused"].as_bool(), "{}: {found:?}", row["about"]);
    }
}

#[test]
fn paths_lead_to_the_root_or_prove_nothing() {
    let set = committed("finality.json");
    let paths = &set["paths"];
    let digest = |value: &Value| {
        Digest(
            data_encoding::HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap().try_into().unwrap(),
        )
    };
    let leaves: Vec<[u8; LEAF_BYTES]> = rows(paths, "leaves")
        .iter()
        .map(|leaf| {
            data_encoding::HEXLOWER.decode(leaf.as_str().unwrap().as_bytes()).unwrap().try_into().unwrap()
        })
        .collect();
    let mut trees: BTreeMap<u64, (Digest, Vec<Vec<Digest>>)> = BTreeMap::new();
    for tree in rows(paths, "trees") {
        let count = number(tree, "count");
        let root = Digest(array(tree, "root"));
        let of_tree = &leaves[..usize::try_from(count).unwrap()];
        assert_eq!(merkle_root(of_tree.iter().copied()), root);
        let paths: Vec<Vec<Digest>> = rows(tree, "paths")
            .iter()
            .map(|path| path.as_array().unwrap().iter().map(digest).collect())
            .collect();
        assert_eq!(paths.len(), of_tree.len());
        for (place, (leaf, of_place)) in of_tree.iter().zip(&paths).enumerate() {
            assert_eq!(path(of_tree.iter().copied(), place).as_ref(), Some(of_place));
            assert_eq!(root_of(leaf, place as u32, count as u32, of_place), Some(root));
        }
        trees.insert(count, (root, paths));
    }
    for row in rows(paths, "invalid") {
        let at = |member: &str| usize::try_from(row[member].as_u64().unwrap_or(0)).unwrap();
        let count = number(row, "count");
        let mut digests = trees[&row["in_tree_of"].as_u64().unwrap_or(count)].1[at("path_of")].clone();
        digests.truncate(digests.len() - at("cut"));
        digests.extend(std::iter::repeat_n(Digest([0; 32]), at("more")));
        let found = root_of(&leaves[at("path_of")], at("place") as u32, count as u32, &digests);
        assert_ne!(found, Some(trees[&count].0), "{}", row["about"]);
    }
}

#[test]
fn votes_certify_and_stop_as_they_say() {
    for story in rows(&committed("finality.json"), "votes") {
        let members = usize::try_from(number(story, "members")).unwrap();
        let mut votes = Votes::new(CommitteeSize::new(members).unwrap());
        for step in rows(story, "steps") {
            let vote = |index: u64| {
                let chain = if text(step, "chain") == "other" { 128 } else { 0 };
                Vote { index, digest: Digest([index as u8 + chain; 32]) }
            };
            match step["made"].as_u64() {
                Some(index) => votes.made(vote(index)),
                None => {
                    let member = Member::new(usize::try_from(number(step, "member")).unwrap()).unwrap();
                    votes.heard(member, vote(number(step, "index")), |_| None);
                }
            }
            let found = (votes.certified(), Some(votes.divergence().is_some()));
            assert_eq!(
                found,
                (number(step, "certified"), step["stops"].as_bool()),
                "{}: {step}",
                story["about"]
            );
        }
    }
}
