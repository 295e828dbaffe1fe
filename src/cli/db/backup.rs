//! `weft db backup`: a copy of the database, of a node that runs or of one that is stopped.

use super::DbError;
use super::copying::{Copying, Source};
use super::place::{Place, lock, network, store_file};
use crate::cli::{Failure, Output, message};
use crate::limits::COPY_ATTEMPTS;
use crate::node::admin::{AdminError, Backup as Stream};
use crate::store::View;
use clap::Args;
use std::path::{Path, PathBuf};

/// `weft db backup`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Backup {
    /// The file to write; it appears when all of it is on disk
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    output: Output,
}

impl Backup {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.place.load()?;
        if self.file.exists() && !self.force {
            return Err(DbError::Exists(self.file).into());
        }
        let path = store_file(&config.data)?;
        let copied = match lock(&config.data, "") {
            Ok(_lock) => {
                let view = View::open(&path, &network(&config)?).map_err(DbError::from)?;
                Copying::begin(&self.file, Source::view(&view)?)?.run(None)?
            }
            Err(DbError::NodeRuns { .. }) => self.ask(&config.data)?,
            Err(error) => return Err(error.into()),
        };
        if !self.output.json {
            message("weft: keys and the network file are not in the backup; keep copies of them elsewhere");
        }
        copied.tell(self.output, &self.file)
    }

    /// The node reads, this process writes: so the file belongs to whoever asked for it.
    fn ask(&self, data: &Path) -> Result<super::copying::Copied, Failure> {
        let mut attempt = 1;
        loop {
            let stream = Stream::ask(data).map_err(DbError::from)?;
            match Copying::begin(&self.file, Source::Node(stream))?.run(None) {
                Err(Failure::Db(DbError::Admin(AdminError::Erased))) if attempt < COPY_ATTEMPTS => {
                    attempt += 1
                }
                outcome => return outcome,
            }
        }
    }
}
