//! Kind 6: a device is declared untrustworthy from this transaction's place in the final order on.

use crate::{DeviceId, Malformed, codec::Reader};

/// Which device, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Revocation {
    /// The device whose later transactions no longer count.
    pub device: DeviceId,
    /// Why.
    pub reason: Reason,
}

/// Why a device is revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// Not said.
    Unspecified,
    /// The device is lost or stolen.
    Lost,
    /// Its key is known to somebody else.
    Compromised,
    /// It is out of service.
    Retired,
}

impl Reason {
    /// The name that the API uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Lost => "lost",
            Self::Compromised => "compromised",
            Self::Retired => "retired",
        }
    }
}

impl Revocation {
    /// The content of the transaction's body.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.device.as_bytes().to_vec();
        bytes.push(match self.reason {
            Reason::Unspecified => 0,
            Reason::Lost => 1,
            Reason::Compromised => 2,
            Reason::Retired => 3,
        });
        bytes
    }

    /// Reads the content of a revocation's body.
    pub fn decode(content: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("the revocation", content);
        let device = DeviceId::from_bytes(*reader.array()?);
        let reason = match reader.u8()? {
            0 => Reason::Unspecified,
            1 => Reason::Lost,
            2 => Reason::Compromised,
            3 => Reason::Retired,
            _ => return Err(Malformed::Field { field: "reason", problem: "must be 0 to 3" }),
        };
        reader.end()?;
        Ok(Self { device, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_comes_back_and_nothing_trails() {
        for byte in 0..=255 {
            let mut bytes = vec![9; 32];
            bytes.push(byte);
            match Revocation::decode(&bytes) {
                Ok(revocation) => assert_eq!(revocation.encode(), bytes),
                Err(_) => assert!(byte > 3),
            }
            bytes.push(0);
            assert!(Revocation::decode(&bytes).is_err());
        }
    }
}
