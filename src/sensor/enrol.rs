//! Introducing a key to a network (`spec/04-bodies.md`), by itself or admitted by a registrar.

use super::limits::VALID_DAYS;
use super::{KeyFile, Sent, Session, SessionError};
use weft_tangle::body::Enrolment;
use weft_tangle::{Kind, NetworkId, Role, Timestamp, content_format};

/// An enrolment holds from this long before it is made, for what a device recorded before it was enrolled.
const BACKDATED_MS: u64 = DAY_MS;

/// Days that an enrolment holds unless it says otherwise: five years.
pub const DEFAULT_VALID_DAYS: u32 = 1_826;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Days that no enrolment can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an enrolment holds 1 to {VALID_DAYS} days, not {0}")]
pub struct ValidDays(pub u32);

/// What the holder of `key` says of itself: its role, valid from a day before `now` for `days` days after it.
///
/// # Errors
/// [`ValidDays`] for none or more than a century.
pub fn enrolment(key: &KeyFile, role: Role, now: Timestamp, days: u32) -> Result<Enrolment, ValidDays> {
    if !(1..=VALID_DAYS).contains(&days) {
        return Err(ValidDays(days));
    }
    Ok(Enrolment {
        role,
        valid_from: now.minus(BACKDATED_MS),
        valid_until: now.plus(u64::from(days) * DAY_MS),
        owner: [0; 32],
        public_key: key.key().public_key().clone(),
        kem_public_key: None,
        address: None,
        admission: None,
    })
}

/// The enrolment with the signature of a registrar, if there is one to admit it.
pub fn admitted(enrolment: Enrolment, network: &NetworkId, registrar: Option<&KeyFile>) -> Enrolment {
    match registrar {
        Some(registrar) => enrolment.admitted_by(network, registrar.key()),
        None => enrolment,
    }
}

/// Makes the enrolment's transaction and hands it in.
///
/// # Errors
/// What [`Session::send`] fails with.
pub fn send(session: &mut Session<'_>, enrolment: &Enrolment) -> Result<Sent, SessionError> {
    session.send(Kind::Enrol, content_format::WEFT, &enrolment.encode())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_from_the_day_before_and_says_by_whom() {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyFile::create(&directory.path().join("a")).unwrap();
        let registrar = KeyFile::create(&directory.path().join("b")).unwrap();
        let now = Timestamp::from_millis(1_700_000_000_000);
        let plain = enrolment(&key, Role::Sensor, now, 2).unwrap();
        assert_eq!(plain.valid_from.as_millis(), 1_700_000_000_000 - 86_400_000);
        assert_eq!(plain.valid_until.as_millis(), 1_700_000_000_000 + 2 * 86_400_000);
        let network = NetworkId::from_bytes([3; 32]);
        assert_eq!(admitted(plain.clone(), &network, None), plain);
        let by = admitted(plain, &network, Some(&registrar)).admission.unwrap();
        assert_eq!(by.registrar, registrar.device());
        for days in [0, VALID_DAYS + 1, u32::MAX] {
            assert_eq!(enrolment(&key, Role::Sensor, now, days).unwrap_err(), ValidDays(days));
        }
    }
}
