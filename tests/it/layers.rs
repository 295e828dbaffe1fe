//! The layers as failing tests: imports go down only, and each outside library is named where it belongs.
//!
//! ```text
//! weft (src/) -> weft-tangle (tangle/) -> weft-pow (pow/) -> blake2
//! ```
//!
//! `clippy.toml` bans calls where they are resolved; the same is read here as text, where a macro or an alias would
//! get past the lint. Comments may name anything.

mod packages;

use crate::tree::{SourceFile, assert_none, rust_files};

/// What only some files may name.
struct Confined {
    /// The words as they stand in code.
    words: &'static [&'static str],
    /// Where the rule holds, as beginnings of paths.
    within: &'static [&'static str],
    /// Where they may stand all the same, as beginnings of paths.
    except: &'static [&'static str],
    /// Why.
    reason: &'static str,
}

const CONFINED: [Confined; 9] = [
    Confined {
        words: &["Instant", "SystemTime", "thread_rng", "getrandom"],
        within: &["tangle/src/", "pow/src/"],
        except: &[],
        reason: "time and randomness are arguments",
    },
    Confined {
        words: &["std::net", "std::fs", "std::process", "std::env", "std::io"],
        within: &["tangle/src/", "pow/src/"],
        except: &[],
        reason: "the ledger has no I/O",
    },
    Confined {
        words: &["std::thread"],
        within: &["tangle/src/", "pow/src/"],
        except: &["pow/src/threads.rs"],
        reason: "one thread owns the replica; only a host's search uses more",
    },
    Confined {
        words: &["HashMap", "HashSet", "RandomState"],
        within: &["tangle/src/", "pow/src/"],
        except: &[],
        reason: "an order that depends on a hash seed differs from node to node",
    },
    Confined {
        words: &["async_std", "blocking"],
        within: &["src/", "tests/", "benches/"],
        except: &["src/runtime.rs"],
        reason: "the executor is replaced by changing one file",
    },
    Confined {
        words: &["pqcrypto_dilithium", "pqcrypto_traits", "pqcrypto_internals"],
        within: &[""],
        except: &["tangle/src/signing/sign.rs", "tangle/src/signing/reference.rs"],
        reason: "the signing library is replaced by changing one file",
    },
    Confined {
        words: &["aws_lc_rs"],
        within: &[""],
        except: &[
            "tangle/src/signing/verify.rs",
            "src/gossip/tls.rs",
            "src/gossip/tests/",
            "tests/it/hostile/liar.rs",
        ],
        reason: "the verifying library is replaced by changing one file; rustls' part of that name is TLS'",
    },
    Confined {
        words: &["quinn", "rustls", "rcgen"],
        within: &["src/", "tests/", "benches/"],
        except: &["src/gossip/", "src/runtime.rs", "tests/it/hostile/liar.rs"],
        reason: "QUIC and TLS are behind the gossip shell; whoever lies to it speaks them itself",
    },
    Confined {
        words: &["redb"],
        within: &[""],
        except: &["src/store/"],
        reason: "the database is behind the store",
    },
];

/// The sensor side, which is built without the node.
const SENSOR_SIDE: [&str; 4] = ["src/sensor", "src/senml", "src/recording", "src/content"];

/// Modules of the node.
const NODE_SIDE: [&str; 7] = ["store", "http", "gossip", "node", "metrics", "runtime", "config"];

/// The line without its comment. A `//` inside a string ends it too, which may hide the rest of that line.
fn code_of(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Whether `word` stands in `code` as a name of its own: a path's part, not a part of a longer name.
fn names(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// A single word is a crate's or a type's name: it counts in a path (`word::`, `::word`) or in a `use`, so that a
/// variable may still be called `blocking`.
fn uses(code: &str, word: &str) -> bool {
    let is_type = word.starts_with(char::is_uppercase) || word.contains("::") || word == "thread_rng";
    let is_import =
        ["use ", "pub use ", "extern crate "].iter().any(|start| code.trim_start().starts_with(start));
    let in_import = is_import && names(code, word) && !code.contains(&format!("::{word}"));
    names(code, word) && (is_type || code.contains(&format!("{word}::")) || in_import)
}

fn confined_faults(rule: &Confined, file: &SourceFile) -> Vec<String> {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| file.path.starts_with(prefix));
    if !begins(rule.within) || begins(rule.except) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        let found = rule.words.iter().filter(|word| uses(code_of(line), word));
        faults.extend(found.map(|word| format!("{}:{number}: {word}: {}", file.path, rule.reason)));
    }
    faults
}

/// The modules of its own crate that a file names: `crate::a::b`, `crate::{a::b, c}`.
fn own_modules(text: &str) -> Vec<String> {
    let code: String = text.lines().map(code_of).collect::<Vec<_>>().join(" ");
    let mut modules = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            None => modules.push(first_name(rest)),
            Some(group) => modules.extend(members(group).map(first_name)),
        }
    }
    modules
}

/// The members of a group, from after its opening brace to its closing one, inner groups left whole.
fn members(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let end = group.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth < 0
    });
    let mut depth = 0;
    group[..end.unwrap_or(group.len())].split(move |c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    })
}

fn first_name(path: &str) -> String {
    path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn upward_faults(file: &SourceFile) -> Vec<String> {
    if !SENSOR_SIDE.iter().any(|prefix| file.path.starts_with(prefix)) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for module in own_modules(&file.text).iter().filter(|module| NODE_SIDE.contains(&module.as_str())) {
        faults.push(format!("{}: crate::{module}: the sensor side is built without the node", file.path));
    }
    faults
}

#[test]
fn each_library_is_named_where_it_belongs() {
    let mut faults = Vec::new();
    let others = rust_files().into_iter().filter(|file| !file.path.starts_with("tests/it/layers"));
    for file in others {
        faults.extend(CONFINED.iter().flat_map(|rule| confined_faults(rule, &file)));
    }
    assert_none(&faults);
}

#[test]
fn confined_files_exist_as_named() {
    let files = rust_files();
    for path in CONFINED.iter().flat_map(|rule| rule.except) {
        let is_there = |file: &SourceFile| match path.ends_with('/') {
            true => file.path.starts_with(path),
            false => file.path == *path,
        };
        assert!(files.iter().any(is_there), "{path} is gone: the rule that names it is void");
    }
}

#[test]
fn the_sensor_side_does_not_use_the_node() {
    assert_none(&rust_files().iter().flat_map(upward_faults).collect::<Vec<_>>());
}

fn planted(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn a_library_out_of_its_place_is_seen() {
    for rule in &CONFINED {
        for word in rule.words {
            let text = format!("// {word}::x\nuse {word}::x;\n");
            let path = format!("{}planted.rs", rule.within[0]);
            assert_eq!(confined_faults(rule, &planted(&path, &text)).len(), 1, "{word}");
            let inner = format!("fn a() {{ b({word}::now()) }}\n");
            assert_eq!(confined_faults(rule, &planted(&path, &inner)).len(), 1, "{word}");
        }
        for path in rule.except {
            let text = format!("use {};\n", rule.words[0]);
            assert_eq!(confined_faults(rule, &planted(path, &text)).len(), 0, "{path}");
        }
    }
    let free =
        "let blocking = true; self.blocking(); let my_redb = 1; Instantly; use crate::runtime::blocking;\n";
    for rule in &CONFINED {
        let path = format!("{}planted.rs", rule.within[0]);
        assert_eq!(confined_faults(rule, &planted(&path, free)), Vec::<String>::new());
    }
}

#[test]
fn an_import_upward_is_seen() {
    assert_eq!(
        own_modules("use crate::{a::{b, store}, c,\n  http::X};\ncrate::metrics::y()"),
        ["a", "c", "http", "metrics"]
    );
    let text = "use crate::{senml, store::Store};\n// crate::http\n";
    assert_eq!(upward_faults(&planted("src/sensor/planted.rs", text)).len(), 1);
    assert_eq!(upward_faults(&planted("src/sensor.rs", text)).len(), 1);
    assert_eq!(upward_faults(&planted("src/node/planted.rs", text)).len(), 0);
}
