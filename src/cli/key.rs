//! `weft key`: making keys and looking at them.

use super::api::read_key;
use super::{Failure, Output};
use crate::sensor::{KeyFile, State, StateError};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use weft_tangle::to_text;

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Make a new key, and the state file that counts its transactions
    New(File),
    /// Show the device id and the public key of a key file
    Show(File),
}

#[derive(Args, Debug)]
pub(super) struct File {
    /// The key file
    file: PathBuf,
    #[command(flatten)]
    output: Output,
}

impl Command {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::New(file) => new(&file),
            Self::Show(file) => show(&file),
        }
    }
}

fn new(arguments: &File) -> Result<(), Failure> {
    let state = State::path_of(&arguments.file);
    // An old key's state would be in the way; better said before there is a new key.
    if state.exists() && !arguments.file.exists() {
        return Err(StateError::Exists { path: state }.into());
    }
    let key = KeyFile::create(&arguments.file)?;
    State::create(&key)?.close()?;
    arguments.output.object(&[
        ("device", json!(key.device().to_string())),
        ("key_file", json!(arguments.file.display().to_string())),
        ("state_file", json!(state.display().to_string())),
    ])
}

fn show(arguments: &File) -> Result<(), Failure> {
    let key = read_key(&arguments.file)?;
    arguments.output.object(&[
        ("device", json!(key.device().to_string())),
        ("public_key", json!(to_text(key.key().public_key().as_bytes()))),
    ])
}
