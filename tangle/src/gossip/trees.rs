//! Along which links new transactions are pushed: Plumtree (Leitão, Pereira, Rodrigues: Epidemic Broadcast Trees, SRDS
//! 2007, doi.org/10.1109/SRDS.2007.27), a tree for each origin instead of one for all.
//!
//! A node pushes what came in at its own door to every peer, and what came by push only along links that were grafted
//! for that tree. So nothing is flooded to begin with: a node next to the origin hears it from there, and one farther
//! away grafts a neighbour as soon as a log names what nobody pushed. Which tree a transaction belongs to stands beside it:
//! the first bytes of the entry node's id, so many that no two nodes share them, for two origins make a tree that prunes at
//! duplicates never settle. Nobody can check it, so what comes by push is never passed on along the own tree.
//!
//! Always true: within [`TREE_QUIET_MS`] a tree is pruned at most once here, and a link on which it was pruned does not
//! become its branch again, whatever arrives. On a loaded machine a push may come after the announcement; that must not
//! make links flap.

use super::Tree;
use crate::limits::{PUSHED, TREE_DECLINES, TREE_DECLINES_MS, TREE_QUIET_MS, TREES};
use crate::{Timestamp, TxId};
use indexmap::{IndexMap, IndexSet};
use std::collections::BTreeMap;

/// At most [`TREES`] trees, in the order in which they were put in.
#[derive(Clone, Default, Debug)]
struct TreeSet(IndexSet<Tree>);

impl TreeSet {
    fn contains(&self, tree: Tree) -> bool {
        self.0.contains(&tree)
    }

    /// Puts a tree in or takes it out; says whether that changed anything. The oldest gives way to one too many.
    fn set(&mut self, tree: Tree, is_in: bool) -> bool {
        if !is_in {
            return self.0.shift_remove(&tree);
        }
        if self.0.len() >= TREES && !self.contains(tree) {
            self.0.shift_remove_index(0);
        }
        self.0.insert(tree)
    }
}

/// When trees were pruned last, as long as that matters.
#[derive(Default, Debug)]
struct Pruned(BTreeMap<Tree, Timestamp>);

impl Pruned {
    /// Whether a tree was not pruned just now.
    fn is_quiet(&self, tree: Tree, now: Timestamp) -> bool {
        self.0.get(&tree).is_none_or(|last| now.since(*last) >= TREE_QUIET_MS)
    }

    /// Notes that a tree is pruned; says whether there was room to.
    fn note(&mut self, tree: Tree, now: Timestamp) -> bool {
        if self.0.len() >= TREES {
            self.0.retain(|_, last| now.since(*last) < TREE_QUIET_MS);
        }
        let has_room = self.0.len() < TREES || self.0.contains_key(&tree);
        if has_room {
            self.0.insert(tree, now);
        }
        has_room
    }
}

/// The trees of the transactions pushed last, in two generations, and when each tree was changed.
#[derive(Default, Debug)]
pub(super) struct Trees {
    young: IndexMap<TxId, Tree>,
    old: IndexMap<TxId, Tree>,
    pruned: Pruned,
}

impl Trees {
    /// Remembers the tree of a transaction; the first one that is heard of counts.
    pub(super) fn remember(&mut self, id: TxId, tree: Tree) {
        if self.find(&id).is_none() {
            if self.young.len() >= PUSHED / 2 {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(id, tree);
        }
    }

    /// The tree of a transaction that was pushed lately.
    pub(super) fn find(&self, id: &TxId) -> Option<Tree> {
        self.young.get(id).or_else(|| self.old.get(id)).copied()
    }

    /// Whether a tree may be pruned now; if so, not again soon. What was under way when it was pruned last still
    /// comes twice, and pruning for that too would cut the tree.
    pub(super) fn may_prune(&mut self, tree: Tree, now: Timestamp) -> bool {
        self.pruned.is_quiet(tree, now) && self.pruned.note(tree, now)
    }
}

/// The trees that one link carries.
#[derive(Debug)]
pub(super) struct Branches {
    own: Tree,
    /// Whether what comes in at the own door is pushed there.
    pushes_own: bool,
    /// What else we push there.
    pushed: TreeSet,
    /// When the peer last asked us not to.
    pruned: Pruned,
    /// What we asked the peer not to push, and when we last asked.
    declined: TreeSet,
    declined_at: Timestamp,
    /// How many trees were declined since then.
    declines: (Timestamp, u32),
}

impl Branches {
    /// Those of a new link: what comes in at the own door is pushed.
    pub(super) fn of_origin(own: Tree) -> Self {
        let (pushed, pruned, declined, declined_at, declines) = Default::default();
        Self { own, pushes_own: true, pushed, pruned, declined, declined_at, declines }
    }

    /// Whether a tree is pushed to the peer.
    pub(super) fn pushes(&self, tree: Tree) -> bool {
        if tree == self.own { self.pushes_own } else { self.pushed.contains(tree) }
    }

    /// Trees that are pushed to the peer.
    pub(super) fn count(&self) -> u32 {
        self.pushed.0.len() as u32 + u32::from(self.pushes_own)
    }

    fn set(&mut self, tree: Tree, is_in: bool) -> bool {
        if tree == self.own {
            return std::mem::replace(&mut self.pushes_own, is_in) != is_in;
        }
        self.pushed.set(tree, is_in)
    }

    /// The peer wants a tree pushed; says whether it is from now on.
    pub(super) fn graft(&mut self, tree: Tree, now: Timestamp) -> bool {
        self.pruned.is_quiet(tree, now) && self.set(tree, true)
    }

    /// The peer does not want a tree pushed; says whether it was.
    pub(super) fn prune(&mut self, tree: Tree, now: Timestamp) -> bool {
        self.pruned.note(tree, now);
        self.set(tree, false)
    }

    /// We ask the peer not to push a tree. As in the paper the link is then lazy both ways, but for the own tree: that
    /// begins here. Says whether an honest peer may have pushed so many trees.
    pub(super) fn decline(&mut self, tree: Tree, now: Timestamp) -> bool {
        let (since, count) = self.declines;
        let is_recent = now.since(since) < TREE_DECLINES_MS;
        self.declines = if is_recent { (since, count.saturating_add(1)) } else { (now, 1) };
        self.declined.set(tree, true);
        self.declined_at = now;
        if tree != self.own {
            self.set(tree, false);
        }
        self.declines.1 <= TREE_DECLINES
    }

    /// Whether the peer has had time to hear that a tree is not wanted.
    pub(super) fn was_declined(&self, tree: Tree, now: Timestamp) -> bool {
        self.declined.contains(tree) && now.since(self.declined_at) >= 2 * TREE_QUIET_MS
    }

    /// Whether the peer may not have heard yet that a tree is not wanted: its own prune may cross ours.
    pub(super) fn has_just_declined(&self, tree: Tree, now: Timestamp) -> bool {
        self.declined.contains(tree) && !self.was_declined(tree, now)
    }

    /// We graft something of the peer, whatever tree that is.
    pub(super) fn accept_all(&mut self) {
        self.declined = TreeSet::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    #[test]
    fn a_set_of_trees_is_that_of_the_newest() {
        let (mut set, mut model) = (TreeSet::default(), Vec::new());
        for step in 0..6_000u32 {
            let tree = Tree(step.wrapping_mul(2_654_435_761) % 2_000);
            let was_in = model.contains(&tree);
            let is_in = step % 4 > 0;
            if was_in && !is_in {
                model.retain(|known| *known != tree);
            } else if is_in && !was_in {
                model.drain(..(model.len() + 1).saturating_sub(TREES));
                model.push(tree);
            }
            assert_eq!(set.set(tree, is_in), was_in != is_in);
            assert!(set.0.iter().eq(&model));
        }
        assert_eq!(model.len(), TREES, "it was full");
    }

    #[test]
    fn trees_that_are_made_up_take_no_memory_and_the_own_one_stays() {
        let (mut trees, mut branches) = (Trees::default(), Branches::of_origin(Tree(7)));
        let of = |n: u32| Tree(1_000 + n);
        for n in 0..3 * TREES as u32 {
            trees.may_prune(of(n), at(0));
            assert!(branches.graft(of(n), at(0)));
            branches.prune(Tree(1_000_000 + n), at(0));
            assert_eq!(branches.decline(Tree(2_000_000 + n), at(0)), n < TREE_DECLINES);
        }
        assert!(
            branches.pushes(Tree(7)) && branches.pushes(of(3 * TREES as u32 - 1)) && !branches.pushes(of(0))
        );
        assert_eq!(branches.count() as usize, TREES + 1);
        assert!(
            [trees.pruned.0.len(), branches.pruned.0.len(), branches.declined.0.len()]
                .iter()
                .all(|held| *held == TREES)
        );
        assert!(
            !trees.may_prune(Tree(7), at(TREE_QUIET_MS - 1)) && trees.may_prune(Tree(7), at(TREE_QUIET_MS))
        );
        assert!(branches.decline(Tree(8), at(TREE_DECLINES_MS)));
    }

    #[test]
    fn trees_are_pruned_one_at_a_time() {
        let mut trees = Trees::default();
        assert!(trees.may_prune(Tree(1), at(0)));
        assert!(trees.may_prune(Tree(2), at(1)), "another tree");
        assert!(!trees.may_prune(Tree(1), at(TREE_QUIET_MS - 1)));
        assert!(trees.may_prune(Tree(1), at(TREE_QUIET_MS)));
    }

    #[test]
    fn a_pruned_branch_does_not_grow_again_at_once() {
        let mut branches = Branches::of_origin(Tree(7));
        assert!(branches.pushes(Tree(7)) && !branches.pushes(Tree(8)));
        assert!(branches.graft(Tree(8), at(0)) && branches.pushes(Tree(8)));
        assert!(branches.prune(Tree(8), at(1)));
        assert!(!branches.graft(Tree(8), at(2)) && !branches.pushes(Tree(8)));
        assert!(branches.graft(Tree(8), at(1 + TREE_QUIET_MS)));
    }

    #[test]
    fn declining_makes_a_link_lazy_both_ways_and_keeps_the_origin() {
        let mut branches = Branches::of_origin(Tree(7));
        branches.graft(Tree(8), at(0));
        branches.decline(Tree(8), at(1));
        branches.decline(Tree(7), at(1));
        assert!(branches.pushes(Tree(7)) && !branches.pushes(Tree(8)));
        assert!(!branches.was_declined(Tree(8), at(2)), "it may be under way");
        assert!(branches.has_just_declined(Tree(8), at(2)) && !branches.has_just_declined(Tree(9), at(2)));
        assert!(branches.was_declined(Tree(8), at(1 + 2 * TREE_QUIET_MS)));
        assert!(!branches.has_just_declined(Tree(8), at(1 + 2 * TREE_QUIET_MS)));
        branches.accept_all();
        assert!(!branches.was_declined(Tree(8), at(9_999)));
    }

    #[test]
    fn the_trees_of_the_newest_are_remembered() {
        let mut trees = Trees::default();
        let id = |n: u64| TxId::first_at(Timestamp::from_millis(n));
        for n in 0..2 * PUSHED as u64 {
            trees.remember(id(n), Tree(n as u32));
            trees.remember(id(n), Tree(99));
        }
        assert!(trees.young.len() + trees.old.len() <= PUSHED);
        let newest = 2 * PUSHED as u64 - 1;
        assert_eq!(trees.find(&id(newest)), Some(Tree(newest as u32)));
        assert_eq!(
            trees.find(&id(newest - PUSHED as u64 / 2)),
            Some(Tree((newest - PUSHED as u64 / 2) as u32))
        );
        assert_eq!(trees.find(&id(0)), None);
    }
}
