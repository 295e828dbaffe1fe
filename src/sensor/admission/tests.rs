//! Requests and admissions as files, and what is not taken for one.

use super::*;
use weft_tangle::signing::Seed;
use weft_tangle::{NetworkParts, Refusal, Rules};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const YEAR_MS: u64 = 31_536_000_000;

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&Seed::from_bytes([number; 32])).unwrap()
}

/// A closed network whose registrar is key 1.
fn network(name: &str) -> Network {
    let parts = NetworkParts {
        name: name.into(),
        created: NOW,
        open_enrolment: false,
        rules: Rules::default(),
        registrars: vec![key(1).public_key().clone()],
        committee: vec![key(2).public_key().clone()],
    };
    Network::new(parts).unwrap()
}

fn request() -> Request {
    let enrolment = Enrolment {
        role: Role::Fog,
        valid_from: NOW,
        valid_until: NOW.plus(YEAR_MS),
        owner: [0; 32],
        public_key: key(3).public_key().clone(),
        kem_public_key: None,
        address: Some(fog_address("ward-9.example.org:8471").unwrap()),
        admission: None,
    };
    Request { network: *network("ward").id(), enrolment }
}

fn admission() -> Admission {
    request().admitted_by(&key(1), &network("ward"), None, NOW, Path::new("r")).unwrap()
}

/// What reading a text as a file says.
fn read<T>(text: &str, read: fn(&Path) -> Result<T, AdmissionError>) -> Result<T, AdmissionError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file.toml");
    std::fs::write(&path, text).unwrap();
    read(&path)
}

#[test]
fn what_is_written_reads_back() {
    let mut request = request();
    assert_eq!(read(&request.to_toml(), Request::read).unwrap(), request);
    request.enrolment.role = Role::Practitioner;
    request.enrolment.address = None;
    assert_eq!(read(&request.to_toml(), Request::read).unwrap(), request);
    let admission = admission();
    let text = admission.to_toml("weft node join --data DIR");
    assert_eq!(read(&text, Admission::read).unwrap(), admission);
    assert!(text.starts_with('#') && text.len() < ADMISSION_FILE_BYTES as usize);
}

#[test]
fn a_changed_request_is_refused() {
    let text = request().to_toml();
    let (device, other) = (request().device().to_string(), DeviceId::of(key(4).public_key()).to_string());
    let cases = [
        (text.replace(&device, &other), "another device"),
        (text.replace("role = \"fog\"", "role = \"registrar\""), "no role"),
        (text.replace("role = \"fog\"", "role = \"sensor\""), "only a fog node"),
        (text.replace(":8471", ":0"), "host:port"),
        (text.replace("valid_until = \"2028", "valid_until = \"2020"), "later than"),
        (text.replace("valid_until = \"2028", "valid_until = \"x"), "RFC 3339"),
        (text.replace("network = \"", "network = \"0"), "its network"),
        (text.replace("role", "roles"), "unknown field"),
        (format!("{text}{}", "#".repeat(20_000)), "more than 16384 bytes"),
    ];
    for (changed, words) in cases {
        assert_ne!(changed, text, "{words}");
        let error = read(&changed, Request::read).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn a_registrar_admits_to_its_own_network_for_a_time_that_has_not_passed() {
    let (ward, path) = (network("ward"), Path::new("r"));
    let admit = |key: SigningKey, network: &Network, until: Option<Timestamp>| {
        request().admitted_by(&key, network, until, NOW, path)
    };
    let until = NOW.plus(5);
    assert_eq!(admit(key(1), &ward, Some(until)).unwrap().enrolment.valid_until, until);
    assert!(matches!(admit(key(2), &ward, None), Err(AdmissionError::NoRegistrar(_))));
    assert!(matches!(admit(key(1), &network("other"), None), Err(AdmissionError::OtherNetwork { .. })));
    assert!(matches!(admit(key(1), &ward, Some(NOW)), Err(AdmissionError::Expired { .. })));
}

#[test]
fn an_admission_is_checked_before_it_is_used() {
    let (ward, path, device) = (network("ward"), Path::new("a"), request().device());
    let check = |admission: &Admission, now: Timestamp| admission.check(&ward, &device, now, path);
    check(&admission(), NOW).unwrap();
    let end = NOW.plus(YEAR_MS);
    assert!(matches!(check(&admission(), end), Err(AdmissionError::Expired { .. })));
    check(&admission(), end.minus(1)).unwrap();

    let mut longer = admission();
    longer.enrolment.valid_until = end.plus(1);
    assert!(matches!(check(&longer, NOW), Err(AdmissionError::Refused(Refusal::RegistrarSignature))));
    let stranger =
        Admission { enrolment: request().enrolment.admitted_by(ward.id(), &key(4)), ..admission() };
    assert!(matches!(check(&stranger, NOW), Err(AdmissionError::Refused(Refusal::Admission(_)))));
    let elsewhere = Admission { network: *network("other").id(), ..admission() };
    assert!(matches!(check(&elsewhere, NOW), Err(AdmissionError::OtherNetwork { .. })));
    let other = DeviceId::of(key(4).public_key());
    assert!(matches!(admission().check(&ward, &other, NOW, path), Err(AdmissionError::OtherDevice { .. })));

    let unsigned = Admission { enrolment: request().enrolment, ..admission() }.to_toml("");
    assert!(read(&unsigned, Admission::read).unwrap_err().to_string().contains("no registrar has signed"));
    let cut = admission().to_toml("").replace("enrolment = \"0", "enrolment = \"");
    assert!(read(&cut, Admission::read).is_err());
}

#[test]
fn an_address_is_one_that_others_can_reach() {
    for good in ["10.0.0.9:8471", "[fd00::1]:8471", "ward-9:1", "ward-9.example.org:65535"] {
        assert_eq!(fog_address(good).unwrap().as_str(), good);
    }
    for bad in [
        "",
        "ward-9",
        "ward-9:",
        ":8471",
        "ward-9:0",
        "ward-9:65536",
        "0.0.0.0:8471",
        "[::]:8471",
        "a\"b:1",
        "a b:1",
    ] {
        assert!(fog_address(bad).is_err(), "{bad}");
    }
}
