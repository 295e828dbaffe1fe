//! Kind 1: a key introduces itself, in a role, for a time, admitted by a registrar or, in an open network, by nobody.

use crate::limits::ADDRESS_BYTES;
use crate::signing::{PUBLIC_KEY_BYTES, PublicKey, Purpose, SIGNATURE_BYTES, SigningKey, message};
use crate::{DeviceId, Malformed, NetworkId, Role, Timestamp, codec::Reader};
use std::fmt;

/// Length of an X-Wing public key (ML-KEM-768 and X25519).
pub const KEM_PUBLIC_KEY_BYTES: usize = 1216;

/// What a key says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Enrolment {
    /// What its holder is; never a registrar, for those come from the network file alone.
    pub role: Role,
    /// From when on it may issue.
    pub valid_from: Timestamp,
    /// Until when it may issue, exclusive.
    pub valid_until: Timestamp,
    /// A commitment to the patient's key, or zero.
    pub owner: [u8; 32],
    /// The key itself.
    pub public_key: PublicKey,
    /// An X-Wing key for grants.
    pub kem_public_key: Option<Box<[u8; KEM_PUBLIC_KEY_BYTES]>>,
    /// Where a fog node listens for gossip; nothing for every other role.
    pub address: Option<Address>,
    /// Who admitted it.
    pub admission: Option<Admission>,
}

/// A fog node's `host:port`, 1 to 255 bytes of printable ASCII.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address(String);

impl Address {
    /// Checks the bytes of an address.
    pub fn new(bytes: &[u8]) -> Result<Self, Malformed> {
        let fits = (1..=ADDRESS_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        match std::str::from_utf8(bytes) {
            Ok(text) if fits => Ok(Self(text.into())),
            _ => Err(Malformed::Field {
                field: "address",
                problem: "must be host:port in ASCII, at most 255 bytes",
            }),
        }
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A registrar's signature under an enrolment.
#[derive(Clone, PartialEq, Eq)]
pub struct Admission {
    /// The registrar.
    pub registrar: DeviceId,
    /// Its signature over all that comes before it.
    pub signature: Box<[u8; SIGNATURE_BYTES]>,
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Admission by {}", self.registrar)
    }
}

impl Enrolment {
    /// The content of the transaction's body.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.encode_unadmitted();
        match &self.admission {
            Some(admission) => {
                bytes.extend_from_slice(admission.registrar.as_bytes());
                bytes.extend_from_slice(&*admission.signature);
            }
            None => bytes.extend_from_slice(&[0; 32]),
        }
        bytes
    }

    /// Reads the content of an enrolment's body. The signature in it is not checked here.
    pub fn decode(content: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("the enrolment", content);
        let role = Role::from_byte(reader.u8()?)?;
        let valid_from = Timestamp::from_millis(reader.u64()?);
        let valid_until = Timestamp::from_millis(reader.u64()?);
        if valid_from >= valid_until {
            return Err(Malformed::Field { field: "valid until", problem: "must be later than valid from" });
        }
        let owner = *reader.array()?;
        let key: &[u8; PUBLIC_KEY_BYTES] = reader.array()?;
        let public_key = PublicKey::from_bytes(key).map_err(|_| Malformed::Field {
            field: "public key",
            problem: "is not an ML-DSA-44 public key",
        })?;
        let kem_public_key = match reader.u16()? {
            0 => None,
            length if usize::from(length) == KEM_PUBLIC_KEY_BYTES => Some(Box::new(*reader.array()?)),
            _ => return Err(Malformed::Field { field: "KEM key length", problem: "must be 0 or 1216" }),
        };
        let address = read_address(&mut reader, role)?;
        let registrar = *reader.array()?;
        let admission = (registrar != [0; 32])
            .then(|| {
                let signature = Box::new(*reader.array()?);
                Ok(Admission { registrar: DeviceId::from_bytes(registrar), signature })
            })
            .transpose()?;
        reader.end()?;
        Ok(Self { role, valid_from, valid_until, owner, public_key, kem_public_key, address, admission })
    }

    /// The bytes that `registrar` signs to admit the key.
    pub fn admission_message(&self, network: &NetworkId, registrar: &DeviceId) -> Vec<u8> {
        let parts = [self.encode_unadmitted(), registrar.as_bytes().to_vec()].concat();
        message(Purpose::Enrolment, network.as_bytes(), &[&parts])
    }

    /// The same enrolment, admitted by the holder of `key`.
    #[must_use]
    pub fn admitted_by(mut self, network: &NetworkId, key: &SigningKey) -> Self {
        let registrar = DeviceId::of(key.public_key());
        let signature = key.sign(&self.admission_message(network, &registrar));
        self.admission = Some(Admission { registrar, signature: Box::new(*signature.as_bytes()) });
        self
    }

    fn encode_unadmitted(&self) -> Vec<u8> {
        let kem = self.kem_public_key.as_ref().map_or(&[][..], |key| &key[..]);
        let mut bytes = vec![self.role.to_byte()];
        bytes.extend_from_slice(&self.valid_from.as_millis().to_be_bytes());
        bytes.extend_from_slice(&self.valid_until.as_millis().to_be_bytes());
        bytes.extend_from_slice(&self.owner);
        bytes.extend_from_slice(self.public_key.as_bytes());
        bytes.extend_from_slice(&(kem.len() as u16).to_be_bytes());
        bytes.extend_from_slice(kem);
        let address = self.address.as_ref().map_or("", Address::as_str);
        bytes.push(address.len() as u8);
        bytes.extend_from_slice(address.as_bytes());
        bytes
    }
}

fn read_address(reader: &mut Reader<'_>, role: Role) -> Result<Option<Address>, Malformed> {
    let length = reader.u8()?;
    match reader.bytes(length.into())? {
        [] => Ok(None),
        bytes if role == Role::Fog => Address::new(bytes).map(Some),
        _ => Err(Malformed::Field { field: "address", problem: "must be empty unless the role is fog" }),
    }
}

const _: () = assert!(ADDRESS_BYTES == u8::MAX as usize, "an address' length is one byte");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::Seed;
    use proptest::prelude::*;

    fn enrolment(role: Role, kem: bool, address: Option<&str>) -> Enrolment {
        let key = SigningKey::from_seed(&Seed::from_bytes([3; 32])).unwrap();
        Enrolment {
            role,
            valid_from: Timestamp::from_millis(5),
            valid_until: Timestamp::from_millis(6),
            owner: [4; 32],
            public_key: key.public_key().clone(),
            kem_public_key: kem.then(|| Box::new([7; KEM_PUBLIC_KEY_BYTES])),
            address: address.map(|text| Address::new(text.as_bytes()).unwrap()),
            admission: None,
        }
    }

    #[test]
    fn every_shape_comes_back() {
        let registrar = SigningKey::from_seed(&Seed::from_bytes([8; 32])).unwrap();
        let network = NetworkId::from_bytes([1; 32]);
        for kem in [false, true] {
            for (role, address) in
                [(Role::Sensor, None), (Role::Fog, None), (Role::Fog, Some("10.0.0.1:8471"))]
            {
                let plain = enrolment(role, kem, address);
                assert_eq!(Enrolment::decode(&plain.encode()).unwrap(), plain);
                let admitted = plain.admitted_by(&network, &registrar);
                assert_eq!(Enrolment::decode(&admitted.encode()).unwrap(), admitted);
            }
        }
    }

    #[test]
    fn only_fog_has_an_address_and_time_goes_forward() {
        let mut bytes = enrolment(Role::Fog, false, Some("a:1")).encode();
        bytes[0] = Role::Sensor.to_byte();
        assert!(matches!(Enrolment::decode(&bytes), Err(Malformed::Field { field: "address", .. })));
        let mut backwards = enrolment(Role::Sensor, false, None);
        backwards.valid_until = backwards.valid_from;
        assert!(matches!(
            Enrolment::decode(&backwards.encode()),
            Err(Malformed::Field { field: "valid until", .. })
        ));
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_refused_or_comes_back(at in 0usize..1395, value: u8, cut in 0usize..4) {
            let mut bytes = enrolment(Role::Fog, false, Some("a:1")).encode();
            let at = at.min(bytes.len() - 1);
            bytes[at] = value;
            bytes.truncate(bytes.len() - cut);
            if let Ok(decoded) = Enrolment::decode(&bytes) {
                prop_assert_eq!(decoded.encode(), bytes);
            }
        }
    }
}
