//! The page on simulation names exactly what the simulator has: what must hold, lies, faults, and the fields of scenario files.

use super::{first_columns, text};
use std::collections::BTreeSet;
use weft::simulation::ScenarioFile;
use weft_tangle::sim::{FalseWitness, Invariant, Lie, Scenario, Span, Topology};

fn page() -> String {
    text("spec/16-simulation.md")
}

/// A part of the page, from its heading to the next of that rank.
fn part<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, behind) = page.split_once(heading).expect("the page has the heading");
    behind.split("\n## ").next().unwrap_or(behind)
}

/// The code spans in the row of a table that begins so.
fn named_in_row<'a>(page: &'a str, begin: &str) -> BTreeSet<&'a str> {
    let row = page.lines().find_map(|line| line.strip_prefix(begin)).expect("the page has the row");
    row.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_invariant_stands_in_the_specification_and_the_other_way_round() {
    let page = page();
    let names: BTreeSet<_> = Invariant::ALL.map(Invariant::name).into();
    assert_eq!(first_columns(part(&page, "\n## What must hold")), names);
}

#[test]
fn every_lie_and_topology_stands_in_the_specification() {
    let page = page();
    let files = part(&page, "\n## Scenario files");
    let (liars, members) = files.split_once("**`[members]`**").expect("members come behind liars");
    let lies: BTreeSet<_> = Lie::ALL.map(Lie::name).into();
    assert_eq!(named_in_row(liars, "| `lies` | all |"), lies);
    let lies: BTreeSet<_> = FalseWitness::ALL.map(FalseWitness::name).into();
    assert_eq!(named_in_row(members, "| `lies` | all |"), lies);
    let topologies: BTreeSet<_> = Topology::ALL.map(Topology::name).into();
    assert_eq!(named_in_row(files, "| `topology` | `\"full\"` |"), topologies);
}

#[test]
fn every_fault_stands_in_the_specification() {
    let page = page();
    let (_, faults) = page.split_once("| kind | needs | what |").expect("the page has a table of faults");
    let refused = ScenarioFile::parse("[[fault]]\nat_s = 1\nkind = \"fire\"", "").unwrap_err().to_string();
    let (_, kinds) = refused.split_once("must be one of ").expect("it says what would be right");
    let (kinds, _) = kinds.split_once(", not").expect("it says what is wrong");
    assert_eq!(first_columns(faults), kinds.split(", ").collect());
}

/// Of each table `name.field`; those of no table by their names.
fn fields_of_the_page(page: &str) -> BTreeSet<String> {
    let (files, _) =
        part(page, "\n## Scenario files").split_once("Faults at their times").expect("it has both");
    let mut table = String::new();
    let mut fields = BTreeSet::new();
    for row in files.lines().filter_map(|line| line.strip_prefix("| ")) {
        let column = row.split(" | ").next().unwrap_or_default();
        for name in column.split('`').skip(1).step_by(2) {
            match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
                Some(name) => table = format!("{name}."),
                None => drop(fields.insert(format!("{table}{name}"))),
            }
        }
    }
    fields
}

fn fields_of_the_code() -> BTreeSet<String> {
    let mut scenario = Scenario::plain("every field");
    scenario.links.bandwidth = Some(Span::of(1_000_000));
    let text = ScenarioFile { scenario, seed: Some(1) }.to_toml();
    let mut table = String::new();
    let mut fields = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = format!("{name}.");
        } else if let Some((name, _)) = line.split_once(" = ") {
            fields.insert(format!("{table}{name}"));
        }
    }
    fields
}

#[test]
fn every_field_of_a_scenario_stands_in_the_specification() {
    let fields = fields_of_the_code();
    assert!(fields.contains("seed") && fields.contains("members.fastest_ms"), "{fields:?}");
    assert_eq!(fields_of_the_page(&page()), fields);
}
