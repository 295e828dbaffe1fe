//! Peers that lie: what each can cost, how it is found out, and that honest ones are not hurt.

mod bodies;
mod logs;
mod waiting;

use super::played::dropped;
use weft_tangle::gossip::{Fault, Reason, Stretch};
use weft_tangle::replica::{Effect, Source};

const LIAR: u32 = 1;
const HONEST: u32 = 2;

fn stretch(first: u64, count: u32) -> Stretch {
    Stretch { first, count }
}

/// Why the liar was dropped.
fn fault(effects: &[Effect]) -> Option<Fault> {
    match dropped(effects)[..] {
        [(Source::Peer(LIAR), Reason::Fault(fault, _))] => Some(fault),
        [] => None,
        ref other => panic!("{other:?}"),
    }
}
