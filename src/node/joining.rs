//! A newcomer: a fog node that is not of the committee and that a registrar admits (`spec/12-device-files.md`).
//!
//! Its data directory is made with key, network file, configuration and a request; the registrar's answer becomes its
//! credential. Always true: the directory is made whole or not at all, its key is never replaced, and a credential is
//! on disk before anybody is told of it.

use super::credential::{Credential, CredentialError};
use super::home::{NETWORK_FILE, NODE_KEY};
use super::node_files::{self, CONFIG_FILE, Listening};
use super::staging::{StagingError, make_directory};
use crate::network_file::{NetworkFile, NetworkFileError};
use crate::sensor::admission::{Admission, AdmissionError, Request};
use crate::sensor::client::Ticket;
use crate::sensor::device::{Content, Device, DeviceError, Terms};
use crate::sensor::durable::{create_new_public, replace};
use crate::sensor::enrol::{self, ValidDays};
use crate::sensor::key::{KeyError, KeyFile, fresh_random};
use crate::sensor::{State, StateError, Stop};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use weft_tangle::body::Address;
use weft_tangle::{DeviceId, Kind, Network, Role, Timestamp, content_format};

/// The request that goes to a registrar.
pub const REQUEST_FILE: &str = "admission-request.toml";

/// Where the registrar's answer is looked for.
pub const ADMISSION_FILE: &str = "admission.toml";

/// What a newcomer wants to be.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Where other fog nodes reach it.
    pub address: Address,
    /// Days that it wants to be admitted for.
    pub days: u32,
    /// The time.
    pub now: Timestamp,
}

/// A node that is to join a network, in its data directory.
#[derive(Debug)]
pub struct Newcomer {
    data: PathBuf,
    key: KeyFile,
    network: Network,
}

/// Why a node does not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The network file cannot be used.
    #[error("{path}: {source}")]
    NetworkFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NetworkFileError,
    },
    /// The network file names the node already.
    #[error("{0} stands in the network file already, so there is nothing to join: start it with `weft node`")]
    Member(DeviceId),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key's counters.
    #[error(transparent)]
    State(#[from] StateError),
    /// The data directory.
    #[error(transparent)]
    Directory(#[from] StagingError),
    /// The days.
    #[error("--valid-days: {0}")]
    ValidDays(#[from] ValidDays),
    /// The registrar's answer, or the request.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The enrolment could not be made.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The credential.
    #[error(transparent)]
    Credential(#[from] CredentialError),
}

impl Newcomer {
    /// Makes the data directory of a node that wants to join the network of this file; its API is to listen at `api`.
    ///
    /// # Errors
    /// [`JoinError`]; then there is nothing.
    pub fn settle(data: &Path, network_file: &Path, api: SocketAddr, wish: &Wish) -> Result<Self, JoinError> {
        let wrong = |source| JoinError::NetworkFile { path: network_file.into(), source };
        NetworkFile::read(network_file).map_err(wrong)?;
        make_directory(data, |staging| {
            let write = |name: &str, bytes: &[u8]| {
                let path = staging.join(name);
                create_new_public(&path, bytes).map_err(StagingError::at(&path))
            };
            let key = KeyFile::create(&staging.join(NODE_KEY))?;
            State::create(&key)?.close()?;
            let text = std::fs::read(network_file).map_err(StagingError::at(network_file))?;
            write(NETWORK_FILE, &text)?;
            let (address, port) = (wish.address.as_str(), port(&wish.address));
            let gossip = SocketAddr::new(node_files::listen_for(address), port);
            // It is no member, whom others would have to hear.
            let config = node_files::config(&Listening { api, gossip }, NETWORK_FILE, address, 0);
            write(CONFIG_FILE, config.as_bytes())?;
            let newcomer = Self::open(staging)?;
            write(REQUEST_FILE, newcomer.wished(wish)?.to_toml().as_bytes())?;
            Ok::<_, JoinError>(())
        })?;
        Self::open(data)
    }

    /// Whether a data directory was made for a node.
    pub fn is_settled(data: &Path) -> bool {
        data.join(NODE_KEY).exists()
    }

    /// Opens the data directory that [`Newcomer::settle`] made.
    ///
    /// # Errors
    /// [`JoinError::Key`], [`JoinError::NetworkFile`], [`JoinError::Member`].
    pub fn open(data: &Path) -> Result<Self, JoinError> {
        let key = KeyFile::read(&data.join(NODE_KEY))?;
        let path = data.join(NETWORK_FILE);
        let file = NetworkFile::read(&path);
        let network = file.map_err(|source| JoinError::NetworkFile { path, source })?.network;
        if network.standing(&key.device()).is_some() {
            return Err(JoinError::Member(key.device()));
        }
        Ok(Self { data: data.into(), key, network })
    }

    /// The node's id.
    pub fn device(&self) -> DeviceId {
        self.key.device()
    }

    /// The network that it joins.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The request as it was last written.
    ///
    /// # Errors
    /// [`JoinError::Admission`].
    pub fn request(&self) -> Result<Request, JoinError> {
        Ok(Request::read(&self.data.join(REQUEST_FILE))?)
    }

    /// Writes another request in place of the last, for a longer time or another address.
    ///
    /// # Errors
    /// [`JoinError::ValidDays`], [`JoinError::Directory`].
    pub fn ask_again(&self, wish: &Wish) -> Result<Request, JoinError> {
        let request = self.wished(wish)?;
        let path = self.data.join(REQUEST_FILE);
        replace(&path, request.to_toml().as_bytes()).map_err(StagingError::at(&path))?;
        Ok(request)
    }

    /// The credential, if there is one.
    ///
    /// # Errors
    /// [`JoinError::Credential`].
    pub fn credential(&self) -> Result<Option<Credential>, JoinError> {
        Ok(Credential::read(&self.data, &self.network, &self.device())?)
    }

    /// Makes the credential of a registrar's answer, which lies at `path`. Its transaction approves what `ticket` says;
    /// without one it approves the genesis, so that no other node is needed.
    ///
    /// # Errors
    /// [`JoinError::Admission`] when the answer is not for this node, not signed by a registrar or past its time;
    /// [`JoinError::Device`], [`JoinError::State`], [`JoinError::Credential`].
    pub fn accept(
        &self,
        admission: &Admission,
        path: &Path,
        ticket: Option<Ticket>,
        now: Timestamp,
        stop: &Stop,
    ) -> Result<Credential, JoinError> {
        let network = &self.network;
        admission.check(network, &self.device(), now, path)?;
        let terms =
            Terms { network: *network.id(), rules: *network.rules(), open_enrolment: network.is_open() };
        let mut device = Device::new(self.key.key(), State::open(&self.key)?, terms);
        device.take_ticket(&ticket.unwrap_or_else(|| ticket_of_the_genesis(network, now)), now)?;
        let bytes = admission.enrolment.encode();
        let content =
            Content { kind: Kind::Enrol, format: content_format::WEFT, bytes: &bytes, salt: fresh_random()? };
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let made = device.make(content, now, threads, stop)?;
        device.into_state().close()?;
        let credential = Credential::write(&self.data, network, &self.device(), &made.wire)?;
        // In the place where it is looked for, lest an older answer there be taken for what is next.
        let kept = self.data.join(ADMISSION_FILE);
        let text = admission.to_toml(&format!("weft node join --data DIR --admission {ADMISSION_FILE}"));
        replace(&kept, text.as_bytes()).map_err(StagingError::at(&kept))?;
        Ok(credential)
    }

    fn wished(&self, wish: &Wish) -> Result<Request, JoinError> {
        let mut enrolment = enrol::enrolment(&self.key, Role::Fog, wish.now, wish.days)?;
        enrolment.address = Some(wish.address.clone());
        Ok(Request { network: *self.network.id(), enrolment })
    }
}

/// What the network file alone says to a device that makes its first transaction.
fn ticket_of_the_genesis(network: &Network, now: Timestamp) -> Ticket {
    let (difficulty, enrolment_difficulty) = network.rules().base_difficulties();
    Ticket {
        network: *network.id(),
        time: now.as_millis(),
        epoch: network.rules().epoch(now).0,
        counter: 0,
        difficulty: difficulty.bits(),
        // An enrolment in a closed network pays no more than anything else; the rules say what.
        enrolment_difficulty: if network.is_open() { enrolment_difficulty.bits() } else { difficulty.bits() },
        parents: vec![[network.genesis(); 2]],
    }
}

fn port(address: &Address) -> u16 {
    let port = address.as_str().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    port.expect("an address is checked to end with its port when it is read")
}

#[cfg(test)]
mod tests;
