//! How a key is admitted by a registrar who sits elsewhere: a request goes there, an admission comes back
//! (`spec/12-device-files.md`).
//!
//! Always true: a [`Request`] in hand has the device id that follows from its key, and an [`Admission`] one and a
//! registrar's signature, which [`Admission::check`] verifies. Neither file holds a secret.

mod error;

pub use error::AdmissionError;

use super::durable::read_bounded;
use super::limits::ADMISSION_FILE_BYTES;
use crate::network_file::{parse_address, parse_time, time_text};
use serde::Deserialize;
use std::path::Path;
use weft_tangle::body::{Address, Enrolment};
use weft_tangle::check::check_admission;
use weft_tangle::signing::{PUBLIC_KEY_BYTES, PublicKey, SigningKey};
use weft_tangle::{DeviceId, Network, NetworkId, Role, Timestamp, bytes_from_text, from_text, to_text};

/// What the holder of a key asks a registrar for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The network that it wants to belong to.
    pub network: NetworkId,
    /// The enrolment that the registrar is to sign.
    pub enrolment: Enrolment,
}

/// A registrar's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The network that the registrar admits to.
    pub network: NetworkId,
    /// The enrolment with the registrar's signature.
    pub enrolment: Enrolment,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRequest {
    network: String,
    device: String,
    role: String,
    address: Option<String>,
    valid_from: String,
    valid_until: String,
    public_key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAdmission {
    network: String,
    device: String,
    enrolment: String,
}

impl Request {
    /// The device that asks.
    pub fn device(&self) -> DeviceId {
        DeviceId::of(&self.enrolment.public_key)
    }

    /// The file's text, with what a registrar should know first.
    pub fn to_toml(&self) -> String {
        let Enrolment { role, valid_from, valid_until, address, public_key, .. } = &self.enrolment;
        let address = address.as_ref().map(|address| format!("address = \"{}\"\n", address.as_str()));
        format!(
            "# Somebody asks to be admitted to a Weft network. A registrar of the network looks at this file and runs\n\
             #     weft network admit THIS_FILE --key registrar.key\n\
             # It holds no secret. But whoever changes it on its way could be admitted instead: have the device id read\n\
             # to you by the one who asks, and compare.\n\n\
             network = \"{}\"\ndevice = \"{}\"\nrole = \"{role}\"\n{}\
             # From when until when the key may be used, as wished; --until makes it shorter or longer.\n\
             valid_from = \"{}\"\nvalid_until = \"{}\"\npublic_key = \"{}\"\n",
            self.network,
            self.device(),
            address.unwrap_or_default(),
            time_text(*valid_from),
            time_text(*valid_until),
            to_text(public_key.as_bytes()),
        )
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`AdmissionError::Read`], [`AdmissionError::Format`].
    pub fn read(path: &Path) -> Result<Self, AdmissionError> {
        let wrong = |problem: String| AdmissionError::Format {
            path: path.into(),
            what: "a request for admission",
            problem,
        };
        let written: WrittenRequest = parsed(path, wrong)?;
        let key = from_text::<PUBLIC_KEY_BYTES>("the public key", &written.public_key);
        let key = key.map_err(|error| wrong(error.to_string()))?;
        let public_key = PublicKey::from_bytes(&key).map_err(|error| wrong(error.to_string()))?;
        same_device(&written.device, &public_key).map_err(wrong)?;
        let role = Role::from_name(&written.role)
            .ok_or_else(|| wrong(format!("there is no role {:?}", written.role)))?;
        let address = written.address.map(|text| fog_address(&text)).transpose().map_err(wrong)?;
        if address.is_some() && role != Role::Fog {
            return Err(wrong("only a fog node has an address".into()));
        }
        let time = |text: &str| parse_time(text).ok_or_else(|| wrong(format!("{text:?} is not RFC 3339")));
        let (valid_from, valid_until) = (time(&written.valid_from)?, time(&written.valid_until)?);
        if valid_from >= valid_until {
            return Err(wrong("valid_until must be later than valid_from".into()));
        }
        let enrolment = Enrolment {
            role,
            valid_from,
            valid_until,
            owner: [0; 32],
            public_key,
            kem_public_key: None,
            address,
            admission: None,
        };
        let network = written.network.parse().map_err(|error| wrong(format!("its network: {error}")))?;
        Ok(Self { network, enrolment })
    }

    /// Admits the one who asks, until then or as was wished, with a registrar's key.
    ///
    /// # Errors
    /// [`AdmissionError::NoRegistrar`], [`AdmissionError::OtherNetwork`] with `path` as the request's file, and
    /// [`AdmissionError::Expired`] when it would not hold at `now` any more.
    pub fn admitted_by(
        mut self,
        key: &SigningKey,
        network: &Network,
        until: Option<Timestamp>,
        now: Timestamp,
        path: &Path,
    ) -> Result<Admission, AdmissionError> {
        let expected = *network.id();
        same_network(self.network, expected, path)?;
        let registrar = DeviceId::of(key.public_key());
        if network.registrar(&registrar).is_none() {
            return Err(AdmissionError::NoRegistrar(registrar));
        }
        self.enrolment.valid_until = until.unwrap_or(self.enrolment.valid_until);
        still_valid(&self.enrolment, now)?;
        Ok(Admission { network: expected, enrolment: self.enrolment.admitted_by(&expected, key) })
    }
}

impl Admission {
    /// The device that is admitted.
    pub fn device(&self) -> DeviceId {
        DeviceId::of(&self.enrolment.public_key)
    }

    /// The file's text; `next` is the command that its receiver runs with it.
    pub fn to_toml(&self, next: &str) -> String {
        let Enrolment { role, valid_until, .. } = &self.enrolment;
        format!(
            "# A registrar admits this device to a Weft network as {role}, until {}. Nothing here is secret.\n\
             # Send it back to the one who asked, who runs\n#     {next}\n\n\
             network = \"{}\"\ndevice = \"{}\"\n# The enrolment with the registrar's signature.\nenrolment = \"{}\"\n",
            time_text(*valid_until),
            self.network,
            self.device(),
            to_text(&self.enrolment.encode()),
        )
    }

    /// Reads an admission. Who signed it is for [`Admission::check`] to say.
    ///
    /// # Errors
    /// [`AdmissionError::Read`], [`AdmissionError::Format`].
    pub fn read(path: &Path) -> Result<Self, AdmissionError> {
        let wrong =
            |problem: String| AdmissionError::Format { path: path.into(), what: "an admission", problem };
        let written: WrittenAdmission = parsed(path, wrong)?;
        let bytes = bytes_from_text("the enrolment", &written.enrolment);
        let bytes = bytes.map_err(|error| wrong(error.to_string()))?;
        let enrolment = Enrolment::decode(&bytes).map_err(|error| wrong(error.to_string()))?;
        same_device(&written.device, &enrolment.public_key).map_err(wrong)?;
        if enrolment.admission.is_none() {
            return Err(wrong("no registrar has signed it".into()));
        }
        let network = written.network.parse().map_err(|error| wrong(format!("its network: {error}")))?;
        Ok(Self { network, enrolment })
    }

    /// Whether it admits this device to this network, now.
    ///
    /// # Errors
    /// What [`Admission::check_place`] refuses, [`AdmissionError::Refused`], [`AdmissionError::Expired`].
    pub fn check(
        &self,
        network: &Network,
        device: &DeviceId,
        now: Timestamp,
        path: &Path,
    ) -> Result<(), AdmissionError> {
        let enrolment = self.check_place(network.id(), device, path)?;
        check_admission(network, enrolment)?;
        still_valid(enrolment, now)
    }

    /// The enrolment, when it is for this device in this network. Whether a registrar signed it is not looked at.
    ///
    /// # Errors
    /// [`AdmissionError::OtherNetwork`] with `path` as its file, [`AdmissionError::OtherDevice`].
    pub fn check_place(
        &self,
        network: &NetworkId,
        device: &DeviceId,
        path: &Path,
    ) -> Result<&Enrolment, AdmissionError> {
        same_network(self.network, *network, path)?;
        let (found, expected) = (self.device(), *device);
        if found == expected {
            Ok(&self.enrolment)
        } else {
            Err(AdmissionError::OtherDevice { found, expected })
        }
    }
}

/// An address under which other fog nodes reach one: `host:port` with a port that is not 0 and a host that is one.
///
/// # Errors
/// A text that says what to write.
pub fn fog_address(text: &str) -> Result<Address, String> {
    let wrong =
        || format!("{text:?} is no address that others can reach; write host:port, such as 10.0.0.9:8471");
    let port = text.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    let is_nowhere = text.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_unspecified());
    if parse_address(text).is_err() || port.is_none_or(|port| port == 0) || is_nowhere {
        return Err(wrong());
    }
    // Quotes and backslashes are in no host's name, and would have to be written otherwise in the files.
    Address::new(text.as_bytes()).ok().filter(|_| !text.contains(['"', '\\'])).ok_or_else(wrong)
}

fn parsed<T: serde::de::DeserializeOwned>(
    path: &Path,
    wrong: impl Fn(String) -> AdmissionError,
) -> Result<T, AdmissionError> {
    let bytes = read_bounded(path, ADMISSION_FILE_BYTES)
        .map_err(|source| AdmissionError::Read { path: path.into(), source })?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not text".into()))?;
    toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))
}

fn same_network(found: NetworkId, expected: NetworkId, path: &Path) -> Result<(), AdmissionError> {
    if found == expected {
        return Ok(());
    }
    Err(AdmissionError::OtherNetwork { path: path.into(), found, expected })
}

fn same_device(stated: &str, key: &PublicKey) -> Result<(), String> {
    let device = DeviceId::of(key);
    if stated == device.to_string() {
        return Ok(());
    }
    Err(format!("it names another device than its key's, {device}"))
}

fn still_valid(enrolment: &Enrolment, now: Timestamp) -> Result<(), AdmissionError> {
    let until = enrolment.valid_until;
    if until > now && until > enrolment.valid_from {
        return Ok(());
    }
    Err(AdmissionError::Expired { device: DeviceId::of(&enrolment.public_key), until, now })
}

#[cfg(test)]
mod tests;
