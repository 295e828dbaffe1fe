//! The specification's lists name exactly what the code has: every problem and every metric, nothing else. Its numbers are
//! those of the code.

mod bounds;
mod content;
mod kinds;
mod simulation;

use crate::tree::{root, rust_files};
use std::collections::BTreeSet;

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect("the file is part of the project")
}

/// The string literals of a source.
fn literals(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| {
        let parts: Vec<_> = line.split('"').collect();
        parts.into_iter().skip(1).step_by(2)
    })
}

/// The code spans in the first column of a page's tables.
fn first_columns(page: &str) -> BTreeSet<&str> {
    let columns = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    columns.flat_map(|column| column.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn every_metric_stands_in_the_specification_and_the_other_way_round() {
    let sources = rust_files().into_iter().filter(|file| file.path.starts_with("src/metrics/"));
    let source: String = sources.map(|file| file.text).collect();
    let registered: BTreeSet<_> = literals(&source).filter(|text| text.starts_with("weft_")).collect();
    let page = text("spec/13-metrics.md");
    let listed: BTreeSet<_> =
        first_columns(&page).into_iter().filter(|name| name.starts_with("weft_")).collect();
    assert!(registered.contains("weft_build_info"), "the metrics are registered elsewhere: {registered:?}");
    assert_eq!(listed, registered);
}

#[test]
fn every_event_of_a_connection_stands_in_the_specification() {
    let sources = text("src/metrics/gather.rs") + &text("src/http/stats.rs");
    let named: BTreeSet<_> = literals(&sources).collect();
    let page = text("spec/13-metrics.md");
    let (_, events) = page.split_once("| `event` | |").expect("the page has a table of events");
    let listed = first_columns(events);
    let is_other = |name: &str| ["check", "owner"].contains(&name);
    let counted: BTreeSet<_> = named.into_iter().filter(|name| !is_other(name)).collect();
    assert_eq!(listed, counted);
}

#[test]
fn every_problem_stands_in_the_specification_and_the_other_way_round() {
    let source = text("src/http/kind.rs");
    let kinds: BTreeSet<_> = source
        .lines()
        .filter_map(|line| line.split_once(" = ")?.1.split('"').nth(1).filter(|_| line.ends_with("\",")))
        .collect();
    let page = text("spec/10-errors.md");
    let (_, catalogue) = page.split_once("| slug |").expect("the page has a table of problems");
    assert!(kinds.contains("malformed"), "the kinds are written in another way: {kinds:?}");
    assert_eq!(first_columns(catalogue), kinds);
}

#[test]
fn a_name_that_is_missing_is_seen() {
    let page = "| name | is |\n| --- | --- |\n| `a_b`, `c` | `d` |\nprose `e`\n";
    assert_eq!(first_columns(page), BTreeSet::from(["a_b", "c"]));
    let source = "// \"comment\"\nf(\"x\", \"y z\") // end\n";
    assert_eq!(literals(source).collect::<Vec<_>>(), ["x", "y z"]);
}
