//! `weft db compact`: a database takes no more room than what it holds.

use super::DbError;
use super::place::{Place, lock, network, store_file};
use crate::cli::{Failure, Output};
use crate::store::{Compacted, StoreOptions, compact};
use clap::Args;
use serde_json::json;

/// `weft db compact`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Compact {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    output: Output,
}

impl Compact {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.place.load()?;
        store_file(&config.data)?;
        let _lock = lock(&config.data, "stop it first, for its pages are moved")?;
        let options = StoreOptions { cache_bytes: config.cache_bytes };
        let done = compact(&config.data, &network(&config)?, &options).map_err(DbError::from)?;
        let Compacted { before, after } = done;
        self.output.object(&[
            ("bytes_before", json!(before)),
            ("bytes_after", json!(after)),
            ("freed", json!(before.saturating_sub(after))),
        ])
    }
}
