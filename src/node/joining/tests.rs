//! A newcomer from its first step to its credential, and what becomes none.

use super::*;
use crate::config::{Config, Layer};
use crate::node::bootstrap::Plan;
use crate::node::credential::CREDENTIAL_FILE;
use crate::sensor::admission::fog_address;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct World {
    directory: tempfile::TempDir,
    registrar: KeyFile,
    newcomer: Newcomer,
}

fn wish(address: &str) -> Wish {
    Wish { address: fog_address(address).unwrap(), days: 10, now: NOW }
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let net = directory.path().join("net");
    let plan =
        Plan { name: "ward".into(), created: NOW, nodes: 1, hosts: vec![], first_port: 8470, open: false };
    plan.make(&net).unwrap();
    let registrar = KeyFile::read(&net.join("registrar.key")).unwrap();
    let data = directory.path().join("ward-9");
    let api = "127.0.0.1:9000".parse().unwrap();
    let newcomer = Newcomer::settle(&data, &net.join(NETWORK_FILE), api, &wish("10.0.0.9:8471")).unwrap();
    World { directory, registrar, newcomer }
}

impl World {
    fn admission(&self) -> Admission {
        let (key, network) = (self.registrar.key(), &self.newcomer.network);
        let request = self.newcomer.request().unwrap();
        request.admitted_by(key, network, None, NOW, Path::new("r")).unwrap()
    }

    fn accept(&self, admission: &Admission, now: Timestamp) -> Result<Credential, JoinError> {
        self.newcomer.accept(admission, Path::new("a"), None, now, &Stop::default())
    }
}

#[test]
fn a_newcomer_is_settled_once_and_starts_from_there() {
    let world = world();
    let data = world.directory.path().join("ward-9");
    let config = Config::load(Some(&data.join(CONFIG_FILE)), |_| None, Layer::default()).unwrap();
    assert_eq!(config.data, data);
    assert_eq!(config.gossip_listen, "0.0.0.0:8471".parse().unwrap());
    assert_eq!(config.api_listen, "127.0.0.1:9000".parse().unwrap());
    let network = NetworkFile::read(&config.network.unwrap()).unwrap().network;
    assert_eq!(network.id(), world.newcomer.network.id());
    let file = world.directory.path().join("net").join(NETWORK_FILE);
    let again = Newcomer::settle(&data, &file, config.api_listen, &wish("a:1"));
    assert!(matches!(again, Err(JoinError::Directory(StagingError::Exists(_)))));
    assert_eq!(Newcomer::open(&data).unwrap().device(), world.newcomer.device());
    let member = world.directory.path().join("net/node-1");
    std::fs::copy(&file, member.join(NETWORK_FILE)).unwrap();
    assert!(matches!(Newcomer::open(&member), Err(JoinError::Member(_))));
}

#[test]
fn an_admission_becomes_a_credential() {
    let world = world();
    assert!(world.newcomer.credential().unwrap().is_none());
    let admission = world.admission();
    let made = world.accept(&admission, NOW.plus(1)).unwrap();
    let read = world.newcomer.credential().unwrap().unwrap();
    assert_eq!((read.id(), read.enrolment()), (made.id(), &admission.enrolment));
    assert_eq!(read.transaction().header().parents, [world.newcomer.network.genesis(); 2]);

    world.newcomer.ask_again(&wish("ward-9:8471")).unwrap();
    let newer = world.accept(&world.admission(), NOW.plus(2)).unwrap();
    assert_eq!(newer.enrolment().address.as_ref().unwrap().as_str(), "ward-9:8471");
    assert_eq!(newer.transaction().header().counter, 1, "no counter serves twice");
    assert_eq!(world.newcomer.credential().unwrap().unwrap().id(), newer.id());
}

#[test]
fn what_no_registrar_signed_becomes_no_credential() {
    let world = world();
    let admission = world.admission();
    let late = world.accept(&admission, admission.enrolment.valid_until);
    assert!(matches!(late, Err(JoinError::Admission(AdmissionError::Expired { .. }))));
    let stranger = KeyFile::create(&world.directory.path().join("stranger.key")).unwrap();
    let network = &world.newcomer.network;
    let forged = Admission {
        enrolment: admission.enrolment.clone().admitted_by(network.id(), stranger.key()),
        ..admission.clone()
    };
    assert!(matches!(world.accept(&forged, NOW), Err(JoinError::Admission(_))));
    let sensor = Request {
        enrolment: weft_tangle::body::Enrolment {
            role: Role::Sensor,
            address: None,
            admission: None,
            ..admission.enrolment
        },
        network: *network.id(),
    };
    let sensor = sensor.admitted_by(world.registrar.key(), network, None, NOW, Path::new("r")).unwrap();
    let refused = world.accept(&sensor, NOW.plus(1));
    assert!(matches!(refused, Err(JoinError::Credential(CredentialError::Other { .. }))), "{refused:?}");
    assert!(world.newcomer.credential().unwrap().is_none());
}

#[test]
fn a_spoilt_credential_is_told() {
    let world = world();
    world.accept(&world.admission(), NOW.plus(1)).unwrap();
    let path = world.newcomer.data.join(CREDENTIAL_FILE);
    let mut wire = std::fs::read(&path).unwrap();
    *wire.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &wire).unwrap();
    let refused = world.newcomer.credential().unwrap_err();
    assert!(matches!(refused, JoinError::Credential(CredentialError::Refused { .. })), "{refused}");
}
