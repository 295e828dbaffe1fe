//! `kill -9` of a node under full load, again and again on the same data: whatever was acknowledged is served after
//! each restart, once and at its place; parents are handed out at once; devices go on counting and are not refused.
//!
//! `WEFT_KILLS` says how often, `WEFT_KILL_SEED` which moments. A process does not take the same steps twice, so the
//! seed repeats the moments, not the run.

mod audit;
pub(crate) mod dice;
pub(crate) mod load;

use crate::support::{Node, WEFT};
use audit::Audit;
use dice::Dice;
use load::Load;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Kills when `WEFT_KILLS` says nothing: those of the gate.
const KILLS: u64 = 50;

/// Transactions in a request of every second load; the others send one at a time.
const BATCH: usize = 20;

/// Rounds between two looks at all counters of all devices.
const ROUNDS_PER_COUNT: u64 = 10;

/// When a node is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after it was started, be it ready or not: while it opens the store and recovers, mostly.
    Starting(Duration),
    /// So long after the load was started: while devices enrol, or ask for their first tickets.
    Joining(Duration),
    /// So long after the first acknowledgement of the round.
    Loaded(Duration),
}

impl Moment {
    fn draw(dice: &mut Dice, round: u64, ready: Duration) -> Self {
        let milliseconds = |dice: &mut Dice, below| Duration::from_micros(dice.below(below * 1_000));
        match dice.below(10) {
            // All devices are new in the first round, and enrolling them takes longer than this.
            _ if round == 0 => Self::Joining(milliseconds(dice, 500)),
            0..3 => Self::Starting(milliseconds(dice, ready.as_millis() as u64 * 3 / 2 + 1)),
            3 => Self::Joining(milliseconds(dice, 300)),
            4 => Self::Loaded(milliseconds(dice, 60)),
            _ => Self::Loaded(milliseconds(dice, 1_500)),
        }
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}

#[test]
fn whatever_was_acknowledged_survives_every_kill() {
    let kills = number("WEFT_KILLS").unwrap_or(KILLS);
    let seed = number("WEFT_KILL_SEED").unwrap_or(1);
    println!("seed {seed}, {kills} kills");
    let mut dice = Dice::new(seed);
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("node");
    let mut audit = Audit::new(&directory.path().join("devices"));
    let mut ready = Vec::new();
    for round in 0..kills {
        let moment =
            Moment::draw(&mut dice, round, ready.last().copied().unwrap_or(Duration::from_millis(100)));
        if let Moment::Starting(patience) = moment {
            kill_in_start(&data, patience);
            println!("round {round}: killed {patience:.1?} after its start");
            continue;
        }
        let (node, time) = start(&data);
        ready.push(time);
        audit.look(&node, &mut dice);
        if round % ROUNDS_PER_COUNT == 0 {
            audit.count(&node);
        }
        let batch = if round % 2 == 0 { 1 } else { BATCH };
        let new = under_load(node, directory.path(), round, batch, moment, &mut dice);
        println!(
            "round {round}: ready in {time:.1?}, killed {moment:.1?} in requests of {batch}, {} acknowledged",
            new.len()
        );
        audit.expect(new);
    }
    let (node, time) = start(&data);
    ready.push(time);
    audit.look_at_all(&node);
    audit.count(&node);
    assert_eq!(node.stop(), Some(0));
    ready.sort_unstable();
    let (median, most) = (ready[ready.len() / 2], ready[ready.len() - 1]);
    println!(
        "{kills} kills, {} acknowledged and all there; ready in {median:.1?}, at most {most:.1?}",
        audit.len()
    );
    assert!(kills < KILLS || audit.len() as u64 > 20 * kills, "the load was real");
}

/// Starts a node and waits until it is ready; how long that took.
fn start(data: &Path) -> (Node, Duration) {
    let begin = Instant::now();
    let node = Node::start(data);
    (node, begin.elapsed())
}

/// Starts a node and kills it, whatever it does by then.
fn kill_in_start(data: &Path, patience: Duration) {
    let mut command = Command::new(WEFT);
    command.args(["node", "--api-listen", "127.0.0.1:0", "--data"]).arg(data).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(patience);
    assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Loads the node until the moment comes and kills it; what it had acknowledged.
fn under_load(
    node: Node,
    directory: &Path,
    round: u64,
    batch: usize,
    moment: Moment,
    dice: &mut Dice,
) -> Vec<weft_tangle::TxId> {
    let mut load = Load::start(&node.url, directory, round, batch);
    match moment {
        Moment::Starting(patience) | Moment::Joining(patience) => std::thread::sleep(patience),
        Moment::Loaded(patience) => {
            load.wait_for_first();
            std::thread::sleep(patience);
        }
    }
    node.kill();
    // A load that is killed as well gives back no counters, so the next one begins behind a gap. One that still makes
    // keys is not: a key that has lost its state waits for the next epoch.
    if matches!(moment, Moment::Loaded(_)) && dice.below(4) == 0 { load.kill() } else { load.stop() }
}
