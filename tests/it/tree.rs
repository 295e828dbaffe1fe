//! The project's own files, as the checks on them see them.
//!
//! Always true: paths are relative to the project's root with `/` between their parts, in ascending order; what is
//! built, downloaded or kept by git is left out, and so is a file that is not UTF-8.

use std::fs;
use std::path::{Path, PathBuf};

/// Directories that hold nothing written by hand, those among them that the commands of `README.md` make here.
const SKIPPED: [&str; 6] = [".git", "target", "__pycache__", ".venv", "weft-data", "weft-demo"];

/// One text file.
pub(crate) struct SourceFile {
    /// Where it is, from the root.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

impl SourceFile {
    /// Whether its name ends so.
    pub(crate) fn has_extension(&self, extensions: &[&str]) -> bool {
        let extension = Path::new(&self.path).extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extensions.contains(&extension))
    }
}

/// Where the root of the project is.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All text files of the project.
pub(crate) fn files() -> Vec<SourceFile> {
    let mut found = Vec::new();
    collect(&root(), "", &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.iter().any(|file| file.path == "tests/it/tree.rs"), "the walk did not find this very file");
    found
}

/// The Rust files among them.
pub(crate) fn rust_files() -> Vec<SourceFile> {
    files().into_iter().filter(|file| file.has_extension(&["rs"])).collect()
}

fn collect(directory: &Path, prefix: &str, found: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(directory).expect("the project's directories can be read") {
        let entry = entry.expect("the project's directories can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().expect("what was listed has a type");
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            collect(&entry.path(), &format!("{path}/"), found);
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            found.push(SourceFile { path, text });
        }
    }
}

/// Fails with all faults at once, a line each.
pub(crate) fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
