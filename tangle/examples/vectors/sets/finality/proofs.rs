//! What proves a commit: audit paths of its leaves, and which votes certify it or show that chains have parted.

use super::super::{Failure, hex};
use serde_json::{Value, json};
use weft_tangle::finality::{Delivered, LEAF_BYTES, leaf, merkle_root, path};
use weft_tangle::limits::COMMITTEE;

/// Leaves of the commits, so many, with the paths of all; and paths that prove nothing.
pub(super) fn paths(commits: &[Delivered]) -> Result<Value, Failure> {
    let leaves: Vec<[u8; LEAF_BYTES]> =
        commits.iter().flat_map(Delivered::leaves).map(|(id, verdict)| leaf(&id, verdict)).collect();
    let mut trees = Vec::new();
    for count in [1, 2, 3, 5, 7, 8] {
        let of_tree = leaves.get(..count).ok_or("too few leaves")?;
        let paths = (0..count).map(|place| {
            let path = path(of_tree.iter().copied(), place).ok_or("every place has a path")?;
            Ok(path.iter().map(|digest| hex(&digest.0)).collect())
        });
        let paths = paths.collect::<Result<Vec<Vec<String>>, Failure>>()?;
        let root = merkle_root(of_tree.iter().copied());
        trees.push(json!({"count": count, "root": hex(&root.0), "paths": paths}));
    }
    let leaves: Vec<String> = leaves[..8].iter().map(|leaf| hex(leaf)).collect();
    let invalid = json!([
        {"about": "the path of another place", "count": 7, "path_of": 2, "place": 3},
        {"about": "a place behind the last", "count": 7, "path_of": 6, "place": 7},
        {"about": "a digest too few", "count": 7, "path_of": 2, "place": 2, "cut": 1},
        {"about": "a digest too many", "count": 7, "path_of": 6, "place": 6, "more": 1},
        {"about": "another number of leaves", "count": 5, "path_of": 4, "place": 4, "in_tree_of": 7},
    ]);
    Ok(json!({"leaves": leaves, "trees": trees, "invalid": invalid}))
}

/// Steps of a node: it makes a commit, or hears a member's vote. What is certified then, and whether it stops.
pub(super) fn votes() -> Value {
    let made = |index: u64, certified: u64, stops: bool| json!({"made": index, "chain": "own", "certified": certified, "stops": stops});
    let heard = |member: u64, index: u64, chain: &str, certified: u64, stops: bool| json!({"member": member, "index": index, "chain": chain, "certified": certified, "stops": stops});
    let stories = [
        ("a committee of one", 1, vec![made(1, 0, false), heard(0, 1, "own", 1, false)]),
        (
            "a vote counts for all commits before, and a member once",
            4,
            vec![
                made(1, 0, false),
                made(2, 0, false),
                made(3, 0, false),
                heard(0, 3, "own", 0, false),
                heard(0, 2, "own", 0, false),
                heard(1, 1, "own", 0, false),
                heard(2, 2, "own", 1, false),
                heard(1, 2, "own", 2, false),
                heard(3, 3, "own", 2, false),
                heard(2, 3, "own", 3, false),
            ],
        ),
        (
            "a vote for a commit that is not made yet waits for it",
            4,
            vec![
                heard(0, 2, "own", 0, false),
                heard(1, 2, "own", 0, false),
                heard(2, 2, "own", 0, false),
                made(1, 0, false),
                made(2, 2, false),
            ],
        ),
        (
            "f members that contradict are liars, a quorum is another chain",
            4,
            vec![
                made(1, 0, false),
                made(2, 0, false),
                heard(0, 1, "own", 0, false),
                heard(1, 2, "other", 0, false),
                heard(1, 1, "other", 0, false),
                heard(2, 1, "other", 0, false),
                heard(3, 2, "other", 0, true),
            ],
        ),
        (
            "who says both has said what is right too",
            4,
            vec![
                made(1, 0, false),
                heard(0, 1, "other", 0, false),
                heard(0, 1, "own", 0, false),
                heard(1, 1, "own", 0, false),
                heard(2, 1, "own", 1, false),
            ],
        ),
        (
            "two digests of one index with a quorum each, before an own one",
            4,
            vec![
                heard(0, 3, "own", 0, false),
                heard(1, 3, "own", 0, false),
                heard(2, 3, "own", 0, false),
                heard(1, 3, "other", 0, false),
                heard(2, 3, "other", 0, false),
                heard(3, 3, "other", 0, true),
            ],
        ),
        (
            "a contradiction shows when the own commit is made",
            4,
            vec![
                heard(0, 1, "other", 0, false),
                heard(1, 1, "other", 0, false),
                heard(2, 1, "other", 0, false),
                made(1, 0, true),
            ],
        ),
    ];
    debug_assert!(stories.iter().all(|(_, members, _)| *members <= COMMITTEE));
    let rows = stories
        .into_iter()
        .map(|(about, members, steps)| json!({"about": about, "members": members, "steps": steps}));
    rows.collect()
}
