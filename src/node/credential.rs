//! What a fog node that is not of the committee shows its peers: its own enrolment, with a registrar's signature.
//!
//! Always true: a [`Credential`] in hand passed every check of an enrolment in its network, is of the device that was
//! asked for, and admits it as a fog node. Whether it still holds is for the one who looks at the clock to say.

use crate::sensor::durable::{read_bounded, replace};
use std::io;
use std::path::{Path, PathBuf};
use weft_tangle::body::Enrolment;
use weft_tangle::limits::TRANSACTION_MAX_BYTES;
use weft_tangle::{DeviceId, Network, Refusal, Role, Screened, Transaction, TxId, Verified};

/// The credential in a node's data directory: a transaction in wire form.
pub const CREDENTIAL_FILE: &str = "credential.weft";

/// A fog node's enrolment.
#[derive(Clone, Debug)]
pub struct Credential(Verified);

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The disk does not let it be read or written.
    #[error("cannot {verb} {path}: {source}")]
    Disk {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It admits nobody to this network.
    #[error("{path} is no enrolment in this network ({source}); move it away and run `weft node join` again")]
    Refused {
        /// The file.
        path: PathBuf,
        /// The rule that refuses it.
        source: Refusal,
    },
    /// It is somebody else's, or in another role.
    #[error(
        "{path} enrols {device} as {role}, not this node as fog; move it away and run `weft node join` again"
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// Whom it enrols.
        device: DeviceId,
        /// As what.
        role: Role,
    },
}

impl Credential {
    /// The credential of `device` in its data directory, if there is one.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn read(data: &Path, network: &Network, device: &DeviceId) -> Result<Option<Self>, CredentialError> {
        let path = data.join(CREDENTIAL_FILE);
        match read_bounded(&path, TRANSACTION_MAX_BYTES as u64) {
            Ok(wire) => Self::check(&path, network, device, &wire).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(CredentialError::Disk { verb: "read", path, source }),
        }
    }

    /// Writes the transaction in wire form as the credential of `device`, in place of an older one.
    ///
    /// # Errors
    /// [`CredentialError`]; then the older one is as it was.
    pub fn write(
        data: &Path,
        network: &Network,
        device: &DeviceId,
        wire: &[u8],
    ) -> Result<Self, CredentialError> {
        let path = data.join(CREDENTIAL_FILE);
        let credential = Self::check(&path, network, device, wire)?;
        match replace(&path, wire) {
            Ok(()) => Ok(credential),
            Err(source) => Err(CredentialError::Disk { verb: "write", path, source }),
        }
    }

    fn check(
        path: &Path,
        network: &Network,
        expected: &DeviceId,
        wire: &[u8],
    ) -> Result<Self, CredentialError> {
        let verified = Transaction::decode(network, wire)
            .and_then(|transaction| Screened::check(network, transaction))
            .and_then(|screened| Verified::check_enrolment(network, screened))
            .map_err(|source| CredentialError::Refused { path: path.into(), source })?;
        let credential = Self(verified);
        let (device, role) = (credential.transaction().header().issuer, credential.enrolment().role);
        if (device, role) != (*expected, Role::Fog) {
            return Err(CredentialError::Other { path: path.into(), device, role });
        }
        Ok(credential)
    }

    /// The enrolment's transaction.
    pub fn transaction(&self) -> &Transaction {
        self.0.transaction()
    }

    /// The id of that transaction.
    pub fn id(&self) -> TxId {
        self.0.id()
    }

    /// The enrolment in it.
    pub fn enrolment(&self) -> &Enrolment {
        self.0.enrolment().expect("what passed the check of an enrolment has one")
    }
}
