//! `weft db restore`: a backup becomes the database of a data directory, whole or not at all.

use super::DbError;
use super::check::check_whole;
use super::copying::{Copying, Source};
use super::place::{Place, lock, network};
use crate::cli::{Failure, Output, message};
use crate::node::now;
use crate::store::check::{Fault, check_pages};
use crate::store::{FILE_NAME, View};
use clap::Args;
use std::path::PathBuf;
use weft_tangle::CommitteeSize;
use weft_tangle::finality::Committee;

/// `weft db restore`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Put it in the place of a database that is there; that one is kept under another name
    #[arg(long)]
    force: bool,
    /// Restore it although some transactions in it are damaged; these stay damaged and are not served
    #[arg(long)]
    damaged: bool,
    /// Vouch for it that this node has signed nothing since; else a member of the committee asks the others first
    #[arg(long)]
    newest: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    output: Output,
}

/// What this means for a member of a committee of this size.
fn words(size: CommitteeSize) -> String {
    let others = size.members() - 1;
    let first = "weft: if this node is a member of the committee:";
    match size.quorum().min(others) {
        0 => format!(
            "{first} it is alone, so nobody can tell it what it has signed since this copy was made. Restore the newest copy there \
             is; others who saw more take its new commits for a contradiction"
        ),
        1 => format!(
            "{first} it makes no witness before it has asked the other one, which may not know of its last. Restore the newest \
             copy there is"
        ),
        heard => format!(
            "{first} it makes no witness before it has asked {heard} of the {others} others what it has signed, and counts as one \
             that is away until then. With --newest it does not wait; that is for a copy of all that this node has ever signed"
        ),
    }
}

impl Restore {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.place.load()?;
        let network = network(&config)?;
        // What is refused is so before all of it is read.
        drop(View::open(&self.file, &network).map_err(DbError::from)?);
        let _lock = lock(&config.data, "stop it first")?;
        let path = config.data.join(FILE_NAME);
        let is_there = path.exists();
        if is_there && !self.force {
            return Err(DbError::Occupied(path).into());
        }
        let pages = check_pages(&self.file, &network).map_err(DbError::from)?;
        let view = View::open(&self.file, &network).map_err(DbError::from)?;
        let report = check_whole(&view, pages)?;
        let only_damage = report.faults.iter().all(Fault::is_damage);
        if let Some(first) = report.faults.first()
            && !(self.damaged && only_damage)
        {
            let hint = match only_damage {
                true => "; with --damaged it is restored without what is damaged in it",
                false => "",
            };
            let first = format!("{} {}", first.id.as_deref().unwrap_or(&first.table), first.problem);
            let faults = report.faults_in_all();
            return Err(DbError::NotSound { path: self.file, faults, first, hint }.into());
        }
        let aside = is_there.then(|| config.data.join(format!("{FILE_NAME}.{}", now().as_millis())));
        let copying = Copying::begin(&path, Source::view(&view)?)?;
        let copying = if self.newest { copying.vouch_for() } else { copying };
        let copied = copying.run(aside.as_deref())?;
        if let Some(aside) = aside {
            message(&format!("weft: the database that was there is {} now", aside.display()));
        }
        if !self.newest && !self.output.json {
            message(&words(Committee::of(&network).size()));
        }
        copied.tell(self.output, &path)
    }
}
