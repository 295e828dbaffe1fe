//! The newest and the unfinished part of the tangle, as a graph in memory.
//!
//! Vertices are transactions, edges lead from a child to each of its parents that was here when the child came. With
//! capacity *c* there are at most *c* vertices. When there is no room for another one the oldest that is final leaves,
//! and the oldest of all where none is; so what finality still has to do with stays as long as it can, and everything
//! does while there is room. Petgraph recycles indices; their order decides nothing here.

use crate::TxId;
use indexmap::IndexMap;
use petgraph::Direction::{self, Incoming, Outgoing};
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use std::collections::{BTreeMap, BTreeSet};

/// A transaction in the window.
#[derive(Clone, Copy, Debug)]
struct Vertex {
    node: NodeIndex,
    /// Its place in the order of arrival.
    arrival: u64,
    is_witness: bool,
}

/// The window on the tangle.
#[derive(Debug)]
pub struct Graph {
    graph: StableDiGraph<TxId, ()>,
    vertices: IndexMap<TxId, Vertex>,
    /// Those that are not final, by arrival.
    open: BTreeMap<u64, TxId>,
    /// Those that are.
    finished: BTreeMap<u64, TxId>,
    capacity: usize,
}

impl Graph {
    /// An empty window of `capacity` transactions.
    pub fn new(capacity: usize) -> Self {
        let (graph, vertices, open, finished) = Default::default();
        Self { graph, vertices, open, finished, capacity }
    }

    /// Adds a transaction, the `arrival`-th of all, and its edges to those parents that are in the window; it is not final.
    /// Does nothing when the transaction is here already.
    pub fn insert(
        &mut self,
        arrival: u64,
        id: TxId,
        parents: impl IntoIterator<Item = TxId>,
        is_witness: bool,
    ) {
        if self.contains(&id) {
            return;
        }
        if self.len() >= self.capacity {
            self.make_room();
        }
        let node = self.graph.add_node(id);
        self.vertices.insert(id, Vertex { node, arrival, is_witness });
        self.open.insert(arrival, id);
        for parent in parents.into_iter().collect::<BTreeSet<_>>() {
            if let Some(parent) = self.vertices.get(&parent) {
                self.graph.add_edge(node, parent.node, ());
            }
        }
    }

    /// A transaction is final.
    pub fn finish(&mut self, id: &TxId) {
        if let Some(vertex) = self.vertices.get(id)
            && let Some(id) = self.open.remove(&vertex.arrival)
        {
            self.finished.insert(vertex.arrival, id);
        }
    }

    /// A transaction is not final after all.
    pub(super) fn reopen(&mut self, id: &TxId) {
        if let Some(vertex) = self.vertices.get(id)
            && let Some(id) = self.finished.remove(&vertex.arrival)
        {
            self.open.insert(vertex.arrival, id);
        }
    }

    /// Whether the transaction is in the window.
    pub fn contains(&self, id: &TxId) -> bool {
        self.vertices.contains_key(id)
    }

    /// Whether the transaction is a witness; none when it is not in the window.
    pub fn is_witness(&self, id: &TxId) -> Option<bool> {
        self.vertices.get(id).map(|vertex| vertex.is_witness)
    }

    /// Transactions in the window.
    pub fn len(&self) -> usize {
        self.vertices.len()
    }

    /// Whether nothing is in the window.
    pub fn is_empty(&self) -> bool {
        self.vertices.is_empty()
    }

    /// What approves the transaction directly, in id order.
    pub fn children(&self, id: &TxId) -> BTreeSet<TxId> {
        self.neighbours(id, Incoming).collect()
    }

    /// What the transaction approves, directly or not, as far as the window reaches: at most `limit` ids, nearest first.
    pub fn past_cone(&self, id: &TxId, limit: usize) -> BTreeSet<TxId> {
        self.cone(id, Outgoing, limit)
    }

    /// What approves the transaction, directly or not: at most `limit` ids, nearest first.
    pub fn future_cone(&self, id: &TxId, limit: usize) -> BTreeSet<TxId> {
        self.cone(id, Incoming, limit)
    }

    fn neighbours(&self, id: &TxId, direction: Direction) -> impl Iterator<Item = TxId> {
        let vertex = self.vertices.get(id).copied();
        vertex
            .into_iter()
            .flat_map(move |vertex| self.graph.neighbors_directed(vertex.node, direction))
            .map(|node| self.graph[node])
    }

    /// Breadth first with sorted layers, so that a limit cuts alike on every node.
    fn cone(&self, id: &TxId, direction: Direction, limit: usize) -> BTreeSet<TxId> {
        let mut cone = BTreeSet::new();
        let mut layer = BTreeSet::from([*id]);
        while !layer.is_empty() {
            let next: BTreeSet<TxId> = layer.iter().flat_map(|id| self.neighbours(id, direction)).collect();
            let mut fresh = BTreeSet::new();
            for id in next {
                if cone.len() >= limit {
                    return cone;
                }
                if cone.insert(id) {
                    fresh.insert(id);
                }
            }
            layer = fresh;
        }
        cone
    }

    fn make_room(&mut self) {
        let oldest = self.finished.pop_first().or_else(|| self.open.pop_first());
        if let Some(vertex) = oldest.and_then(|(_, id)| self.vertices.swap_remove(&id)) {
            self.graph.remove_node(vertex.node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn id(number: u64) -> TxId {
        TxId::first_at(Timestamp::from_millis(number))
    }

    fn chain(graph: &mut Graph, numbers: std::ops::Range<u64>) {
        for number in numbers {
            graph.insert(number, id(number), [id(number.saturating_sub(1)); 2], number % 2 == 1);
        }
    }

    fn held(graph: &Graph) -> Vec<u64> {
        (0..100).filter(|number| graph.contains(&id(*number))).collect()
    }

    #[test]
    fn what_is_final_leaves_first_and_then_the_oldest() {
        let mut graph = Graph::new(4);
        chain(&mut graph, 0..4);
        assert_eq!(held(&graph), [0, 1, 2, 3], "final or not, all stay while there is room");
        [3, 2].iter().for_each(|number| graph.finish(&id(*number)));
        chain(&mut graph, 4..5);
        assert_eq!(held(&graph), [0, 1, 3, 4]);
        chain(&mut graph, 5..7);
        assert_eq!(held(&graph), [1, 4, 5, 6]);
        graph.finish(&id(6));
        graph.reopen(&id(6));
        chain(&mut graph, 7..8);
        assert_eq!(held(&graph), [4, 5, 6, 7], "what is not final after all goes by its age");
        assert_eq!((graph.is_witness(&id(5)), graph.is_witness(&id(6))), (Some(true), Some(false)));
        assert_eq!(graph.is_witness(&id(1)), None);
        assert!(graph.past_cone(&id(7), 9).into_iter().eq([4, 5, 6].map(id)));
    }
}
