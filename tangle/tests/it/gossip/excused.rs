//! What looks like the fault of a peer and is this node's own: its version, its disk, its clock.

use super::played::{Played, asked, invented};
use crate::support::{Drawing, START, world};
use weft_tangle::gossip::Fault;
use weft_tangle::limits::*;
use weft_tangle::replica::{Event, Source};
use weft_tangle::{ParentsFault, Refusal, TxId};

const OTHER: u32 = 1;
const HONEST: u32 = 2;

#[test]
fn what_another_version_may_process_is_missed_without_fault() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]");
    let points = |refusal: Refusal| {
        let mut played = Played::new();
        [OTHER, HONEST].iter().for_each(|peer| played.joined(*peer, 0));
        played.pushes(HONEST, 7, &drawing.get("b"));
        let (id, source) = (Some(drawing.id("a")), Source::Peer(OTHER));
        played.rig.event(Event::Refused { id, source, refusal });
        let most = (0..PENDING_MS / 100 + 100).map(|_| {
            played.wait(100);
            played.points(HONEST)
        });
        most.max().unwrap()
    };
    assert_eq!(points(Refusal::KindNotYet(weft_tangle::Kind::Grant)), 0);
    // No honest node attaches anything above what no version takes.
    let equal = ParentsFault::Equal(world().genesis());
    assert_eq!(points(Refusal::Parents(equal)), Fault::Undelivered.points());
}

#[test]
fn a_node_that_could_not_hear_blames_nobody() {
    let mut played = Played::new();
    played.joined(HONEST, 1_024);
    let ids: Vec<TxId> = (0..1_024).map(invented).collect();
    for (part, ids) in ids.chunks(LOG_ENTRIES).enumerate() {
        played.tells(HONEST, (LOG_ENTRIES * part) as u64, ids);
    }
    assert!(asked(&played.wait(REPAIR_MS + SCAN_MS), HONEST).len() > 1);
    // The disk stands still.
    let mut parent = world().genesis();
    for counter in 0..IN_FLIGHT as u32 {
        let draft = world().reading(counter, START.plus(1 + u64::from(counter)), [parent, world().genesis()]);
        let transaction = world().verified(&draft, 0);
        parent = transaction.id();
        played.rig.door_sends(&transaction);
    }
    played.wait(2 * ANSWER_MS);
    assert_eq!(played.points(HONEST), 0, "what it sent would have had no room");
    played.rig.store_all();
    // The machine stands still.
    played.rig.now = played.rig.now.plus(10 * ANSWER_MS);
    played.rig.event(Event::Tick);
    assert_eq!(played.points(HONEST), 0, "what it sent has not been looked at");
    let most = (0..20).map(|_| {
        played.wait(ANSWER_MS / 10);
        played.points(HONEST)
    });
    let of_one = Some(Fault::Undelivered.points());
    assert_eq!(most.max(), of_one, "now it is silent, which is one fault and not one for each request");
}
