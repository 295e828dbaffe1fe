//! `weft simulate`: scenarios that hold, one that cannot, and files that are none.

use super::desk::Desk;
use crate::tree::root;
use serde_json::json;

const SHORT: &str = "nodes = 2\nduration_s = 8\n[sensors]\ncount = 2\n[faults]\ncrash = 1\n";

fn desk(scenario: &str) -> Desk {
    let desk = Desk::alone();
    std::fs::write(desk.path("short.toml"), scenario).unwrap();
    desk
}

#[test]
fn a_seed_gives_the_same_figures_each_time() {
    let desk = desk(SHORT);
    let run = |line: &str| {
        let mut figures = desk.weft(line).json();
        figures.as_object_mut().unwrap().remove("seconds").unwrap();
        figures
    };
    let one = run("simulate short.toml --seed 7 --json");
    assert_eq!((&one["simulations"], &one["run_twice"], &one["faults"]), (&json!(1), &json!(0), &json!(1)));
    assert!(one["acknowledged"].as_u64() > Some(2) && one["simulated_s"].as_f64() > Some(3.0), "{one}");
    assert_eq!(one, run("simulate short.toml --seed 7 --json"));
    assert_ne!(one["traces"], run("simulate short.toml --seed 8 --json")["traces"]);
    let many = run("simulate short.toml --seed 7 --seeds 60 --json");
    assert_eq!((&many["simulations"], &many["run_twice"]), (&json!(60), &json!(2)));
    let text = desk.weft("simulate short.toml").done();
    assert!(text.starts_with("simulations     1\n"), "{text}");
}

#[test]
fn what_fails_is_told_short_and_fails_again() {
    // Nobody can agree in no time.
    let desk = desk(&format!("settle_s = 0\n{SHORT}[links]\ndelay_ms = 50\n"));
    let found = desk.weft("simulate short.toml --seeds 5 --save found.toml --json");
    assert_eq!(found.code, Some(1));
    let object: serde_json::Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(object["invariant"], json!("alike"));
    assert_eq!(
        std::fs::read_to_string(desk.path("found.toml")).unwrap(),
        object["scenario"].as_str().unwrap()
    );
    let again = desk.weft("simulate found.toml");
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains(object["violation"].as_str().unwrap()), "{}", again.err);
    assert!(again.out.contains("node 0, honest\n") && again.out.contains("attaches"), "{}", again.out);
}

#[test]
fn a_bad_scenario_is_refused_in_words() {
    let desk = desk("[links]\nloss = 3\n");
    assert!(desk.weft("simulate short.toml").refused().contains("`links.loss` must be 0 to 1, not 3"));
    assert!(desk.weft("simulate none.toml").refused().contains("cannot read the scenario none.toml"));
    assert_eq!(desk.weft("simulate short.toml --seeds 0").code, Some(2));
}

#[test]
fn every_scenario_that_is_kept_holds() {
    let desk = Desk::alone();
    let scenarios = root().join("tests/scenarios");
    let mut kept: Vec<_> = std::fs::read_dir(scenarios).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Directories hold what is measured, not what once failed.
    kept.retain(|path| path.is_file());
    kept.sort();
    assert!(kept.iter().any(|path| path.ends_with("mixed.toml")));
    for path in kept {
        desk.weft(&format!("simulate {}", path.display())).done();
    }
}

#[test]
fn a_report_has_figures_and_charts() {
    let desk = desk("name = \"ward\"\nduration_s = 8\n[sensors]\nenrol = false\n");
    let figures = desk.weft("simulate short.toml --report found/deep --json").json();
    assert_eq!(
        (&figures["nodes"], &figures["links"], &figures["duplicates_a_body"]),
        (&json!(3), &json!(3), &json!(0.0))
    );
    assert!(figures["bytes_a_body_byte"].as_f64().unwrap() >= 1.0, "{figures}");
    let plain = desk.weft("simulate short.toml --json").json();
    assert_eq!(figures["trace"], plain["traces"], "measuring changes nothing");
    let read = |name: &str| std::fs::read_to_string(desk.path("found/deep").join(name)).unwrap();
    assert!(read("report.txt").starts_with("ward, seed 1\n"));
    for chart in ["propagation", "bytes", "overhead", "held", "memory"] {
        assert!(read(&format!("{chart}.svg")).contains("<polyline"), "{chart}");
    }
    assert_eq!(desk.weft("simulate short.toml --report found --seeds 2").code, Some(2));
    std::fs::write(desk.path("taken"), "").unwrap();
    assert!(desk.weft("simulate short.toml --report taken").err.contains("taken"));
}

#[test]
fn every_scenario_of_capacity_is_one() {
    let desk = Desk::alone();
    let scenarios = root().join("tests/scenarios/capacity");
    let paths: Vec<_> = std::fs::read_dir(scenarios).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(paths.len() > 4);
    for path in paths {
        // What they take is for the benches; here a part of the first second shows that they are read and begin.
        let text = std::fs::read_to_string(&path).unwrap();
        let duration = text.lines().find(|line| line.starts_with("duration_s")).expect("it says how long");
        let nodes = text.lines().find(|line| line.starts_with("nodes")).expect("it says how many");
        let short = text.replace(duration, "duration_s = 0.5").replace(nodes, "nodes = 5");
        std::fs::write(desk.path("short.toml"), short.replace("count = 1", "count = 0 # 1")).unwrap();
        desk.weft("simulate short.toml").done();
    }
}
