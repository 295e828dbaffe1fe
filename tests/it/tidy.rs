//! Style as a failing test: how a file begins, how long it grows, and what must not stand in it.
//!
//! Words that are looked for are put together from parts here, so that this file passes its own checks.

use crate::tree::{SourceFile, assert_none, files, rust_files};
use std::io::Write;

/// A file is split before it is this long.
const MAX_LINES: usize = 500;

/// A file longer than this is named in the test's output: its next change may be the one to split it.
const REVIEWED_LINES: usize = 300;

/// What is unfinished, left over from debugging, or switched off.
const UNFINISHED: [&str; 7] = [
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("db", "g!("),
    concat!("#[ig", "nore"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("TO", "DO"),
];

/// Hosts that a text may point to: specifications, standards bodies, this machine, and names reserved for examples.
const HOSTS: [&str; 22] = [
    "127.0.0.1",
    "[::1]",
    "example.com",
    "example.org",
    "arxiv.org",
    "csrc.nist.gov",
    "nvlpubs.nist.gov",
    "doi.org",
    "eprint.iacr.org",
    "hl7.org",
    "keepachangelog.com",
    "loinc.org",
    "openapis.org",
    "prometheus.io",
    "rustsec.org",
    "semver.org",
    "spec.openapis.org",
    "unitsofmeasure.org",
    "www.apache.org",
    "www.iana.org",
    "www.rfc-editor.org",
    "www.w3.org",
];

/// Package registries. The project names packages; where they come from is for the one who builds to say.
const REGISTRIES: [&str; 5] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("npm", "js."),
    concat!("deb.", "debian.org"),
];

fn header_faults(file: &SourceFile) -> Vec<String> {
    let begins = file.text.starts_with("//! ");
    if begins {
        Vec::new()
    } else {
        vec![format!("{}: does not begin with `//! ` and what it is for", file.path)]
    }
}

fn length_faults(file: &SourceFile) -> Vec<String> {
    let lines = file.text.lines().count();
    if lines <= MAX_LINES {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines; split it before {MAX_LINES}", file.path)]
}

fn space_faults(file: &SourceFile) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in file.text.split('\n').enumerate() {
        if line.ends_with([' ', '\t', '\r']) {
            faults.push(format!("{}:{}: white space at the end of the line", file.path, number + 1));
        }
        if line.contains('\t') {
            faults.push(format!("{}:{}: a tab", file.path, number + 1));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        faults.push(format!("{}: the last line does not end", file.path));
    }
    faults
}

fn unfinished_faults(file: &SourceFile) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let found = UNFINISHED.iter().filter(|word| line.contains(**word));
        faults.extend(found.map(|word| format!("{}:{}: `{word}`", file.path, number + 1)));
    }
    faults
}

/// The host that an address names, after its scheme. Empty where it is filled in when the program runs. A name
/// without a dot is of no public network.
fn host_of(address: &str) -> &str {
    let end = match address.find(']') {
        Some(end) if address.starts_with('[') => end + 1,
        _ => {
            address.find(|c: char| !c.is_ascii_alphanumeric() && !"-._".contains(c)).unwrap_or(address.len())
        }
    };
    address[..end].trim_end_matches('.')
}

fn host_faults(file: &SourceFile) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for scheme in ["http", "https"] {
            let scheme = format!("{scheme}{}", concat!(":", "//"));
            let hosts = line.match_indices(&scheme).map(|(at, _)| host_of(&line[at + scheme.len()..]));
            let unknown = hosts.filter(|host| host.contains(['.', '[']) && !HOSTS.contains(host));
            faults.extend(unknown.map(|host| format!("{}:{}: the host {host}", file.path, number + 1)));
        }
        let registries = REGISTRIES.iter().filter(|registry| line.contains(**registry));
        faults.extend(registries.map(|host| format!("{}:{}: the registry {host}", file.path, number + 1)));
    }
    faults
}

/// Written by cargo, or a text that is not ours.
fn is_foreign(file: &SourceFile) -> bool {
    file.path.ends_with("Cargo.lock") || file.path.starts_with("LICENSE-")
}

fn is_code(file: &SourceFile) -> bool {
    file.has_extension(&["rs", "py", "sh", "toml"]) || file.path.starts_with(".ci/")
}

#[test]
fn every_rust_file_says_what_it_is_for() {
    assert_none(&rust_files().iter().flat_map(header_faults).collect::<Vec<_>>());
}

#[test]
fn no_code_file_is_too_long() {
    let code: Vec<_> = files().into_iter().filter(is_code).collect();
    for file in &code {
        let lines = file.text.lines().count();
        if lines > REVIEWED_LINES {
            // Not `eprintln`: the test passes, and the list is to be seen all the same.
            let _ = writeln!(std::io::stderr(), "tidy: {} has {lines} lines", file.path);
        }
    }
    assert_none(&code.iter().flat_map(length_faults).collect::<Vec<_>>());
}

#[test]
fn white_space_is_plain() {
    let ours: Vec<_> = files().into_iter().filter(|file| !is_foreign(file)).collect();
    assert_none(&ours.iter().flat_map(space_faults).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_unfinished() {
    assert_none(&files().iter().filter(|file| is_code(file)).flat_map(unfinished_faults).collect::<Vec<_>>());
}

#[test]
fn only_known_hosts_are_named() {
    let ours: Vec<_> = files().into_iter().filter(|file| !is_foreign(file)).collect();
    assert_none(&ours.iter().flat_map(host_faults).collect::<Vec<_>>());
}

#[test]
fn a_bad_file_is_seen() {
    let file = |text: &str| SourceFile { path: "planted.rs".to_owned(), text: text.to_owned() };
    assert_eq!(header_faults(&file("use std::io;\n")).len(), 1);
    assert_eq!(header_faults(&file("//! A purpose.\n")).len(), 0);
    assert_eq!(length_faults(&file(&"//\n".repeat(MAX_LINES))).len(), 0);
    assert_eq!(length_faults(&file(&"//\n".repeat(MAX_LINES + 1))).len(), 1);
    assert_eq!(space_faults(&file("a b\n\n")).len(), 0);
    for text in ["a \n", "a\tb\n", "a\r\n", "a"] {
        assert_eq!(space_faults(&file(text)).len(), 1, "{text:?}");
    }
    for word in UNFINISHED {
        assert_eq!(unfinished_faults(&file(&format!("fn a() {{ {word}"))).len(), 1, "{word}");
    }
    for registry in REGISTRIES {
        assert_eq!(host_faults(&file(registry)).len(), 1, "{registry}");
    }
}

#[test]
fn an_unknown_host_is_seen() {
    let faults = |host: &str| {
        let text = format!("see http{}{host}/x\n", concat!("s:", "//"));
        host_faults(&SourceFile { path: "planted.md".to_owned(), text }).len()
    };
    assert_eq!(faults("www.rfc-editor.org"), 0);
    assert_eq!(faults("127.0.0.1:8470"), 0);
    assert_eq!(faults("{address}"), 0);
    assert_eq!(faults("[::1]:8470"), 0);
    assert_eq!(faults("localhost:8470"), 0);
    assert_eq!(faults("[::2]:8470"), 1);
    assert_eq!(faults("tracker.invalid"), 1);
    assert_eq!(faults("localhost.tracker.invalid"), 1);
    assert_eq!(faults("localhost-tracker.invalid"), 1);
}
