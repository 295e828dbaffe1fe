//! Single transactions at the door: the checks in their order, and the answer that the catalogue gives to each refusal.

use super::{array, bytes, committed, networks, number, rows, spec, text, time, valid};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use weft_tangle::check::{check_door, check_enrolment_cheaply};
use weft_tangle::{DeviceId, Issuer, Kind, Network, Refusal, Screened, Timestamp, Transaction, Verified};

/// Who is known at the door.
pub(super) type Issuers = BTreeMap<DeviceId, Issuer>;

/// Everybody whom the network file or an enrolment of the valid transactions names.
pub(super) fn issuers(network: &Network) -> Issuers {
    let mut issuers = Issuers::new();
    let named = super::keys();
    for key in named.values() {
        if let Some((key, standing)) = network.standing(&DeviceId::of(key)) {
            issuers.insert(DeviceId::of(key), Issuer::new(key, vec![standing]).unwrap());
        }
    }
    for (_, wire) in valid() {
        let Ok(transaction) = Transaction::decode(network, &wire) else { continue };
        if transaction.header().kind == Kind::Enrol {
            let screened = Screened::check(network, transaction).unwrap();
            let verified = Verified::check_enrolment(network, screened).unwrap();
            let enrolment = verified.enrolment().unwrap();
            let issuer = Issuer::new(&enrolment.public_key, vec![enrolment.standing()]).unwrap();
            issuers.insert(issuer.id(), issuer);
        }
    }
    issuers
}

/// All checks of the door that need no replica, in the order of `spec/03-transaction.md`.
pub(super) fn check(
    network: &Network,
    issuers: &Issuers,
    wire: &[u8],
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let transaction = Transaction::decode(network, wire)?;
    check_door(transaction.header(), now)?;
    if transaction.header().kind == Kind::Enrol {
        check_enrolment_cheaply(network, &transaction)?;
        return Verified::check_enrolment(network, Screened::check(network, transaction)?);
    }
    let id = transaction.header().issuer;
    let issuer = issuers.get(&id).ok_or(Refusal::NotEnrolled(id))?;
    issuer.permits(&transaction)?;
    Verified::check(network, Screened::check(network, transaction)?, issuer)
}

/// Slug and status of every row of the catalogue.
pub(super) fn catalogue() -> BTreeMap<String, u64> {
    let page = spec("10-errors.md");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let slug = cells.next()?.trim_end_matches('`').to_string();
        Some((slug, cells.next()?.parse().ok()?))
    });
    rows.collect()
}

fn wire(row: &Value, valid: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    if row["wire"].is_string() {
        return bytes(row, "wire");
    }
    let mut wire = valid[text(row, "base")].clone();
    if let Some(keep) = row["keep"].as_u64() {
        wire.truncate(keep.try_into().unwrap());
    }
    for edit in row["edits"].as_array().into_iter().flatten() {
        let at = usize::try_from(number(edit, "at")).unwrap();
        let bytes = bytes(edit, "bytes");
        wire[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    if row["append"].is_object() {
        let [byte] = array(&row["append"], "byte");
        let length = wire.len() + usize::try_from(number(&row["append"], "times")).unwrap();
        wire.resize(length, byte);
    }
    wire
}

#[test]
fn every_verdict() {
    let networks = networks();
    let known = issuers(&networks["open"]);
    let valid: BTreeMap<String, Vec<u8>> = valid().into_iter().collect();
    let catalogue = catalogue();
    let mut seen = BTreeSet::new();
    let set = committed("verdicts.json");
    for row in rows(&set, "rows") {
        let network = &networks[text(row, "network")];
        let found = check(network, &known, &wire(row, &valid), time(row, "now"));
        let refused = row["refused"].as_str();
        let name = text(row, "name");
        match refused {
            // The ledger itself never looks into a reading: only the door refuses what these contain.
            Some("content" | "unsupported-media-type") | None => {
                assert!(found.is_ok(), "{name}: {:?}", found.err());
            }
            Some(slug) => assert_eq!(found.err().map(|refusal| refusal.reason()), Some(slug), "{name}"),
        }
        let status = refused.map_or(201, |slug| catalogue[slug]);
        assert_eq!(number(row, "status"), status, "{name}");
        seen.extend(refused);
    }
    let all = "content digest kind-not-at-door kind-not-yet malformed not-enrolled parents pow role \
               signature timestamp unsupported-media-type";
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn valid_transactions_pass() {
    let networks = networks();
    let network = &networks["open"];
    let known = issuers(network);
    let now = time(&committed("transactions.json"), "now");
    for (name, wire) in valid() {
        let verified = check(network, &known, &wire, now);
        assert_eq!(verified.map(|v| v.transaction().wire().to_vec()).as_deref(), Ok(&wire[..]), "{name}");
    }
}
