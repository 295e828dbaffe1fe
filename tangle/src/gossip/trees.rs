//! Along which links new transactions are pushed: Plumtree (Leitão, Pereira, Rodrigues: Epidemic Broadcast Trees, SRDS
//! 2007, doi.org/10.1109/SRDS.2007.27), a tree for each origin instead of one for all.
//!
//! A node pushes what came in at its own door to every peer, and what came by push only along links that were grafted
//! for that tree. So nothing is flooded to begin with: a node next to the origin hears it from there, and one farther
//! away grafts a neighbour as soon as a log names what nobody pushed. Which tree a transaction belongs to is a byte
//! beside it, the first of the entry node's id: two nodes that share it share a tree, which costs at most a hop.
//!
//! Always true: within [`TREE_QUIET_MS`] a tree is pruned at most once here, and a link on which it was pruned does not
//! become its branch again, whatever arrives. On a loaded machine a push may come after the announcement; that must not
//! make links flap.

use super::Tree;
use crate::limits::{PUSHED, TREE_QUIET_MS};
use crate::{Timestamp, TxId};
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// A set of trees.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct TreeSet([u128; 2]);

impl TreeSet {
    pub(super) const fn contains(&self, Tree(tree): Tree) -> bool {
        self.0[(tree >> 7) as usize] >> (tree & 127) & 1 == 1
    }

    /// Puts a tree in or takes it out; says whether that changed anything.
    pub(super) const fn set(&mut self, tree: Tree, is_in: bool) -> bool {
        let changes = self.contains(tree) != is_in;
        if changes {
            self.0[(tree.0 >> 7) as usize] ^= 1 << (tree.0 & 127);
        }
        changes
    }

    pub(super) const fn len(&self) -> u32 {
        self.0[0].count_ones() + self.0[1].count_ones()
    }
}

/// The trees of the transactions pushed last, in two generations, and when each tree was changed.
#[derive(Default, Debug)]
pub(super) struct Trees {
    young: IndexMap<TxId, Tree>,
    old: IndexMap<TxId, Tree>,
    pruned: BTreeMap<Tree, Timestamp>,
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
        let quiet = self.pruned.get(&tree).is_none_or(|last| now.since(*last) >= TREE_QUIET_MS);
        if quiet {
            self.pruned.insert(tree, now);
        }
        quiet
    }
}

/// The trees that one link carries.
#[derive(Default, Debug)]
pub(super) struct Branches {
    /// What we push there.
    pushed: TreeSet,
    /// When the peer last asked us not to.
    pruned: BTreeMap<Tree, Timestamp>,
    /// What we asked the peer not to push, and when we last asked.
    declined: TreeSet,
    declined_at: Timestamp,
}

impl Branches {
    /// Those of a new link: what comes in at the own door is pushed.
    pub(super) fn of_origin(own: Tree) -> Self {
        let mut branches = Self::default();
        branches.pushed.set(own, true);
        branches
    }

    /// Whether a tree is pushed to the peer.
    pub(super) const fn pushes(&self, tree: Tree) -> bool {
        self.pushed.contains(tree)
    }

    /// Trees that are pushed to the peer.
    pub(super) const fn count(&self) -> u32 {
        self.pushed.len()
    }

    /// The peer wants a tree pushed; says whether it is from now on.
    pub(super) fn graft(&mut self, tree: Tree, now: Timestamp) -> bool {
        let quiet = self.pruned.get(&tree).is_none_or(|last| now.since(*last) >= TREE_QUIET_MS);
        quiet && self.pushed.set(tree, true)
    }

    /// The peer does not want a tree pushed; says whether it was.
    pub(super) fn prune(&mut self, tree: Tree, now: Timestamp) -> bool {
        self.pruned.insert(tree, now);
        self.pushed.set(tree, false)
    }

    /// We ask the peer not to push a tree. As in the paper the link is then lazy both ways, but for the own tree: that
    /// begins here.
    pub(super) fn decline(&mut self, tree: Tree, own: Tree, now: Timestamp) {
        self.declined.set(tree, true);
        self.declined_at = now;
        if tree != own {
            self.pushed.set(tree, false);
        }
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
    use std::collections::BTreeSet;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    #[test]
    fn a_set_of_trees_equals_a_plain_set() {
        let (mut set, mut model) = (TreeSet::default(), BTreeSet::new());
        for step in 0..2_000u32 {
            let tree = (step.wrapping_mul(2_654_435_761) >> 24) as u8;
            let is_in = step % 3 > 0;
            let changed = if is_in { model.insert(tree) } else { model.remove(&tree) };
            assert_eq!(set.set(Tree(tree), is_in), changed);
            assert_eq!(set.len() as usize, model.len());
        }
        assert!((0..=255).all(|tree| set.contains(Tree(tree)) == model.contains(&tree)));
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
        branches.decline(Tree(8), Tree(7), at(1));
        branches.decline(Tree(7), Tree(7), at(1));
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
            trees.remember(id(n), Tree(n as u8));
            trees.remember(id(n), Tree(99));
        }
        assert!(trees.young.len() + trees.old.len() <= PUSHED);
        let newest = 2 * PUSHED as u64 - 1;
        assert_eq!(trees.find(&id(newest)), Some(Tree(newest as u8)));
        assert_eq!(
            trees.find(&id(newest - PUSHED as u64 / 2)),
            Some(Tree((newest - PUSHED as u64 / 2) as u8))
        );
        assert_eq!(trees.find(&id(0)), None);
    }
}
