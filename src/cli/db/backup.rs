//! `weft db backup`: a copy of the database, of a node that runs or of one that is stopped.

use super::DbError;
use super::copying::{Copying, Source};
use super::place::{Place, lock, network, store_file};
use crate::cli::{Failure, Output, message};
use crate::limits::COPY_ATTEMPTS;
use crate::node::admin::{AdminError, Backup as Stream};
use crate::store::{FILE_NAME, View, is_store_or_empty};
use clap::Args;
use std::path::{Path, PathBuf};

/// `weft db backup`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Backup {
    /// The file to write; it appears when all of it is on disk
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it is an earlier backup
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
        let path = store_file(&config.data)?;
        self.may_be_written()?;
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

    /// A slip must not cost what is there: a node goes on with a file that has lost its name, and all that it takes from
    /// then on is gone when it stops.
    fn may_be_written(&self) -> Result<(), DbError> {
        let file = &self.file;
        if !file.exists() {
            return Ok(());
        }
        if file.file_name().is_some_and(|name| name == FILE_NAME) {
            return Err(DbError::OfANode(file.clone()));
        }
        if !self.force {
            return Err(DbError::Exists(file.clone()));
        }
        match is_store_or_empty(file).map_err(DbError::file(file))? {
            true => Ok(()),
            false => Err(DbError::SomethingElse(file.clone())),
        }
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
