//! Tests of reading recordings: what real files look like, and every refusal with its line.

use super::*;

fn open(text: &str) -> Result<Recording<&[u8]>, RecordingError> {
    Recording::open(text.as_bytes(), &Options::default())
}

fn read(text: &str) -> Result<Vec<Sample>, RecordingError> {
    open(text)?.collect()
}

#[test]
fn reads_timers_as_heartpy_writes_them() {
    let samples = read("timer,hr\r\n0.0,515\r\n8.54790319355,514\r\n\r\n17.0958063871,-1.5e2").unwrap();
    let seen: Vec<_> = samples.iter().map(|s| (s.offset.as_micros(), s.values[0].1)).collect();
    assert_eq!(seen, [(0, 515.0), (8_548, 514.0), (17_096, -150.0)]);
    assert!(samples.iter().all(|sample| sample.absolute.is_none()));
}

#[test]
fn reads_date_times_that_stand_still() {
    let text = "datetime,hr\n2016-11-24 13:58:58.081000,326\n2016-11-24 13:58:58.097000,327\n\
                2016-11-24 13:58:58.097000,352\n2016-11-24 13:59:00,1\n";
    let samples = read(text).unwrap();
    let offsets: Vec<_> = samples.iter().map(|sample| sample.offset.as_millis()).collect();
    assert_eq!(offsets, [0, 16, 16, 1919]);
    assert_eq!(samples[0].absolute.unwrap().milliseconds(), 1_479_995_938_081);
}

#[test]
fn finds_signals_around_the_time_and_skips_what_is_missing() {
    let text = "\u{feff}# made up\n#second\nhr, \"time\" ,spo2,datetime\n61,1700000000.5,,x\n,1700000001.5,,x\n,1700000002.5,0.98,x\n";
    let mut recording = open(text).unwrap();
    assert_eq!(recording.notes(), ["made up", "second"]);
    assert_eq!(recording.columns(), ["hr", "spo2"]);
    let first = recording.next().unwrap().unwrap();
    assert_eq!((first.absolute.unwrap().milliseconds(), first.values), (1_700_000_000_500, vec![(0, 61.0)]));
    let last = recording.next().unwrap().unwrap();
    assert_eq!((last.offset.as_secs(), last.values), (2, vec![(1, 0.98)]));
    assert!(recording.next().is_none());
}

#[test]
fn options_override_the_header() {
    let options = Options { time_column: Some("clock".into()), time_unit: Some(TimeUnit::Milliseconds) };
    let recording = Recording::open("clock,hr\n5,1\n6,2\n".as_bytes(), &options).unwrap();
    let offsets: Vec<_> = recording.map(|sample| sample.unwrap().offset.as_micros()).collect();
    assert_eq!(offsets, [0, 1000]);
}

#[test]
fn refusals_name_the_line() {
    let wide = format!("time{}\n", (1..=MAX_COLUMNS).map(|i| format!(",c{i}")).collect::<String>());
    let long = format!("time,a\n1,{}\n", "1".repeat(MAX_LINE_BYTES));
    for (text, expected) in [
        ("", "recording is empty"),
        ("# only a note\n", "recording is empty"),
        ("530\n518\n", "line 1: no time column among 530"),
        ("time\n1\n", "line 1: only a time column"),
        ("time,a,a\n", "line 1: column 3 has no name of its own"),
        ("time,,a\n", "line 1: column 2 has no name of its own"),
        ("time,a\n1,2\n\n2,3,4\n", "line 4: 3 fields where the header has 2"),
        ("# note\ntime,a\n1,2\nx,3\n", "line 4: `x` is not a time in seconds"),
        ("datetime,a\n2016-11-24,3\n", "line 2: `2016-11-24` is not a time in RFC 3339"),
        ("ms,a\n2,2\n1.5,3\n", "line 3: the time goes back by 1 ms"),
        ("time,a\n1,nan\n", "line 2, column `a`: `nan` is not a finite number"),
        ("time,a\n1,1e999\n", "line 2, column `a`: `1e999` is not a finite number"),
        ("time,a\n1,\"2\n3\"\n", "line 3: 1 fields where the header has 2"),
        (&wide, "line 1: 65 columns, more than 64"),
        (&long, "line 2: more than 4096 bytes"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:.40}: {error}");
    }
    let error = Recording::open(&b"time,\xff\n"[..], &Options::default()).map(drop).unwrap_err();
    assert!(matches!(error, RecordingError::NotCsv { line: 1 }));
}

#[test]
fn ends_after_an_error() {
    let mut recording = open("time,a\n1,x\n2,2\n").unwrap();
    assert!(recording.next().unwrap().is_err());
    assert!(recording.next().is_none());
}
