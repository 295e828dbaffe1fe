//! Tests of reading and writing: examples from RFC 8428, refusals, bounds.

use super::*;

const NOW_MS: u64 = 1_700_000_000_123;

fn json(text: &str) -> Vec<Record> {
    parse_json(text.as_bytes()).unwrap().resolve(NOW_MS)
}

fn problem(result: Result<Pack, Error>) -> (Option<usize>, Problem) {
    match result.unwrap_err() {
        Error::Pack(problem) => (None, problem),
        Error::Record { index, problem } => (Some(index), problem),
    }
}

/// RFC 8428, section 5.1.2: base fields hold until they are given again, times count from the base time.
#[test]
fn resolves_the_multiple_datapoints_of_the_rfc() {
    let records = json(
        r#"[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},
            {"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3},{"n":"current","v":1.7}]"#,
    );
    let seen: Vec<_> =
        records.iter().map(|r| (r.name(), r.unit(), r.number(), r.time().milliseconds())).collect();
    let (voltage, current) = ("urn:dev:ow:10e2073a0108006:voltage", "urn:dev:ow:10e2073a0108006:current");
    assert_eq!(
        seen,
        [
            (current, Some("A"), Some(1.2), 1_276_020_071_001),
            (current, Some("A"), Some(1.3), 1_276_020_072_001),
            (voltage, Some("V"), Some(120.1), 1_276_020_076_001),
            (current, Some("A"), Some(1.7), 1_276_020_076_001),
        ]
    );
}

/// RFC 8428, section 6, figure 1, cut to its first two records.
#[test]
fn reads_the_cbor_of_the_rfc() {
    let bytes = [
        &[0x82, 0xa7, 0x21, 0x78, 0x1b][..],
        b"urn:dev:ow:10e2073a0108006:",
        &[0x22, 0xfb, 0x41, 0xd3, 0x03, 0xa1, 0x5b, 0x00, 0x10, 0x62, 0x23, 0x61, 0x41, 0x20, 0x05],
        &[0x00, 0x67],
        b"voltage",
        &[0x01, 0x61, 0x56, 0x02, 0xfb, 0x40, 0x5e, 0x06, 0x66, 0x66, 0x66, 0x66, 0x66],
        &[0xa3, 0x00, 0x67],
        b"current",
        &[0x06, 0x24, 0x02, 0xfb, 0x3f, 0xf3, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33],
    ]
    .concat();
    let records = parse_cbor(&bytes).unwrap();
    assert_eq!(records.records()[0].number(), Some(120.1));
    assert_eq!(records.records()[0].time().milliseconds(), 1_276_020_076_001);
    assert_eq!(records.records()[1].name(), "urn:dev:ow:10e2073a0108006:current");
    assert_eq!(records.records()[1].time().milliseconds(), 1_276_020_071_001);
    for end in 0..bytes.len() {
        assert!(parse_cbor(&bytes[..end]).is_err(), "cut to {end} bytes");
    }
    assert_eq!(problem(parse_cbor(&[&bytes[..], &[0]].concat())).1, Problem::Trailing { length: 1 });
}

#[test]
fn reads_every_number_that_cbor_has() {
    let one = |number: &[u8]| parse_cbor(&[&[0x81, 0xa2, 0x00, 0x61, b'x', 0x02], number].concat());
    let value = |number: &[u8]| one(number).unwrap().records()[0].number().unwrap();
    assert_eq!(value(&[0x18, 0x62]), 98.0);
    assert_eq!(value(&[0x39, 0x01, 0xf3]), -500.0);
    assert_eq!(value(&[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), -18_446_744_073_709_551_616.0);
    assert_eq!(value(&[0xf9, 0x3e, 0x00]), 1.5);
    assert_eq!(value(&[0xfa, 0x47, 0xc3, 0x50, 0x00]), 100_000.0);
    assert_eq!(value(&[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]), 1.1);
    assert_eq!(value(&[0xc4, 0x82, 0x21, 0x19, 0x6a, 0xb3]), 273.15);
    for refused in [
        &[0xf9, 0x7e, 0x00][..],
        &[0xf9, 0x7c, 0x00],
        &[0xc4, 0x82, 0x19, 0x01, 0x8f, 0x01],
        &[0xc4, 0x82, 0x1a, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0xc5, 0x82, 0x21, 0x01],
        &[0xc4, 0x83, 0x21, 0x01, 0x01],
        &[0xf6],
        &[0x61, b'1'],
    ] {
        assert!(one(refused).is_err(), "{refused:x?}");
    }
}

#[test]
fn reads_values_of_every_type() {
    let records = json(
        r#"[{"bn":"d:","bs":100,"bv":20,"n":"a","v":1.5,"s":0.5},{"n":"b","vs":"x\u00e9","ut":5},
            {"n":"c","vb":false},{"n":"e","vd":"aGkgCg"},{"n":"f","s":-1,"later":{"deep":[1,{"x":null}]}}]"#,
    );
    assert_eq!((records[0].number(), records[0].sum()), (Some(21.5), Some(100.5)));
    assert_eq!((records[1].value(), records[1].update_time()), (Some(&Value::Text("xé".into())), Some(5.0)));
    assert_eq!(records[2].value(), Some(&Value::Bool(false)));
    assert_eq!(records[3].value(), Some(&Value::Data(b"hi \n".to_vec())));
    assert_eq!((records[4].value(), records[4].sum()), (None, Some(99.0)));
    assert!(records.iter().all(|record| record.time().milliseconds() == NOW_MS as i64));
}

#[test]
fn refuses_what_the_rfc_does_not_allow() {
    let deep = format!(r#"[{{"n":"a","v":1,"x":{}1{}}}]"#, "[".repeat(17), "]".repeat(17));
    type Expected = fn(&Problem) -> bool;
    let cases: Vec<(&str, Option<usize>, Expected)> = vec![
        ("", None, |p| matches!(p, Problem::Json { .. })),
        ("[]", None, |p| *p == Problem::Empty),
        ("{}", None, |p| matches!(p, Problem::Json { .. })),
        ("[1]", Some(0), |p| matches!(p, Problem::Json { .. })),
        (r#"[{"n":"a","v":1}] x"#, None, |p| matches!(p, Problem::Json { .. })),
        (r#"[{"n":"a","v":1},]"#, None, |p| matches!(p, Problem::Json { .. })),
        (r#"[{"n":"a","v":1e400}]"#, Some(0), |p| matches!(p, Problem::Json { .. })),
        (r#"[{"n":"a","v":NaN}]"#, Some(0), |p| matches!(p, Problem::Json { .. })),
        (r#"[{"n":"a","v":"1"}]"#, Some(0), |p| matches!(p, Problem::WrongType { label: "v", .. })),
        (r#"[{"n":"a","v":null}]"#, Some(0), |p| matches!(p, Problem::WrongType { label: "v", .. })),
        (r#"[{"n":"a","vb":1}]"#, Some(0), |p| matches!(p, Problem::WrongType { label: "vb", .. })),
        (r#"[{"n":"a","bver":10.0,"v":1}]"#, Some(0), |p| {
            matches!(p, Problem::WrongType { label: "bver", .. })
        }),
        (r#"[{"n":"a","bver":11,"v":1}]"#, Some(0), |p| matches!(p, Problem::Version { version: 11, .. })),
        (r#"[{"n":"a","bver":0,"v":1}]"#, Some(0), |p| matches!(p, Problem::Version { version: 0, .. })),
        (r#"[{"n":"a","v":1},{"n":"a","bver":9,"v":1}]"#, Some(1), |p| matches!(p, Problem::Version { .. })),
        (r#"[{"n":"a","v":1},{"n":"b"}]"#, Some(1), |p| *p == Problem::NoValue),
        (r#"[{"n":"a","v":1,"vs":"x"}]"#, Some(0), |p| *p == Problem::ManyValues),
        (r#"[{"n":"a","vb":true,"vs":"x","s":1}]"#, Some(0), |p| *p == Problem::ManyValues),
        (r#"[{"v":1}]"#, Some(0), |p| matches!(p, Problem::Name { .. })),
        (r#"[{"bn":"_","n":"a","v":1}]"#, Some(0), |p| matches!(p, Problem::Name { .. })),
        (r#"[{"n":"heart rate","v":1}]"#, Some(0), |p| matches!(p, Problem::Name { .. })),
        (r#"[{"n":"a","v":1,"n":"b"}]"#, Some(0), |p| matches!(p, Problem::DuplicateLabel { .. })),
        (r#"[{"n":"a","v":1,"z":1,"z":2}]"#, Some(0), |p| matches!(p, Problem::DuplicateLabel { .. })),
        (r#"[{"n":"a","v":1,"new_":2}]"#, Some(0), |p| matches!(p, Problem::MustUnderstand { .. })),
        (r#"[{"n":"a","u":"","v":1}]"#, Some(0), |p| *p == Problem::Unit),
        (r#"[{"n":"a","vd":"aGk="}]"#, Some(0), |p| *p == Problem::Base64),
        (r#"[{"n":"a","v":1,"t":1e300}]"#, Some(0), |p| matches!(p, Problem::Time { .. })),
        (r#"[{"n":"a","bv":1e308,"v":1e308}]"#, Some(0), |p| matches!(p, Problem::NotFinite { label: "v" })),
        (r#"[{"n":"a","v":1,"ut":-1}]"#, Some(0), |p| *p == Problem::UpdateTime),
        (&deep, Some(0), |p| matches!(p, Problem::TooDeep { .. })),
    ];
    for (text, place, expected) in cases {
        let (index, found) = problem(parse_json(text.as_bytes()));
        assert!(expected(&found), "{text}: {found}");
        assert_eq!(index, place, "{text}: {found}");
    }
}

#[test]
fn bounds_what_it_reads() {
    let many = format!("[{}]", [r#"{"n":"a","v":1}"#; limits::MAX_RECORDS + 1].join(","));
    assert_eq!(problem(parse_json(many.as_bytes())), (None, Problem::TooManyRecords));
    let declared = [0x9b, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert!(matches!(problem(parse_cbor(&declared)).1, Problem::Cbor { .. }));
    let fields: String = (0..limits::MAX_FIELDS).map(|i| format!(r#","x{i}":0"#)).collect();
    let wide = format!(r#"[{{"n":"a"{fields}}}]"#);
    assert_eq!(problem(parse_json(wide.as_bytes())).1, Problem::TooManyFields);
    let long = format!(r#"[{{"n":"a","vs":"{}"}}]"#, "x".repeat(limits::MAX_VALUE_BYTES + 1));
    assert!(matches!(problem(parse_json(long.as_bytes())).1, Problem::LongValue { label: "vs", .. }));
    assert!(matches!(
        problem(parse_json(&vec![b' '; limits::MAX_PACK_BYTES + 1])).1,
        Problem::TooLong { .. }
    ));
}

#[test]
fn refuses_cbor_labels_that_are_not_the_rfcs() {
    let map = |fields: &[u8]| problem(parse_cbor(&[&[0x81], fields].concat()));
    assert_eq!(map(b"\xa2\x61n\x61x\x02\x01").1, Problem::TextLabel { label: "n", number: 0 });
    assert!(matches!(map(b"\xa3\x00\x61x\x02\x01\x02\x01").1, Problem::DuplicateLabel { .. }));
    assert!(matches!(map(b"\xa3\x00\x61x\x02\x01\x62y_\x01").1, Problem::MustUnderstand { .. }));
    assert!(matches!(map(b"\xa2\x00\x7f\x61x\xff\x02\x01").1, Problem::WrongType { label: "n", .. }));
    let skipped = parse_cbor(b"\x81\xbf\x00\x61x\x02\x01\x18\x63\x81\x00\x61y\xf6\xff").unwrap();
    assert_eq!(skipped.records()[0].number(), Some(1.0));
    assert!(matches!(problem(parse_cbor(b"\x9f\xa2\x00\x61x\x02\x01\xff")), (None, Problem::Cbor { .. })));
}
