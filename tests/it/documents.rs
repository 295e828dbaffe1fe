//! What the documents point to exists, and decisions are numbered as they were made.

use crate::tree::{SourceFile, assert_none, files, root};
use std::path::{Component, Path, PathBuf};

/// Where mentions of `spec/` pages in comments and texts are followed.
const SPEC_MENTIONS_FOLLOWED: [&str; 7] = [".ci/", "benches/", "pow/", "spec/", "src/", "tangle/", "tests/"];

/// A document's lines outside fenced code, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut is_fenced = false;
    let numbered = (1..).zip(text.lines());
    numbered
        .filter(|(_, line)| {
            let is_fence = line.trim_start().starts_with("```");
            is_fenced ^= is_fence;
            !is_fenced && !is_fence
        })
        .collect()
}

/// The code spans of a line that name files: a `/` in it or a known ending, and nothing that no path has.
fn named_paths(line: &str) -> Vec<&str> {
    let spans = line.split('`').skip(1).step_by(2);
    spans
        .filter(|span| {
            let ends_like_a_file = [".rs", ".md", ".toml", ".sh"].iter().any(|ending| span.ends_with(ending));
            let is_route_or_type = span.starts_with('/') || span.contains("::") || span.contains("://");
            let has_other_text = span.contains([' ', '<', '{', '*', '(', '=']);
            (span.contains('/') || ends_like_a_file) && !is_route_or_type && !has_other_text
        })
        .collect()
}

/// The targets of a line's links that are paths, without their fragments.
fn linked_paths(line: &str) -> Vec<&str> {
    let targets = line.match_indices("](").filter_map(|(at, _)| line[at + 2..].split(')').next());
    let paths = targets.filter(|target| !target.contains(':') && !target.starts_with('#'));
    paths.map(|target| target.split('#').next().unwrap_or_default()).collect()
}

/// The pages and vectors of `spec/` that a line mentions from the root.
fn mentioned_pages(line: &str) -> Vec<&str> {
    let starts = line
        .match_indices("spec/")
        .filter(|(at, _)| !line[..*at].ends_with(|c: char| c.is_alphanumeric() || "/_.-".contains(c)));
    let words = starts.map(|(at, _)| {
        let rest = &line[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"/_.-".contains(c));
        rest[..end.unwrap_or(rest.len())].trim_end_matches('.')
    });
    words.filter(|word| word.ends_with(".md") || word.ends_with(".json") || word.ends_with(".py")).collect()
}

/// `path`, as written in a file of `directory`, from the root; nothing when it leaves the project.
fn resolve(directory: &Path, path: &str) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for component in directory.join(path).components() {
        match component {
            Component::Normal(name) => resolved.push(name),
            Component::ParentDir if resolved.pop() => {}
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(resolved)
}

fn missing<'a>(
    file: &'a SourceFile,
    directory: &Path,
    find: impl Fn(&'a str) -> Vec<&'a str>,
    exists: impl Fn(&Path) -> bool,
) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in prose(&file.text) {
        let gone =
            find(line).into_iter().filter(|path| !resolve(directory, path).is_some_and(|path| exists(&path)));
        faults.extend(gone.map(|path| format!("{}:{number}: there is no {path}", file.path)));
    }
    faults
}

/// Numbers that are not 1, 2, 3, and names or titles that do not carry theirs. Takes name and text of each record.
fn decision_faults(records: &[(&str, &str)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (expected, (name, text)) in (1..).zip(records) {
        if !name.starts_with(&format!("{expected:04}-")) {
            faults.push(format!("{name}: the next decision is number {expected:04}"));
        }
        if !text.starts_with(&format!("# {expected}. ")) {
            faults.push(format!("{name}: its title does not begin with `# {expected}. `"));
        }
    }
    faults
}

fn exists(path: &Path) -> bool {
    root().join(path).exists()
}

#[test]
fn every_path_on_the_map_exists() {
    let files = files();
    let map = files.iter().find(|file| file.path == "ARCHITECTURE.md").expect("ARCHITECTURE.md is the map");
    assert!(prose(&map.text).iter().any(|(_, line)| !named_paths(line).is_empty()), "the map names no path");
    assert_none(&missing(map, Path::new(""), named_paths, exists));
}

#[test]
fn every_link_leads_somewhere() {
    let documents: Vec<_> = files().into_iter().filter(|file| file.has_extension(&["md"])).collect();
    let mut faults = Vec::new();
    for document in &documents {
        let directory = Path::new(&document.path).parent().expect("a file has a directory");
        faults.extend(missing(document, directory, linked_paths, exists));
    }
    assert_none(&faults);
}

#[test]
fn every_page_of_the_specification_that_is_mentioned_exists() {
    let followed =
        |file: &&SourceFile| SPEC_MENTIONS_FOLLOWED.iter().any(|prefix| file.path.starts_with(prefix));
    let itself = "tests/it/documents.rs";
    let files = files();
    let others = files.iter().filter(followed).filter(|file| file.path != itself);
    assert_none(
        &others.flat_map(|file| missing(file, Path::new(""), mentioned_pages, exists)).collect::<Vec<_>>(),
    );
}

#[test]
fn decisions_are_numbered_without_gaps() {
    let files = files();
    let records: Vec<_> = files
        .iter()
        .filter_map(|file| Some((file.path.strip_prefix("spec/decisions/")?, file.text.as_str())))
        .filter(|(name, _)| *name != "README.md")
        .collect();
    assert!(!records.is_empty(), "there are decisions");
    assert_none(&decision_faults(&records));
}

#[test]
fn a_path_that_is_gone_is_seen() {
    let text = "`src/gone.rs`, `gone/`, `check.rs`, `/healthz`, `a::b/c`, `weft node`, `ready`\n";
    assert_eq!(named_paths(text), ["src/gone.rs", "gone/", "check.rs"]);
    let text = "[a](gone.md) and [b](../up.md#c) and [c](#here) and [d](mailto:x)";
    assert_eq!(linked_paths(text), ["gone.md", "../up.md"]);
    let text = "// see spec/gone.md, `spec/vectors/a-b.json`. Not myspec/x.md, not spec/decisions alone.";
    assert_eq!(mentioned_pages(text), ["spec/gone.md", "spec/vectors/a-b.json"]);

    let text = "[a](b.md)\n```\n[c](d.md)\n```\n[e](../../f.md)\n".to_owned();
    let planted = SourceFile { path: "spec/planted.md".to_owned(), text };
    let faults = |exists: bool| missing(&planted, Path::new("spec"), linked_paths, |_| exists);
    assert_eq!(faults(true), ["spec/planted.md:5: there is no ../../f.md"]);
    assert_eq!(faults(false).len(), 2);
}

#[test]
fn a_gap_between_decisions_is_seen() {
    assert_eq!(decision_faults(&[("0001-a.md", "# 1. A\n"), ("0002-b.md", "# 2. B\n")]).len(), 0);
    assert_eq!(decision_faults(&[("0001-a.md", "# 1. A\n"), ("0003-c.md", "# 3. C\n")]).len(), 2);
    assert_eq!(decision_faults(&[("0001-a.md", "# 1. A\n"), ("0001-b.md", "# 2. B\n")]).len(), 1);
    assert_eq!(decision_faults(&[("0001-a.md", "# A\n")]).len(), 1);
}
