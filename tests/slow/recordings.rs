//! A real person's pulse: raw samples in batches and the heart rate derived from them go in as SenML and come back
//! value by value. The recordings are fetched by `tests/recordings/fetch.sh`; `WEFT_RECORDINGS` says where they lie.

use crate::support::{Device, Node};
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use weft::recording::{Options, Recording, Sample, beats};
use weft::senml::{Name, Record, Time, Value, write_cbor, write_json};
use weft_tangle::{Role, content_format};

/// Samples in one transaction: about 10 s of pulse wave, which fits into a body as CBOR.
const SAMPLES: usize = 1_000;
/// Transactions in one request.
const BATCH: usize = 4;

fn read(name: &str) -> Vec<Sample> {
    let directory = std::env::var("WEFT_RECORDINGS")
        .expect("set WEFT_RECORDINGS to the directory that tests/recordings/fetch.sh has filled");
    let file = File::open(PathBuf::from(directory).join(name)).unwrap();
    Recording::open(BufReader::new(file), &Options::default()).unwrap().map(Result::unwrap).collect()
}

fn record(name: &str, unit: Option<&str>, value: f64, time: Time) -> Record {
    let record = Record::new(Name::new(name).unwrap(), Value::Number(value), time).unwrap();
    match unit {
        Some(unit) => record.with_unit(unit).unwrap(),
        None => record,
    }
}

/// Attaches `contents` one transaction each, in batches. No two have the same time, for readings of one millisecond come
/// back in the order of their ids.
fn attach(node: &Node, device: &mut Device, format: u16, contents: &[Vec<u8>]) {
    let mut next = 0;
    for batch in contents.chunks(BATCH) {
        let mut body = Vec::new();
        for content in batch {
            let mut wish = device.reading(node.parents(&device.id()));
            wish.content_format = format;
            wish.content.clone_from(content);
            wish.timestamp = wish.timestamp.max(next);
            next = wish.timestamp + 1;
            let wire = device.wire(&wish);
            body.extend_from_slice(&(wire.len() as u32).to_be_bytes());
            body.extend_from_slice(&wire);
        }
        let (status, answer) = node.post("/api/v1/transactions/batch", &body);
        assert_eq!(status, 200, "{answer}");
        for result in answer["results"].as_array().unwrap() {
            assert_eq!(result["status"], "attached", "{result}");
        }
    }
}

/// All values of a device by time in milliseconds, page by page.
fn read_back(node: &Node, device: &Device) -> Vec<(i64, f64)> {
    let mut path = format!("/api/v1/devices/{}/readings?limit=1000", device.id());
    let mut values = Vec::new();
    loop {
        let mut response = ureq::get(format!("{}{path}", node.url)).call().unwrap();
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let body = response.body_mut().with_config().limit(1 << 28).read_to_vec().unwrap();
        let records: serde_json::Value = serde_json::from_slice(&body).unwrap();
        values.extend(records.as_array().unwrap().iter().map(|record| {
            let seconds = record["t"].as_f64().unwrap();
            ((seconds * 1000.0).round() as i64, record["v"].as_f64().unwrap())
        }));
        let Some(link) = link else { return values };
        path = link.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned();
    }
}

fn carries(file: &str, samples_expected: usize, per_minute: std::ops::Range<f64>) {
    let samples = read(file);
    assert_eq!(samples.len(), samples_expected);
    let wave: Vec<f64> = samples.iter().map(|sample| sample.values[0].1).collect();
    let offsets: Vec<_> = samples.iter().map(|sample| sample.offset).collect();
    let hertz = beats::sample_rate(&offsets).unwrap();
    let found = beats::detect(&wave, hertz).unwrap();
    assert!(per_minute.contains(&found.per_minute), "{} beats/min", found.per_minute);

    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path());
    let mut raw = Device::new(1, node.network());
    let mut rate = Device::new(2, node.network());
    raw.enrol(&node, Role::Sensor);
    rate.enrol(&node, Role::Sensor);
    // The person's day is over; the samples keep their distances and begin today.
    let begin = crate::support::now() - 3_600_000;
    let at = |sample: &Sample| begin + sample.offset.as_millis() as u64;
    let contents: Vec<Vec<u8>> = samples
        .chunks(SAMPLES)
        .map(|chunk| {
            let records: Vec<Record> = chunk
                .iter()
                .map(|sample| {
                    let time = Time::from_milliseconds(at(sample));
                    record("urn:dev:ow:10e2073a0108006:ppg", None, sample.values[0].1, time)
                })
                .collect();
            write_cbor(&records)
        })
        .collect();
    attach(&node, &mut raw, content_format::SENML_CBOR, &contents);
    let time = Time::from_milliseconds(begin);
    let heart_rate = record("urn:dev:ow:10e2073a0108006:hr", Some("beat/min"), found.per_minute, time);
    attach(&node, &mut rate, content_format::SENML_JSON, &[write_json(&[heart_rate]).into_bytes()]);

    let sent: Vec<(i64, f64)> =
        samples.iter().map(|sample| (at(sample) as i64, sample.values[0].1)).collect();
    let came_back = read_back(&node, &raw);
    assert_eq!(came_back.len(), sent.len());
    for (index, (came_back, sent)) in came_back.iter().zip(&sent).enumerate() {
        assert_eq!(came_back, sent, "sample {index}");
    }
    assert_eq!(read_back(&node, &rate), [(begin as i64, found.per_minute)]);
    println!("{file}: {samples_expected} samples, {:.2} beats/min, carried value by value", found.per_minute);
}

#[test]
fn a_pulse_wave_in_milliseconds() {
    carries("data2.csv", 15_000, 60.0..65.0);
}

#[test]
fn a_pulse_wave_with_dates() {
    carries("data3.csv", 68_476, 95.0..100.0);
}
