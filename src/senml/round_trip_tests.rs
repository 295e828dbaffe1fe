//! Properties of reading and writing together: what is written reads back the same, and any bytes are either a
//! pack that survives being written again or an error.

use proptest::prelude::*;

use super::*;

const NOW_MS: u64 = 1_700_000_000_123;

#[test]
fn absolute_and_far_relative_times_share_a_pack() {
    let at =
        |us| Record::new(Name::new("a").unwrap(), Value::Bool(true), Time::from_microseconds(us)).unwrap();
    let records = [at(limits::MAX_TIME_MICROSECONDS), at(-limits::MAX_TIME_MICROSECONDS)];
    assert_eq!(parse_cbor(&write_cbor(&records)).unwrap().records(), records);
    assert_eq!(parse_json(write_compact_json(&records).as_bytes()).unwrap().records(), records);
}

#[test]
fn writes_short_packs() {
    let record = |name: &str, value, ms| {
        Record::new(Name::new(name).unwrap(), Value::Number(value), Time::from_milliseconds(ms))
            .and_then(|record| record.with_unit("beat/min"))
            .unwrap()
    };
    let records = [record("urn:dev:x:hr", 61.0, NOW_MS), record("urn:dev:x:hr", 61.5, NOW_MS + 1000)];
    assert_eq!(
        write_compact_json(&records),
        r#"[{"bn":"urn:dev:x:hr","bt":1700000000,"bu":"beat/min","v":61,"t":0.123},{"v":61.5,"t":1.123}]"#
    );
    assert_eq!(
        write_json(&records[1..]),
        r#"[{"n":"urn:dev:x:hr","u":"beat/min","v":61.5,"t":1700000001.123}]"#
    );
    let two = [record("urn:dev:x:hr", 61.0, NOW_MS), record("urn:dev:x:hx", 16.0, NOW_MS)];
    assert!(write_compact_json(&two).starts_with(r#"[{"bn":"urn:dev:x:","bt""#));
    assert_eq!(write_json(&[]), "[]");
}

prop_compose! {
    fn record()(
        name in "[a-c]{1,2}[:/._-]?[a-zA-Z0-9:./_-]{0,12}",
        value in prop_oneof![
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::Number),
            (-2000..2000i32).prop_map(|number| Value::Number(f64::from(number) / 10.0)),
            any::<String>().prop_map(Value::Text),
            any::<bool>().prop_map(Value::Bool),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::Data),
        ],
        unit in proptest::option::of(prop_oneof![Just("beat/min"), Just("Cel"), Just("/")]),
        sum in proptest::option::of(any::<f64>().prop_filter("finite", |number| number.is_finite())),
        us in 268_435_456_000_000..=limits::MAX_TIME_MICROSECONDS,
        update in proptest::option::of(0.0..1e6),
    ) -> Record {
        let mut record = Record::new(Name::new(name).unwrap(), value, Time::from_microseconds(us)).unwrap();
        if let Some(unit) = unit { record = record.with_unit(unit).unwrap(); }
        if let Some(sum) = sum { record = record.with_sum(sum).unwrap(); }
        if let Some(update) = update { record = record.with_update_time(update).unwrap(); }
        record
    }
}

proptest! {
    #[test]
    fn every_encoding_reads_back_as_written(records in proptest::collection::vec(record(), 1..12)) {
        let sorted = { let mut sorted = records.clone(); sorted.sort_by_key(Record::time); sorted };
        for pack in [
            parse_json(write_json(&records).as_bytes()),
            parse_json(write_compact_json(&records).as_bytes()),
            parse_cbor(&write_cbor(&records)),
        ] {
            let pack = pack.unwrap();
            // Debug text tells minus zero from zero, which `==` does not.
            prop_assert_eq!(format!("{:?}", pack.records()), format!("{records:?}"));
            prop_assert_eq!(pack.resolve(NOW_MS), sorted.clone());
        }
    }

    #[test]
    fn any_bytes_are_a_pack_that_survives_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(pack) = parse_cbor(&bytes) {
            let again = parse_cbor(&write_cbor(pack.records())).unwrap();
            prop_assert_eq!(again.records(), pack.records());
        }
        if let Ok(pack) = parse_json(&bytes) {
            let again = parse_json(write_json(pack.records()).as_bytes()).unwrap();
            prop_assert_eq!(again.records(), pack.records());
        }
    }

    #[test]
    fn damaged_packs_never_panic(
        records in proptest::collection::vec(record(), 1..4), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut cbor = write_cbor(&records);
        let place = at.index(cbor.len());
        cbor[place] = byte;
        if let Ok(pack) = parse_cbor(&cbor) {
            let json = parse_json(write_json(pack.records()).as_bytes()).unwrap();
            prop_assert_eq!(json.records(), pack.records());
        }
        let mut text = write_compact_json(&records).into_bytes();
        let place = at.index(text.len());
        text[place] = byte;
        if let Ok(pack) = parse_json(&text) {
            let cbor = parse_cbor(&write_cbor(pack.records())).unwrap();
            prop_assert_eq!(cbor.records(), pack.records());
        }
    }
}
