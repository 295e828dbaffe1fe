//! Writes the test vectors of `spec/vectors/`, the same bytes at every run: seeds, times and salts are fixed.
//!
//! `cargo run -p weft-tangle --example vectors -- --out spec/vectors` writes the files; without `--out` all go to
//! standard output, each after a line with its name.

mod sets;

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;

#[allow(clippy::disallowed_methods, reason = "a generator writes files; the ledger does not")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let directory = match arguments.as_slice() {
        [] => None,
        [flag, directory] if flag == "--out" => Some(PathBuf::from(directory)),
        _ => return Err("usage: vectors [--out DIR]".into()),
    };
    for (name, text) in sets::all()? {
        match &directory {
            Some(directory) => std::fs::write(directory.join(name), text)?,
            None => write!(std::io::stdout().lock(), "=== {name}\n{text}")?,
        }
    }
    Ok(())
}
