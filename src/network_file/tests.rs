//! What is written reads back, what is wrong is named, and what may be left out has its default.

use super::*;
use weft_tangle::signing::{Seed, SigningKey};

fn file() -> (NetworkFile, PublicKey) {
    let key = |byte| SigningKey::from_seed(&Seed::from_bytes([byte; 32])).unwrap().public_key().clone();
    let network = Network::new(NetworkParts {
        name: "ward 7".into(),
        created: Timestamp::from_millis(1_790_000_000_123),
        open_enrolment: false,
        rules: Rules::new(5_000, 7, 3, 4).unwrap(),
        registrars: vec![key(1)],
        committee: vec![key(2)],
    });
    let addresses = vec![(key(2), "node:8471".into())];
    let pace = Pace::new(20, 300, 90).unwrap();
    (NetworkFile { network: network.unwrap(), addresses, pace }, key(1))
}

#[test]
fn a_written_file_reads_back_to_the_same_network() {
    let (file, registrar) = file();
    let read = NetworkFile::parse(&file.to_toml(&[registrar])).unwrap();
    assert_eq!(read.network.id(), file.network.id());
    assert_eq!(read.network.canonical_form(), file.network.canonical_form());
    assert_eq!((read.addresses, read.pace), (file.addresses, file.pace));
}

#[test]
fn what_is_wrong_is_named() {
    let (file, registrar) = file();
    let text = file.to_toml(&[registrar]);
    let change = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        NetworkFile::parse(&text.replacen(from, to, 1)).unwrap_err().to_string()
    };
    assert!(change("quota", "quotas").contains("quotas"));
    assert!(change("epoch_ms = 5000", "epoch_ms = 5").contains("epoch_ms is 5"));
    assert!(change("fastest_ms = 20", "fastest_ms = 301").contains("[finality] a pace of 301 to 300 ms"));
    assert!(change("delta_ms", "deltas").contains("deltas"));
    assert!(change("created = \"2026", "created = \"20x6").contains("RFC 3339"));
    assert!(change("node:8471", "node").contains("host:port"));
    assert!(change("key = \"", "key = \"0").contains("base32hex"));
    assert!(change("name = \"ward 7\"", "name = \"\"").contains("name"));
}

#[test]
fn another_pace_is_the_same_network() {
    let (file, registrar) = file();
    let faster = NetworkFile { pace: Pace::new(1, 2, 3).unwrap(), ..file.clone() };
    let read = NetworkFile::parse(&faster.to_toml(&[registrar])).unwrap();
    assert_eq!((read.network.id(), read.pace), (file.network.id(), faster.pace));
}

#[test]
fn rules_and_pace_have_defaults() {
    let (file, registrar) = file();
    let text = file.to_toml(&[registrar]);
    let mut table: toml::Table = text.parse().unwrap();
    table.remove("rules");
    table["finality"].as_table_mut().unwrap().remove("delta_ms");
    let read = NetworkFile::parse(&table.to_string()).unwrap();
    assert_eq!(*read.network.rules(), Rules::default());
    assert_eq!(read.pace, Pace::new(20, 300, Pace::default().delta_ms()).unwrap());
    table.remove("finality");
    assert_eq!(NetworkFile::parse(&table.to_string()).unwrap().pace, Pace::default());
}

#[test]
fn times_read_and_write_from_1970_to_the_end_of_9999() {
    for text in ["1970-01-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z", "9999-12-31T23:59:59.999Z"] {
        assert_eq!(parse_time(text).map(time_text).as_deref(), Some(text));
    }
    let millis = |text: &str| parse_time(text).map(Timestamp::as_millis);
    assert_eq!(millis("1970-01-02T00:00:00.0019999Z"), Some(86_400_001), "what is finer is left out");
    assert_eq!(millis("1970-01-01T23:30:00+23:59"), None, "before 1970");
    assert_eq!(millis("1970-01-01T00:00:00-23:59"), Some(86_340_000));
    for text in [
        "2026-01-31T12:00:00",
        "2026-01-31",
        "12:00:00Z",
        "2026-02-29T12:00:00Z",
        "1969-12-31T23:59:59.9999Z",
    ] {
        assert_eq!(millis(text), None, "{text}");
    }
    assert_eq!(millis("2026-01-31T12:00:00+24:00"), None, "an offset of RFC 3339 is less than a day");
    let beyond = parse_time("9999-12-31T23:59:59.999Z").unwrap().plus(1);
    assert_eq!(time_text(beyond), "beyond the year 9999");
    assert_eq!(time_text(Timestamp::from_millis(u64::MAX)), "beyond the year 9999");
}
