//! `weft demo`: what it prints is in the directory afterwards and final on every node, and it ends when it is told to.

use super::desk::Desk;
use crate::support::Node;
use rustix::process::Signal;
use weft_tangle::TxId;

/// The transactions that a demo printed, each as device, what it says, id.
fn attached(printed: &str) -> Vec<(&str, &str, TxId)> {
    let lines = printed.lines().filter_map(|line| {
        let (rest, id) = line.split_once("  attached  ")?;
        let (device, says) = rest.split_once("  ")?;
        Some((device, says, id.parse().unwrap()))
    });
    lines.collect()
}

#[test]
fn what_it_prints_is_in_the_directory() {
    let desk = Desk::alone();
    let line = "demo --once --speed max --seconds 5 --data d --api-listen 127.0.0.1:0";
    let first = desk.weft(line);
    assert!(first.err.contains("no person was measured"), "{}", first.err);
    let first = first.done();
    let second = desk.weft(line).done();
    let (first_ids, second_ids) = (attached(&first), attached(&second));
    let enrolments =
        |ids: &[(&str, &str, TxId)]| ids.iter().filter(|id| id.1.starts_with("enrolled")).count();
    assert_eq!((first_ids.len(), enrolments(&first_ids)), (18, 3), "{first}");
    assert_eq!((second_ids.len(), enrolments(&second_ids)), (15, 0), "{second}");
    for (printed, ids, held) in [(&first, &first_ids, 18), (&second, &second_ids, 33)] {
        for (device, _, id) in ids {
            let told = printed.lines().filter(|line| {
                line.starts_with(&format!("{device}  final on all 3 nodes after "))
                    && line.ends_with(&id.to_string())
            });
            assert_eq!(told.count(), 1, "{id}: {printed}");
        }
        assert!(
            printed.contains(&format!("\nall {} transactions are final on all 3 nodes: ", ids.len())),
            "{printed}"
        );
        let agreed = format!("\nall 3 nodes hold the same {held} transactions, final in the same ");
        assert!(printed.contains(&agreed), "{printed}");
    }
    for device in ["bed-1", "bed-2", "bed-3"] {
        assert_eq!(first_ids.iter().filter(|id| id.0 == device).count(), 6);
    }
    assert!(second.lines().last().unwrap().starts_with("stopped; everything is kept in d"), "{second}");

    // Whichever node is asked: each has what came in at the others.
    let start = "node --config d/node-2/config.toml --api-listen 127.0.0.1:0 --gossip-listen 127.0.0.1:0";
    let node = Node::of(desk.command(start));
    for (_, says, id) in first_ids.iter().chain(&second_ids) {
        let (status, transaction) = node.get(&format!("/api/v1/transactions/{id}"));
        let kind = if says.starts_with("enrolled") { "enrol" } else { "reading" };
        assert_eq!((status, transaction["kind"].as_str()), (200, Some(kind)), "{id}");
        assert_eq!(transaction["status"], "final", "{id}");
    }
    // The addresses that it named are those of the devices.
    let path = second.lines().find_map(|line| Some(&line[line.find("/api/v1/devices/")?..])).unwrap();
    let pack = node.get(path).1;
    assert_eq!(pack.as_array().unwrap().len(), 2 * 5 * 4);
    let text = attached(&first).iter().find(|id| id.1.contains('=')).unwrap().1.to_owned();
    assert!(text.starts_with("heart_rate=") && text.contains(" spo2=0.9"), "{text}");
}

#[test]
fn it_takes_a_recording_and_goes_on_until_it_is_stopped() {
    let desk = Desk::alone();
    desk.write("r.csv", "seconds,hr\n0,60\n1,61\n2,62\n");
    let mut demo = desk.start("demo --recording r.csv --speed max --data d --api-listen 127.0.0.1:0");
    demo.printed("hr=62");
    demo.said("Press Ctrl-C to stop");
    let stopped = demo.end(Signal::INT);
    assert_eq!(stopped.code, Some(0));
    assert!(stopped.out.ends_with("\nstopped; everything is kept in d\n"), "{}", stopped.out);
    // In the middle of a recording as well.
    let mut demo = desk.start("demo --seconds 1000 --data d --api-listen 127.0.0.1:0");
    demo.printed("heart_rate=");
    assert_eq!(demo.end(Signal::INT).code, Some(0));
}

#[test]
fn a_recording_that_is_none_starts_nothing() {
    let desk = Desk::alone();
    desk.write("r.csv", "seconds,hr\n0,60\n1,x\n");
    for (file, words) in [("r.csv", "line 3"), ("none.csv", "cannot read none.csv")] {
        let refused = desk.weft(&format!("demo --once --data d --recording {file}")).refused();
        assert!(refused.contains(words), "{refused}");
    }
    assert!(!desk.path("d").exists());
}
