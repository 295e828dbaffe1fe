//! Every order of arrival gives the same tangle, and the pool of tips is always what it is by definition.

use crate::support::{Drawing, Rig, START, arrival, world};
use proptest::prelude::*;
use std::collections::BTreeSet;
use weft_tangle::limits::RETRIES;
use weft_tangle::replica::Event;
use weft_tangle::{TxId, Verified};

type Ids = BTreeSet<TxId>;

/// All that can be asked of a finished graph: of each transaction its children, its past and its future cone.
fn shape(rig: &Rig) -> Vec<(TxId, [Ids; 3])> {
    let graph = rig.replica.graph();
    let of = |id| {
        let past = graph.past_cone(&id, usize::MAX);
        (id, [graph.children(&id), past, graph.future_cone(&id, usize::MAX)])
    };
    rig.ids().into_iter().map(of).collect()
}

fn arrive(rig: &mut Rig, transaction: &Verified, peer: u32) {
    rig.peer_sends(transaction, peer);
    assert!(rig.replica.tips().iter().eq(rig.tips_by_definition()));
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![vec![]];
    }
    let shorter = permutations(count - 1);
    let with_last = |order: &Vec<usize>, at| [&order[..at], &[count - 1], &order[at..]].concat();
    shorter.iter().flat_map(|order| (0..count).map(move |at| with_last(order, at))).collect()
}

#[test]
fn all_120_orders_of_five_give_the_same_graph() {
    let drawing = Drawing::of("a:[g,g]; b/1:[a,g]; c:[a,b]; d/1#0:[b,c]; e:[a,d]");
    let all = drawing.all();
    let mut shapes = BTreeSet::new();
    for order in permutations(all.len()) {
        let mut rig = Rig::new();
        for (step, index) in order.iter().enumerate() {
            arrive(&mut rig, &all[*index], step as u32 % 2);
        }
        assert_eq!(rig.attached.len(), all.len());
        assert_eq!(rig.replica.occupancy().pending, 0);
        rig.store_all();
        assert!(rig.replica.tips().iter().eq([drawing.id("e")]));
        shapes.insert(shape(&rig));
    }
    assert_eq!(shapes.len(), 1);
    let (_, [_, past, _]) = &shapes.first().unwrap()[4];
    assert_eq!(past.len(), 4, "e approves all others");
}

#[test]
fn a_chain_that_arrives_backwards_attaches_within_some_turns_and_in_order() {
    let mut parent = world().genesis();
    let chain: Vec<Verified> = (0..1_000)
        .map(|counter| {
            let draft =
                world().reading(counter, START.plus(u64::from(counter) + 1), [parent, world().genesis()]);
            let transaction = world().verified(&draft, 0);
            parent = transaction.id();
            transaction
        })
        .collect();
    let mut rig = Rig::new();
    chain[1..].iter().rev().for_each(|transaction| assert!(rig.peer_sends(transaction, 1).is_empty()));
    assert_eq!(rig.replica.occupancy().pending, 999);
    rig.peer_sends(&chain[0], 2);
    for _ in 0..chain.len() / RETRIES {
        assert!(rig.replica.wake().is_some_and(|due| due <= rig.now), "the rest is due at once");
        rig.event(Event::Tick);
    }
    let ids: Vec<TxId> = chain.iter().map(Verified::id).collect();
    assert!(rig.attached.iter().map(|attached| attached.id()).eq(ids));
}

/// A tangle of up to a dozen readings of three devices, at most two with the same counter.
fn tangle() -> impl Strategy<Value = Vec<Verified>> {
    let node = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..3, any::<bool>());
    proptest::collection::vec(node, 1..12).prop_map(|nodes| {
        let mut known = vec![world().genesis()];
        let mut used = [(0u32, 0u32); 3];
        let mut all = Vec::new();
        for (index, (first, second, device, twin)) in nodes.into_iter().enumerate() {
            let mut parents = [known[first.index(known.len())], known[second.index(known.len())]];
            if parents[0] == parents[1] {
                parents[1] = world().genesis();
            }
            let (next, times) = &mut used[usize::from(device)];
            (*next, *times) = if twin && *times == 1 { (*next, 2) } else { (*next + 1, 1) };
            let draft = world().reading(*next, START.plus(index as u64 + 1), parents);
            let transaction = world().verified(&draft, device);
            known.push(transaction.id());
            all.push(transaction);
        }
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_order_of_arrival_gives_the_same_tangle(
        all in tangle(),
        keys in proptest::collection::vec(any::<(u32, u32, u8)>(), 12),
    ) {
        let mut in_order = Rig::new();
        for transaction in &all {
            in_order.peer_sends(transaction, 0);
        }
        in_order.store_all();

        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by_key(|index| keys[*index].0);
        let mut rig = Rig::new();
        for index in order {
            let (_, peer, store) = keys[index];
            arrive(&mut rig, &all[index], peer % 3);
            // Again, from another one: it changes nothing.
            arrive(&mut rig, &all[index], peer % 3 + 1);
            for _ in 0..store % 3 {
                rig.store(usize::from(store % 5));
                prop_assert!(rig.replica.tips().iter().eq(rig.tips_by_definition()));
                rig.ticket(0, 1);
            }
        }
        rig.event(Event::Tick);
        rig.store_all();
        prop_assert_eq!(shape(&rig), shape(&in_order));
        prop_assert!(rig.replica.tips().iter().eq(in_order.replica.tips().iter()));
        prop_assert!(rig.replica.tips().iter().eq(rig.tips_by_definition()));
        for device in 0..3 {
            prop_assert_eq!(rig.ticket(device, 1).counter, in_order.ticket(device, 1).counter);
        }
        // A node that restarts with all of it has the same tips and goes on where it was.
        let mut restarted = Rig::new();
        rig.attached.iter().for_each(|attached| restarted.replica.recover(&arrival(attached)));
        prop_assert!(restarted.replica.tips().iter().eq(rig.tips_by_definition()));
        prop_assert_eq!(restarted.replica.graph().len(), all.len());
    }

    #[test]
    fn the_same_events_give_the_same_effects(
        all in tangle(),
        steps in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..6, 0u32..3), 1..40),
    ) {
        let run = || {
            let mut rig = Rig::new();
            let mut log = String::new();
            for (index, what, peer) in &steps {
                let transaction = &all[index.index(all.len())];
                let effects = match what {
                    0 => rig.store(2),
                    1 => {
                        let ticket = rig.ticket(*peer as u8, 3);
                        log += &format!("{ticket:?}\n");
                        continue;
                    }
                    2 => {
                        rig.door_sends(transaction);
                        continue;
                    }
                    _ => rig.peer_sends(transaction, *peer),
                };
                log += &format!("{effects:?}\n");
            }
            log + &format!("{:?} {:?}", rig.answers, rig.replica.occupancy())
        };
        prop_assert_eq!(run(), run());
    }
}
