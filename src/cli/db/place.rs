//! Where a command works: the data directory, and the network that it belongs to.

use super::DbError;
use crate::cli::Failure;
use crate::config::{Config, Layer};
use crate::node::{HomeError, NETWORK_FILE, lock_directory, read_network};
use crate::store::FILE_NAME;
use clap::Args;
use std::fs::File;
use std::path::{Path, PathBuf};
use weft_tangle::Network;

/// The directory and the network, found as `weft node` finds them.
#[derive(Args, Debug)]
pub(super) struct Place {
    /// Configuration file (TOML); also WEFT_CONFIG
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Network file [default: that in the data directory]
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// The node's data directory [default: weft-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Place {
    /// What is in force.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        let flags = Layer { data: self.data.clone(), network: self.network.clone(), ..Layer::default() };
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Ok(Config::load(self.config.as_deref(), variable, flags)?)
    }
}

/// The store's file in the data directory, which must be there.
pub(super) fn store_file(data: &Path) -> Result<PathBuf, DbError> {
    let path = data.join(FILE_NAME);
    if path.exists() { Ok(path) } else { Err(DbError::NoStore(data.to_owned())) }
}

/// Keeps every node out of the directory while the lock is held.
pub(super) fn lock(data: &Path, instead: &'static str) -> Result<File, DbError> {
    lock_directory(data).map_err(|error| match error {
        HomeError::InUse(path) => DbError::NodeRuns { path, instead },
        error => error.into(),
    })
}

/// The network that the configuration names, or that of the directory.
pub(super) fn network(config: &Config) -> Result<Network, DbError> {
    let own = config.data.join(NETWORK_FILE);
    match &config.network {
        Some(path) => Ok(read_network(path)?),
        None if own.exists() => Ok(read_network(&own)?),
        None => Err(DbError::NoNetwork(config.data.clone())),
    }
}
